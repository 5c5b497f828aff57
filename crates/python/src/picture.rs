//! A list as a person sees it: short text, and a small picture of the disk for notebooks.
//!
//! Invariant: each change shows, however small it is beside the disk.

use std::fmt::Write;

use changed_blocks::{ByteRange, Geometry, VirtualSize};

/// Lists of more ranges are not printed whole.
const MOST_PRINTED: usize = 6;
/// How many ranges of such a list are printed at its start.
const FIRST_PRINTED: usize = 3;
/// How many columns the picture has.
const COLUMNS: usize = 128;
const COLUMN_WIDTH: usize = 5;
const HEIGHT: usize = 24;

/// The list, or its figures and first ranges.
pub(crate) fn text(ranges: &[ByteRange], geometry: &Geometry) -> String {
    let pairs = |ranges: &[ByteRange]| {
        let each = ranges.iter().map(|range| format!("({}, {})", range.offset_bytes, range.len_bytes));
        each.collect::<Vec<_>>().join(", ")
    };
    let size = geometry.virtual_size.map(VirtualSize::bytes);
    match ranges {
        [first @ .., last] if first.len() >= MOST_PRINTED => {
            let (count, bytes) = (ranges.len(), total(ranges));
            let of_disk = size.map_or_else(String::new, |size| format!(" of {size}"));
            let first = pairs(&first[..FIRST_PRINTED]);
            format!("<Extents: {count} ranges, {bytes}{of_disk} bytes: {first}, …, {}>", pairs(&[*last]))
        }
        _ => {
            let size = size.map_or_else(String::new, |size| format!(", virtual_size={size}"));
            format!("Extents([{}]{size})", pairs(ranges))
        }
    }
}

/// A strip that stands for the disk, the darker the more of a part changed, and the figures below it.
pub(crate) fn html(ranges: &[ByteRange], geometry: &Geometry) -> String {
    let end = ranges.last().map_or(0, |range| range.end_bytes());
    let size = geometry.virtual_size.map_or(end, VirtualSize::bytes).max(end).max(1);
    let (width, bytes) = (COLUMNS * COLUMN_WIDTH, total(ranges));
    let mut html = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{HEIGHT}\" role=\"img\">\
         <rect width=\"{width}\" height=\"{HEIGHT}\" fill=\"#8883\"/>"
    );
    for (column, share) in shares(ranges, size).into_iter().enumerate().filter(|&(_, share)| share > 0.0) {
        // A trace of a change is pale, but it shows.
        let opacity = 0.3 + 0.7 * share;
        let x = column * COLUMN_WIDTH;
        let _ = write!(
            html,
            "<rect x=\"{x}\" width=\"{COLUMN_WIDTH}\" height=\"{HEIGHT}\" fill=\"#c40\" fill-opacity=\"{opacity:.2}\"/>"
        );
    }
    let percent = bytes as f64 * 100.0 / size as f64;
    let _ = write!(html, "</svg><div>{} ranges, {bytes} of {size} bytes ({percent:.4} %)</div>", ranges.len());
    html
}

/// The share of each column of the disk that is in the list.
fn shares(ranges: &[ByteRange], size: u64) -> [f64; COLUMNS] {
    let column_bytes = size.div_ceil(COLUMNS as u64).max(1);
    let mut bytes = [0; COLUMNS];
    for range in ranges {
        let (mut at, end) = (range.offset_bytes, range.end_bytes().min(size));
        while at < end {
            let column = at / column_bytes;
            let next = (column + 1).saturating_mul(column_bytes).min(end);
            // A disk has no more columns than that.
            if let Some(sum) = usize::try_from(column).ok().and_then(|column| bytes.get_mut(column)) {
                *sum += next - at;
            }
            at = next;
        }
    }
    bytes.map(|bytes: u64| bytes as f64 / column_bytes as f64)
}

fn total(ranges: &[ByteRange]) -> u64 {
    ranges.iter().map(|range| range.len_bytes).sum()
}
