//! The bitmap: one bit a block, with set algebra, and back to text.

use std::hash::{DefaultHasher, Hash, Hasher};

use changed_blocks::{BitOrder, BlockSize, ByteRange, Encoding, Error, Lengths, Scanner, VirtualSize};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::Failure;
use crate::extents::Extents;
use crate::scan;

/// A bitmap: one bit a block, true where it changed.
///
/// `len(bitmap)` is the number of blocks; `bitmap[i]` says whether block `i` changed, and to iterate is to go through all
/// blocks. `block in bitmap` is no question that it answers, since a sequence of `bool` would answer another one. It never
/// changes. Like every sequence, it is true if it has blocks; `any` says whether any of them changed.
///
/// `a | b`, `a & b`, `a - b` and `a ^ b` need bitmaps of the same number of blocks. The methods of the same meaning take
/// `extend=True`, for a disk that has grown: the shorter one is then extended with unchanged blocks. `~a` is what did not
/// change.
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

/// The arguments of `restore_bitmap`.
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

    /// Whether any byte of a range of the disk is part of a block that changed. Both arguments are bytes.
    ///
    /// >>> import changed_blocks
    /// >>> bitmap = changed_blocks.bitmap("YAAAAA==")
    /// >>> bitmap.intersects(0, 65536), bitmap.intersects(0, 65537)
    /// (False, True)
    fn intersects(&self, offset: u64, length: u64) -> bool {
        self.0.intersects(ByteRange { offset_bytes: offset, len_bytes: length })
    }

    /// The numbers of the blocks that changed, as an `array.array` of 64-bit numbers, which NumPy takes without a copy.
    ///
    /// >>> import changed_blocks
    /// >>> changed_blocks.bitmap("ygAAAA==").indexes()
    /// array('Q', [0, 1, 4, 6])
    fn indexes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let indexes: Vec<u64> = py.detach(|| self.0.iter().collect());
        let bytes = PyBytes::new(py, bytemuck::cast_slice(&indexes));
        py.import("array")?.getattr("array")?.call1(("Q", bytes))
    }

    /// The byte ranges that changed.
    ///
    /// Raises `FullBackupError` if one ends beyond 2 to the power of 64: then the block size is wrong.
    pub(crate) fn extents(&self, py: Python<'_>) -> Result<Extents, Failure> {
        Ok(Extents::new(py.detach(|| self.0.byte_ranges())?, *self.0.geometry()))
    }

    /// The bitmap at another block size, in bytes. A larger block is changed if any of it is part of a changed block, a
    /// smaller one if it is part of a changed block.
    ///
    /// Raises `UsageError` unless it is a power of two from 512 to 1 GiB.
    ///
    /// >>> import changed_blocks
    /// >>> changed_blocks.bitmap("ygAAAA==").reblock(1 << 20).indexes()
    /// array('Q', [0])
    fn reblock(&self, py: Python<'_>, block_size: u64) -> Result<Self, Failure> {
        let block_size = BlockSize::new(block_size)?;
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

    fn __invert__(&self, py: Python<'_>) -> Self {
        Self(py.detach(|| self.0.complement()))
    }

    /// The bitmap as the call would answer it: standard base64.
    fn to_base64(&self, py: Python<'_>) -> String {
        py.detach(|| self.0.to_base64())
    }

    /// One `0` or `1` a block.
    ///
    /// >>> import changed_blocks
    /// >>> changed_blocks.bitmap("YA==").to_bits()
    /// '01100000'
    fn to_bits(&self, py: Python<'_>) -> String {
        py.detach(|| self.0.to_bits())
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
        Ok(PyBytes::new(py, &raw))
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(self.0.blocks().try_into()?)
    }

    fn __getitem__(&self, block: i64) -> PyResult<bool> {
        let from_end = self.0.blocks().checked_add_signed(block).filter(|_| block < 0);
        let changed = u64::try_from(block).ok().or(from_end).and_then(|block| self.0.get(block));
        changed.ok_or_else(|| PyIndexError::new_err("the disk does not have that block"))
    }

    fn __iter__(bitmap: Bound<'_, Self>) -> BitmapIterator {
        BitmapIterator { bitmap: bitmap.unbind(), next: 0 }
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.0.hash(&mut hasher);
        hasher.finish()
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let (blocks, size, changed) = (self.0.blocks(), self.block_size(), self.count(py));
        format!("<Bitmap: {changed} of {blocks} blocks of {size} bytes changed>")
    }

    /// For `pickle` and `copy`.
    fn __reduce__<'py>(&self, py: Python<'py>) -> Result<(Bound<'py, PyAny>, Restored<'py>), Failure> {
        let restore = py.import("changed_blocks._native")?.getattr("restore_bitmap")?;
        let raw = PyBytes::new(py, &self.0.try_to_raw(BitOrder::Lsb0)?);
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
#[pyfunction]
pub(crate) fn restore_bitmap(
    raw: &[u8],
    blocks: u64,
    block_size: u64,
    virtual_size: Option<u64>,
) -> Result<Bitmap, Failure> {
    let geometry = scan::geometry(block_size, virtual_size)?;
    let mut bitmap = Scanner::new(Encoding::Raw(BitOrder::Lsb0)).parallel(false).bitmap(raw)?;
    if bitmap.extents().last().is_some_and(|last| last.end_block > blocks) {
        return Err(Error::BlockBeyondEnd { block: blocks, blocks }.into());
    }
    bitmap.try_resize(blocks)?;
    Ok(Bitmap(bitmap.with_geometry(geometry)?))
}
