//! The list of byte ranges: a sequence of `(offset, length)`, whose memory NumPy and Arrow share.
//!
//! Invariant: the memory never changes, and holds pairs of 64-bit numbers. Slices share it. A list that is no part of another
//! is sorted, and no two of its ranges overlap; they touch only after a split.

mod iterator;
mod make;
mod methods;

use arrow_buffer::Buffer;
use changed_blocks::shape::{self, SortedRanges};
use changed_blocks::{ByteRange, Geometry, VirtualSize};
use pyo3::prelude::*;
use pyo3::types::PySlice;

use crate::collect;
use crate::errors::Failure;

pub(crate) use make::restore;

/// Byte ranges of a disk: a sequence of `(offset, length)`, both in bytes.
///
/// As `extents` gives it, it is sorted, no two ranges overlap or touch, and none is empty. It never changes. Pieces that
/// `split` makes may touch each other.
///
/// `Extents(pairs)` makes one of any pairs of numbers: they are sorted, those that overlap or touch become one, and empty ones
/// are left out. A range that ends beyond `virtual_size`, or at 2 to the power of 64 or beyond, is refused, never cut. Of
/// another `Extents`, what is not said otherwise stays: its sizes, and that it is a slice.
///
/// `pair in extents` asks whether the list has exactly that item. Whether bytes changed is a question to `intersects`.
///
/// Lists are equal if their ranges are. The sizes of disk and blocks are not compared, nor whether it is a slice.
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

/// An operation on two lists of ranges.
type Combine = fn(&[ByteRange], &[ByteRange]) -> PyResult<Vec<ByteRange>>;

impl Extents {
    pub(crate) fn new(ranges: Vec<ByteRange>, geometry: Geometry) -> Self {
        let pairs = bytemuck::allocation::cast_vec::<ByteRange, u64>(ranges);
        Self { pairs: Buffer::from_vec(pairs), geometry, is_part: false }
    }

    pub(crate) fn ranges(&self) -> &[ByteRange] {
        bytemuck::cast_slice(self.pairs.typed_data::<u64>())
    }

    /// The list that `shaped` makes of this one.
    fn shape(
        &self,
        py: Python<'_>,
        shaped: impl FnOnce(&[ByteRange]) -> PyResult<Vec<ByteRange>> + Send,
    ) -> Result<Self, Failure> {
        let ranges = py.detach(|| shaped(self.ranges()))?;
        Ok(Self { is_part: self.is_part, ..Self::new(ranges, self.geometry) })
    }

    /// The list that `combined` makes of this one and another.
    fn combine(&self, py: Python<'_>, other: &Self, extend: bool, combined: Combine) -> Result<Self, Failure> {
        let geometry = Geometry {
            block_size: self.geometry.block_size.min(other.geometry.block_size),
            virtual_size: self.common_size(other, extend)?,
        };
        let ranges = py.detach(|| combined(self.ranges(), other.ranges()))?;
        Ok(Self { is_part: self.is_part || other.is_part, ..Self::new(ranges, geometry) })
    }

    /// The size of the disk of both. Lists of disks of different sizes are not the same disk's, unless it has grown.
    fn common_size(&self, other: &Self, extend: bool) -> Result<Option<VirtualSize>, Failure> {
        let (ours, theirs) = (self.geometry.virtual_size, other.geometry.virtual_size);
        if let (Some(a), Some(b)) = (ours, theirs)
            && a != b
            && !extend
        {
            return Err(Failure::usage_with_hint(
                format!("one list is of a disk of {} bytes and the other of {}", a.bytes(), b.bytes()),
                "if the disk has grown in between, call the method with extend=True, as union(other, extend=True)",
            ));
        }
        let size = ours.max(theirs);
        let end = self.end_bytes().max(other.end_bytes());
        match size.map(VirtualSize::bytes) {
            Some(size) if end > size => Err(Failure::usage(format!(
                "one list has a range that ends at {end}, the other is of a disk of {size}"
            ))),
            _ => Ok(size),
        }
    }

    /// Where the last range ends.
    fn end_bytes(&self) -> u64 {
        let last = if self.is_part { self.ranges().iter().max() } else { self.ranges().last() };
        last.map_or(0, |range| range.end_bytes())
    }

    /// The range at a place, which is counted from the end if it is negative.
    fn get(&self, index: isize) -> Option<ByteRange> {
        let place = if index < 0 { self.ranges().len().checked_add_signed(index) } else { index.try_into().ok() };
        self.ranges().get(place?).copied()
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
        Ok(Self { is_part, ..Self::new(collect::collect(ranges.fuse())?, self.geometry) })
    }
}

/// The list as the library takes it: pieces that touch are one range again.
fn sorted(ranges: &[ByteRange]) -> PyResult<impl SortedRanges> {
    shape::pieces(ranges).map_err(|error| Failure::from(error).into())
}
