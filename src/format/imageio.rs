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
