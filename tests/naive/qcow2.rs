//! A bitmap of a qcow2 image, by a reader that holds all of the image, believes all that it says, and stops at the first
//! number that leads nowhere.

use super::binary::in_order;
use super::pages::Changed;

/// The changed bytes of the bitmap of that name, or else of the first one. The size is that of the disk if it is another
/// than the image's.
pub(crate) fn qcow2(image: &[u8], name: Option<&[u8]>, size: Option<u64>) -> Option<Changed> {
    let bytes = |at: u64, len: u64| image.get(at.try_into().ok()?..at.checked_add(len)?.try_into().ok()?);
    let number =
        |at: u64, len: u64| Some(bytes(at, len)?.iter().fold(0u64, |number, &byte| number << 8 | u64::from(byte)));
    let (cluster_bits, image_size, autoclear) = (number(20, 4)?, number(24, 8)?, number(88, 8)?);
    let mut at = number(100, 4)?;
    while number(at, 4)? != 0x2385_2875 {
        at += 8 + number(at + 4, 4)?.div_ceil(8) * 8;
    }
    let mut entry = number(at + 24, 8)?;
    loop {
        let (name_bytes, more_bytes) = (number(entry + 18, 2)?, number(entry + 20, 4)?);
        let found = bytes(entry + 24 + more_bytes, name_bytes)?;
        if name.is_none_or(|name| name == found) {
            break;
        }
        entry += (24 + more_bytes + name_bytes).div_ceil(8) * 8;
    }
    let (table, clusters, granularity) = (number(entry, 8)?, number(entry + 8, 4)?, number(entry + 17, 1)?);
    if number(entry + 12, 4)? & 1 != 0 || autoclear & 1 == 0 {
        return None;
    }
    let (block, size) = (1u64.checked_shl(granularity.try_into().ok()?)?, size.unwrap_or(image_size));
    let mut found = Vec::new();
    for index in 0..size.div_ceil(block) {
        let in_cluster = index / 8 % 1u64.checked_shl(cluster_bits.try_into().ok()?)?;
        let cluster = (index / 8) >> cluster_bits;
        if cluster >= clusters {
            return None;
        }
        let place = number(table + cluster * 8, 8)?;
        let byte = if place <= 1 { place * 255 } else { number(place + in_cluster, 1)? };
        if byte >> (index % 8) & 1 == 1 {
            found.push((index * block, block.min(size - index * block)));
        }
    }
    Some(in_order(found))
}
