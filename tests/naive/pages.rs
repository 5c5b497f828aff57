//! Lists that come as pages of JSON, read as a whole and then put in order.

use super::json::Json;

/// Changed bytes, by their start and their end: in order, and those that touch each other put together.
pub(crate) type Changed = Vec<(u64, u64)>;

pub(super) fn join(mut ranges: Changed, size: Option<u64>) -> Changed {
    ranges.sort_unstable();
    let mut joined: Changed = Vec::new();
    for (start, end) in ranges {
        let end = end.min(size.unwrap_or(u64::MAX));
        match joined.last_mut() {
            Some(last) if last.1 >= start => last.1 = last.1.max(end),
            _ => joined.push((start, end)),
        }
    }
    joined
}

fn pages(text: &[u8]) -> Option<Vec<Json>> {
    match &Json::documents(text)?[..] {
        [Json::Array(pages)] => Some(pages.clone()),
        pages => Some(pages.to_vec()),
    }
}

/// The member of one of two names.
fn either<'a>(object: &'a Json, name: &str, other: &str) -> Option<&'a Json> {
    object.get(name).or(object.get(other))
}

pub(crate) fn csi(text: &[u8]) -> Option<Changed> {
    let (mut ranges, mut capacity) = (Vec::new(), None);
    for page in pages(text)? {
        capacity = Some(either(&page, "volume_capacity_bytes", "volumeCapacityBytes")?.number()?);
        let Some(listed) = either(&page, "block_metadata", "blockMetadata") else { continue };
        for range in listed.elements()? {
            let start = either(range, "byte_offset", "byteOffset").map_or(Some(0), Json::number)?;
            ranges.push((start, start + either(range, "size_bytes", "sizeBytes")?.number()?));
        }
    }
    Some(join(ranges, capacity))
}

/// Nothing, unless the answers reach from one to the next up to the end of the disk.
pub(crate) fn vmware(text: &[u8], size: u64) -> Option<Changed> {
    let (mut ranges, mut covered) = (Vec::new(), 0);
    for page in pages(text)? {
        if page.get("startOffset")?.number()? != covered {
            return None;
        }
        covered = page.get("length")?.number()?.checked_add(covered)?;
        let Some(areas) = page.get("changedArea") else { continue };
        for area in areas.elements()? {
            let start = area.get("start")?.number()?;
            ranges.push((start, start + area.get("length")?.number()?));
        }
    }
    (covered == size).then(|| join(ranges, None))
}

pub(crate) fn ebs(text: &[u8]) -> Option<Changed> {
    let (mut ranges, pages) = (Vec::new(), pages(text)?);
    for (i, page) in pages.iter().enumerate() {
        if page.get("NextToken").is_some() == (i + 1 == pages.len()) {
            return None;
        }
        let size = page.get("BlockSize")?.number()?;
        for block in page.get("ChangedBlocks")?.elements()? {
            let start = block.get("BlockIndex")?.number()?.checked_mul(size)?;
            ranges.push((start, start.checked_add(size)?));
        }
    }
    Some(join(ranges, None))
}

pub(crate) fn xapi_intervals(text: &[u8]) -> Option<Changed> {
    let [page] = &pages(text)?[..] else { return None };
    let size = 1_u64.checked_shl(page.get("cluster_bits")?.number()?.try_into().ok()?)?;
    let mut ranges = Vec::new();
    for interval in page.get("data_clusters")?.elements()? {
        let (first, last) = match interval {
            Json::Array(ends) if ends.len() == 2 => (ends[0].number()?, ends[1].number()?),
            cluster => (cluster.number()?, cluster.number()?),
        };
        if last < first {
            return None;
        }
        ranges.push((first.checked_mul(size)?, (last + 1).checked_mul(size)?));
    }
    Some(join(ranges, page.get("virtual_size")?.number()))
}
