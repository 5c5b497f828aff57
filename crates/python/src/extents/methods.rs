//! The methods of the list, as Python sees them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::{NonZeroU64, NonZeroUsize};

use changed_blocks::shape::{self, SortedRanges};
use changed_blocks::{ByteRange, VirtualSize};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule, PyDict, PySlice};

use super::{Extents, ExtentsIterator, pair, range_of};
use crate::errors::Failure;
use crate::lists::{self, ListOptions};
use crate::{arrow, picture, scan};

/// The arguments of `restore_extents`.
type Restored<'py> = (Bound<'py, PyBytes>, u64, Option<u64>, bool);

#[pymethods]
impl Extents {
    #[new]
    #[pyo3(signature = (ranges, *, virtual_size=None, block_size=65536))]
    fn from_pairs(ranges: &Bound<'_, PyAny>, virtual_size: Option<u64>, block_size: u64) -> Result<Self, Failure> {
        let geometry = scan::geometry(block_size, virtual_size)?;
        let pairs = ranges.try_iter()?.map(|item| range_of(&item?)).collect::<PyResult<Vec<_>>>()?;
        let ranges: Vec<ByteRange> = ranges.py().detach(|| shape::from_unsorted(pairs).collect());
        let end = ranges.last().map_or(0, |range| range.end_bytes());
        if virtual_size.is_some_and(|size| end > size) {
            return Err(Failure::usage(format!("a range ends at {end}, beyond the end of the disk")));
        }
        Ok(Self::new(ranges, geometry))
    }

    /// Reads a list that `cbt` or another tool wrote. `format` is one of `READABLE_FORMATS`; docs/formats.md says of each
    /// what is refused, and why.
    ///
    /// `source` is what `extents` takes; a `str` is the list itself. `virtual_size` is the size of the disk in bytes: a list
    /// that reaches beyond it is refused. `block_size` is for formats that count in blocks without saying their size.
    /// `allow_empty` takes a list without any range for no changes; a program that failed leaves one, too. `context`,
    /// `since` and `allocation` are what a file may not say by itself.
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
        format, source, *, virtual_size=None, block_size=65536, allow_empty=false, context=None, since=None, allocation=false
    ))]
    fn from_format(
        format: &str,
        source: &Bound<'_, PyAny>,
        virtual_size: Option<u64>,
        block_size: u64,
        allow_empty: bool,
        context: Option<String>,
        since: Option<u64>,
        allocation: bool,
    ) -> Result<Self, Failure> {
        let geometry = scan::geometry(block_size, virtual_size)?;
        lists::read(source, format, ListOptions { geometry, allow_empty, context, since, allocation })
    }

    /// The list in one of `WRITABLE_FORMATS`, as `bytes`.
    ///
    /// Raises `ValueError` if the format has to say the size of the disk and that is not known, and for a slice: as a part
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
        Ok(PyBytes::new(py, &text))
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
    fn total_bytes(&self) -> u64 {
        self.total()
    }

    /// Unchanged gaps of at most `max_gap` bytes are read through: the ranges on both sides become one.
    ///
    /// >>> import changed_blocks
    /// >>> changed_blocks.Extents([(0, 10), (12, 8), (23, 7)]).merge_gap(2)
    /// Extents([(0, 20), (23, 7)])
    fn merge_gap(&self, py: Python<'_>, max_gap: u64) -> Result<Self, Failure> {
        self.shape(py, |ranges| Ok(shape::sorted(ranges)?.merge_gaps(max_gap).collect()))
    }

    /// Starts and ends move outward to multiples of `size` bytes, and no further than the end of the disk.
    ///
    /// >>> import changed_blocks
    /// >>> changed_blocks.Extents([(5, 5), (95, 4)], virtual_size=99).align(10)
    /// Extents([(0, 10), (90, 9)], virtual_size=99)
    fn align(&self, py: Python<'_>, size: NonZeroU64) -> Result<Self, Failure> {
        let disk_size = self.geometry.virtual_size;
        self.shape(py, |ranges| Ok(shape::sorted(ranges)?.align(size, disk_size).collect()))
    }

    /// At most `count` ranges that cover these, with the fewest bytes.
    ///
    /// >>> import changed_blocks
    /// >>> changed_blocks.Extents([(0, 10), (12, 8), (23, 7)]).at_most(2)
    /// Extents([(0, 20), (23, 7)])
    fn at_most(&self, py: Python<'_>, count: NonZeroUsize) -> Result<Self, Failure> {
        self.shape(py, |ranges| Ok(shape::sorted(ranges)?.at_most(count).collect()))
    }

    /// Pieces of at most `max_length` bytes, which end where their range ends or on multiples of `max_length`. They may
    /// touch each other, so this comes after all other shapes.
    ///
    /// >>> import changed_blocks
    /// >>> changed_blocks.Extents([(5, 18)]).split(10)
    /// Extents([(5, 5), (10, 10), (20, 3)])
    fn split(&self, py: Python<'_>, max_length: NonZeroU64) -> Result<Self, Failure> {
        self.shape(py, |ranges| Ok(shape::sorted(ranges)?.split(max_length).collect()))
    }

    /// The bytes that are in either: `a | b`.
    fn union(&self, py: Python<'_>, other: &Self) -> Result<Self, Failure> {
        self.combine(py, other, |a, b| Ok(shape::sorted(a)?.union(shape::sorted(b)?).collect()))
    }

    /// The bytes that are in both: `a & b`.
    fn intersection(&self, py: Python<'_>, other: &Self) -> Result<Self, Failure> {
        self.combine(py, other, |a, b| Ok(shape::sorted(a)?.intersection(shape::sorted(b)?).collect()))
    }

    /// The bytes that are here and not in the other: `a - b`.
    fn difference(&self, py: Python<'_>, other: &Self) -> Result<Self, Failure> {
        self.combine(py, other, |a, b| Ok(shape::sorted(a)?.difference(shape::sorted(b)?).collect()))
    }

    /// The bytes that are in exactly one of the two: `a ^ b`.
    fn symmetric_difference(&self, py: Python<'_>, other: &Self) -> Result<Self, Failure> {
        self.combine(py, other, |a, b| Ok(shape::sorted(a)?.symmetric_difference(shape::sorted(b)?).collect()))
    }

    fn __or__(&self, py: Python<'_>, other: &Self) -> Result<Self, Failure> {
        self.union(py, other)
    }

    fn __and__(&self, py: Python<'_>, other: &Self) -> Result<Self, Failure> {
        self.intersection(py, other)
    }

    fn __sub__(&self, py: Python<'_>, other: &Self) -> Result<Self, Failure> {
        self.difference(py, other)
    }

    fn __xor__(&self, py: Python<'_>, other: &Self) -> Result<Self, Failure> {
        self.symmetric_difference(py, other)
    }

    fn __len__(&self) -> usize {
        self.ranges().len()
    }

    fn __getitem__<'py>(&self, py: Python<'py>, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        if let Ok(slice) = index.cast::<PySlice>() {
            return self.slice(slice)?.into_bound_py_any(py);
        }
        let index: isize = index.extract()?;
        let range = self.get(index).ok_or_else(|| PyIndexError::new_err("there is no such range"))?;
        pair(range).into_bound_py_any(py)
    }

    fn __iter__(extents: Bound<'_, Self>) -> ExtentsIterator {
        ExtentsIterator::new(extents.unbind())
    }

    fn __contains__(&self, item: &Bound<'_, PyAny>) -> bool {
        self.place_of(item).is_some()
    }

    /// The place of a range in the list. Raises `ValueError` if it is not there.
    fn index(&self, item: &Bound<'_, PyAny>) -> PyResult<usize> {
        self.place_of(item).ok_or_else(|| PyValueError::new_err("there is no such range"))
    }

    /// How often a range is in the list: once or never.
    fn count(&self, item: &Bound<'_, PyAny>) -> usize {
        usize::from(self.place_of(item).is_some())
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.ranges() == other.ranges()
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.ranges().hash(&mut hasher);
        hasher.finish()
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

    /// For `pickle` and `copy`.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Restored<'py>)> {
        let restore = py.import("changed_blocks._native")?.getattr("restore_extents")?;
        let bytes = PyBytes::new(py, &lists::to_pairs(self.ranges()));
        Ok((restore, (bytes, self.block_size(), self.virtual_size(), self.is_part)))
    }
}
