//! Bitmaps: questions, larger blocks, set operations, and back to text.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use changed_blocks::{Bitmap, BlockSize, Encoding, Lengths, VirtualSize};

use crate::buffer::cbt_buffer;
use crate::code::cbt_code;
use crate::error::{Failure, cbt_error};
use crate::guard::{Outcome, buffer, bytes, count_place, flag, free, guarded, hand_out, handle_place, place, value};
use crate::options::{cbt_encoding, cbt_options, filled};
use crate::ranges::cbt_ranges;
use crate::shape::cbt_operation::{self, *};

/// A bitmap: one bit a block, of 65536 bytes or of another size.
///
/// Threads: it never changes, so any number of them may use it at once.
pub struct cbt_bitmap(pub(crate) Bitmap);

/// A bitmap, read from a text as for cbt_ranges_new. `at` is the size in bytes of the blocks that it is to have, or 0 for
/// those that the text has (options->block_size): a larger block is changed if any part of it is. It is freed with
/// cbt_bitmap_free.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn cbt_bitmap_new(
    text: *const c_void,
    len: usize,
    options: *const cbt_options,
    at: u64,
    bitmap: *mut *mut cbt_bitmap,
    error: *mut cbt_error,
) -> cbt_code {
    guarded(error, || {
        // SAFETY: the header asks for good pointers; these look at them first.
        let (to, text, options) =
            unsafe { (handle_place(bitmap, "bitmap")?, bytes(text, len, "text")?, filled(options, "options")?) };
        let scanner = options.scanner()?;
        let read = if at == 0 { scanner.bitmap(text) } else { scanner.bitmap_at(text, BlockSize::new(at)?) };
        hand_out(cbt_bitmap(read?), to)
    })
}

/// A new bitmap of blocks of another size. No change is lost: a block is changed if it has a byte of a changed one.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn cbt_bitmap_reblock(
    bitmap: *const cbt_bitmap,
    block_size: u64,
    reblocked: *mut *mut cbt_bitmap,
    error: *mut cbt_error,
) -> cbt_code {
    guarded(error, || {
        // SAFETY: the header asks for good pointers; these look at them first.
        let (to, bitmap) = unsafe { (handle_place(reblocked, "reblocked")?, value(bitmap, "bitmap")?) };
        hand_out(cbt_bitmap(bitmap.0.reblock(BlockSize::new(block_size)?)?), to)
    })
}

/// A new bitmap of the blocks that a set operation takes of two, whose blocks must have one size. `operation` is a
/// cbt_operation. With `extend` 0, bitmaps of different lengths are refused; with 1, the shorter one is taken for that of a
/// disk that has grown: the blocks that it lacks are unchanged.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn cbt_bitmap_combine(
    a: *const cbt_bitmap,
    b: *const cbt_bitmap,
    operation: u32,
    extend: u32,
    combined: *mut *mut cbt_bitmap,
    error: *mut cbt_error,
) -> cbt_code {
    guarded(error, || {
        // SAFETY: the header asks for good pointers; these look at them first.
        let (to, a, b) = unsafe { (handle_place(combined, "combined")?, value(a, "a")?, value(b, "b")?) };
        let lengths = if flag(extend, "extend")? { Lengths::Extend } else { Lengths::Equal };
        let combined = match cbt_operation::of_number(operation)? {
            CBT_UNION => a.0.union(&b.0, lengths),
            CBT_INTERSECTION => a.0.intersection(&b.0, lengths),
            CBT_DIFFERENCE => a.0.difference(&b.0, lengths),
            CBT_SYMMETRIC_DIFFERENCE => a.0.symmetric_difference(&b.0, lengths),
        };
        hand_out(cbt_bitmap(combined?), to)
    })
}

/// All byte ranges that are changed: a list as of cbt_ranges_new.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn cbt_bitmap_ranges(
    bitmap: *const cbt_bitmap,
    ranges: *mut *mut cbt_ranges,
    error: *mut cbt_error,
) -> cbt_code {
    guarded(error, || {
        // SAFETY: the header asks for good pointers; these look at them first.
        let (to, bitmap) = unsafe { (handle_place(ranges, "ranges")?, value(bitmap, "bitmap")?) };
        hand_out(cbt_ranges::of_extents(bitmap.0.geometry(), &bitmap.0.extents())?, to)
    })
}

/// The bitmap written down. `encoding` is a cbt_encoding, but not CBT_CBTLOG: such a file needs a header. The bytes of
/// CBT_BASE64 are those that VDI.list_changed_blocks answers with.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn cbt_bitmap_encode(
    bitmap: *const cbt_bitmap,
    encoding: u32,
    buffer: *mut *mut cbt_buffer,
    error: *mut cbt_error,
) -> cbt_code {
    guarded(error, || {
        // SAFETY: the header asks for good pointers; these look at them first.
        let (to, bitmap) = unsafe { (handle_place(buffer, "buffer")?, value(bitmap, "bitmap")?) };
        hand_out(cbt_buffer::new(encode(&bitmap.0, encoding)?)?, to)
    })
}

fn encode(bitmap: &Bitmap, number: u32) -> Outcome<Vec<u8>> {
    match cbt_encoding::of_number(number)? {
        Encoding::Base64 => Ok(bitmap.try_to_base64()?.into_bytes()),
        Encoding::Bits => Ok(bitmap.try_to_bits()?.into_bytes()),
        Encoding::Raw(order) => Ok(bitmap.try_to_raw(order)?),
        _ => Err(Failure::argument("a .cbtlog has a header, which is not known here").with_hint(RAW)),
    }
}

const RAW: &str = "write the header, and after it the bitmap as CBT_RAW_LSB0";

/// The number of blocks, the size of a block in bytes, and the size of the disk in bytes, or 0 if that is not known. Each
/// place may be NULL if it is not of interest.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn cbt_bitmap_size(
    bitmap: *const cbt_bitmap,
    blocks: *mut u64,
    block_size: *mut u64,
    virtual_size: *mut u64,
    error: *mut cbt_error,
) -> cbt_code {
    guarded(error, || {
        // SAFETY: the header asks for good pointers; this looks at it first.
        let bitmap = &unsafe { value(bitmap, "bitmap") }?.0;
        let geometry = bitmap.geometry();
        let sizes = [
            (blocks, "blocks", bitmap.blocks()),
            (block_size, "block_size", geometry.block_size.bytes()),
            (virtual_size, "virtual_size", geometry.virtual_size.map_or(0, VirtualSize::bytes)),
        ];
        for (to, name, size) in sizes.into_iter().filter(|(to, ..)| !to.is_null()) {
            // SAFETY: the header asks for a good pointer; this looks at it first.
            unsafe { place(to, name) }?.write(size);
        }
        Ok(cbt_code::CBT_OK)
    })
}

/// Whether any block is changed.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn cbt_bitmap_any(bitmap: *const cbt_bitmap, any: *mut bool, error: *mut cbt_error) -> cbt_code {
    guarded(error, || {
        // SAFETY: the header asks for good pointers; these look at them first.
        let (bitmap, any) = unsafe { (value(bitmap, "bitmap")?, place(any, "any")?) };
        any.write(bitmap.0.any());
        Ok(cbt_code::CBT_OK)
    })
}

/// The number of changed blocks.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn cbt_bitmap_count(
    bitmap: *const cbt_bitmap,
    changed: *mut u64,
    error: *mut cbt_error,
) -> cbt_code {
    guarded(error, || {
        // SAFETY: the header asks for good pointers; these look at them first.
        let (bitmap, changed) = unsafe { (value(bitmap, "bitmap")?, place(changed, "changed")?) };
        changed.write(bitmap.0.count());
        Ok(cbt_code::CBT_OK)
    })
}

/// Whether a block is changed. A block that the disk does not have is CBT_ERROR_NOT_ON_DISK, never unchanged.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn cbt_bitmap_contains(
    bitmap: *const cbt_bitmap,
    block: u64,
    contains: *mut bool,
    error: *mut cbt_error,
) -> cbt_code {
    guarded(error, || {
        // SAFETY: the header asks for good pointers; these look at them first.
        let (bitmap, to) = unsafe { (value(bitmap, "bitmap")?, place(contains, "contains")?) };
        let off_disk = || {
            let message = format!("there is no block {block}: the disk has {} blocks", bitmap.0.blocks());
            Failure::of_usage(cbt_code::CBT_ERROR_NOT_ON_DISK, message)
        };
        to.write(bitmap.0.get(block).ok_or_else(off_disk)?);
        Ok(cbt_code::CBT_OK)
    })
}

/// Writes the indexes of changed blocks, in ascending order from the block `from` on, to a buffer that has room for
/// `capacity` of them, and their number to `count`. Go on from the last one plus 1. A count of 0 with CBT_OK is the end.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn cbt_bitmap_indexes(
    bitmap: *const cbt_bitmap,
    from: u64,
    indexes: *mut u64,
    capacity: usize,
    count: *mut usize,
    error: *mut cbt_error,
) -> cbt_code {
    guarded(error, || {
        // SAFETY: the header asks for good pointers; these look at them first.
        let (count, bitmap, indexes) =
            unsafe { (count_place(count, "count")?, value(bitmap, "bitmap")?, buffer(indexes, capacity, "indexes")?) };
        *count = fill_indexes(&bitmap.0, from, indexes);
        Ok(cbt_code::CBT_OK)
    })
}

fn fill_indexes(bitmap: &Bitmap, from: u64, to: &mut [MaybeUninit<u64>]) -> usize {
    let filled = to.iter_mut().zip(bitmap.iter_from(from));
    filled.map(|(to, block)| to.write(block)).count()
}

/// Frees a bitmap. NULL is left alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cbt_bitmap_free(bitmap: *mut cbt_bitmap) {
    // SAFETY: the header asks for a handle that is not freed yet.
    unsafe { free(bitmap) }
}
