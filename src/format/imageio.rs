//! The extents of oVirt imageio, asked for with `context=dirty`: an array that covers the disk.
//!
//! An extent that is dirty and zero became zeros, and has changed.

use super::ReadOptions;
use super::entry::{Entries, Layout};
use super::json_members::{ABSENT, ArrayEntries, Change, Member, boolean, number};
use super::table::{Gaps, ListFormat, Needs};
use crate::Result;
use crate::error::ListFault;

pub(super) const FORMAT: ListFormat = ListFormat {
    name: "imageio",
    summary: "The dirty extents of oVirt imageio, in JSON",
    has_virtual_size: true,
    has_block_size: false,
    gaps: Gaps::None,
    needs: Needs::Nothing,
    options: &[],
    open: Some(open),
    writer: None,
};

/// `zero` is not there before imageio 2.2.
const MEMBERS: [Member; 5] =
    [number("start"), number("length"), boolean("dirty").or(ABSENT), boolean("zero").or(0), boolean("hole").or(0)];

fn open<'a>(from: Box<dyn std::io::BufRead + 'a>, _: &ReadOptions) -> Result<Box<dyn Entries + 'a>> {
    Ok(Box::new(ArrayEntries::new(from, &MEMBERS, Layout::Covering, change)))
}

fn change([start, length, dirty, _, _]: [u64; 5]) -> Result<Change, ListFault> {
    if dirty == ABSENT {
        return Err(ListFault::Unsuitable {
            reason: "has no \"dirty\": these extents say what is allocated, not what changed".into(),
            hint: "ask for the extents with context=dirty",
        });
    }
    Ok((start, length, dirty == 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(u64, u64)>> {
        FORMAT.read_all(text, &ReadOptions::default())
    }

    #[test]
    fn dirty_extents_have_changed_and_those_that_are_zero_too() {
        let text = r#"[{"start": 0, "length": 65536, "dirty": true, "zero": false},
            {"start": 65536, "length": 1073676288, "dirty": false, "zero": false},
            {"start": 1073741824, "length": 1073741824, "dirty": true, "zero": true}]"#;
        assert_eq!(read(text).expect("a good list"), [(0, 65_536), (1 << 30, 2 << 30)]);
        let of_old_versions = r#"[{"start":0,"length":512,"dirty":false},{"start":512,"length":512,"dirty":true}]"#;
        assert_eq!(read(of_old_versions).expect("a good list"), [(512, 1024)]);
    }

    #[test]
    fn extents_of_another_context_are_refused() {
        let text = r#"[{"start": 0, "length": 107374182400, "zero": true, "hole": false}]"#;
        let expected = "entry 1 at offset 1 has no \"dirty\": these extents say what is allocated, not what changed";
        assert_eq!(FORMAT.message(text, &ReadOptions::default()), expected);
    }

    #[test]
    fn extents_cover_the_disk() {
        assert!(read(r#"[{"start":0,"length":512,"dirty":true},{"start":1024,"length":512,"dirty":true}]"#).is_err());
        assert!(read(r#"[{"start":512,"length":512,"dirty":true}]"#).is_err());
        assert!(read("[]").is_err());
    }
}
