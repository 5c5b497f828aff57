//! Sizes of disks and blocks, and checked conversions between blocks and bytes.

use std::fmt;
use std::num::NonZeroU64;

use bytemuck::{Pod, Zeroable};

use crate::{Error, Extent, Result};

/// The order of the bits inside a byte of a bitmap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BitOrder {
    /// The first block is in the most significant bit, as in the answer of `VDI.list_changed_blocks`.
    Msb0,
    /// The first block is in the least significant bit, as in `.cbtlog` files.
    Lsb0,
}

/// The number of bytes of the disk that one bit of *this* bitmap stands for. It is a property of the bitmap that was
/// made, and no granularity to convert to: with another block size, the same bits name other bytes.
///
/// A power of two from 512 B to 1 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockSize {
    log2: u8,
}

impl BlockSize {
    /// 64 KiB: the block size of XenServer and XCP-ng on VHD storage, and of every `.cbtlog`.
    pub const DEFAULT: Self = Self { log2: 16 };
    /// The smallest block size, 512 B.
    pub const MIN: Self = Self { log2: 9 };
    /// The largest block size, 1 GiB.
    pub const MAX: Self = Self { log2: 30 };

    /// A block size of that many bytes.
    ///
    /// # Errors
    ///
    /// [`Error::BlockSize`] unless it is a power of two from 512 B to 1 GiB.
    pub const fn new(bytes: u64) -> Result<Self> {
        if bytes.is_power_of_two() && bytes >= Self::MIN.bytes() && bytes <= Self::MAX.bytes() {
            // A u64 has at most 63 trailing zeros here.
            #[expect(clippy::cast_possible_truncation)]
            Ok(Self { log2: bytes.trailing_zeros() as u8 })
        } else {
            Err(Error::BlockSize { bytes })
        }
    }

    /// All block sizes, in ascending order.
    #[must_use]
    pub fn all() -> impl DoubleEndedIterator<Item = Self> {
        (Self::MIN.log2..=Self::MAX.log2).map(|log2| Self { log2 })
    }

    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        1 << self.log2
    }

    /// The base-two logarithm of the size in bytes.
    #[must_use]
    pub const fn log2(self) -> u8 {
        self.log2
    }
}

/// As the command takes it: `512`, `16k`, `1M`.
impl fmt::Display for BlockSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, suffix) = match self.log2 {
            ..10 => (0, ""),
            10..20 => (10, "k"),
            20..30 => (20, "M"),
            30.. => (30, "G"),
        };
        write!(f, "{}{suffix}", self.bytes() >> unit)
    }
}

impl Default for BlockSize {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The size of a disk in bytes: at least 1. The last block may be partial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VirtualSize {
    bytes: NonZeroU64,
}

impl VirtualSize {
    /// A disk of that many bytes.
    ///
    /// # Errors
    ///
    /// [`Error::VirtualSize`] for 0: every disk has at least one byte.
    pub const fn new(bytes: u64) -> Result<Self> {
        match NonZeroU64::new(bytes) {
            Some(bytes) => Ok(Self { bytes }),
            None => Err(Error::VirtualSize { bytes }),
        }
    }

    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.bytes.get()
    }

    /// The number of blocks, a partial last one included.
    #[must_use]
    pub const fn blocks(self, block_size: BlockSize) -> u64 {
        self.bytes.get().div_ceil(block_size.bytes())
    }

    /// The number of bytes that a bitmap of this disk has: one bit a block, the last byte filled up with zeros.
    #[must_use]
    pub const fn bitmap_bytes(self, block_size: BlockSize) -> u64 {
        self.blocks(block_size).div_ceil(8)
    }
}

/// A range of bytes of the disk.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
pub struct ByteRange {
    /// Bytes from the start of the disk.
    pub offset_bytes: u64,
    /// The number of bytes.
    pub len_bytes: u64,
}

impl ByteRange {
    /// The range from `start` up to, but without, `end`, both in bytes; empty if `end` is not after `start`.
    #[must_use]
    pub const fn between(start: u64, end: u64) -> Self {
        Self { offset_bytes: start, len_bytes: end.saturating_sub(start) }
    }

    /// The first byte after the range. A range that would reach beyond 2^64 ends there.
    #[must_use]
    pub const fn end_bytes(self) -> u64 {
        self.offset_bytes.saturating_add(self.len_bytes)
    }

    /// The part of this range that lies in `window`, or nothing.
    ///
    /// ```
    /// use changed_blocks::ByteRange;
    /// let range = ByteRange { offset_bytes: 100, len_bytes: 50 };
    /// let window = ByteRange { offset_bytes: 120, len_bytes: 1000 };
    /// assert_eq!(range.clip(window), Some(ByteRange { offset_bytes: 120, len_bytes: 30 }));
    /// ```
    #[must_use]
    pub const fn clip(self, window: Self) -> Option<Self> {
        let start = if self.offset_bytes > window.offset_bytes { self.offset_bytes } else { window.offset_bytes };
        let (a, b) = (self.end_bytes(), window.end_bytes());
        let end = if a < b { a } else { b };
        if start < end { Some(Self::between(start, end)) } else { None }
    }
}

/// The measures that turn blocks into bytes: the block size, and the size of the disk where it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// The number of bytes of the disk that one bit of the bitmap stands for.
    pub block_size: BlockSize,
    /// The size of the disk, which clips the last block.
    pub virtual_size: Option<VirtualSize>,
}

impl Geometry {
    /// The bytes of the disk that an extent covers, clipped to the virtual size.
    ///
    /// # Errors
    ///
    /// [`Error::OffsetOverflow`] if the extent reaches beyond 2^64 - 1 bytes: no disk is that large, so the bitmap
    /// or the block size is another one's. [`Error::BlockBeyondEnd`] if it reaches beyond the virtual size.
    ///
    /// ```
    /// use changed_blocks::{ByteRange, Extent, Geometry, VirtualSize};
    /// let disk = Geometry { virtual_size: Some(VirtualSize::new(100_000)?), ..Geometry::default() };
    /// assert_eq!(disk.byte_range(Extent::new(1, 2))?, ByteRange { offset_bytes: 65_536, len_bytes: 34_464 });
    /// # Ok::<(), changed_blocks::Error>(())
    /// ```
    pub fn byte_range(&self, extent: Extent) -> Result<ByteRange> {
        if let Some(blocks) = self.blocks().filter(|&blocks| extent.end_block > blocks) {
            return Err(Error::BlockBeyondEnd { block: extent.start_block.max(blocks), blocks });
        }
        let byte = |block: u64| block.checked_mul(self.block_size.bytes());
        let limit = self.virtual_size.map(VirtualSize::bytes);
        // The end of the last block may lie beyond 2^64 although the disk, and so the clipped end, does not.
        let end = match (byte(extent.end_block), limit) {
            (Some(end), Some(limit)) => Some(end.min(limit)),
            (end, None) => end,
            (None, Some(limit)) => Some(limit),
        };
        match (byte(extent.start_block), end) {
            (Some(start), Some(end)) => Ok(ByteRange::between(start, end)),
            _ => Err(Error::OffsetOverflow {
                block: extent.end_block.saturating_sub(1),
                block_size: self.block_size.bytes(),
            }),
        }
    }

    /// Appends the [`byte_range`](Self::byte_range) of each of many extents, at a fraction of the cost.
    ///
    /// # Errors
    ///
    /// That of the first extent that has one; `to` is then as it was.
    pub fn byte_ranges(&self, extents: &[Extent], to: &mut Vec<ByteRange>) -> Result<()> {
        let log2 = self.block_size.log2();
        let most = self.blocks().unwrap_or(u64::MAX).min(u64::MAX >> log2);
        let bounds = || extents.iter().flat_map(|extent| [extent.start_block, extent.end_block]);
        // The union of the bits of all numbers is at least as large as each of them, and is found sooner than the largest.
        if bounds().fold(0, |all, block| all | block) <= most || bounds().all(|block| block <= most) {
            let limit = self.virtual_size.map_or(u64::MAX, VirtualSize::bytes);
            to.extend(
                extents.iter().map(|extent| {
                    ByteRange::between(extent.start_block << log2, (extent.end_block << log2).min(limit))
                }),
            );
            return Ok(());
        }
        let len = to.len();
        for &extent in extents {
            match self.byte_range(extent) {
                Ok(range) => to.push(range),
                Err(error) => {
                    to.truncate(len);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// The number of blocks of the disk, where its size is known.
    #[must_use]
    pub fn blocks(&self) -> Option<u64> {
        self.virtual_size.map(|size| size.blocks(self.block_size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_sizes_are_powers_of_two_from_512_to_1_gib() {
        for log2 in 0..64 {
            let bytes = 1u64 << log2;
            assert_eq!(BlockSize::new(bytes).is_ok(), (9..=30).contains(&log2), "{bytes}");
            assert!(BlockSize::new(bytes - 1).is_err());
            assert!(BlockSize::new(bytes + 513).is_err());
        }
        assert_eq!(BlockSize::DEFAULT.bytes(), 65536);
        let names: Vec<String> = BlockSize::all().map(|size| size.to_string()).collect();
        assert_eq!((names.len(), names[0].as_str(), names[1].as_str()), (22, "512", "1k"));
        assert_eq!(names[7..=11], ["64k", "128k", "256k", "512k", "1M"]);
        assert_eq!(names[20..], ["512M", "1G"]);
    }

    #[test]
    fn a_partial_last_block_counts_and_is_clipped() {
        for (bytes, blocks, bitmap) in
            [(1, 1, 1), (65536, 1, 1), (65537, 2, 1), (8 * 65536, 8, 1), (8 * 65536 + 1, 9, 2)]
        {
            let size = VirtualSize::new(bytes).expect("not 0");
            assert_eq!((size.blocks(BlockSize::DEFAULT), size.bitmap_bytes(BlockSize::DEFAULT)), (blocks, bitmap));
            let disk = Geometry { virtual_size: Some(size), ..Geometry::default() };
            let whole = disk.byte_range(Extent::new(0, blocks)).expect("fits");
            assert_eq!(whole, ByteRange { offset_bytes: 0, len_bytes: bytes });
        }
        assert!(VirtualSize::new(0).is_err());
    }

    #[test]
    fn the_largest_disk_has_the_figures_of_the_format() {
        let size = VirtualSize::new(16_381 << 30).expect("not 0");
        let bytes = size.bitmap_bytes(BlockSize::DEFAULT);
        assert_eq!(bytes.div_ceil(3) * 4, 44_731_052);
        assert_eq!(VirtualSize::new(1 << 40).expect("not 0").bitmap_bytes(BlockSize::DEFAULT), 2 << 20);
    }

    #[test]
    fn offsets_beyond_64_bits_are_errors_unless_the_disk_ends_before() {
        let gib = Geometry { block_size: BlockSize::MAX, virtual_size: None };
        let last = (1u64 << 34) - 1;
        assert!(gib.byte_range(Extent::new(0, last)).is_ok());
        let error = gib.byte_range(Extent::new(last, last + 1)).expect_err("2^64 does not fit");
        assert!(matches!(error, Error::OffsetOverflow { block, block_size } if block == last && block_size == 1 << 30));
        assert!(gib.byte_range(Extent::new(last + 1, last + 2)).is_err());

        let full = Geometry { virtual_size: Some(VirtualSize::new(u64::MAX).expect("not 0")), ..gib };
        let range = full.byte_range(Extent::new(last, last + 1)).expect("clipped");
        assert_eq!((range.offset_bytes, range.end_bytes()), (last << 30, u64::MAX));
        assert!(full.byte_range(Extent::new(last, last + 2)).is_err());
    }

    #[test]
    fn an_extent_of_another_disk_is_refused() {
        let five = Geometry { virtual_size: Some(VirtualSize::new(5 * 65_536).expect("not 0")), ..Geometry::default() };
        assert!(five.byte_range(Extent::new(3, 5)).is_ok());
        for (start, end, block) in [(3, 6, 5), (5, 6, 5), (10, 12, 10)] {
            let error = five.byte_range(Extent::new(start, end)).expect_err("not on the disk");
            assert!(matches!(error, Error::BlockBeyondEnd { block: found, blocks: 5 } if found == block), "{error}");
        }
    }

    #[test]
    fn clipping_to_a_window() {
        let range = ByteRange::between(10, 20);
        for (window, expected) in [
            ((0, 10), None),
            ((20, 30), None),
            ((15, 15), None),
            ((0, 11), Some((10, 11))),
            ((19, 30), Some((19, 20))),
            ((0, u64::MAX), Some((10, 20))),
            ((12, 14), Some((12, 14))),
        ] {
            let clipped = range.clip(ByteRange::between(window.0, window.1));
            assert_eq!(clipped, expected.map(|(start, end)| ByteRange::between(start, end)), "{window:?}");
        }
    }

    #[test]
    fn many_ranges_at_once_are_those_of_each() {
        let block_size = BlockSize::new(1 << 30).expect("a power of two");
        let sizes = [None, Some(1), Some(10 * (1 << 30) - 1), Some(u64::MAX)];
        let last = u64::MAX >> 30;
        let lists: [&[(u64, u64)]; 7] = [
            &[],
            &[(0, 1)],
            &[(0, 1), (3, 5), (9, 10)],
            &[(0, 1), (3, 11), (12, 13)],
            &[(2, 3), (last - 1, last)],
            &[(2, 3), (last, last + 1)],
            &[(0, 1), (u64::MAX - 1, u64::MAX)],
        ];
        for size in sizes.map(|size| size.map(|bytes| VirtualSize::new(bytes).expect("not 0"))) {
            let geometry = Geometry { block_size, virtual_size: size };
            for list in lists {
                let extents: Vec<_> = list.iter().map(|&(start, end)| Extent::new(start, end)).collect();
                let each: Result<Vec<_>> = extents.iter().map(|&extent| geometry.byte_range(extent)).collect();
                let first = ByteRange::between(5, 6);
                let mut to = vec![first];
                match (geometry.byte_ranges(&extents, &mut to), each) {
                    (Ok(()), Ok(each)) => assert_eq!((to[0], &to[1..]), (first, &each[..])),
                    (Err(found), Err(expected)) => {
                        assert_eq!((found.to_string(), &to[..]), (expected.to_string(), &[first][..]));
                    }
                    (found, expected) => panic!("{found:?}, not {expected:?}"),
                }
            }
        }
    }
}
