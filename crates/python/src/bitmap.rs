//! The bitmap: one bit a block, with set algebra, and back to text.
//!
//! Invariant: a question about blocks or bytes that the disk does not have is refused, since the answer "unchanged" may be
//! wrong for a disk that has grown.

use std::hash::{DefaultHasher, Hash, Hasher};

use changed_blocks::{BitOrder, BlockSize, Encoding, Error, Extent, Lengths, ListFault, Place, Source, VirtualSize};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::arguments::{self, number};
use crate::errors::Failure;
use crate::extents::Extents;
use crate::{collect, scan};

/// A bitmap: one bit a block, true where it changed.
///
/// `len(bitmap)` is the number of blocks; `bitmap[i]` says whether block `i` changed, and to iterate is to go through all
/// blocks. `block in bitmap` is no question that it answers, since a sequence of `bool` would answer another one. It never
/// changes. Like every sequence, it is true if it has blocks; `any` says whether any of them changed.
///
/// `a | b`, `a & b`, `a - b` and `a ^ b` need bitmaps of the same number of blocks. The methods of the same meaning take
/// `extend=True`, for a disk that has grown: the shorter one is then extended with unchanged blocks. `~a` is what did not
/// change; without `virtual_size`, that includes the bits that only fill up the last bytes of the answer.
///
/// Bitmaps are equal if they have the same blocks, of the same size, and the same of them are changed. The size of the disk is
/// not compared.
///
/// >>> import changed_blocks
/// >>> monday = changed_blocks.bitmap("YAAAAA==")
/// >>> tuesday = changed_blocks.bitmap("GAAAAA==")
/// >>> (monday | tuesday).to_base64()
/// 'eAAAAA=='
/// >>> (monday | tuesday).extents()
/// Extents([(65536, 262144)])
#[pyclass(frozen, sequence, module = "changed_blocks")]
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Bitmap(pub(crate) changed_blocks::Bitmap);

/// The arguments of `_restore_bitmap`.
type Restored<'py> = (Bound<'py, PyBytes>, u64, u64, Option<u64>);

type Combine =
    fn(&changed_blocks::Bitmap, &changed_blocks::Bitmap, Lengths) -> changed_blocks::Result<changed_blocks::Bitmap>;

impl Bitmap {
    fn combined(&self, py: Python<'_>, other: &Self, extend: bool, combine: Combine) -> Result<Self, Failure> {
        let lengths = if extend { Lengths::Extend } else { Lengths::Equal };
        Ok(Self(py.detach(|| combine(&self.0, &other.0, lengths))?))
    }
}

#[pymethods]
impl Bitmap {
    /// `block in bitmap` would be a question about `True` and `False`.
    #[classattr]
    #[pyo3(name = "__contains__")]
    const CONTAINS: Option<Py<PyAny>> = None;

    /// The size of the disk in bytes, or `None` if it is not known.
    #[getter]
    fn virtual_size(&self) -> Option<u64> {
        self.0.geometry().virtual_size.map(VirtualSize::bytes)
    }

    /// The size of a block in bytes.
    #[getter]
    fn block_size(&self) -> u64 {
        self.0.geometry().block_size.bytes()
    }

    /// The number of blocks that changed.
    ///
    /// >>> import changed_blocks
    /// >>> changed_blocks.bitmap("ygAAAA==").count()
    /// 4
    pub(crate) fn count(&self, py: Python<'_>) -> u64 {
        py.detach(|| self.0.count())
    }

    /// Whether any block changed.
    fn any(&self, py: Python<'_>) -> bool {
        py.detach(|| self.0.any())
    }

    /// Whether any byte of a range of the disk is part of a block that changed. Both arguments are in bytes.
    ///
    /// Raises `UsageError` if the range ends beyond the end of the disk, of which the bitmap knows nothing: if the disk has grown
    /// since, what lies there is new. Where `virtual_size` is not known, the disk ends with the last block.
    ///
    /// >>> import changed_blocks
    /// >>> bitmap = changed_blocks.bitmap("YAAAAA==")
    /// >>> bitmap.intersects(0, 65536), bitmap.intersects(0, 65537)
    /// (False, True)
    fn intersects(&self, offset: &Bound<'_, PyAny>, length: &Bound<'_, PyAny>) -> Result<bool, Failure> {
        let blocks = u128::from(self.0.blocks()) * u128::from(self.block_size());
        let range = arguments::range_on_disk(offset, length, self.virtual_size().map_or(blocks, u128::from))?;
        Ok(offset.py().detach(|| self.0.intersects(range)))
    }

    /// The numbers of the blocks that changed, as an `array.array` of 64-bit numbers, which NumPy takes without a copy.
    ///
    /// >>> import changed_blocks
    /// >>> changed_blocks.bitmap("ygAAAA==").indexes()
    /// array('Q', [0, 1, 4, 6])
    fn indexes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let array = py.import("array")?.getattr("array")?.call1(("Q",))?;
        let mut blocks = self.0.iter();
        let mut batch: Vec<u64> = Vec::new();
        collect::reserve(&mut batch, collect::BATCH)?;
        loop {
            py.check_signals()?;
            batch.clear();
            py.detach(|| batch.extend(blocks.by_ref().take(collect::BATCH)));
            array.call_method1("frombytes", (collect::bytes(py, bytemuck::cast_slice(&batch))?,))?;
            if batch.len() < collect::BATCH {
                return Ok(array);
            }
        }
    }

    /// The byte ranges that changed.
    ///
    /// Raises `FullBackupError` if one ends beyond 2 to the power of 64: then the block size is wrong.
    pub(crate) fn extents(&self, py: Python<'_>) -> Result<Extents, Failure> {
        let geometry = *self.0.geometry();
        py.detach(|| {
            let scanner = scan::scanner(Encoding::Raw(BitOrder::Lsb0), geometry.block_size, true);
            let raw;
            let words = self.0.as_words();
            let bytes = if cfg!(target_endian = "little") {
                bytemuck::cast_slice(words)
            } else {
                raw = self.0.try_to_raw(BitOrder::Lsb0)?;
                &raw
            };
            let (ranges, geometry) = scan::byte_ranges_of(&scanner, Source::from(bytes), Some(geometry))?;
            Ok(Extents::new(ranges, geometry))
        })
    }

    /// The bitmap at another block size, in bytes. A larger block is changed if any of it is part of a changed block, a
    /// smaller one if it is part of a changed block.
    ///
    /// Raises `UsageError` unless it is a power of two from 512 to 1 GiB.
    ///
    /// >>> import changed_blocks
    /// >>> changed_blocks.bitmap("ygAAAA==").reblock(1 << 20).indexes()
    /// array('Q', [0])
    fn reblock(&self, py: Python<'_>, block_size: &Bound<'_, PyAny>) -> Result<Self, Failure> {
        let block_size = BlockSize::new(number(block_size, "block_size")?)?;
        Ok(Self(py.detach(|| self.0.reblock(block_size))?))
    }

    /// The blocks that are changed in either: `a | b`.
    ///
    /// Raises `UsageError` if the block sizes differ, or the lengths without `extend`.
    #[pyo3(signature = (other, *, extend=false))]
    fn union(&self, py: Python<'_>, other: &Self, extend: bool) -> Result<Self, Failure> {
        self.combined(py, other, extend, changed_blocks::Bitmap::union)
    }

    /// The blocks that are changed in both: `a & b`. Raises as `union`.
    #[pyo3(signature = (other, *, extend=false))]
    fn intersection(&self, py: Python<'_>, other: &Self, extend: bool) -> Result<Self, Failure> {
        self.combined(py, other, extend, changed_blocks::Bitmap::intersection)
    }

    /// The blocks that are changed here and not in the other: `a - b`. Raises as `union`.
    #[pyo3(signature = (other, *, extend=false))]
    fn difference(&self, py: Python<'_>, other: &Self, extend: bool) -> Result<Self, Failure> {
        self.combined(py, other, extend, changed_blocks::Bitmap::difference)
    }

    /// The blocks that are changed in exactly one of the two: `a ^ b`. Raises as `union`.
    #[pyo3(signature = (other, *, extend=false))]
    fn symmetric_difference(&self, py: Python<'_>, other: &Self, extend: bool) -> Result<Self, Failure> {
        self.combined(py, other, extend, changed_blocks::Bitmap::symmetric_difference)
    }

    fn __or__(&self, py: Python<'_>, other: &Self) -> Result<Self, Failure> {
        self.union(py, other, false)
    }

    fn __and__(&self, py: Python<'_>, other: &Self) -> Result<Self, Failure> {
        self.intersection(py, other, false)
    }

    fn __sub__(&self, py: Python<'_>, other: &Self) -> Result<Self, Failure> {
        self.difference(py, other, false)
    }

    fn __xor__(&self, py: Python<'_>, other: &Self) -> Result<Self, Failure> {
        self.symmetric_difference(py, other, false)
    }

    fn __invert__(&self, py: Python<'_>) -> Result<Self, Failure> {
        py.detach(|| {
            let mut unchanged = changed_blocks::Bitmap::try_new(self.0.blocks())?;
            unchanged.set(Extent::new(0, self.0.blocks()));
            let mut unchanged = unchanged.with_geometry(*self.0.geometry())?;
            unchanged.subtract(&self.0, Lengths::Equal)?;
            Ok(Self(unchanged))
        })
    }

    /// The bitmap as the call would answer it: standard base64.
    fn to_base64<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyString>, Failure> {
        let text = py.detach(|| self.0.try_to_base64())?;
        Ok(PyString::from_bytes(py, text.as_bytes())?)
    }

    /// One `0` or `1` a block.
    ///
    /// >>> import changed_blocks
    /// >>> changed_blocks.bitmap("YA==").to_bits()
    /// '01100000'
    fn to_bits<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyString>, Failure> {
        let text = py.detach(|| self.0.try_to_bits())?;
        Ok(PyString::from_bytes(py, text.as_bytes())?)
    }

    /// The bytes of the bitmap, as `raw-msb0` or as `raw-lsb0`.
    ///
    /// >>> import changed_blocks
    /// >>> changed_blocks.bitmap("YA==").to_raw()
    /// b'`'
    #[pyo3(signature = (encoding="raw-msb0"))]
    fn to_raw<'py>(&self, py: Python<'py>, encoding: &str) -> Result<Bound<'py, PyBytes>, Failure> {
        let Encoding::Raw(order) = encoding.parse()? else {
            return Err(Failure::usage(format!("{encoding} is not raw: raw-msb0 and raw-lsb0 are")));
        };
        let raw = py.detach(|| self.0.try_to_raw(order))?;
        Ok(collect::bytes(py, &raw)?)
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(self.0.blocks().try_into()?)
    }

    fn __getitem__(&self, block: &Bound<'_, PyAny>) -> PyResult<bool> {
        let changed = arguments::index(block)?.and_then(|block| {
            let block = i64::try_from(block).ok()?;
            let from_end = self.0.blocks().checked_add_signed(block).filter(|_| block < 0);
            u64::try_from(block).ok().or(from_end).and_then(|block| self.0.get(block))
        });
        changed.ok_or_else(|| PyIndexError::new_err("the disk does not have that block"))
    }

    fn __iter__(bitmap: Bound<'_, Self>) -> BitmapIterator {
        BitmapIterator { bitmap: bitmap.unbind(), next: 0 }
    }

    fn __eq__(&self, py: Python<'_>, other: &Self) -> bool {
        py.detach(|| self.0 == other.0)
    }

    fn __hash__(&self, py: Python<'_>) -> u64 {
        py.detach(|| {
            let mut hasher = DefaultHasher::new();
            self.0.hash(&mut hasher);
            hasher.finish()
        })
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let (blocks, size, changed) = (self.0.blocks(), self.block_size(), self.count(py));
        format!("<Bitmap: {changed} of {blocks} blocks of {size} bytes changed>")
    }

    /// It never changes, so it is its own copy.
    fn __copy__(bitmap: Py<Self>) -> Py<Self> {
        bitmap
    }

    fn __deepcopy__(bitmap: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        bitmap
    }

    /// For `pickle`.
    fn __reduce__<'py>(&self, py: Python<'py>) -> Result<(Bound<'py, PyAny>, Restored<'py>), Failure> {
        let restore = py.import("changed_blocks._native")?.getattr("_restore_bitmap")?;
        let raw = collect::bytes(py, &py.detach(|| self.0.try_to_raw(BitOrder::Lsb0))?)?;
        Ok((restore, (raw, self.0.blocks(), self.block_size(), self.virtual_size())))
    }
}

/// Goes through the blocks of a bitmap.
#[pyclass(module = "changed_blocks")]
pub(crate) struct BitmapIterator {
    bitmap: Py<Bitmap>,
    next: u64,
}

#[pymethods]
impl BitmapIterator {
    fn __iter__(iterator: PyRef<'_, Self>) -> PyRef<'_, Self> {
        iterator
    }

    fn __next__(&mut self) -> Option<bool> {
        let changed = self.bitmap.get().0.get(self.next)?;
        self.next += 1;
        Some(changed)
    }

    fn __length_hint__(&self) -> PyResult<usize> {
        Ok((self.bitmap.get().0.blocks() - self.next).try_into()?)
    }
}

/// Makes a bitmap again of what `pickle` has kept of it.
#[pyfunction(name = "_restore_bitmap")]
pub(crate) fn restore_bitmap(
    raw: &[u8],
    blocks: u64,
    block_size: u64,
    virtual_size: Option<u64>,
) -> Result<Bitmap, Failure> {
    let geometry = scan::geometry_of(block_size, virtual_size)?;
    let (found, expected) = (raw.len() as u64, blocks.div_ceil(8));
    if found != expected {
        let fault = format!("has {found} bytes for {blocks} blocks: it was cut short, or is another's");
        return Err(Error::List { place: Place::Byte { offset: 0 }, fault: ListFault::Syntax(fault.into()) }.into());
    }
    let scanner = scan::scanner(Encoding::Raw(BitOrder::Lsb0), geometry.block_size, false);
    let mut bitmap = scanner.bitmap(raw)?;
    if let Some(beyond) = bitmap.cursor().next_changed_from(blocks) {
        return Err(Error::BlockBeyondEnd { block: beyond.start_block, blocks }.into());
    }
    bitmap.try_resize(blocks)?;
    Ok(Bitmap(bitmap.with_geometry(geometry)?))
}
