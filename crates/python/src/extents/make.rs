//! Lists that come from elsewhere: pairs of numbers, and what `pickle` has kept.
//!
//! Invariant: nothing is cut or left out to make it fit. A list that is wrong is refused.

use changed_blocks::shape;
use changed_blocks::{ByteRange, Error, Geometry, ListFault, Place, VirtualSize};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::Extents;
use crate::arguments::{PairFault, pair_of};
use crate::errors::Failure;
use crate::signals::Signals;
use crate::{collect, scan};

/// The list that is made of any pairs.
pub(super) fn from_pairs(pairs: &Bound<'_, PyAny>, geometry: Geometry) -> Result<Extents, Failure> {
    let py = pairs.py();
    let size = geometry.virtual_size.map(VirtualSize::bytes);
    let mut signals = Signals::new();
    let mut ranges = Vec::new();
    for (index, item) in pairs.try_iter()?.enumerate() {
        let range = pair_of(&item?).map_err(|fault| of_item(index, fault))?;
        check(range, size).map_err(|fault| Failure::usage(format!("item {index} {fault}")))?;
        collect::reserve(&mut ranges, 1)?;
        ranges.push(range);
        if index % collect::BATCH == 0 {
            py.detach(|| signals.check())?;
        }
    }
    let ranges = py.detach(|| collect::collect(shape::from_unsorted(ranges)))?;
    Ok(Extents::new(ranges, geometry))
}

/// The list that is made of another: as that, but in order, and with these sizes.
pub(super) fn from_list(py: Python<'_>, list: &Extents, geometry: Geometry) -> Result<Extents, Failure> {
    let end = list.end_bytes();
    if let Some(size) = geometry.virtual_size.map(VirtualSize::bytes).filter(|&size| end > size) {
        return Err(Failure::usage(format!("a range ends at {end}, beyond the end of the disk at {size}")));
    }
    let ranges = py.detach(|| {
        let mut ranges = Vec::new();
        collect::reserve(&mut ranges, list.ranges().len())?;
        ranges.extend_from_slice(list.ranges());
        collect::collect(shape::from_unsorted(ranges))
    })?;
    Ok(Extents { is_part: list.is_part, ..Extents::new(ranges, geometry) })
}

fn of_item(index: usize, fault: PairFault) -> Failure {
    match fault {
        PairFault::NoPair(fault) => PyTypeError::new_err(format!("item {index} {fault}")).into(),
        PairFault::OutOfRange(fault) => Failure::usage(format!("item {index} {fault}")),
        PairFault::Raised(error) => error.into(),
    }
}

/// The fault of a range that is not on the disk.
fn check(range: ByteRange, size: Option<u64>) -> Result<(), String> {
    let ByteRange { offset_bytes: offset, len_bytes: length } = range;
    match (offset.checked_add(length), size) {
        (None, _) => Err(format!("is {length} bytes at {offset}, which ends beyond 2^64 - 1")),
        (Some(end), Some(size)) if end > size => {
            Err(format!("is {length} bytes at {offset}, which ends at {end}, beyond the end of the disk at {size}"))
        }
        _ => Ok(()),
    }
}

/// Makes a list again of what `pickle` has kept of it.
#[pyfunction(name = "_restore_extents")]
pub(crate) fn restore(
    pairs: &[u8],
    block_size: u64,
    virtual_size: Option<u64>,
    is_part: bool,
) -> Result<Extents, Failure> {
    let geometry = scan::geometry_of(block_size, virtual_size)?;
    let (numbers, rest) = pairs.as_chunks::<8>();
    let (numbers, odd) = numbers.as_chunks::<2>();
    if !rest.is_empty() || !odd.is_empty() {
        return Err(damaged(pairs.len(), "ends within a range: it was cut short".to_owned()));
    }
    let mut ranges = Vec::new();
    collect::reserve(&mut ranges, numbers.len())?;
    let mut end = 0;
    for (index, &[offset, length]) in numbers.iter().enumerate() {
        let range = ByteRange { offset_bytes: u64::from_le_bytes(offset), len_bytes: u64::from_le_bytes(length) };
        let fault = match check(range, virtual_size) {
            Ok(()) if range.len_bytes == 0 => Some("is empty".to_owned()),
            // A slice may have its ranges in any order.
            Ok(()) if !is_part && range.offset_bytes < end => {
                Some("begins before the end of the one before".to_owned())
            }
            Ok(()) => None,
            Err(fault) => Some(fault),
        };
        if let Some(fault) = fault {
            return Err(damaged(index * size_of::<ByteRange>(), fault));
        }
        end = range.end_bytes();
        ranges.push(range);
    }
    Ok(Extents { is_part, ..Extents::new(ranges, geometry) })
}

fn damaged(offset: usize, fault: String) -> Failure {
    let place = Place::Byte { offset: offset as u64 };
    Error::List { place, fault: ListFault::Syntax(fault.into()) }.into()
}
