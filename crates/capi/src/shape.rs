//! From what changed to what is read, and set operations on lists.

use changed_blocks::shape::{SortedRanges, sorted};
use changed_blocks::{ByteRange, VirtualSize};

use crate::code::cbt_code;
use crate::error::{Failure, cbt_error};
use crate::guard::{Outcome, flag, guarded, hand_out, handle_place, value};
use crate::options::{cbt_shape, filled};
use crate::ranges::{Growing, cbt_ranges};

/// A set operation on two lists or two bitmaps.
#[repr(C)]
#[derive(Clone, Copy)]
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

use cbt_operation::*;

impl cbt_operation {
    const ALL: [Self; 4] = [CBT_UNION, CBT_INTERSECTION, CBT_DIFFERENCE, CBT_SYMMETRIC_DIFFERENCE];

    /// The operation that a number of the caller's stands for.
    pub(crate) fn of_number(number: u32) -> Outcome<Self> {
        let known = Self::ALL.into_iter().find(|&known| known as u32 == number);
        known.ok_or_else(|| Failure::argument(format!("{number} is no cbt_operation")))
    }
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
        let shape = shape.shape(virtual_size)?;
        let mut shaped = shape.apply(unsplit(&ranges.list)?, virtual_size);
        let mut list = Growing::default();
        let list = if shape.max_extent.is_none() {
            list.all_of(shaped)?
        } else {
            // There may be many more pieces than any memory holds.
            let _ = shaped.try_for_each(|piece| list.push(piece));
            list.finish()?
        };
        hand_out(cbt_ranges { list, virtual_size }, to)
    })
}

/// The ranges of a list as they are to be shaped or combined. Only pieces of a list that was split are not in order.
fn unsplit(list: &[ByteRange]) -> Outcome<impl SortedRanges> {
    let hint = "it was split, which comes last: take the list from before that";
    sorted(list).map_err(|error| Failure::from(error).with_hint(hint))
}

/// A new list of the bytes that a set operation takes of two, which may be of different block sizes. `operation` is a
/// cbt_operation.
///
/// With `extend` 0, both are lists of one disk: two that know different sizes of it are refused, and if only one knows it, it
/// is that of both. With 1, the disk may have grown: the size of the result is the larger one, and not known unless both are.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn cbt_ranges_combine(
    a: *const cbt_ranges,
    b: *const cbt_ranges,
    operation: u32,
    extend: u32,
    combined: *mut *mut cbt_ranges,
    error: *mut cbt_error,
) -> cbt_code {
    guarded(error, || {
        // SAFETY: the header asks for good pointers; these look at them first.
        let (to, a, b) = unsafe { (handle_place(combined, "combined")?, value(a, "a")?, value(b, "b")?) };
        let operation = cbt_operation::of_number(operation)?;
        let virtual_size = common_size(a, b, flag(extend, "extend")?)?;
        hand_out(cbt_ranges { list: combine(&a.list, &b.list, operation)?, virtual_size }, to)
    })
}

/// The size of the disk of what is made of both lists, which clips no byte of either.
fn common_size(a: &cbt_ranges, b: &cbt_ranges, extend: bool) -> Outcome<Option<VirtualSize>> {
    let bytes = VirtualSize::bytes;
    match (a.virtual_size, b.virtual_size) {
        (Some(left), Some(right)) if left != right && !extend => {
            let (left, right) = (bytes(left), bytes(right));
            let message = format!("one list is of a disk of {left} bytes and the other of one of {right}");
            Err(mismatch(message, "they are not the same disk's; if it has grown in between, set extend to 1"))
        }
        (Some(left), Some(right)) => Ok(Some(left.max(right))),
        (Some(size), None) | (None, Some(size)) if !extend => {
            let ends = [a, b].into_iter().filter_map(|ranges| ranges.list.last()).map(|last| last.end_bytes());
            let (size_bytes, end) = (bytes(size), ends.max().unwrap_or(0));
            if end <= size_bytes {
                return Ok(Some(size));
            }
            let message =
                format!("one list is of a disk of {size_bytes} bytes, but the other has a range that ends at {end}");
            Err(mismatch(
                message,
                "give the virtual size when that list is made; if the disk has grown, set extend to 1",
            ))
        }
        _ => Ok(None),
    }
}

fn mismatch(message: String, hint: &str) -> Failure {
    Failure::of_usage(cbt_code::CBT_ERROR_LENGTH_MISMATCH, message).with_hint(hint)
}

fn combine(a: &[ByteRange], b: &[ByteRange], operation: cbt_operation) -> Outcome<Vec<ByteRange>> {
    let (a, b, to) = (unsplit(a)?, unsplit(b)?, Growing::default());
    match operation {
        CBT_UNION => to.all_of(a.union(b)),
        CBT_INTERSECTION => to.all_of(a.intersection(b)),
        CBT_DIFFERENCE => to.all_of(a.difference(b)),
        CBT_SYMMETRIC_DIFFERENCE => to.all_of(a.symmetric_difference(b)),
    }
}
