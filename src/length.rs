//! How long a bitmap may be: the one rule of the library, the command and the client.
//!
//! A bitmap has one bit for each block of the disk, filled up with zeros to whole bytes. VHD storage, whose blocks
//! always have 64 KiB, fills it up further, to a multiple of four bytes. Any other length is that of another disk or of
//! another block size, or something was cut off, so it is refused. That the filling is zeros is seen when the
//! bits are read.

use crate::error::Unit;
use crate::{BlockSize, Encoding, Error, Geometry, Result, VirtualSize};

/// The bytes that VHD storage fills up a bitmap to a multiple of.
const VHD_UNIT_BYTES: u64 = 4;

/// The most zeros that fill up a bitmap, of whatever block size.
pub(crate) const MOST_FILLING_BITS: u64 = 8 * VHD_UNIT_BYTES - 1;

impl VirtualSize {
    /// Whether a bitmap of this disk can have that many bytes: those that the blocks need, or, for blocks of 64 KiB,
    /// that number rounded up to a multiple of four.
    ///
    /// ```
    /// use changed_blocks::{BlockSize, VirtualSize};
    /// let size = VirtualSize::new(33 * 65_536)?;
    /// let fits = |bytes| size.fits_bitmap_bytes(bytes, BlockSize::DEFAULT);
    /// assert_eq!((0..=12).filter(|&bytes| fits(bytes)).collect::<Vec<_>>(), [5, 8]);
    /// # Ok::<(), changed_blocks::Error>(())
    /// ```
    #[must_use]
    pub const fn fits_bitmap_bytes(self, bytes: u64, block_size: BlockSize) -> bool {
        let needed = self.bitmap_bytes(block_size);
        bytes == needed || block_size.bytes() == BlockSize::DEFAULT.bytes() && bytes == filled_up(needed)
    }

    /// The block sizes with which a bitmap of this disk can have that many bytes, in ascending order. There may be
    /// several for a small disk, and none for a bitmap that is another disk's.
    ///
    /// ```
    /// use changed_blocks::{BlockSize, VirtualSize};
    /// let size = VirtualSize::new(64 << 20)?;
    /// assert_eq!(size.block_sizes_of(512), [BlockSize::new(16_384)?]);
    /// // 32 blocks of 32 KiB, or 16 of 64 KiB filled up as on VHD storage.
    /// let small = VirtualSize::new(1 << 20)?;
    /// assert_eq!(small.block_sizes_of(4), [BlockSize::new(32_768)?, BlockSize::DEFAULT]);
    /// # Ok::<(), changed_blocks::Error>(())
    /// ```
    #[must_use]
    pub fn block_sizes_of(self, bitmap_bytes: u64) -> Vec<BlockSize> {
        BlockSize::all().filter(|&block_size| self.fits_bitmap_bytes(bitmap_bytes, block_size)).collect()
    }
}

const fn filled_up(bytes: u64) -> u64 {
    bytes.next_multiple_of(VHD_UNIT_BYTES)
}

/// The block sizes with which a bitmap of that disk can have that length.
fn block_sizes(size: VirtualSize, found: u64, unit: Unit) -> Vec<BlockSize> {
    match unit {
        Unit::Bytes => size.block_sizes_of(found),
        Unit::Bits => BlockSize::all().filter(|&block_size| fits_bits(size, found, block_size)).collect(),
    }
}

fn in_bytes(block_sizes: &[BlockSize]) -> Vec<u64> {
    block_sizes.iter().map(|block_size| block_size.bytes()).collect()
}

/// Whether a 0/1 text of the disk can have that many bits: it was printed with or without the zeros that fill it up.
fn fits_bits(size: VirtualSize, bits: u64, block_size: BlockSize) -> bool {
    bits == size.blocks(block_size) || bits.is_multiple_of(8) && size.fits_bitmap_bytes(bits / 8, block_size)
}

/// The length of a bitmap of that many bits, as messages count it.
const fn counted(bits: u64, encoding: Encoding) -> (u64, Unit) {
    match encoding {
        Encoding::Bits => (bits, Unit::Bits),
        _ => (bits / 8, Unit::Bytes),
    }
}

/// Whether a bitmap of that many bits can be the disk's, where its size is known.
pub(crate) fn check(bits: u64, encoding: Encoding, geometry: &Geometry) -> Result<()> {
    let Some(size) = geometry.virtual_size else { return Ok(()) };
    let block_size = geometry.block_size;
    let (found, unit) = counted(bits, encoding);
    let (expected, fits) = match unit {
        Unit::Bits => (size.blocks(block_size), fits_bits(size, found, block_size)),
        Unit::Bytes => (size.bitmap_bytes(block_size), size.fits_bitmap_bytes(found, block_size)),
    };
    if fits {
        return Ok(());
    }
    let (virtual_size, fitting) = (size.bytes(), in_bytes(&block_sizes(size, found, unit)));
    if found < expected {
        Err(Error::TooShort { found, expected, unit, virtual_size, fitting })
    } else {
        Err(Error::TooLong { found, expected, unit, virtual_size, fitting })
    }
}

/// The most bits that a bitmap of that disk has with any block size. What has more is refused, however it goes on; up to
/// here its length tells with which block size it would fit.
pub(crate) fn most_bits(size: VirtualSize) -> u64 {
    let smallest = size.bitmap_bytes(BlockSize::MIN);
    smallest.max(filled_up(size.bitmap_bytes(BlockSize::DEFAULT))).saturating_mul(8)
}

/// The most bits that a bitmap of that disk has with that block size.
pub(crate) const fn most_bits_of(size: VirtualSize, block_size: BlockSize) -> u64 {
    filled_up(size.bitmap_bytes(block_size)).saturating_mul(8)
}

/// The error for a stream that has more bits than that, and goes on.
pub(crate) fn beyond(bits: u64, encoding: Encoding, size: VirtualSize, block_size: BlockSize) -> Error {
    let (found, unit) = counted(bits, encoding);
    let expected = match unit {
        Unit::Bits => size.blocks(block_size),
        Unit::Bytes => size.bitmap_bytes(block_size),
    };
    Error::TooLong { found, expected, unit, virtual_size: size.bytes(), fitting: Vec::new() }
}

/// The one block size with which a bitmap of that many bits can be the disk's.
pub(crate) fn only_block_size(bits: u64, encoding: Encoding, size: VirtualSize) -> Result<BlockSize> {
    let (found, unit) = counted(bits, encoding);
    let fitting = block_sizes(size, found, unit);
    match *fitting {
        [block_size] => Ok(block_size),
        _ => {
            let (virtual_size, fitting) = (size.bytes(), in_bytes(&fitting));
            Err(Error::UnknownBlockSize { found, unit, virtual_size, fitting })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Disks of 1 MiB to 64 TiB, at and around powers of two and in between.
    fn sizes() -> impl Iterator<Item = u64> {
        let around = |bytes: u64| [bytes - 512, bytes, bytes + 1, bytes + 65_536, bytes + bytes / 3];
        let powers = (20..=46).flat_map(move |log2| around(1u64 << log2));
        powers.filter(|&bytes| (1 << 20..=1 << 46).contains(&bytes))
    }

    /// The lengths that storage with such blocks gives, counted block by block in another way.
    fn lengths(bytes: u64, block_size: u64) -> Vec<u64> {
        let blocks = bytes / block_size + u64::from(!bytes.is_multiple_of(block_size));
        let exact = blocks / 8 + u64::from(!blocks.is_multiple_of(8));
        let filled = exact + (4 - exact % 4) % 4;
        if block_size == 65_536 && filled != exact { vec![exact, filled] } else { vec![exact] }
    }

    #[test]
    fn the_block_size_is_found_or_refused_for_every_disk() {
        let (mut found, mut refused) = (0, 0);
        for bytes in sizes() {
            let size = VirtualSize::new(bytes).expect("not 0");
            for log2 in 9..=30 {
                for length in lengths(bytes, 1 << log2) {
                    let expected: Vec<u64> = (9..=30)
                        .map(|log2| 1 << log2)
                        .filter(|&other| lengths(bytes, other).contains(&length))
                        .collect();
                    let fitting: Vec<u64> = size.block_sizes_of(length).into_iter().map(BlockSize::bytes).collect();
                    assert_eq!(fitting, expected, "{length} bytes for a disk of {bytes}");
                    match only_block_size(length * 8, Encoding::Base64, size) {
                        Ok(block_size) => {
                            assert_eq!(block_size.bytes(), 1 << log2);
                            found += 1;
                        }
                        Err(Error::UnknownBlockSize { fitting, .. }) => {
                            assert!(fitting.len() > 1 && fitting.contains(&(1 << log2)));
                            refused += 1;
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        }
        assert!(found > 1000 && refused > 100, "{found} {refused}");
    }

    #[test]
    fn beyond_the_most_bits_nothing_fits() {
        for bytes in sizes().chain([1, 511, 512, 513, 65_536, 5 * 65_536]) {
            let size = VirtualSize::new(bytes).expect("not 0");
            let most = most_bits(size) / 8;
            assert!(!size.block_sizes_of(most).is_empty(), "{bytes}");
            assert!((1..100).all(|more| size.block_sizes_of(most + more).is_empty()), "{bytes}");
        }
        assert_eq!(most_bits(VirtualSize::new(u64::MAX).expect("not 0")), 1 << 55);
    }

    #[test]
    fn any_other_length_is_refused() {
        let disk =
            Geometry { virtual_size: Some(VirtualSize::new(33 * 65_536).expect("not 0")), ..Geometry::default() };
        for bytes in 0..40 {
            let outcome = check(bytes * 8, Encoding::Base64, &disk);
            match bytes {
                5 | 8 => outcome.expect("the disk's"),
                0..5 => assert!(matches!(outcome, Err(Error::TooShort { found, expected: 5, .. }) if found == bytes)),
                _ => assert!(matches!(outcome, Err(Error::TooLong { found, expected: 5, .. }) if found == bytes)),
            }
        }
        for bits in 0..100 {
            assert_eq!(check(bits, Encoding::Bits, &disk).is_ok(), matches!(bits, 33 | 40 | 64), "{bits}");
        }
        // Only VHD storage fills up, and only blocks of 64 KiB.
        let other = Geometry { block_size: BlockSize::new(131_072).expect("valid"), ..disk };
        for bytes in 0..40 {
            assert_eq!(check(bytes * 8, Encoding::Base64, &other).is_ok(), bytes == 3, "{bytes}");
        }
    }
}
