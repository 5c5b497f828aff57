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
