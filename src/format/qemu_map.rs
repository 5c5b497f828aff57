//! The output of `qemu-img map --output=json`: an array that covers the disk.
//!
//! It says what is allocated, so it is taken for a list of changes only if that is asked for, and right only for an overlay:
//! what is in the overlay itself (depth 0) was written since the overlay was made, zeros included.

use super::ReadOptions;
use super::entry::{Entries, Layout, fault};
use super::json_members::{ABSENT, ArrayEntries, Change, Member, any, boolean, number};
use super::table::{Gaps, ListFormat, Needs, ReadOption};
use crate::Result;
use crate::error::{ListFault, Place};

pub(super) const FORMAT: ListFormat = ListFormat {
    name: "qemu-map",
    summary: "The JSON of qemu-img map of an overlay",
    has_virtual_size: false,
    has_block_size: false,
    gaps: Gaps::None,
    needs: Needs::Nothing,
    options: &[ReadOption::Allocation],
    open: Some(open),
    writer: None,
};

/// `compressed` and `offset`, the place in the image file, say nothing of changes. Old versions have no `present`.
const MEMBERS: [Member; 8] = [
    number("start"),
    number("length"),
    number("depth"),
    boolean("present").or(ABSENT),
    boolean("zero"),
    boolean("data"),
    any("compressed"),
    any("offset"),
];

fn open<'a>(from: Box<dyn std::io::BufRead + 'a>, options: &ReadOptions) -> Result<Box<dyn Entries + 'a>> {
    if !options.allocation {
        let reason = "says what is allocated, not what changed".into();
        let hint = "only for an overlay that was made when the last backup was, take what is allocated for what changed: --allocation";
        return Err(fault(Place::Byte { offset: 0 }, ListFault::Unsuitable { reason, hint }));
    }
    // Its end is rounded up to sectors.
    Ok(Box::new(ArrayEntries::new(from, &MEMBERS, Layout::CoveringBlocks, change)))
}

/// What is in the overlay itself is a change, present or not: after growth, no older image has the place.
fn change([start, length, depth, present, zero, data, ..]: [u64; 8]) -> Result<Change, ListFault> {
    if present != 1 && zero == 0 && data == 0 {
        return Err(ListFault::Unsuitable {
            reason: "is neither present, nor zero, nor data, as in a map of a dirty bitmap, which has them inverted"
                .into(),
            hint: "list the bitmap by nbdinfo --map=qemu:dirty-bitmap:NAME --json",
        });
    }
    Ok((start, length, depth == 0))
}
