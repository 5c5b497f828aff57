//! The output of `rbd diff --format json`: an array of what changed.
//!
//! An extent that does not exist became a hole, and has changed. Old versions printed extents out of order, or some that
//! overlap. So all of them are read first, and then sorted and put together: each is a change, so that none is lost.
//!
//! Without `--from-snap`, the output lists what exists, without what was discarded, and looks alike.

use super::ReadOptions;
use super::entry::{Entries, Entry, Layout, fault};
use super::extent_format::ExtentFormat;
use super::json_members::{ArrayEntries, Change, Member, number, word};
use super::lines::push_decimal;
use super::table::{Gaps, ListFormat, Needs, ReadOption};
use super::totals::Totals;
use crate::error::{ListFault, Place};
use crate::{ByteRange, Geometry, Result};

pub(super) const FORMAT: ListFormat = ListFormat {
    name: "rbd",
    summary: "The JSON of rbd diff",
    has_virtual_size: false,
    has_block_size: false,
    gaps: Gaps::Unchanged,
    needs: Needs::Nothing,
    options: &[ReadOption::Context, ReadOption::Allocation],
    open: Some(open),
    writer: Some(&Rbd),
};

/// The option that makes the output one of changes.
const FROM_SNAP: &str = "from-snap";
const NOT_SINCE: ListFault = ListFault::Unsuitable {
    reason: std::borrow::Cow::Borrowed("does not tell whether it lists what changed or all that exists"),
    hint: "if rbd diff was given --from-snap, give --context from-snap; else run it again with that, or take a full backup",
};

/// An array of objects with `offset`, `length`, and `exists`, which is the text `true`.
struct Rbd;

const SEPARATOR: &[u8] = b",\n";

impl ExtentFormat for Rbd {
    fn head(&self, _geometry: &Geometry, _totals: Option<&Totals>, to: &mut Vec<u8>) {
        to.push(b'[');
    }

    fn separator(&self) -> &'static [u8] {
        SEPARATOR
    }

    fn ranges(&self, _previous_end: u64, ranges: &[ByteRange], to: &mut Vec<u8>) {
        for (i, range) in ranges.iter().enumerate() {
            to.extend_from_slice(if i > 0 { SEPARATOR } else { b"" });
            to.extend_from_slice(b"{\"offset\":");
            push_decimal(range.offset_bytes, to);
            to.extend_from_slice(b",\"length\":");
            push_decimal(range.len_bytes, to);
            to.extend_from_slice(b",\"exists\":\"true\"}");
        }
    }

    fn foot(&self, _geometry: &Geometry, _totals: &Totals, _head_knew: bool, _end: u64, to: &mut Vec<u8>) {
        to.extend_from_slice(b"]\n");
    }
}

const MEMBERS: [Member; 3] = [number("offset"), number("length"), word("exists", &["false", "true"])];

fn open<'a>(from: Box<dyn std::io::BufRead + 'a>, options: &ReadOptions) -> Result<Box<dyn Entries + 'a>> {
    if !options.takes_for_changes(FROM_SNAP) {
        return Err(fault(Place::Byte { offset: 0 }, NOT_SINCE));
    }
    let change = |[offset, length, _]: [u64; 3]| -> Result<Change, ListFault> { Ok((offset, length, true)) };
    Ok(Box::new(RbdEntries { array: ArrayEntries::new(from, &MEMBERS, Layout::Listed, change) }))
}

struct RbdEntries<'a> {
    array: ArrayEntries<'a, 3>,
}

impl Entries for RbdEntries<'_> {
    fn read(&mut self, to: &mut Vec<Entry>) -> Result<()> {
        let mut all: Vec<Entry> = Vec::new();
        let mut batch = Vec::new();
        loop {
            self.array.read(&mut batch)?;
            if batch.is_empty() {
                break;
            }
            if let Some(empty) = batch.iter().find(|entry| entry.len_bytes == 0) {
                return Err(fault(empty.place, ListFault::Empty));
            }
            for entry in batch.drain(..) {
                push(entry, &mut all);
            }
        }
        all.sort_by_key(|entry| entry.offset_bytes);
        for entry in all {
            push(entry, to);
        }
        Ok(())
    }

    fn bytes_read(&self) -> u64 {
        self.array.bytes_read()
    }

    fn is_whole_without_any(&self) -> bool {
        self.array.is_whole_without_any()
    }
}

/// Appends an entry, or puts it together with the last one if that begins before it and reaches it.
fn push(entry: Entry, to: &mut Vec<Entry>) {
    match to.last_mut() {
        Some(last) if (last.offset_bytes..=end(last)).contains(&entry.offset_bytes) => {
            last.len_bytes = end(last).max(end(&entry)) - last.offset_bytes;
        }
        _ => to.push(entry),
    }
}

/// Where an entry ends. That it is not too large was checked as it was read.
fn end(entry: &Entry) -> u64 {
    entry.offset_bytes + entry.len_bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn since() -> ReadOptions {
        ReadOptions { context: Some("from-snap".to_owned()), ..ReadOptions::default() }
    }

    fn read(text: &str) -> Result<Vec<(u64, u64)>> {
        FORMAT.read_all(text, &since())
    }

    #[test]
    fn a_list_that_may_be_one_of_all_that_exists_has_to_be_named() {
        let list = r#"[{"offset":0,"length":8,"exists":"true"}]"#;
        let mut options = ReadOptions::default();
        assert_eq!(FORMAT.message(list, &options), format!("the list at offset 0 {NOT_SINCE}"));
        options.allocation = true;
        assert_eq!(FORMAT.read_all(list, &options).expect("a good list"), [(0, 8)]);
        options.context = Some("other".to_owned());
        assert_eq!(FORMAT.message(list, &options), format!("the list at offset 0 {NOT_SINCE}"));
    }

    #[test]
    fn data_and_holes_have_changed() {
        let text =
            r#"[{"offset":0,"length":4096,"exists":"true"},{"offset":4194304,"length":4194304,"exists":"false"}]"#;
        assert_eq!(read(text).expect("a good list"), [(0, 4096), (4 << 20, 8 << 20)]);
        assert_eq!(read("[]\n").expect("a good list"), []);
    }

    #[test]
    fn extents_out_of_order_are_sorted_and_put_together() {
        let extents = [(40, 10), (0, 10), (45, 20), (5, 2), (10, 5), (64, 1), (30, 10)];
        let text: Vec<_> = extents
            .iter()
            .map(|(offset, length)| format!(r#"{{"offset":{offset},"length":{length},"exists":"true"}}"#))
            .collect();
        assert_eq!(read(&format!("[{}]", text.join(","))).expect("a good list"), [(0, 15), (30, 65)]);
    }

    #[test]
    fn an_extent_without_a_length_is_refused_wherever_it_is() {
        let text = r#"[{"offset":8,"length":8,"exists":"true"},{"offset":0,"length":0,"exists":"true"}]"#;
        assert_eq!(FORMAT.message(text, &since()), "entry 2 at offset 41 has a length of 0");
    }

    #[test]
    fn existence_is_a_text() {
        for exists in ["true", "1", "null", "\"yes\""] {
            assert!(read(&format!(r#"[{{"offset":0,"length":1,"exists":{exists}}}]"#)).is_err(), "{exists}");
        }
        assert!(read(r#"[{"offset":0,"length":1}]"#).is_err());
    }
}
