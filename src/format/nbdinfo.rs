//! The output of `nbdinfo --map=qemu:dirty-bitmap:NAME --json`: an array that covers the disk.
//!
//! It does not say of which metadata context it is, and a type of 1 means "dirty" in one and "hole" in another. So the
//! description decides, or the context that is given where there is none.

use super::ReadOptions;
use super::entry::{Entries, Layout, fault};
use super::json_members::{ABSENT, ArrayEntries, Change, Member, number, word};
use super::table::{Gaps, ListFormat, Needs, ReadOption};
use crate::Result;
use crate::error::{ListFault, Place};

pub(super) const FORMAT: ListFormat = ListFormat {
    name: "nbdinfo",
    summary: "The JSON of nbdinfo --map of a dirty bitmap",
    has_virtual_size: true,
    has_block_size: false,
    gaps: Gaps::None,
    needs: Needs::Nothing,
    options: &[ReadOption::Context],
    open: Some(open),
    writer: None,
};

/// The descriptions of a dirty bitmap, and then those of other contexts.
const DESCRIPTIONS: &[&str] = &["clean", "dirty", "data", "hole", "zero", "hole,zero", "absent", "local"];
const MEMBERS: [Member; 4] =
    [number("offset"), number("length"), number("type"), word("description", DESCRIPTIONS).or(ABSENT)];

const DIRTY_BITMAP: &str = "qemu:dirty-bitmap:";

fn open<'a>(from: Box<dyn std::io::BufRead + 'a>, options: &ReadOptions) -> Result<Box<dyn Entries + 'a>> {
    let is_dirty_bitmap = match options.context.as_deref() {
        None => false,
        Some(context) if context.starts_with(DIRTY_BITMAP) => true,
        Some(context) => {
            let reason = format!("is of the context {context:?}, which says nothing of changes");
            return Err(fault(Place::Byte { offset: 0 }, unsuitable(reason)));
        }
    };
    Ok(Box::new(ArrayEntries::new(from, &MEMBERS, Layout::Covering, move |values| change(values, is_dirty_bitmap))))
}

fn change([offset, length, kind, description]: [u64; 4], is_dirty_bitmap: bool) -> Result<Change, ListFault> {
    match (kind, description) {
        (0 | 1, ABSENT) if is_dirty_bitmap => Ok((offset, length, kind == 1)),
        (_, ABSENT) if is_dirty_bitmap => Err(unsuitable(format!("has the type {kind}, which no dirty bitmap has"))),
        (_, ABSENT) => Err(ListFault::Unsuitable {
            reason: "has no description, and may say something else than what changed".into(),
            hint: "give the metadata context that the map was asked for, as --context qemu:dirty-bitmap:NAME",
        }),
        // The first two descriptions are those of the types 0 and 1.
        (0 | 1, _) if kind == description => Ok((offset, length, kind == 1)),
        _ => {
            let words = DESCRIPTIONS[usize::try_from(description).unwrap_or_default()];
            Err(unsuitable(format!("has the type {kind}, {words:?}, which says nothing of changes")))
        }
    }
}

fn unsuitable(reason: String) -> ListFault {
    let hint = "ask for the map of a dirty bitmap: nbdinfo --map=qemu:dirty-bitmap:NAME --json";
    ListFault::Unsuitable { reason: reason.into(), hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As nbdinfo prints it.
    const MAP: &str = r#"[
{ "offset": 0, "length": 524288, "type": 0, "description": "clean"},
{ "offset": 524288, "length": 65536, "type": 1, "description": "dirty"},
{ "offset": 589824, "length": 1410560, "type": 0, "description": "clean"}
]
"#;

    fn of_context(context: &str) -> ReadOptions {
        ReadOptions { context: Some(context.to_owned()), ..ReadOptions::default() }
    }

    #[test]
    fn dirty_extents_have_changed() {
        for options in [ReadOptions::default(), of_context("qemu:dirty-bitmap:backup")] {
            let mut reader = FORMAT.read(MAP.as_bytes(), &options).expect("options").expect("readable");
            let ranges: Vec<_> = reader.by_ref().map(|range| range.expect("a good list")).collect();
            assert_eq!(ranges, [crate::ByteRange::between(524_288, 589_824)]);
            assert_eq!(reader.virtual_size().map(crate::VirtualSize::bytes), Some(2_000_384));
        }
    }

    #[test]
    fn a_map_without_descriptions_needs_its_context() {
        let map = r#"[{"offset":0,"length":512,"type":0},{"offset":512,"length":512,"type":1}]"#;
        let expected = "entry 1 at offset 1 has no description, and may say something else than what changed";
        assert_eq!(FORMAT.message(map, &ReadOptions::default()), expected);
        let options = of_context("qemu:dirty-bitmap:backup");
        assert_eq!(FORMAT.read_all(map, &options).expect("a good list"), [(512, 1024)]);
        assert!(FORMAT.message(&map.replace("\"type\":1", "\"type\":2"), &options).contains("has the type 2"));
    }

    #[test]
    fn maps_of_other_contexts_are_refused() {
        let entry =
            |kind, description| format!(r#"[{{"offset":0,"length":512,"type":{kind},"description":"{description}"}}]"#);
        let good = [(0, "clean"), (1, "dirty")];
        for options in [ReadOptions::default(), of_context("qemu:dirty-bitmap:backup")] {
            for description in DESCRIPTIONS.iter().copied().chain(["backing depth 2", ""]) {
                for kind in 0..4 {
                    let is_good = FORMAT.read_all(&entry(kind, description), &options).is_ok();
                    assert_eq!(is_good, good.contains(&(kind, description)), "{kind} {description}");
                }
            }
        }
        let options = of_context("base:allocation");
        assert!(FORMAT.read_all(MAP, &options).is_err());
        // With --totals.
        let totals = r#"[{ "size": 65536, "percent": 3.27617, "type": 1, "description": "dirty" }]"#;
        assert!(FORMAT.message(totals, &ReadOptions::default()).contains("\"size\""));
    }
}
