//! A bitmap written out as its extents come in, in bounded memory.

use std::io::{self, Write};

use super::words::Bitmap;
use crate::{BitOrder, Encoding, Extent};

/// Blocks of a tile: its bytes are a multiple of three, so that base64 needs padding only at the very end.
const TILE_BLOCKS: u64 = 3 * 64 * 256;

/// Writes a bitmap, in some encoding, from extents in ascending order. Memory is bounded, whatever the length.
///
/// ```
/// use changed_blocks::{BitmapWriter, Encoding, Extent};
/// let mut text = Vec::new();
/// let mut writer = BitmapWriter::new(Encoding::Base64);
/// writer.extents(&[Extent::new(1, 3)], &mut text)?;
/// writer.finish(32, &mut text)?;
/// assert_eq!(text, b"YAAAAA==");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct BitmapWriter {
    encoding: Encoding,
    tile: Bitmap,
    first_block: u64,
    end_block: u64,
}

impl BitmapWriter {
    /// A writer of that encoding. For [`Encoding::CbtLog`] only the bitmap is written; the header, which comes first,
    /// is the caller's.
    #[must_use]
    pub fn new(encoding: Encoding) -> Self {
        Self { encoding, tile: Bitmap::new(TILE_BLOCKS), first_block: 0, end_block: 0 }
    }

    /// Writes up to the tile in which the last of these extents ends. They must be in ascending order, also after
    /// those of earlier calls. `to` gets pieces of some KiB, the same one in every call.
    ///
    /// # Errors
    ///
    /// The error of `to`.
    ///
    /// # Panics
    ///
    /// If an extent begins before the end of one that came earlier.
    pub fn extents(&mut self, extents: &[Extent], to: &mut impl Write) -> io::Result<()> {
        for extent in extents {
            assert!(extent.start_block >= self.end_block, "extents come in ascending order");
            assert!(extent.start_block <= extent.end_block, "an extent ends before its start");
            self.end_block = extent.end_block;
            let mut start = extent.start_block - self.first_block;
            while extent.end_block - self.first_block > TILE_BLOCKS {
                self.tile.set(Extent::new(start, TILE_BLOCKS));
                self.write_tile(TILE_BLOCKS, to)?;
                start = start.saturating_sub(TILE_BLOCKS);
            }
            self.tile.set(Extent::new(start, extent.end_block - self.first_block));
        }
        Ok(())
    }

    /// Writes the rest of a bitmap of that many blocks.
    ///
    /// # Errors
    ///
    /// The error of `to`.
    ///
    /// # Panics
    ///
    /// If an extent reached further than that.
    pub fn finish(mut self, blocks: u64, to: &mut impl Write) -> io::Result<()> {
        assert!(blocks >= self.end_block, "the extents end before the bitmap does");
        while blocks - self.first_block > TILE_BLOCKS {
            self.write_tile(TILE_BLOCKS, to)?;
        }
        self.write_tile(blocks - self.first_block, to)
    }

    fn write_tile(&mut self, blocks: u64, to: &mut impl Write) -> io::Result<()> {
        self.tile.resize(blocks);
        match self.encoding {
            Encoding::Base64 => to.write_all(self.tile.to_base64().as_bytes())?,
            Encoding::Bits => to.write_all(self.tile.to_bits().as_bytes())?,
            Encoding::Raw(order) => to.write_all(&self.tile.to_raw(order))?,
            Encoding::CbtLog => to.write_all(&self.tile.to_raw(BitOrder::Lsb0))?,
        }
        self.first_block += blocks;
        self.tile.clear();
        self.tile.resize(TILE_BLOCKS);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_what_the_whole_would_be() {
        let ends = [TILE_BLOCKS - 1, TILE_BLOCKS, TILE_BLOCKS + 1, 3 * TILE_BLOCKS];
        for blocks in ends.into_iter().chain([1, 7, 3 * TILE_BLOCKS + 5]) {
            let candidates = [(0, 1), (5, 8), (TILE_BLOCKS - 2, TILE_BLOCKS + 2), (TILE_BLOCKS + 9, 3 * TILE_BLOCKS)];
            let clipped = candidates.map(|(start, end)| Extent::new(start, end.min(blocks)));
            let extents: Vec<_> = clipped.into_iter().filter(|extent| !extent.is_empty()).collect();
            let whole = Bitmap::from_extents(blocks, &extents);
            for &encoding in Encoding::ALL {
                let mut written = Vec::new();
                let mut writer = BitmapWriter::new(encoding);
                for extent in &extents {
                    writer.extents(&[*extent], &mut written).expect("memory");
                }
                writer.finish(blocks, &mut written).expect("memory");
                let expected = match encoding {
                    Encoding::Base64 => whole.to_base64().into_bytes(),
                    Encoding::Bits => whole.to_bits().into_bytes(),
                    Encoding::Raw(order) => whole.to_raw(order),
                    Encoding::CbtLog => whole.to_raw(BitOrder::Lsb0),
                };
                assert!(written == expected, "{encoding} of {blocks} blocks");
            }
        }
    }
}
