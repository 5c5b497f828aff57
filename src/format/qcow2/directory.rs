//! The directory of the bitmaps of an image.

use std::io::{Read, Seek};

use super::header::Header;
use super::image::{Image, be32, be64, damaged, unsuitable};
use super::{DIRECTORY_ENTRY_BYTES, DIRTY_TRACKING, MAX_NAME_BYTES};
use crate::{BlockSize, Result};

/// The bitmap was not stored: it misses what was written since.
const IN_USE: u32 = 1;
/// The bitmap is to record what is written.
const AUTO: u32 = 2;
/// Extra data of an entry changes nothing about its bitmap.
const EXTRA_DATA_COMPATIBLE: u32 = 4;

/// How many names of bitmaps an error lists.
const MAX_NAMES: usize = 8;

/// A bitmap of the directory.
pub(super) struct DirectoryEntry {
    pub(super) name: String,
    /// Where the entry is.
    pub(super) offset: u64,
    pub(super) table_offset: u64,
    pub(super) table_entries: u64,
    pub(super) block_size: BlockSize,
}

/// The bitmap of that name, or the only one.
pub(super) fn find(
    image: &mut Image<impl Read + Seek>,
    header: &Header,
    wanted: Option<&str>,
) -> Result<DirectoryEntry> {
    let (mut at, end) = (header.directory_offset, header.directory_offset + header.directory_bytes);
    let mut found = None;
    let mut names = Vec::new();
    for _ in 0..header.bitmaps {
        let outside = || damaged(at, "is an entry that reaches beyond the directory of bitmaps");
        if end - at < DIRECTORY_ENTRY_BYTES as u64 {
            return Err(outside());
        }
        let fixed: [u8; DIRECTORY_ENTRY_BYTES] = image.bytes(at)?;
        let name_len = u16::from_be_bytes([fixed[18], fixed[19]]);
        let name_offset = at + DIRECTORY_ENTRY_BYTES as u64 + u64::from(be32(&fixed, 20));
        let next = (name_offset + u64::from(name_len)).next_multiple_of(8);
        if next > end {
            return Err(outside());
        }
        if !(1..=MAX_NAME_BYTES).contains(&name_len) {
            return Err(damaged(at, format!("is a bitmap whose name has {name_len} bytes")));
        }
        let mut name = vec![0; usize::from(name_len)];
        image.read(name_offset, &mut name)?;
        if wanted.is_none_or(|wanted| wanted.as_bytes() == name)
            && found.replace((at, fixed, name.clone())).is_some()
            && wanted.is_some()
        {
            return Err(damaged(at, "is a second bitmap of that name"));
        }
        if names.len() < MAX_NAMES {
            names.push(String::from_utf8_lossy(&name).into_owned());
        }
        at = next;
    }
    if at != end {
        return Err(damaged(at, "is not the end of the directory of bitmaps"));
    }
    match found {
        Some((offset, fixed, name)) if wanted.is_some() || header.bitmaps == 1 => {
            check(offset, &fixed, String::from_utf8_lossy(&name).into_owned())
        }
        _ => Err(unknown(header, wanted, &names)),
    }
}

/// The error of a name that no bitmap has, or of several bitmaps and no name.
fn unknown(header: &Header, wanted: Option<&str>, names: &[String]) -> crate::Error {
    let more = if header.bitmaps as usize > names.len() { ", …" } else { "" };
    let names = format!("{}{more}", names.join(", "));
    let reason = match wanted {
        Some(wanted) => format!("has no bitmap of the name {wanted}, but: {names}"),
        None => format!("has several bitmaps: {names}"),
    };
    unsuitable(header.directory_offset, reason, "give the name of the bitmap as --context")
}

/// Refuses a bitmap that cannot be used.
fn check(offset: u64, fixed: &[u8; DIRECTORY_ENTRY_BYTES], name: String) -> Result<DirectoryEntry> {
    let (flags, kind, granularity_bits) = (be32(fixed, 12), fixed[16], fixed[17]);
    if flags & IN_USE != 0 {
        let reason = format!("says that the bitmap {name} was in use and not stored: changes are missing from it");
        return Err(unsuitable(offset, reason, "if the image is in use, close it first; else take a full backup"));
    }
    if kind != DIRTY_TRACKING || flags & !(IN_USE | AUTO | EXTRA_DATA_COMPATIBLE) != 0 {
        return Err(damaged(offset, format!("says that the bitmap {name} is of type {kind}, with flags {flags:#x}")));
    }
    if be32(fixed, 20) != 0 && flags & EXTRA_DATA_COMPATIBLE == 0 {
        let reason = format!("says that the bitmap {name} cannot be used without its extra data, which is not known");
        return Err(unsuitable(offset, reason, "take a full backup"));
    }
    let block_size = 1u64.checked_shl(granularity_bits.into()).and_then(|bytes| BlockSize::new(bytes).ok());
    let Some(block_size) = block_size else {
        return Err(damaged(offset, format!("says that the bitmap {name} has blocks of 2^{granularity_bits} bytes")));
    };
    let (table_offset, table_entries) = (be64(fixed, 0), u64::from(be32(fixed, 8)));
    Ok(DirectoryEntry { name, offset, table_offset, table_entries, block_size })
}
