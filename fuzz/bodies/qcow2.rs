//! Images with a dirty bitmap: refused with a place, or read as a naive reader does; and written again, they are read alike.
//!
//! ```text
//! flags: a byte; the size of the disk: 8 bytes; the image
//! ```

use std::io::{self, Read, Seek, SeekFrom};

use changed_blocks::format::ReadOptions;
use changed_blocks::format::qcow2::{BitmapImage, DirtyBitmap};
use changed_blocks::{BitOrder, BitmapWriter, BlockSize, Encoding, Error, Extent, Scanner, Source, VirtualSize};

use super::cursor::Cursor;
use super::lists::{check_place, check_ranges};
use crate::naive;
use crate::naive::pages::Changed;

/// The longest bitmap of which all bits are looked at: a few bytes of a table can stand for much more.
const MAX_BITMAP_BYTES: u64 = 1 << 13;
const NAME: &str = "b";

pub(crate) fn qcow2(data: &[u8]) {
    let mut cursor = Cursor::new(data);
    let flags = cursor.byte();
    let mut options = ReadOptions::default();
    options.context = (flags & 1 != 0).then(|| NAME.to_owned());
    options.virtual_size = VirtualSize::new(cursor.number()).ok();
    let image = cursor.rest();
    // All at once, and a few bytes at a time.
    let text = |error: &Error| error.to_string();
    let found = read(image, usize::MAX, &options);
    let piece_bytes = usize::from(flags / 2 % 16) + 1;
    assert_eq!(found.as_ref().map_err(text), read(image, piece_bytes, &options).as_ref().map_err(text));
    match found {
        Ok(Some(found)) => {
            let size = found.virtual_size.bytes();
            check_ranges(&found.ranges, Some(size));
            let name = options.context.as_ref().map(String::as_bytes);
            assert_eq!(Some(&found.ranges), naive::qcow2::qcow2(image, name, Some(size)).as_ref());
            // An image that is written has at least 400 KiB.
            if flags & 32 != 0 {
                check_rewritten(&found);
            }
        }
        Ok(None) => {}
        Err(error) => check_place(&error, image.len()),
    }
}

/// The content of a bitmap.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    name: String,
    virtual_size: VirtualSize,
    block_size: BlockSize,
    ranges: Changed,
}

/// The bitmap, unless it is too long.
fn read(image: &[u8], piece_bytes: usize, options: &ReadOptions) -> Result<Option<Found>, Error> {
    let mut bitmap = DirtyBitmap::open(Pieces { image, at: 0, piece_bytes }, options)?;
    let (virtual_size, block_size) = (bitmap.virtual_size(), bitmap.block_size());
    let name = bitmap.name().to_owned();
    if virtual_size.bitmap_bytes(block_size) > MAX_BITMAP_BYTES {
        return Ok(None);
    }
    let scanner = Scanner::new(Encoding::Raw(BitOrder::Lsb0)).block_size(block_size).virtual_size(virtual_size);
    let ranges = scanner.byte_ranges(Source::reader(&mut bitmap))?;
    let ranges = ranges.iter().map(|range| (range.offset_bytes, range.end_bytes())).collect();
    Ok(Some(Found { name, virtual_size, block_size, ranges }))
}

/// Writes an image with the bitmap, if QEMU could read that, and reads it again.
fn check_rewritten(found: &Found) {
    let (size, block_size) = (found.virtual_size, found.block_size);
    let Ok(image) = BitmapImage::new(&found.name, size, block_size) else { return };
    let block = |byte: u64| byte.div_ceil(block_size.bytes());
    let extents: Vec<_> = found.ranges.iter().map(|&(start, end)| Extent::new(block(start), block(end))).collect();
    let mut file = image.head();
    let mut bits = BitmapWriter::new(Encoding::Raw(BitOrder::Lsb0));
    bits.extents(&extents, &mut file).expect("memory");
    bits.finish(size.blocks(block_size), &mut file).expect("memory");
    file.resize(file.len() + image.padding_bytes(), 0);
    let mut options = ReadOptions::default();
    (options.context, options.virtual_size) = (Some(found.name.clone()), Some(size));
    let again = read(&file, usize::MAX, &options).expect("an image that was just written");
    assert_eq!(again.as_ref(), Some(found));
}

/// An image that gives at most so many bytes at a time.
struct Pieces<'a> {
    image: &'a [u8],
    at: usize,
    piece_bytes: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let rest = self.image.get(self.at..).unwrap_or_default();
        let len = rest.len().min(to.len()).min(self.piece_bytes);
        to[..len].copy_from_slice(&rest[..len]);
        self.at += len;
        Ok(len)
    }
}

impl Seek for Pieces<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(0) => self.image.len() as u64,
            other => panic!("{other:?} is not asked for"),
        };
        self.at = usize::try_from(at).map_err(io::Error::other)?;
        Ok(at)
    }
}
