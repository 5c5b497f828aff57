//! Bytes that the library has made.

use std::ffi::c_char;

use changed_blocks::Error;

use crate::code::cbt_code;
use crate::error::cbt_error;
use crate::guard::{Outcome, count_place, free, guarded, list_place, value};

/// Bytes that the library has made: a bitmap that is written down, or warnings.
///
/// Threads: it never changes, so any number of them may use it at once.
pub struct cbt_buffer {
    /// With a NUL after them.
    bytes: Vec<u8>,
}

impl cbt_buffer {
    pub(crate) fn new(mut bytes: Vec<u8>) -> Outcome<Self> {
        // Long bytes have just the room that they need. To double it for the NUL could be too much.
        bytes.try_reserve_exact(1).map_err(|_| Error::OutOfMemory { bytes: bytes.len() as u64 })?;
        bytes.push(0);
        Ok(Self { bytes })
    }
}

/// The bytes themselves: `len` at `data`, which live as long as the handle. After them comes a NUL, which is not counted.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn cbt_buffer_get(
    buffer: *const cbt_buffer,
    data: *mut *const c_char,
    len: *mut usize,
    error: *mut cbt_error,
) -> cbt_code {
    guarded(error, || {
        // SAFETY: the header asks for good pointers; these look at them first.
        let (data, len, buffer) =
            unsafe { (list_place(data, "data"), count_place(len, "len"), value(buffer, "buffer")?) };
        let (data, len) = (data?, len?);
        *data = buffer.bytes.as_ptr().cast();
        *len = buffer.bytes.len() - 1;
        Ok(cbt_code::CBT_OK)
    })
}

/// Frees a buffer. NULL is left alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cbt_buffer_free(buffer: *mut cbt_buffer) {
    // SAFETY: the header asks for a handle that is not freed yet.
    unsafe { free(buffer) }
}
