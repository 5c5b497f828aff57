//! Dirty bitmaps as QEMU keeps them in qcow2 images: read from an image, and written as an image without data.
//!
//! An image is cut into clusters, and all of its numbers are big-endian. The first cluster has the header, and the way
//! from there to the bits of a bitmap is:
//!
//! ```text
//! header ─▶ extension 0x23852875 ─▶ directory, an entry for each bitmap ─▶ table, an entry for each cluster of bits ─▶ bits
//! ```
//!
//! The bits are a raw bitmap, the first block in the least significant bit; so they are scanned as any other raw bitmap,
//! and written as one.
//!
//! ```
//! use std::io::Cursor;
//! use changed_blocks::format::ReadOptions;
//! use changed_blocks::format::qcow2::{BitmapImage, DirtyBitmap};
//! use changed_blocks::{BitOrder, BlockSize, Encoding, Scanner, Source, VirtualSize};
//!
//! let size = VirtualSize::new(20 * 65_536)?;
//! let image = BitmapImage::new("changed", size, BlockSize::DEFAULT)?;
//! let mut file = image.head();
//! file.extend_from_slice(&[0b110, 0, 0]); // the second and third blocks changed
//! file.resize(file.len() + image.padding_bytes(), 0);
//!
//! let mut bitmap = DirtyBitmap::open(Cursor::new(file), &ReadOptions::default())?;
//! assert_eq!((bitmap.name(), bitmap.virtual_size()), ("changed", size));
//! let scanner = Scanner::new(Encoding::Raw(BitOrder::Lsb0))
//!     .block_size(bitmap.block_size())
//!     .virtual_size(bitmap.virtual_size());
//! let ranges = scanner.byte_ranges(Source::reader(&mut bitmap))?;
//! assert_eq!((ranges[0].offset_bytes, ranges[0].len_bytes), (65_536, 131_072));
//! # Ok::<(), changed_blocks::Error>(())
//! ```

mod directory;
mod header;
mod image;
mod reader;
mod writer;

pub use reader::DirtyBitmap;
pub use writer::BitmapImage;

/// The first four bytes of every image.
const MAGIC: [u8; 4] = *b"QFI\xfb";
/// The type of the header extension that says where the directory of bitmaps is, and its length.
const BITMAPS_EXTENSION: u32 = 0x2385_2875;
const BITMAPS_EXTENSION_BYTES: usize = 24;
/// The length of a header without the fields that newer versions of QEMU add.
const HEADER_BYTES: usize = 104;
/// The length of a directory entry without the name.
const DIRECTORY_ENTRY_BYTES: usize = 24;
/// The only type of bitmap there is.
const DIRTY_TRACKING: u8 = 1;
/// QEMU's limits: the number of bitmaps in an image, the length of a name, and of the clusters of one bitmap.
const MAX_BITMAPS: u32 = 65_535;
const MAX_NAME_BYTES: u16 = 1023;
const MAX_BITMAP_BYTES: u64 = 512 << 20;

/// Offsets of the fields of the header.
mod field {
    pub(super) const VERSION: usize = 4;
    pub(super) const CLUSTER_BITS: usize = 20;
    pub(super) const VIRTUAL_SIZE: usize = 24;
    pub(super) const L1_ENTRIES: usize = 36;
    pub(super) const L1_OFFSET: usize = 40;
    pub(super) const REFCOUNT_OFFSET: usize = 48;
    pub(super) const REFCOUNT_CLUSTERS: usize = 56;
    pub(super) const INCOMPATIBLE: usize = 72;
    pub(super) const AUTOCLEAR: usize = 88;
    pub(super) const REFCOUNT_ORDER: usize = 96;
    pub(super) const HEADER_BYTES: usize = 100;
}

/// The autoclear feature that says that the bitmaps are valid. Programs that know nothing of bitmaps clear it when they
/// write.
const BITMAPS_VALID: u64 = 1;
