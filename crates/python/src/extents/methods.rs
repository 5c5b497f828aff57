//! The methods of the list, as Python sees them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::{NonZeroU64, NonZeroUsize};

use changed_blocks::shape::SortedRanges;
use changed_blocks::{ByteRange, VirtualSize};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyIndexError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule, PyDict, PySlice};

use super::iterator::ExtentsIterator;
use super::{Extents, make, sorted};
use crate::arguments::{self, Keyword, PairFault, number, positive};
use crate::collect::{self, collect};
use crate::errors::Failure;
use crate::lists::{self, ListOptions};
use crate::{arrow, picture, scan};

/// The arguments of `_restore_extents`.
type Restored<'py> = (Bound<'py, PyBytes>, u64, Option<u64>, bool);

pub(super) const fn pair(range: ByteRange) -> (u64, u64) {
    (range.offset_bytes, range.len_bytes)
}

/// A pair that is asked for in a list; nothing if its numbers are none that a list may have.
fn wanted(item: &Bound<'_, PyAny>) -> PyResult<Option<ByteRange>> {
    match arguments::pair_of(item) {
        Ok(range) => Ok(Some(range)),
        Err(PairFault::OutOfRange(_)) => Ok(None),
        Err(PairFault::Raised(error)) => Err(error),
        Err(PairFault::NoPair(_)) => {
            let found = arguments::kind_of(item);
            Err(PyTypeError::new_err(format!(
                "an item is a pair (offset, length), not {found}; whether bytes changed is asked by intersects(offset, length)"
            )))
        }
    }
}

impl Extents {
    /// The place of a range among those of a slice.
    fn place_of(&self, item: &Bound<'_, PyAny>, slice: &Bound<'_, PySlice>) -> PyResult<Option<usize>> {
        let Some(wanted) = wanted(item)? else { return Ok(None) };
        let indices = slice.indices(self.ranges().len().try_into()?)?;
        let (start, stop) = (usize::try_from(indices.start)?, usize::try_from(indices.stop)?);
        let within = self.ranges().get(start..stop).unwrap_or_default();
        let place = item.py().detach(|| within.iter().position(|&range| range == wanted));
        Ok(place.map(|place| start + place))
    }
}

#[pymethods]
impl Extents {
    #[new]
    #[pyo3(
        signature = (ranges, *, virtual_size=Keyword::LeftOut, block_size=Keyword::LeftOut),
        text_signature = "(ranges, *, virtual_size=..., block_size=65536)"
    )]
    fn from_pairs(
        ranges: &Bound<'_, PyAny>,
        virtual_size: Keyword<'_>,
        block_size: Keyword<'_>,
    ) -> Result<Self, Failure> {
        let mut geometry = scan::geometry(&block_size, &virtual_size)?;
        let Ok(list) = ranges.cast::<Self>() else { return make::from_pairs(ranges, geometry) };
        let list = list.get();
        geometry.virtual_size = geometry.virtual_size.or(list.geometry.virtual_size);
        if matches!(block_size, Keyword::LeftOut) {
            geometry.block_size = list.geometry.block_size;
        }
        make::from_list(ranges.py(), list, geometry)
    }

    /// Reads a list that `cbt` or another tool wrote. `format` is one of `READABLE_FORMATS`; docs/formats.md says of each
    /// what is refused, and why.
    ///
    /// `source` is what `extents` takes; a `str` is the list itself. `virtual_size` is the size of the disk in bytes: a list
    /// that reaches beyond it is refused. `block_size` is for formats that count in blocks without saying their size.
    /// `allow_empty` takes a list without any range for no changes; a program that failed leaves one, too. `context`,
    /// `since` and `allocation` are what a file may not say by itself: its content, the snapshot since which blocks count
    /// as changed, and whether to take what is allocated for what changed. Each is for some formats, and refused for others.
    ///
    /// Raises what `extents` raises.
    ///
    /// >>> import changed_blocks
    /// >>> changed_blocks.Extents.from_format("text", "0 65536\n65536 4096\n")
    /// Extents([(0, 69632)])
    /// >>> try:
    /// ...     changed_blocks.Extents.from_format("text", "0 65536\n65536 40")
    /// ... except changed_blocks.FullBackupError as error:
    /// ...     print(error)
    /// line 2 at offset 8 does not end as it should: it may have been cut short
    #[staticmethod]
    #[expect(clippy::too_many_arguments, reason = "all but two are keywords")]
    #[pyo3(signature = (
        format, source, *, virtual_size=Keyword::LeftOut, block_size=Keyword::LeftOut, allow_empty=false, context=None,
        since=None, allocation=false
    ), text_signature = "(format, source, *, virtual_size=..., block_size=65536, allow_empty=False, context=None, since=None, \
                         allocation=False)")]
    fn from_format(
        format: &str,
        source: &Bound<'_, PyAny>,
        virtual_size: Keyword<'_>,
        block_size: Keyword<'_>,
        allow_empty: bool,
        context: Option<String>,
        since: Option<&Bound<'_, PyAny>>,
        allocation: bool,
    ) -> Result<Self, Failure> {
        let geometry = scan::geometry(&block_size, &virtual_size)?;
        let since = since.map(|since| number(since, "since")).transpose()?;
        lists::read(source, format, ListOptions { geometry, allow_empty, context, since, allocation })
    }

    /// The list in one of `WRITABLE_FORMATS`, as `bytes`.
    ///
    /// Raises `UsageError` if the format has to say the size of the disk and that is not known, and for a slice: as a part
    /// of a list, it would call changed bytes unchanged.
    ///
    /// >>> import changed_blocks
    /// >>> changed_blocks.extents("ygAAAA==").to_format("csv")
    /// b'offset,length\n0,131072\n262144,65536\n393216,65536\n'
    fn to_format<'py>(&self, py: Python<'py>, format: &str) -> Result<Bound<'py, PyBytes>, Failure> {
        if self.is_part {
            return Err(Failure::usage("a slice says nothing of the rest of the disk: write the whole list"));
        }
        let text = py.detach(|| lists::write(self.ranges(), &self.geometry, format))?;
        Ok(collect::bytes(py, &text)?)
    }

    /// The size of the disk in bytes, or `None` if it is not known.
    #[getter]
    fn virtual_size(&self) -> Option<u64> {
        self.geometry.virtual_size.map(VirtualSize::bytes)
    }

    /// The size of a block in bytes.
    #[getter]
    fn block_size(&self) -> u64 {
        self.geometry.block_size.bytes()
    }

    /// The number of bytes in all ranges together.
    #[getter]
    fn total_bytes(&self, py: Python<'_>) -> u64 {
        py.detach(|| self.ranges().iter().map(|range| range.len_bytes).sum())
    }

    /// Whether any byte of a range of the disk is in the list. Both arguments are in bytes.
    ///
    /// Raises `UsageError` if the range ends beyond the end of the disk, of which the list knows nothing, and for a slice,
    /// which knows nothing of the rest of the disk.
    ///
    /// >>> import changed_blocks
    /// >>> extents = changed_blocks.extents("YAAAAA==", virtual_size=32 * 65536)
    /// >>> extents.intersects(0, 65536), extents.intersects(0, 65537)
    /// (False, True)
    fn intersects(&self, offset: &Bound<'_, PyAny>, length: &Bound<'_, PyAny>) -> Result<bool, Failure> {
        if self.is_part {
            return Err(Failure::usage("a slice says nothing of the rest of the disk: ask the whole list"));
        }
        let end_of_disk = self.virtual_size().map_or(1 << 64, u128::from);
        let range = arguments::range_on_disk(offset, length, end_of_disk)?;
        // The end may be at 2^64, which is no offset of a byte.
        let reaches = |other: &ByteRange| {
            u128::from(range.offset_bytes) + u128::from(range.len_bytes) > u128::from(other.offset_bytes)
        };
        let first = self.ranges().partition_point(|other| other.end_bytes() <= range.offset_bytes);
        Ok(range.len_bytes > 0 && self.ranges().get(first).is_some_and(reaches))
    }

    /// Unchanged gaps of at most `max_gap` bytes are read through: the ranges on both sides become one. So do pieces that
    /// touch each other, here and in all other shapes.
    ///
    /// >>> import changed_blocks
    /// >>> changed_blocks.Extents([(0, 10), (12, 8), (23, 7)]).merge_gap(2)
    /// Extents([(0, 20), (23, 7)])
    fn merge_gap(&self, py: Python<'_>, max_gap: &Bound<'_, PyAny>) -> Result<Self, Failure> {
        let max_gap = number(max_gap, "max_gap")?;
        self.shape(py, |ranges| collect(sorted(ranges)?.merge_gaps(max_gap)))
    }

    /// Starts and ends move outward to multiples of `size` bytes, and no further than the end of the disk.
    ///
    /// >>> import changed_blocks
    /// >>> changed_blocks.Extents([(5, 5), (95, 4)], virtual_size=99).align(10)
    /// Extents([(0, 10), (90, 9)], virtual_size=99)
    fn align(&self, py: Python<'_>, size: &Bound<'_, PyAny>) -> Result<Self, Failure> {
        let (size, disk_size) = (positive(size, "size")?, self.geometry.virtual_size);
        self.shape(py, |ranges| collect(sorted(ranges)?.align(size, disk_size)))
    }

    /// At most `count` ranges that cover these, with the fewest bytes.
    ///
    /// >>> import changed_blocks
    /// >>> changed_blocks.Extents([(0, 10), (12, 8), (23, 7)]).at_most(2)
    /// Extents([(0, 20), (23, 7)])
    fn at_most(&self, py: Python<'_>, count: &Bound<'_, PyAny>) -> Result<Self, Failure> {
        let count: NonZeroU64 = positive(count, "count")?;
        // No list has more ranges than there are addresses.
        let count = count.try_into().unwrap_or(NonZeroUsize::MAX);
        self.shape(py, |ranges| collect(sorted(ranges)?.at_most(count)))
    }

    /// Pieces of at most `max_length` bytes, which end where their range ends or on multiples of `max_length`. They may
    /// touch each other. Every other shape, and each set operation, puts them together again, so this one comes last.
    ///
    /// >>> import changed_blocks
    /// >>> pieces = changed_blocks.Extents([(5, 18)]).split(10)
    /// >>> pieces
    /// Extents([(5, 5), (10, 10), (20, 3)])
    /// >>> pieces - changed_blocks.Extents([(20, 1)])
    /// Extents([(5, 15), (21, 2)])
    fn split(&self, py: Python<'_>, max_length: &Bound<'_, PyAny>) -> Result<Self, Failure> {
        let max_length = positive(max_length, "max_length")?;
        self.shape(py, |ranges| collect(sorted(ranges)?.split(max_length)))
    }

    /// The bytes that are in either: `a | b`.
    ///
    /// Raises `UsageError` if the sizes of the disks are known and differ, without `extend`, which is for a disk that has grown:
    /// the list of the smaller one then says nothing of the rest, and the size is that of the larger one. A size that only
    /// one list knows is that of both.
    #[pyo3(signature = (other, *, extend=false))]
    fn union(&self, py: Python<'_>, other: &Self, extend: bool) -> Result<Self, Failure> {
        self.combine(py, other, extend, |a, b| collect(sorted(a)?.union(sorted(b)?)))
    }

    /// The bytes that are in both: `a & b`. Raises as `union`.
    #[pyo3(signature = (other, *, extend=false))]
    fn intersection(&self, py: Python<'_>, other: &Self, extend: bool) -> Result<Self, Failure> {
        self.combine(py, other, extend, |a, b| collect(sorted(a)?.intersection(sorted(b)?)))
    }

    /// The bytes that are here and not in the other: `a - b`. Raises as `union`.
    #[pyo3(signature = (other, *, extend=false))]
    fn difference(&self, py: Python<'_>, other: &Self, extend: bool) -> Result<Self, Failure> {
        self.combine(py, other, extend, |a, b| collect(sorted(a)?.difference(sorted(b)?)))
    }

    /// The bytes that are in exactly one of the two: `a ^ b`. Raises as `union`.
    #[pyo3(signature = (other, *, extend=false))]
    fn symmetric_difference(&self, py: Python<'_>, other: &Self, extend: bool) -> Result<Self, Failure> {
        self.combine(py, other, extend, |a, b| collect(sorted(a)?.symmetric_difference(sorted(b)?)))
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

    fn __len__(&self) -> usize {
        self.ranges().len()
    }

    fn __getitem__<'py>(&self, py: Python<'py>, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        if let Ok(slice) = index.cast::<PySlice>() {
            return self.slice(slice)?.into_bound_py_any(py);
        }
        let index = arguments::index(index)?;
        let range = index.and_then(|index| self.get(index));
        let range = range.ok_or_else(|| PyIndexError::new_err("there is no such range"))?;
        pair(range).into_bound_py_any(py)
    }

    fn __iter__(extents: Bound<'_, Self>) -> ExtentsIterator {
        ExtentsIterator::new(extents.unbind())
    }

    fn __contains__(&self, item: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.place_of(item, &PySlice::full(item.py()))?.is_some())
    }

    /// The place of a range in the list, or in its part from `start` to `stop`. Raises `ValueError` if it is not there.
    #[pyo3(signature = (value, start=0, stop=isize::MAX))]
    fn index(&self, value: &Bound<'_, PyAny>, start: isize, stop: isize) -> PyResult<usize> {
        let place = self.place_of(value, &PySlice::new(value.py(), start, stop, 1))?;
        place.ok_or_else(|| PyValueError::new_err("there is no such range"))
    }

    /// How often a range is in the list: once or never.
    fn count(&self, value: &Bound<'_, PyAny>) -> PyResult<usize> {
        Ok(usize::from(self.__contains__(value)?))
    }

    fn __eq__(&self, py: Python<'_>, other: &Self) -> bool {
        py.detach(|| self.ranges() == other.ranges())
    }

    fn __hash__(&self, py: Python<'_>) -> u64 {
        py.detach(|| {
            let mut hasher = DefaultHasher::new();
            self.ranges().hash(&mut hasher);
            hasher.finish()
        })
    }

    fn __repr__(&self) -> String {
        picture::text(self.ranges(), &self.geometry)
    }

    /// A picture of the disk, for notebooks.
    fn _repr_html_(&self) -> String {
        picture::html(self.ranges(), &self.geometry)
    }

    /// The memory, for NumPy.
    #[getter]
    fn __array_interface__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let interface = PyDict::new(py);
        interface.set_item("version", 3)?;
        interface.set_item("shape", (self.ranges().len(), 2))?;
        interface.set_item("typestr", if cfg!(target_endian = "little") { "<u8" } else { ">u8" })?;
        // Read-only.
        interface.set_item("data", (self.pairs.as_ptr().expose_provenance(), true))?;
        Ok(interface)
    }

    /// The type of the array, for Arrow: a capsule.
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        arrow::schema(py)
    }

    /// The memory, for Arrow: capsules of the type and of the array. A consumer that asks for another type converts it.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<(Bound<'py, PyCapsule>, Bound<'py, PyCapsule>)> {
        let _ = requested_schema;
        Ok((arrow::schema(py)?, arrow::array(py, self.pairs.clone())?))
    }

    /// It never changes, so it is its own copy.
    fn __copy__(extents: Py<Self>) -> Py<Self> {
        extents
    }

    fn __deepcopy__(extents: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        extents
    }

    /// For `pickle`.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Restored<'py>)> {
        let restore = py.import("changed_blocks._native")?.getattr("_restore_extents")?;
        let numbers: &[u64] = bytemuck::cast_slice(self.ranges());
        let bytes = collect::little_endian(py, numbers)?;
        Ok((restore, (bytes, self.block_size(), self.virtual_size(), self.is_part)))
    }
}
