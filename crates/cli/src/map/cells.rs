//! The changed bytes of equal parts of a disk, counted in one pass.
//!
//! Where the disk ends is not known before all is read, so cells begin as large as a block. When a range lies beyond the
//! last cell that there may be, cells are joined in pairs:
//!
//! ```text
//! while the range ends beyond cell MAX_CELLS: join cells 0 and 1, 2 and 3, and so on
//! add to each cell the bytes of the range that lie in it
//! ```
//!
//! Cells are always a power of two of bytes, and begin at multiples of it. No byte is counted twice or left out.

use changed_blocks::{BlockSize, ByteRange};

/// The most cells that there are: as many as the largest picture has.
pub(crate) const MAX_CELLS: u64 = 1 << (2 * MAX_ORDER);
/// The side of the largest picture is two to the power of this, in cells.
pub(super) const MAX_ORDER: u32 = 8;

/// The changed bytes in each cell.
pub(crate) struct Cells {
    /// The base-two logarithm of the bytes of a cell.
    log2: u32,
    /// Of each cell, up to the last in which there are some.
    changed_bytes: Vec<u64>,
}

impl Cells {
    pub(crate) fn new(block_size: BlockSize) -> Self {
        Self { log2: block_size.log2().into(), changed_bytes: Vec::new() }
    }

    /// Adds a range that is not empty.
    pub(crate) fn add(&mut self, range: ByteRange) {
        let last_byte = range.end_bytes() - 1;
        let cell = range.offset_bytes >> self.log2;
        // As most ranges do, it lies in a cell that is there.
        if cell == last_byte >> self.log2
            && let Some(changed_bytes) = usize::try_from(cell).ok().and_then(|cell| self.changed_bytes.get_mut(cell))
        {
            *changed_bytes += range.len_bytes;
            return;
        }
        while last_byte >> self.log2 >= MAX_CELLS {
            self.join_pairs();
        }
        let cells = range.offset_bytes >> self.log2..=last_byte >> self.log2;
        if *cells.end() >= self.changed_bytes.len() as u64 {
            self.changed_bytes.resize(index(*cells.end()) + 1, 0);
        }
        for cell in cells {
            let start = cell << self.log2;
            // Inclusive: the end of the last cell may be 2^64.
            let last = start | ((1 << self.log2) - 1);
            self.changed_bytes[index(cell)] += last.min(last_byte) - start.max(range.offset_bytes) + 1;
        }
    }

    /// Makes cells that large, where they are smaller.
    pub(crate) fn enlarge_to(&mut self, log2: u32) {
        while self.log2 < log2 {
            self.join_pairs();
        }
    }

    pub(crate) const fn log2(&self) -> u32 {
        self.log2
    }

    /// The share of the bytes of a cell that have changed, of a disk that ends there; nothing if the cell lies beyond it.
    pub(crate) fn density(&self, cell: u64, disk_end: u64) -> Option<f64> {
        let start = cell << self.log2;
        let bytes = disk_end.checked_sub(start)?.min(1 << self.log2);
        let changed = self.changed_bytes.get(index(cell)).copied().unwrap_or(0);
        #[expect(clippy::cast_precision_loss, reason = "what is not 0 stays so")]
        (bytes > 0).then(|| changed as f64 / bytes as f64)
    }

    pub(super) fn all_changed_bytes(&self) -> u64 {
        self.changed_bytes.iter().sum()
    }

    fn join_pairs(&mut self) {
        self.changed_bytes = self.changed_bytes.chunks(2).map(|pair| pair.iter().sum()).collect();
        self.log2 += 1;
    }
}

fn index(cell: u64) -> usize {
    usize::try_from(cell).expect("at most MAX_CELLS")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Changed and all bytes of each cell of a disk, byte by byte.
    fn naive(ranges: &[(u64, u64)], disk_end: u64, cell_bytes: u64) -> Vec<(u64, u64)> {
        let mut cells = vec![(0, 0); usize::try_from(disk_end.div_ceil(cell_bytes)).expect("small")];
        for byte in 0..disk_end {
            let cell = &mut cells[usize::try_from(byte / cell_bytes).expect("small")];
            cell.1 += 1;
            cell.0 += u64::from(ranges.iter().any(|&(start, end)| (start..end).contains(&byte)));
        }
        cells
    }

    #[test]
    fn densities_are_those_of_a_naive_sum() {
        let ranges = [(0, 1), (511, 513), (700, 2_048), (4_096, 4_097), (9_000, 9_999)];
        for disk_end in [9_999, 10_000, 10_240] {
            for log2 in 9..=14 {
                let mut cells = Cells::new(BlockSize::MIN);
                ranges.iter().for_each(|&(start, end)| cells.add(ByteRange::between(start, end)));
                cells.enlarge_to(log2);
                let expected = naive(&ranges, disk_end, 1 << log2);
                for (cell, &(changed, bytes)) in (0..).zip(&expected) {
                    #[expect(clippy::cast_precision_loss)]
                    let density = changed as f64 / bytes as f64;
                    assert_eq!(cells.density(cell, disk_end), Some(density), "cell {cell} of 2^{log2}");
                }
                assert_eq!(cells.density(expected.len() as u64, disk_end), None);
            }
        }
    }

    #[test]
    fn cells_are_joined_until_all_ranges_lie_in_them() {
        let mut cells = Cells::new(BlockSize::DEFAULT);
        cells.add(ByteRange::between(65_536, 131_072));
        cells.add(ByteRange::between((1 << 44) - 1, 1 << 44));
        // 16 TiB in 65,536 cells.
        assert_eq!(cells.log2(), 28);
        let expected = [65_536.0 / f64::from(1 << 28), 0.0, 1.0 / f64::from(1 << 28)];
        assert_eq!([0, 1, 65_535].map(|cell| cells.density(cell, 1 << 44).expect("on the disk")), expected);
        assert_eq!(cells.density(65_536, 1 << 44), None);
    }

    #[test]
    fn last_byte_of_the_largest_disk_is_counted() {
        let mut cells = Cells::new(BlockSize::MIN);
        cells.add(ByteRange::between(0, u64::MAX));
        assert_eq!(cells.log2(), 48);
        assert_eq!(cells.density(MAX_CELLS - 1, u64::MAX), Some(1.0));
    }
}
