//! Lists of byte ranges: the first of the four ways, and what the others and the shapes give.
//!
//! Invariant: a list is whole, and never changes.

use std::ffi::c_void;
use std::ops::ControlFlow;

use changed_blocks::{ByteRange, Extent, Geometry, VirtualSize, shape};

use crate::code::cbt_code;
use crate::error::{Failure, cbt_error};
use crate::guard::{
    Outcome, bytes, count_place, free, guarded, hand_out, handle_place, list, list_place, place, value,
};
use crate::options::{cbt_options, filled};

/// A range of bytes of the disk.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct cbt_range {
    /// Bytes from the start of the disk.
    pub offset: u64,
    /// The number of bytes, which is never 0.
    pub length: u64,
}

const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<cbt_range>() == size_of::<ByteRange>() && align_of::<cbt_range>() == align_of::<ByteRange>());
    assert!(offset_of!(cbt_range, offset) == offset_of!(ByteRange, offset_bytes));
    assert!(offset_of!(cbt_range, length) == offset_of!(ByteRange, len_bytes));
};

impl From<ByteRange> for cbt_range {
    fn from(range: ByteRange) -> Self {
        Self { offset: range.offset_bytes, length: range.len_bytes }
    }
}

/// Byte ranges: sorted, disjoint, never adjacent unless they were split, and all of them.
///
/// Threads: it never changes, so any number of them may use it at once.
pub struct cbt_ranges {
    pub(crate) list: Vec<ByteRange>,
    pub(crate) virtual_size: Option<VirtualSize>,
}

/// All byte ranges that a bitmap says have changed. `text` is the bitmap as options->encoding says, of `len` bytes; it is
/// not used after the call. The list is freed with cbt_ranges_free.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn cbt_ranges_new(
    text: *const c_void,
    len: usize,
    options: *const cbt_options,
    ranges: *mut *mut cbt_ranges,
    error: *mut cbt_error,
) -> cbt_code {
    guarded(error, || {
        // SAFETY: the header asks for good pointers; these look at them first.
        let (to, text, options) =
            unsafe { (handle_place(ranges, "ranges")?, bytes(text, len, "text")?, filled(options, "options")?) };
        let mut extents = Vec::new();
        let geometry = options.scanner()?.extents_into(text, &mut extents)?.geometry;
        hand_out(cbt_ranges::of_extents(&geometry, &extents)?, to)
    })
}

impl cbt_ranges {
    /// The byte ranges of extents.
    pub(crate) fn of_extents(geometry: &Geometry, extents: &[Extent]) -> Outcome<Self> {
        let mut list = room_for(extents.len())?;
        geometry.byte_ranges(extents, &mut list)?;
        Ok(Self { list, virtual_size: geometry.virtual_size })
    }
}

/// The advice where there is no memory for a list.
pub(crate) const IN_PARTS: &str = "cbt_reader_read and cbt_visit need no list of all ranges";

fn room_for(ranges: usize) -> Outcome<Vec<ByteRange>> {
    let mut list = Vec::new();
    list.try_reserve_exact(ranges).map_err(|_| Failure::no_memory(ranges.saturating_sub(1), IN_PARTS))?;
    Ok(list)
}

/// A list that grows as long as there is memory, and that is not handed out if that was too short.
#[derive(Default)]
pub(crate) struct Growing {
    list: Vec<ByteRange>,
    lacks_memory: bool,
}

impl Growing {
    /// The least room to ask for, in ranges.
    const PIECE: usize = 4096;

    /// Adds a range, or says that it is no use to go on.
    pub(crate) fn push(&mut self, range: ByteRange) -> ControlFlow<()> {
        if self.list.len() == self.list.capacity() && !self.lacks_memory {
            let more = self.list.len().max(Self::PIECE);
            let reserved = self.list.try_reserve_exact(more).or_else(|_| self.list.try_reserve_exact(Self::PIECE));
            self.lacks_memory = reserved.is_err();
        }
        if self.lacks_memory {
            return ControlFlow::Break(());
        }
        self.list.push(range);
        ControlFlow::Continue(())
    }

    /// All that was added.
    pub(crate) fn all_of(mut self, ranges: impl Iterator<Item = ByteRange>) -> Outcome<Vec<ByteRange>> {
        // An iterator is fastest if nobody can stop it.
        ranges.for_each(|range| {
            let _ = self.push(range);
        });
        self.finish()
    }

    pub(crate) fn finish(self) -> Outcome<Vec<ByteRange>> {
        if self.lacks_memory { Err(Failure::no_memory(self.list.len(), IN_PARTS)) } else { Ok(self.list) }
    }
}

/// A list of the caller's own ranges, for set operations. They may come in any order, overlap and touch each other; empty
/// ones are left out. `virtual_size` is the size of the disk, or 0 if it is not known. A range that ends beyond it, or beyond
/// 2^64 bytes, is CBT_ERROR_NOT_ON_DISK.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn cbt_ranges_from_list(
    list: *const cbt_range,
    count: usize,
    virtual_size: u64,
    ranges: *mut *mut cbt_ranges,
    error: *mut cbt_error,
) -> cbt_code {
    guarded(error, || {
        // SAFETY: the header asks for good pointers; these look at them first.
        let (to, given) = unsafe { (handle_place(ranges, "ranges")?, own_list(list, count)?) };
        let virtual_size = VirtualSize::new(virtual_size).ok();
        require_on_disk(given, virtual_size)?;
        let mut unsorted = room_for(given.len())?;
        unsorted.extend(given.iter().map(|range| ByteRange { offset_bytes: range.offset, len_bytes: range.length }));
        let list = Growing::default().all_of(shape::from_unsorted(unsorted))?;
        hand_out(cbt_ranges { list, virtual_size }, to)
    })
}

/// Refuses a range that would be cut at the end of 2^64 bytes, or of the disk: it is not the one that was meant.
fn require_on_disk(given: &[cbt_range], virtual_size: Option<VirtualSize>) -> Outcome<()> {
    let end = virtual_size.map_or(u64::MAX, VirtualSize::bytes);
    let is_wrong = |range: &cbt_range| range.offset.checked_add(range.length).is_none_or(|last| last > end);
    let Some(index) = given.iter().position(is_wrong) else { return Ok(()) };
    let cbt_range { offset, length } = given[index];
    let (end, hint) = match virtual_size {
        Some(size) => (
            format!("the end of the disk, which has {} bytes", size.bytes()),
            "is it the right disk? if it has grown, give the size that it has",
        ),
        None => ("2^64 bytes".to_owned(), "a length is a number of bytes, not the place of the end"),
    };
    let message = format!("list[{index}], {length} bytes at {offset}, ends beyond {end}");
    Err(Failure::of_usage(cbt_code::CBT_ERROR_NOT_ON_DISK, message).with_hint(hint))
}

/// # Safety
///
/// As for [`list`]; an empty one may be at NULL.
unsafe fn own_list<'a>(data: *const cbt_range, count: usize) -> Outcome<&'a [cbt_range]> {
    if count == 0 {
        return Ok(&[]);
    }
    // SAFETY: promised by who calls.
    unsafe { list(data, count, "list") }
}

/// The list itself: `count` ranges at `list`, which live as long as the handle. An empty list is a whole list, too: nothing
/// has changed.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn cbt_ranges_get(
    ranges: *const cbt_ranges,
    list: *mut *const cbt_range,
    count: *mut usize,
    error: *mut cbt_error,
) -> cbt_code {
    guarded(error, || {
        // SAFETY: the header asks for good pointers; these look at them first.
        let (list, count, ranges) =
            unsafe { (list_place(list, "list"), count_place(count, "count"), value(ranges, "ranges")?) };
        let (list, count) = (list?, count?);
        // The layout of both is the same, as is asserted above.
        *list = ranges.list.as_ptr().cast();
        *count = ranges.list.len();
        Ok(cbt_code::CBT_OK)
    })
}

/// The size of the disk in bytes as it was given or found in a .cbtlog, or 0 if it is not known.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn cbt_ranges_virtual_size(
    ranges: *const cbt_ranges,
    virtual_size: *mut u64,
    error: *mut cbt_error,
) -> cbt_code {
    guarded(error, || {
        // SAFETY: the header asks for good pointers; these look at them first.
        let (ranges, size) = unsafe { (value(ranges, "ranges")?, place(virtual_size, "virtual_size")?) };
        size.write(ranges.virtual_size.map_or(0, VirtualSize::bytes));
        Ok(cbt_code::CBT_OK)
    })
}

/// Frees a list. NULL is left alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cbt_ranges_free(ranges: *mut cbt_ranges) {
    // SAFETY: the header asks for a handle that is not freed yet.
    unsafe { free(ranges) }
}
