//! From what changed to what is read, and set operations on lists.

use changed_blocks::shape::{SortedRanges, sorted};
use changed_blocks::{ByteRange, VirtualSize};

use crate::code::cbt_code;
use crate::error::{Failure, cbt_error};
use crate::guard::{Outcome, guarded, hand_out, handle_place, value};
use crate::options::{cbt_shape, filled};
use crate::ranges::cbt_ranges;

/// A set operation on two lists or two bitmaps.
#[repr(C)]
pub enum cbt_operation {
    /// All that is in either.
    CBT_UNION = 1,
    /// Only what is in both.
    CBT_INTERSECTION = 2,
    /// All of the first that is not in the second.
    CBT_DIFFERENCE = 3,
    /// All that is in exactly one of the two.
    CBT_SYMMETRIC_DIFFERENCE = 4,
}

/// A number that is no operation.
pub(crate) fn no_operation<T>(number: u32) -> Outcome<T> {
    Err(Failure::argument(format!("{number} is no cbt_operation")))
}

/// A new list that covers what another has, as far as it is in the window, and is better to read: see cbt_shape.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn cbt_ranges_shape(
    ranges: *const cbt_ranges,
    shape: *const cbt_shape,
    shaped: *mut *mut cbt_ranges,
    error: *mut cbt_error,
) -> cbt_code {
    guarded(error, || {
        // SAFETY: the header asks for good pointers; these look at them first.
        let (to, ranges, shape) =
            unsafe { (handle_place(shaped, "shaped")?, value(ranges, "ranges")?, filled(shape, "shape")?) };
        let virtual_size = ranges.virtual_size;
        let list = shape.shape()?.apply(sorted(&ranges.list)?, virtual_size).collect();
        hand_out(cbt_ranges { list, virtual_size }, to)
    })
}

/// A new list of the bytes that a set operation takes of two, which may be of different block sizes. `operation` is a
/// cbt_operation.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn cbt_ranges_combine(
    a: *const cbt_ranges,
    b: *const cbt_ranges,
    operation: u32,
    combined: *mut *mut cbt_ranges,
    error: *mut cbt_error,
) -> cbt_code {
    guarded(error, || {
        // SAFETY: the header asks for good pointers; these look at them first.
        let (to, a, b) = unsafe { (handle_place(combined, "combined")?, value(a, "a")?, value(b, "b")?) };
        let list = combine(&a.list, &b.list, operation)?;
        // A size that clips no byte of either.
        let size = a.virtual_size.zip(b.virtual_size).map(|(a, b): (VirtualSize, VirtualSize)| a.max(b));
        hand_out(cbt_ranges { list, virtual_size: size }, to)
    })
}

fn combine(a: &[ByteRange], b: &[ByteRange], operation: u32) -> Outcome<Vec<ByteRange>> {
    let (a, b) = (sorted(a)?, sorted(b)?);
    match operation {
        1 => Ok(a.union(b).collect()),
        2 => Ok(a.intersection(b).collect()),
        3 => Ok(a.difference(b).collect()),
        4 => Ok(a.symmetric_difference(b).collect()),
        _ => no_operation(operation),
    }
}
