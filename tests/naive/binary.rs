//! The formats of bytes, read as a whole: the map of blksnap, and the stream of `rbd export-diff`.

use super::pages::Changed;

/// The ranges of entries, given by their start and length, those that touch each other put together. Entries that are not in
/// order stay so.
pub(crate) fn in_order(entries: impl IntoIterator<Item = (u64, u64)>) -> Changed {
    let mut ranges: Changed = Vec::new();
    for (start, len) in entries {
        match ranges.last_mut() {
            Some(last) if last.1 == start => last.1 += len,
            _ => ranges.push((start, start + len)),
        }
    }
    ranges
}

/// The blocks whose byte is larger than the number of the snapshot.
pub(crate) fn blksnap(map: &[u8], since: u64, block_bytes: u64) -> Changed {
    let is_changed = |&(_, &byte): &(u64, &u8)| u64::from(byte) > since;
    in_order((0..).zip(map).filter(is_changed).map(|(block, _)| (block * block_bytes, block_bytes)))
}

pub(crate) fn rbd_v1(mut stream: &[u8]) -> Option<Changed> {
    let mut found = Vec::new();
    stream = stream.strip_prefix(b"rbd diff v1\n")?;
    let number = |stream: &mut &[u8]| {
        let (number, rest) = stream.split_first_chunk::<8>()?;
        *stream = rest;
        Some(u64::from_le_bytes(*number))
    };
    loop {
        let (&tag, rest) = stream.split_first()?;
        stream = rest;
        match tag {
            b'f' | b't' => {
                let (len, rest) = stream.split_first_chunk::<4>()?;
                stream = rest.get(u32::from_le_bytes(*len) as usize..)?;
            }
            b's' => number(&mut stream).map(drop)?,
            b'w' | b'z' => {
                let (start, len) = (number(&mut stream)?, number(&mut stream)?);
                found.push((start, len));
                let data = if tag == b'w' { usize::try_from(len).ok()? } else { 0 };
                stream = stream.get(data..)?;
            }
            _ => return Some(in_order(found)),
        }
    }
}
