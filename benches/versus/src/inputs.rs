//! The texts that everything is measured on, and what is true of them.

use std::path::{Path, PathBuf};

use changed_blocks::Extent;

use densities::{DENSITIES, Density};

use crate::options::Options;
use crate::reblock::byte_by_byte;

#[path = "../../inputs/mod.rs"]
mod densities;

/// The name of the size of the real bitmaps: 2.67 MiB each, a disk of 1 TiB.
pub(crate) const REAL: &str = "real";
const REAL_BITMAPS: [&str; 3] = ["database-hour", "development-day", "file-server-day"];

/// The name of the size of the largest disk of XCP-ng, 16,381 GiB.
pub(crate) const LARGEST: &str = "largest disk";
/// Bytes of the text of it, but for a few: none of them padding.
const LARGEST_BYTES: usize = 44_731_040;
const LARGEST_INPUT: &str = "1%-runs-of-4";

/// One text, and what it says.
pub(crate) struct Cell {
    pub(crate) size: String,
    pub(crate) input: String,
    /// Base64, nothing around it.
    pub(crate) text: Vec<u8>,
    /// The decoded bitmap: whole words of 64 bits.
    pub(crate) bitmap: Vec<u8>,
    /// The list of its runs.
    pub(crate) truth: Digest,
    /// The bitmap of large blocks, and how many these are.
    pub(crate) blocks: (Vec<u64>, u64),
}

/// A digest that tells one list of runs from another without keeping either: the longest has 6 GiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Digest {
    pub(crate) runs: u64,
    pub(crate) blocks: u64,
    hash: u64,
}

impl Digest {
    pub(crate) fn of(extents: &[Extent]) -> Self {
        let mut digest = Self::default();
        for extent in extents {
            digest.take(extent.start_block, extent.end_block);
        }
        digest
    }

    /// The oracle: one bit after the other.
    fn bit_by_bit(bitmap: &[u8]) -> Self {
        let mut digest = Self::default();
        let mut start = None;
        for (byte, place) in bitmap.iter().zip(0u64..) {
            for i in 0..8 {
                let block = place * 8 + i;
                match (byte >> (7 - i) & 1 == 1, start) {
                    (true, None) => start = Some(block),
                    (false, Some(first)) => {
                        digest.take(first, block);
                        start = None;
                    }
                    _ => {}
                }
            }
        }
        if let Some(first) = start {
            digest.take(first, bitmap.len() as u64 * 8);
        }
        digest
    }

    fn take(&mut self, start: u64, end: u64) {
        self.runs += 1;
        self.blocks = self.blocks.wrapping_add(end.wrapping_sub(start));
        // Any number of wrong, missing or misplaced boundaries changes the hash, short of a collision.
        for boundary in [start, end] {
            self.hash = (self.hash.rotate_left(5) ^ boundary).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }
}

impl Cell {
    fn new(size: String, input: &str, text: Vec<u8>, bitmap: Vec<u8>) -> Self {
        assert_eq!(bitmap.len() % 8, 0, "{size} {input}: the peers are assembled for whole words");
        let (truth, blocks) = (Digest::bit_by_bit(&bitmap), byte_by_byte(&bitmap));
        Self { size, input: input.to_owned(), text, bitmap, truth, blocks }
    }

    fn made(bytes: usize, size: String, density: Density) -> Self {
        let bitmap = density.bitmap(bytes / 4 * 3);
        let text = base64_simd::STANDARD.encode_type::<Vec<u8>>(&bitmap);
        Self::new(size, density.name, text, bitmap)
    }

    /// The bytes of the list of extents.
    pub(crate) fn output_bytes(&self) -> usize {
        self.truth.runs as usize * size_of::<Extent>()
    }
}

/// The names of all inputs.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    DENSITIES.iter().map(|density| density.name).chain(REAL_BITMAPS)
}

/// The cells that are asked for, small sizes first. Each is made when its turn comes: all at once would take gigabytes.
pub(crate) fn cells(options: &Options) -> impl Iterator<Item = Result<Cell, String>> {
    let made = options.sizes.iter().flat_map(move |&bytes| {
        let wanted = DENSITIES.iter().filter(|density| options.wants_input(density.name));
        wanted.map(move |&density| Ok(Cell::made(bytes, size_name(bytes), density)))
    });
    let real = REAL_BITMAPS.iter().filter(move |name| options.real && options.wants_input(name));
    made.chain(real.map(|name| real_bitmap(name)))
}

/// The cell for whole commands, if it is asked for.
pub(crate) fn largest_disk(options: &Options) -> Option<Cell> {
    let density = Density::named(LARGEST_INPUT).filter(|_| options.largest && options.wants_input(LARGEST_INPUT))?;
    Some(Cell::made(LARGEST_BYTES, LARGEST.to_owned(), density))
}

fn real_bitmap(name: &str) -> Result<Cell, String> {
    let path = data_folder().join(name).with_extension("b64");
    let mut text = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    text.truncate(text.trim_ascii_end().len());
    let bitmap = base64_simd::STANDARD.decode_to_vec(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Cell::new(REAL.to_owned(), name, text, bitmap))
}

fn data_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data")
}

fn size_name(bytes: usize) -> String {
    if bytes.is_multiple_of(1 << 20) {
        format!("{} MiB", bytes >> 20)
    } else if bytes.is_multiple_of(1 << 10) {
        format!("{} KiB", bytes >> 10)
    } else {
        format!("{bytes} bytes")
    }
}
