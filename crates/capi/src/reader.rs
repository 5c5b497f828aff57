//! The second way: a reader that scans as it is asked, into the caller's buffer, in bounded memory.
//!
//! Invariant: the end is told only after the whole bitmap was read and judged; a failure is told again and again.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::sync::Mutex;

use changed_blocks::ByteRanges;

use crate::code::cbt_code;
use crate::error::{Failure, cbt_error};
use crate::guard::{Outcome, buffer, bytes, count_place, free, guarded, hand_out, handle_place, only_one, value};
use crate::options::{cbt_options, filled};
use crate::process::Home;
use crate::ranges::cbt_range;

/// A reader of the byte ranges of a bitmap that is in memory.
///
/// Threads: one at a time, which may be another one each time. A second one gets CBT_ERROR_HANDLE_IN_USE, and a child after
/// fork() gets CBT_ERROR_FORKED, unless single_thread was set.
// `ByteRanges` is not `Send` since its source might be the reader of a program. Here it is always memory, and nothing else of
// it belongs to a thread.
pub struct cbt_reader {
    /// Where the threads are that it may use.
    home: Option<Home>,
    state: Mutex<State>,
}

struct State {
    ranges: ByteRanges<'static>,
    failure: Option<Failure>,
}

/// A reader of the bitmap in `text`, which is used, and must not change, until the reader is freed with cbt_reader_free.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn cbt_reader_new(
    text: *const c_void,
    len: usize,
    options: *const cbt_options,
    reader: *mut *mut cbt_reader,
    error: *mut cbt_error,
) -> cbt_code {
    guarded(error, || {
        // SAFETY: the header asks for good pointers, and for a text that lives as long as the reader; these look at them first.
        let (to, text, options) =
            unsafe { (handle_place(reader, "reader")?, bytes(text, len, "text")?, filled(options, "options")?) };
        let ranges = options.scanner()?.iter_byte_ranges(text)?;
        let home = if options.is_single_thread()? { None } else { Some(Home::here()) };
        hand_out(cbt_reader { home, state: Mutex::new(State { ranges, failure: None }) }, to)
    })
}

/// Writes the next ranges to a buffer that has room for `capacity` of them, and their number to `count`. A count of 0 with
/// CBT_OK is the end: only then was the whole bitmap read and judged. After an error, the ranges of all calls before must
/// not be used.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn cbt_reader_read(
    reader: *mut cbt_reader,
    ranges: *mut cbt_range,
    capacity: usize,
    count: *mut usize,
    error: *mut cbt_error,
) -> cbt_code {
    guarded(error, || {
        // SAFETY: the header asks for good pointers; these look at them first.
        let (count, reader, ranges) =
            unsafe { (count_place(count, "count")?, value(reader, "reader")?, buffer(ranges, capacity, "ranges")?) };
        reader.home.as_ref().map_or(Ok(()), |home| home.require("the reader"))?;
        *count = only_one(&reader.state)?.read(ranges)?;
        Ok(cbt_code::CBT_OK)
    })
}

impl State {
    fn read(&mut self, to: &mut [MaybeUninit<cbt_range>]) -> Outcome<usize> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let mut count = 0;
        for (to, range) in to.iter_mut().zip(&mut self.ranges) {
            match range {
                Ok(range) => to.write(range.into()),
                Err(error) => return Err(self.failure.insert(error.into()).clone()),
            };
            count += 1;
        }
        Ok(count)
    }
}

/// Frees a reader, at its end or before. NULL is left alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cbt_reader_free(reader: *mut cbt_reader) {
    // SAFETY: the header asks for a handle that is not freed yet.
    unsafe { free(reader) }
}
