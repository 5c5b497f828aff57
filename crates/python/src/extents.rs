//! The list of byte ranges: a sequence of `(offset, length)`, whose memory NumPy and Arrow share.
//!
//! Invariant: the memory never changes, and holds pairs of 64-bit numbers. Slices share it.

mod methods;

use arrow_buffer::Buffer;
use changed_blocks::{ByteRange, Geometry};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PySlice;

use crate::errors::Failure;
use crate::{lists, scan};

/// Byte ranges of a disk: a sequence of `(offset, length)`, both in bytes.
///
/// As `extents` gives it, it is sorted, no two ranges overlap or touch, and none is empty. It never changes.
///
/// `Extents(pairs)` makes one of any pairs of numbers: they are sorted, and those that overlap or touch become one.
///
/// NumPy and Arrow take it without a copy: `numpy.asarray(extents)` has the shape `(n, 2)` and the type `uint64`, and
/// `pyarrow.array(extents)` is of fixed-size lists of two. Both are read-only, and keep the memory alive.
///
/// >>> import changed_blocks
/// >>> extents = changed_blocks.extents("ygAAAA==", virtual_size=32 * 65536)
/// >>> extents[0], len(extents), extents.total_bytes
/// ((0, 131072), 3, 262144)
/// >>> extents[1:]
/// Extents([(262144, 65536), (393216, 65536)], virtual_size=2097152)
/// >>> changed_blocks.Extents([(10, 5), (0, 10)])
/// Extents([(0, 15)])
#[pyclass(frozen, sequence, module = "changed_blocks")]
pub(crate) struct Extents {
    pairs: Buffer,
    geometry: Geometry,
    /// Whether it is a part of a list: it says nothing of the rest of the disk.
    is_part: bool,
}

impl Extents {
    pub(crate) fn new(ranges: Vec<ByteRange>, geometry: Geometry) -> Self {
        let pairs = bytemuck::allocation::cast_vec::<ByteRange, u64>(ranges);
        Self { pairs: Buffer::from_vec(pairs), geometry, is_part: false }
    }

    pub(crate) fn ranges(&self) -> &[ByteRange] {
        bytemuck::cast_slice(self.pairs.typed_data::<u64>())
    }

    fn total(&self) -> u64 {
        self.ranges().iter().map(|range| range.len_bytes).sum()
    }

    /// A list that is made of this one.
    fn with(&self, ranges: Vec<ByteRange>) -> Self {
        Self { is_part: self.is_part, ..Self::new(ranges, self.geometry) }
    }

    /// The list that `shaped` makes of this one.
    fn shape(
        &self,
        py: Python<'_>,
        shaped: impl FnOnce(&[ByteRange]) -> changed_blocks::Result<Vec<ByteRange>> + Send,
    ) -> Result<Self, Failure> {
        Ok(self.with(py.detach(|| shaped(self.ranges()))?))
    }

    /// The list that `combined` makes of this one and another.
    fn combine(
        &self,
        py: Python<'_>,
        other: &Self,
        combined: impl FnOnce(&[ByteRange], &[ByteRange]) -> changed_blocks::Result<Vec<ByteRange>> + Send,
    ) -> Result<Self, Failure> {
        let ranges = py.detach(|| combined(self.ranges(), other.ranges()))?;
        let (ours, theirs) = (self.geometry, other.geometry);
        let geometry = Geometry {
            block_size: ours.block_size.min(theirs.block_size),
            // One that is not known may be larger than the other.
            virtual_size: ours.virtual_size.zip(theirs.virtual_size).map(|(a, b)| a.max(b)),
        };
        Ok(Self { is_part: self.is_part || other.is_part, ..Self::new(ranges, geometry) })
    }

    /// The range at a place, which is counted from the end if it is negative.
    fn get(&self, index: isize) -> Option<ByteRange> {
        let place = if index < 0 { self.ranges().len().checked_add_signed(index) } else { index.try_into().ok() };
        self.ranges().get(place?).copied()
    }

    /// The place of a range; nothing if it is not there, or is no range.
    fn place_of(&self, item: &Bound<'_, PyAny>) -> Option<usize> {
        let wanted = range_of(item).ok()?;
        self.ranges().iter().position(|&range| range == wanted)
    }

    fn slice(&self, slice: &Bound<'_, PySlice>) -> PyResult<Self> {
        let len = self.ranges().len();
        let indices = slice.indices(len.try_into()?)?;
        let count = indices.slicelength;
        let is_part = self.is_part || count < len || indices.step != 1;
        if indices.step == 1 {
            let start = usize::try_from(indices.start)?;
            let pairs = self.pairs.slice_with_length(start * size_of::<ByteRange>(), count * size_of::<ByteRange>());
            return Ok(Self { pairs, geometry: self.geometry, is_part });
        }
        let place = |n: usize| indices.start + isize::try_from(n).unwrap_or(0) * indices.step;
        let ranges = (0..count).filter_map(|n| self.ranges().get(usize::try_from(place(n)).ok()?).copied());
        Ok(Self { is_part, ..Self::new(ranges.collect(), self.geometry) })
    }
}

const fn pair(range: ByteRange) -> (u64, u64) {
    (range.offset_bytes, range.len_bytes)
}

/// The offset and the length of any object that gives two numbers.
fn range_of(item: &Bound<'_, PyAny>) -> PyResult<ByteRange> {
    let mut numbers = item.try_iter()?;
    let mut number = || numbers.next().transpose();
    match (number()?, number()?, number()?) {
        (Some(offset), Some(length), None) => {
            Ok(ByteRange { offset_bytes: offset.extract()?, len_bytes: length.extract()? })
        }
        _ => Err(PyValueError::new_err("a range is a pair of numbers: (offset, length)")),
    }
}

/// Goes through the pairs of a list.
#[pyclass(module = "changed_blocks")]
pub(crate) struct ExtentsIterator {
    extents: Py<Extents>,
    next: usize,
}

impl ExtentsIterator {
    const fn new(extents: Py<Extents>) -> Self {
        Self { extents, next: 0 }
    }
}

#[pymethods]
impl ExtentsIterator {
    fn __iter__(iterator: PyRef<'_, Self>) -> PyRef<'_, Self> {
        iterator
    }

    fn __next__(&mut self) -> Option<(u64, u64)> {
        let range = self.extents.get().ranges().get(self.next)?;
        self.next += 1;
        Some(pair(*range))
    }

    fn __length_hint__(&self) -> usize {
        self.extents.get().ranges().len() - self.next
    }
}

/// Makes a list again of what `pickle` has kept of it.
#[pyfunction]
pub(crate) fn restore_extents(
    pairs: &[u8],
    block_size: u64,
    virtual_size: Option<u64>,
    is_part: bool,
) -> Result<Extents, Failure> {
    let geometry = scan::geometry(block_size, virtual_size)?;
    Ok(Extents { is_part, ..Extents::new(lists::from_pairs(pairs), geometry) })
}
