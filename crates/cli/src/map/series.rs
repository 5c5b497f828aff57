//! Panels of a picture, one for each input, on one scale: all cells are of one size.

use changed_blocks::BlockSize;
#[cfg(test)]
use changed_blocks::ByteRange;
use indicatif::BinaryBytes;

use super::cells::{Cells, MAX_ORDER};
use crate::output::stats_human::percent;

/// One input.
pub(crate) struct Panel {
    pub(crate) name: String,
    pub(crate) cells: Cells,
    /// The end of the disk in bytes, as it was then.
    pub(crate) disk_end: u64,
}

/// All inputs.
pub(crate) struct Series {
    pub(crate) title: Option<String>,
    pub(crate) block_size: BlockSize,
    /// The size of the largest disk in bytes.
    pub(crate) disk_size: u64,
    pub(crate) panels: Vec<Panel>,
}

impl Series {
    /// Joins cells until they fit a square of which the side is two to the power of `most` cells. Returns the power that is
    /// enough: there is no cell smaller than a block.
    pub(super) fn fit(&mut self, most: u32) -> u32 {
        let order = most.min(MAX_ORDER);
        let last_byte = self.disk_size - 1;
        let log2 = (self.block_size.log2().into()..).find(|log2| last_byte >> log2 >> (2 * order) == 0);
        let log2 = self.panels.iter().map(|panel| panel.cells.log2()).chain(log2).max().expect("at least one");
        self.panels.iter_mut().for_each(|panel| panel.cells.enlarge_to(log2));
        (0..order).find(|order| last_byte >> log2 >> (2 * order) == 0).unwrap_or(order)
    }

    /// The base-two logarithm of the bytes of a cell.
    pub(super) fn cell_log2(&self) -> u32 {
        self.panels.first().map_or(0, |panel| panel.cells.log2())
    }

    /// The number of cells that lie on the disk, the last one perhaps in part.
    pub(super) fn cell_count(&self) -> u64 {
        ((self.disk_size - 1) >> self.cell_log2()) + 1
    }

    /// Whether a panel has cells, up to the last of a square or row, that are not drawn.
    pub(super) fn has_missing_cells(&self, all: u64) -> bool {
        self.panels.iter().any(|panel| (panel.disk_end - 1) >> self.cell_log2() < all - 1)
    }

    /// The sizes of the disk, of its blocks and of a cell.
    pub(super) fn sizes(&self) -> String {
        format!(
            "{}, blocks of {}, cells of {}",
            size(self.disk_size),
            size(self.block_size.bytes()),
            size(1 << self.cell_log2())
        )
    }
}

impl Panel {
    /// How much changed.
    pub(super) fn figures(&self) -> String {
        let changed = self.cells.all_changed_bytes();
        #[expect(clippy::cast_precision_loss, reason = "a few digits of a percentage")]
        let share = changed as f64 / self.disk_end as f64;
        // Nothing that has changed is a share of 0.
        let share = if 0.0 < share && share < 1e-6 { "<0.0001 %".to_owned() } else { percent(share) };
        format!("{} changed, {share}", BinaryBytes(changed))
    }
}

/// A size as short as it can be said: exactly, or with two decimals if that takes more than four digits.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes == 0 {
        return "0".to_owned();
    }
    let unit = bytes.trailing_zeros() / 10;
    let count = bytes >> (10 * unit);
    if count > 9999 {
        return BinaryBytes(bytes).to_string();
    }
    format!("{count} {}", UNITS[unit as usize])
}

#[cfg(test)]
impl Series {
    /// So many disks of that size, of each of which the first byte and the last one have changed, with long names.
    pub(super) fn example(disk_size: u64, count: usize) -> Self {
        let panel = |number: usize| {
            let mut cells = Cells::new(BlockSize::DEFAULT);
            cells.add(ByteRange::between(0, 1));
            cells.add(ByteRange::between(disk_size - 1, disk_size));
            Panel { name: format!("{}{number}", "a/long/näme/".repeat(number)), cells, disk_end: disk_size }
        };
        let panels = (0..count).map(panel).collect();
        Self { title: Some("Title ".repeat(40)), block_size: BlockSize::DEFAULT, disk_size, panels }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_the_smallest_that_fit_and_no_smaller_than_blocks() {
        for (disk_size, most, order, log2) in [
            (1, 8, 0, 16),
            (65_536, 8, 0, 16),
            (65_537, 8, 1, 16),
            (4 << 16, 8, 1, 16),
            (5 << 16, 8, 2, 16),
            (1 << 32, 8, 8, 16),
            ((1 << 32) + 1, 8, 8, 17),
            (1 << 44, 8, 8, 28),
            (1 << 44, 6, 6, 32),
            ((1 << 44) + 1, 6, 6, 33),
            (u64::MAX, 8, 8, 48),
        ] {
            let mut series = Series::example(disk_size, 1);
            assert_eq!((series.fit(most), series.cell_log2()), (order, log2), "{disk_size} bytes, at most {most}");
            assert!(series.cell_count() <= 1 << (2 * order));
        }
    }

    #[test]
    fn no_panel_has_other_cells_than_the_rest() {
        let mut two = Series::example(1 << 44, 1);
        two.panels.extend(Series::example(1 << 20, 1).panels);
        two.fit(6);
        assert_eq!(two.panels[0].cells.log2(), two.panels[1].cells.log2());
        assert!(two.has_missing_cells(1 << 12));
    }

    #[test]
    fn sizes_are_short_and_exact_where_they_can_be() {
        for (bytes, text) in [
            (0, "0"),
            (1, "1 B"),
            (512, "512 B"),
            (65_536, "64 KiB"),
            (15 << 37, "1920 GiB"),
            (16_381 << 30, "16.00 TiB"),
            (1 << 44, "16 TiB"),
            ((1 << 44) - 512, "16.00 TiB"),
            (1 << 63, "8 EiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
