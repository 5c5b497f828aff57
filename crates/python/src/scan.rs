//! The functions that read a bitmap: to a list of byte ranges, or to the bitmap itself.

use changed_blocks::{BlockSize, ByteRange, Encoding, Geometry, Scanner, Source, VirtualSize};
use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;

use crate::bitmap::Bitmap;
use crate::errors::Failure;
use crate::extents::Extents;
use crate::fork;
use crate::input::Input;
use crate::signals::Signals;

/// How many extents are turned into byte ranges at a time, or so: enough to be worth the work of all threads.
const BATCH_EXTENTS: usize = 1 << 20;

/// The byte ranges that a backup has to read.
///
/// `answer` is the bitmap: the `str` that the call answered with, `bytes` or any other buffer, a path (`pathlib.Path`), or
/// a binary file object, which is read to its end. `str` and `bytes` are read in place; another buffer is copied first,
/// since other threads may write to it.
///
/// `virtual_size` is the size of the disk in bytes. Give it wherever it is known: without it, a text that was cut short
/// at a multiple of four characters cannot be told from a whole one, and the last range is not cut off where the disk
/// ends.
///
/// `block_size` is how many bytes of the disk one bit stands for: a power of two from 512 to 1 GiB. `encoding` is one of
/// `ENCODINGS`. `allow_inconsistent` reads a `.cbtlog` that was not closed; changes may be missing from it. With
/// `parallel=False` one thread does all, as is best where many disks are read at a time.
///
/// Other threads of Python run meanwhile, and Ctrl-C ends the call.
///
/// Raises a subclass of `Error` if anything is wrong with the bitmap, `OSError` if a path cannot be opened, and whatever
/// the file object raises. There is never a partial list.
///
/// >>> import changed_blocks
/// >>> changed_blocks.extents("ygAAAA==", virtual_size=32 * 65536)
/// Extents([(0, 131072), (262144, 65536), (393216, 65536)], virtual_size=2097152)
/// >>> try:
/// ...     changed_blocks.extents("ygAA", virtual_size=32 * 65536)
/// ... except changed_blocks.FullBackupError as error:
/// ...     print(error)
/// the bitmap has 3 bytes, but a disk of 2097152 bytes needs 4
#[pyfunction]
#[pyo3(signature = (answer, *, virtual_size=None, block_size=65536, encoding="base64", allow_inconsistent=false, parallel=true))]
pub(crate) fn extents(
    answer: &Bound<'_, PyAny>,
    virtual_size: Option<u64>,
    block_size: u64,
    encoding: &str,
    allow_inconsistent: bool,
    parallel: bool,
) -> Result<Extents, Failure> {
    let scanner = scanner(encoding, geometry(block_size, virtual_size)?, allow_inconsistent, parallel)?;
    let mut input = Input::of_bitmap(answer, encoding.parse()?)?;
    let (ranges, geometry) = answer.py().detach(|| byte_ranges(&scanner, input.source()))?;
    Ok(Extents::new(ranges, geometry))
}

/// The bitmap itself, in memory: one bit a block.
///
/// The arguments are those of `extents`. With `at`, it is the bitmap of blocks of that many bytes, as a backup tool keeps
/// them; it is made at once, and never held at the smaller block size. A larger block is changed if any of it is part of a
/// changed block.
///
/// Raises what `extents` raises.
///
/// >>> import changed_blocks
/// >>> bitmap = changed_blocks.bitmap("ygAAAA==", virtual_size=32 * 65536)
/// >>> len(bitmap), bitmap.count(), bitmap[0], bitmap[2]
/// (32, 4, True, False)
/// >>> blocks = changed_blocks.bitmap("ygAAAA==", virtual_size=32 * 65536, at=1 << 20)
/// >>> list(blocks)
/// [True, False]
#[pyfunction]
#[pyo3(signature = (
    answer, *, virtual_size=None, block_size=65536, encoding="base64", at=None, allow_inconsistent=false, parallel=true
))]
pub(crate) fn bitmap(
    answer: &Bound<'_, PyAny>,
    virtual_size: Option<u64>,
    block_size: u64,
    encoding: &str,
    at: Option<u64>,
    allow_inconsistent: bool,
    parallel: bool,
) -> Result<Bitmap, Failure> {
    let scanner = scanner(encoding, geometry(block_size, virtual_size)?, allow_inconsistent, parallel)?;
    let at = BlockSize::new(at.unwrap_or(block_size))?;
    let mut input = Input::of_bitmap(answer, encoding.parse()?)?;
    Ok(Bitmap(answer.py().detach(|| scanner.bitmap_at(input.source(), at))?))
}

/// The units of a bitmap or of a list.
pub(crate) fn geometry(block_size: u64, virtual_size: Option<u64>) -> changed_blocks::Result<Geometry> {
    let virtual_size = virtual_size.map(VirtualSize::new).transpose()?;
    Ok(Geometry { block_size: BlockSize::new(block_size)?, virtual_size })
}

fn scanner(
    encoding: &str,
    geometry: Geometry,
    allow_inconsistent: bool,
    parallel: bool,
) -> changed_blocks::Result<Scanner> {
    let encoding: Encoding = encoding.parse()?;
    let scanner = Scanner::new(encoding)
        .block_size(geometry.block_size)
        .allow_inconsistent(allow_inconsistent)
        .parallel(parallel && !fork::is_forked());
    Ok(match geometry.virtual_size {
        Some(size) => scanner.virtual_size(size),
        None => scanner,
    })
}

/// The whole list, with a look for signals between batches. Extents become byte ranges while they are in a cache.
fn byte_ranges(scanner: &Scanner, source: Source<'_>) -> Result<(Vec<ByteRange>, Geometry), Failure> {
    let mut signals = Signals::new();
    let mut extents = scanner.iter_extents(source)?;
    let geometry = *extents.geometry();
    let mut ranges = Vec::new();
    loop {
        let is_more = extents.read_more(BATCH_EXTENTS)?;
        let batch = extents.buffered();
        ranges.try_reserve(batch.len()).map_err(|_| PyMemoryError::new_err(()))?;
        geometry.byte_ranges(batch, &mut ranges)?;
        extents.consume();
        if !is_more {
            break;
        }
        signals.check()?;
    }
    ranges.shrink_to_fit();
    Ok((ranges, geometry))
}
