//! The functions that read a bitmap: to a list of byte ranges, or to the bitmap itself.

use changed_blocks::cbtlog::Uuid;
use changed_blocks::{BlockSize, ByteRange, Encoding, Geometry, Scanner, Source, VirtualSize};
use pyo3::prelude::*;

use crate::arguments::{self, Keyword};
use crate::bitmap::Bitmap;
use crate::errors::Failure;
use crate::extents::Extents;
use crate::input::{self, Input};
use crate::signals::Signals;
use crate::{collect, fork};

/// How many extents are turned into byte ranges at a time, or so: enough to be worth the work of all threads.
const BATCH_EXTENTS: usize = 1 << 20;

/// The byte ranges that a backup has to read.
///
/// `answer` is the bitmap: the `str` that the call answered with, `bytes` or any other buffer of bytes, a path
/// (`pathlib.Path`), or a binary file object, which is read to its end. `str` and `bytes` are not copied; another buffer is,
/// since other threads may write to it.
///
/// `virtual_size` is the size of the disk in bytes. Give it wherever it is known: without it, an answer that was cut short
/// cannot always be told from a whole one, and the last range is not cut off where the disk ends. Where it is not known,
/// leave it out: `None` is refused, so that a size that got lost on the way does not switch the check off.
///
/// `block_size` is how many bytes of the disk one bit stands for: a power of two from 512 to 1 GiB. `encoding` is one of
/// `ENCODINGS`. With `parallel=False` one thread does all, as is best where many disks are read at a time.
///
/// `allow_inconsistent` reads a `.cbtlog` that was not closed: **changes may be missing from it**, of which a `ChainWarning`
/// tells. For other encodings it has no meaning.
///
/// Other threads of Python run meanwhile, and Ctrl-C ends the call.
///
/// Raises a subclass of `Error` if anything is wrong with the bitmap or a number, `TypeError` for an argument of another
/// type, `OSError` if a path cannot be opened, and whatever the file object raises. There is never a partial list.
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
#[pyo3(
    signature = (
        answer, *, virtual_size=Keyword::LeftOut, block_size=Keyword::LeftOut, encoding="base64", allow_inconsistent=false,
        parallel=true
    ),
    text_signature = "(answer, *, virtual_size=..., block_size=65536, encoding='base64', allow_inconsistent=False, \
                      parallel=True)"
)]
pub(crate) fn extents(
    answer: &Bound<'_, PyAny>,
    virtual_size: Keyword<'_>,
    block_size: Keyword<'_>,
    encoding: &str,
    allow_inconsistent: bool,
    parallel: bool,
) -> Result<Extents, Failure> {
    let reading = Reading::new(encoding, geometry(&block_size, &virtual_size)?, parallel)?;
    let (ranges, geometry) = reading.read(answer, allow_inconsistent, byte_ranges)?;
    Ok(Extents::new(ranges, geometry))
}

/// The bitmap itself, in memory: one bit a block.
///
/// The arguments are those of `extents`. With `at`, a block size in bytes, it is the bitmap of blocks of that size, as a backup
/// tool keeps them; it is made at once, and a bitmap of smaller blocks is never held. A larger block is changed if any of it
/// is part of a changed block, a smaller one if it is part of a changed block.
///
/// Raises what `extents` raises. Ctrl-C ends the reading of a file object; otherwise it waits until the call is done.
///
/// >>> import changed_blocks
/// >>> bitmap = changed_blocks.bitmap("ygAAAA==", virtual_size=32 * 65536)
/// >>> len(bitmap), bitmap.count(), bitmap[0], bitmap[2]
/// (32, 4, True, False)
/// >>> blocks = changed_blocks.bitmap("ygAAAA==", virtual_size=32 * 65536, at=1 << 20)
/// >>> list(blocks)
/// [True, False]
#[pyfunction]
#[pyo3(
    signature = (
        answer, *, virtual_size=Keyword::LeftOut, block_size=Keyword::LeftOut, encoding="base64", at=None,
        allow_inconsistent=false, parallel=true
    ),
    text_signature = "(answer, *, virtual_size=..., block_size=65536, encoding='base64', at=None, allow_inconsistent=False, \
                      parallel=True)"
)]
pub(crate) fn bitmap(
    answer: &Bound<'_, PyAny>,
    virtual_size: Keyword<'_>,
    block_size: Keyword<'_>,
    encoding: &str,
    at: Option<&Bound<'_, PyAny>>,
    allow_inconsistent: bool,
    parallel: bool,
) -> Result<Bitmap, Failure> {
    let geometry = geometry(&block_size, &virtual_size)?;
    let at = at.map(|at| Ok::<_, Failure>(BlockSize::new(arguments::number(at, "at")?)?)).transpose()?;
    let at = at.unwrap_or(geometry.block_size);
    let reading = Reading::new(encoding, geometry, parallel)?;
    Ok(Bitmap(reading.read(answer, allow_inconsistent, |scanner, source| Ok(scanner.bitmap_at(source, at)?))?))
}

/// The block size unless a caller says otherwise.
const DEFAULT_BLOCK_BYTES: u64 = BlockSize::DEFAULT.bytes();

/// The units of a bitmap or of a list, as a caller gave them.
pub(crate) fn geometry(block_size: &Keyword<'_>, virtual_size: &Keyword<'_>) -> Result<Geometry, Failure> {
    let block_size = block_size.number("block_size")?.unwrap_or(DEFAULT_BLOCK_BYTES);
    Ok(geometry_of(block_size, virtual_size.number("virtual_size")?)?)
}

pub(crate) fn geometry_of(block_size: u64, virtual_size: Option<u64>) -> changed_blocks::Result<Geometry> {
    let virtual_size = virtual_size.map(VirtualSize::new).transpose()?;
    Ok(Geometry { block_size: BlockSize::new(block_size)?, virtual_size })
}

/// The facts about a bitmap that a caller gave.
struct Reading {
    scanner: Scanner,
    encoding: Encoding,
}

impl Reading {
    fn new(encoding: &str, geometry: Geometry, parallel: bool) -> changed_blocks::Result<Self> {
        let encoding: Encoding = encoding.parse()?;
        let scanner = scanner(encoding, geometry.block_size, parallel);
        let scanner = match geometry.virtual_size {
            Some(size) => scanner.virtual_size(size),
            None => scanner,
        };
        Ok(Self { scanner, encoding })
    }

    /// Has `work` done without the interpreter's lock. A log that is not consistent is read only with a warning.
    fn read<T: Send>(
        self,
        answer: &Bound<'_, PyAny>,
        allow_inconsistent: bool,
        work: impl FnOnce(&Scanner, Source<'_>) -> Result<T, Failure> + Send,
    ) -> Result<T, Failure> {
        let py = answer.py();
        let mut input = Input::of_bitmap(answer, self.encoding)?;
        let may_lack_changes = allow_inconsistent
            && self.encoding == Encoding::CbtLog
            && input.header()?.is_some_and(|header| !header.consistent);
        let scanner = self.scanner.allow_inconsistent(may_lack_changes);
        let result = py.detach(|| work(&scanner, input.source())).map_err(|failure| input::advised(answer, failure))?;
        if may_lack_changes {
            let message = "the log is not marked as consistent: changes may be missing from it";
            warn(py, message, "not-consistent", None)?;
        }
        Ok(result)
    }
}

/// Warns of a log that an answer is made of.
pub(crate) fn warn(py: Python<'_>, message: &str, kind: &str, uuid: Option<Uuid>) -> PyResult<()> {
    let warning = py.import("changed_blocks.errors")?.getattr("ChainWarning")?.call1((message, kind, uuid))?;
    py.import("warnings")?.getattr("warn")?.call1((warning,))?;
    Ok(())
}

pub(crate) fn scanner(encoding: Encoding, block_size: BlockSize, parallel: bool) -> Scanner {
    Scanner::new(encoding).block_size(block_size).parallel(parallel && !fork::is_forked())
}

/// The whole list, with a look for signals between batches. Extents become byte ranges while they are in a cache.
pub(crate) fn byte_ranges(scanner: &Scanner, source: Source<'_>) -> Result<(Vec<ByteRange>, Geometry), Failure> {
    byte_ranges_of(scanner, source, None)
}

/// As [`byte_ranges`], of a disk of which more is known than the scanner was told.
pub(crate) fn byte_ranges_of(
    scanner: &Scanner,
    source: Source<'_>,
    geometry: Option<Geometry>,
) -> Result<(Vec<ByteRange>, Geometry), Failure> {
    let mut signals = Signals::new();
    let mut extents = scanner.iter_extents(source)?;
    let geometry = geometry.unwrap_or(*extents.geometry());
    let mut ranges = Vec::new();
    loop {
        let is_more = extents.read_more(BATCH_EXTENTS)?;
        let batch = extents.buffered();
        collect::reserve(&mut ranges, batch.len())?;
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
