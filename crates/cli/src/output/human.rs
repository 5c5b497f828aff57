//! Extents for people: aligned columns and a summary line.

use std::fmt::Display;
use std::io::Write;

use changed_blocks::format::{ExtentFormat, Totals};
use changed_blocks::{BlockSize, ByteRange, Geometry};
use indicatif::{BinaryBytes, HumanCount};

pub(crate) struct Human {
    pub(crate) block_size: BlockSize,
}

/// Wide enough for the byte offsets of any disk that XCP-ng can make, and 2^64 still fits.
const OFFSET_WIDTH: usize = 20;
const LENGTH_WIDTH: usize = 13;
const BLOCKS_WIDTH: usize = 13;

fn line(offset: impl Display, length: impl Display, blocks: impl Display, to: &mut Vec<u8>) {
    // Writing to a Vec does not fail.
    let _ = writeln!(
        to,
        "{:>OFFSET_WIDTH$} {:>LENGTH_WIDTH$} {:>BLOCKS_WIDTH$}",
        offset.to_string(),
        length.to_string(),
        blocks.to_string()
    );
}

impl ExtentFormat for Human {
    fn head(&self, _geometry: &Geometry, _totals: Option<&Totals>, to: &mut Vec<u8>) {
        line("OFFSET", "LENGTH", "BLOCKS", to);
    }

    fn ranges(&self, _previous_end: u64, ranges: &[ByteRange], to: &mut Vec<u8>) {
        let geometry = Geometry { block_size: self.block_size, virtual_size: None };
        for &range in ranges {
            let mut one = Totals::default();
            one.add(range, &geometry);
            line(range.offset_bytes, BinaryBytes(range.len_bytes), HumanCount(one.changed_blocks), to);
        }
    }

    fn foot(&self, geometry: &Geometry, totals: &Totals, _head_knew: bool, _end: u64, to: &mut Vec<u8>) {
        let Totals { extents, changed_blocks, changed_bytes, longest_bytes } = *totals;
        let plural = |count| if count == 1 { "" } else { "s" };
        let _ = write!(
            to,
            "{} extent{}, {} changed block{}, {}",
            HumanCount(extents),
            plural(extents),
            HumanCount(changed_blocks),
            plural(changed_blocks),
            BinaryBytes(changed_bytes),
        );
        if let Some(size) = geometry.virtual_size {
            #[expect(clippy::cast_precision_loss, reason = "a few digits of a percentage")]
            let percent = changed_bytes as f64 / size.bytes() as f64 * 100.0;
            // Two significant digits, or so, of a small share.
            let decimals = if percent < 0.1 { 4 } else { 2 };
            let _ = write!(to, " of {} ({percent:.decimals$} %)", BinaryBytes(size.bytes()));
        }
        let _ = writeln!(to, ", longest {}", BinaryBytes(longest_bytes));
    }
}
