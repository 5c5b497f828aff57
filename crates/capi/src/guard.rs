//! The border itself: every function of the header does its work within it.
//!
//! Invariant: whatever happens in the work, the caller gets a code; and no pointer is used before it was looked at.

use std::ffi::{CStr, c_char, c_void};
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, TryLockError};

use crate::code::cbt_code;
use crate::error::{Failure, cbt_error};

pub(crate) type Outcome<T = cbt_code> = Result<T, Failure>;

/// Does the work of a call. A panic ends here.
pub(crate) fn guarded(error: *mut cbt_error, work: impl FnOnce() -> Outcome) -> cbt_code {
    // Anything that a panic has left half done is behind a lock that it has poisoned, or was not handed out.
    let outcome = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(Failure::panic(&*panic)));
    match outcome {
        Ok(cbt_code::CBT_OK) => cbt_code::CBT_OK,
        // Nobody prints an error that was never written.
        Ok(code) => Failure::not_whole(code).hand_out(error),
        Err(failure) => failure.hand_out(error),
    }
}

/// The value that a pointer of the caller leads to.
///
/// # Safety
///
/// A pointer that is neither null nor misaligned leads to a value, which lives and is not changed as long as `'a`.
pub(crate) unsafe fn value<'a, T>(pointer: *const T, name: &str) -> Outcome<&'a T> {
    require(pointer, name)?;
    // SAFETY: it was looked at; the rest is promised by who calls.
    Ok(unsafe { &*pointer })
}

/// The place for a result, which need not be initialised.
///
/// # Safety
///
/// A pointer that is neither null nor misaligned leads to room for a value that is the caller's own as long as `'a`.
pub(crate) unsafe fn place<'a, T>(pointer: *mut T, name: &str) -> Outcome<&'a mut MaybeUninit<T>> {
    require(pointer, name)?;
    // SAFETY: it was looked at; the rest is promised by who calls.
    Ok(unsafe { &mut *pointer.cast() })
}

/// The place for a handle. It is NULL until [`hand_out`] has put one there.
///
/// # Safety
///
/// As for [`place`].
pub(crate) unsafe fn handle_place<'a, T>(pointer: *mut *mut T, name: &str) -> Outcome<&'a mut *mut T> {
    // SAFETY: promised by who calls.
    Ok(unsafe { place(pointer, name) }?.write(std::ptr::null_mut()))
}

/// The place for a list or a text that a handle has. It is NULL until the call succeeds.
///
/// # Safety
///
/// As for [`place`].
pub(crate) unsafe fn list_place<'a, T>(pointer: *mut *const T, name: &str) -> Outcome<&'a mut *const T> {
    // SAFETY: promised by who calls.
    Ok(unsafe { place(pointer, name) }?.write(std::ptr::null()))
}

/// The place for the length of a list or a text. It is 0 until the call succeeds.
///
/// # Safety
///
/// As for [`place`].
pub(crate) unsafe fn count_place<'a>(pointer: *mut usize, name: &str) -> Outcome<&'a mut usize> {
    // SAFETY: promised by who calls.
    Ok(unsafe { place(pointer, name) }?.write(0))
}

/// Gives a value to the caller, who frees it.
pub(crate) fn hand_out<T>(value: T, to: &mut *mut T) -> Outcome {
    *to = Box::into_raw(Box::new(value));
    Ok(cbt_code::CBT_OK)
}

/// Frees what [`hand_out`] gave, if it gave anything.
///
/// # Safety
///
/// The pointer is null or was given by [`hand_out`], was not freed, and nobody uses it any more.
pub(crate) unsafe fn free<T>(handle: *mut T) {
    if !handle.is_null() {
        // A panic of a destructor must not cross the border either.
        drop(catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: promised by who calls.
            drop(unsafe { Box::from_raw(handle) });
        })));
    }
}

/// The bytes of the caller's input. Nothing at all may be at NULL.
///
/// # Safety
///
/// As for [`value`], for `len` bytes.
pub(crate) unsafe fn bytes<'a>(data: *const c_void, len: usize, name: &str) -> Outcome<&'a [u8]> {
    if len == 0 {
        return Ok(&[]);
    }
    // SAFETY: promised by who calls.
    unsafe { list(data.cast::<u8>(), len, name) }
}

/// A list of the caller's.
///
/// # Safety
///
/// As for [`value`], for `len` values.
pub(crate) unsafe fn list<'a, T>(data: *const T, len: usize, name: &str) -> Outcome<&'a [T]> {
    require(data, name)?;
    require_room::<T>(len, name)?;
    // SAFETY: it was looked at; the rest is promised by who calls.
    Ok(unsafe { std::slice::from_raw_parts(data, len) })
}

/// The caller's buffer for a list, which need not be initialised. One without room is refused: what is written to it would
/// look like the end.
///
/// # Safety
///
/// As for [`place`], for `capacity` values.
pub(crate) unsafe fn buffer<'a, T>(data: *mut T, capacity: usize, name: &str) -> Outcome<&'a mut [MaybeUninit<T>]> {
    require(data, name)?;
    require_room::<T>(capacity, name)?;
    if capacity == 0 {
        return Err(Failure::argument(format!("{name} has no room")));
    }
    // SAFETY: it was looked at; the rest is promised by who calls.
    Ok(unsafe { std::slice::from_raw_parts_mut(data.cast(), capacity) })
}

/// A text of the caller's that ends with a NUL.
///
/// # Safety
///
/// As for [`value`], up to the first NUL.
pub(crate) unsafe fn c_text<'a>(text: *const c_char, name: &str) -> Outcome<&'a CStr> {
    require(text, name)?;
    // SAFETY: it was looked at; the rest is promised by who calls.
    Ok(unsafe { CStr::from_ptr(text) })
}

/// Whether a number of the caller's that says yes or no says yes.
pub(crate) fn flag(value: u32, name: &str) -> Outcome<bool> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Failure::argument(format!("{name} is {value}, but it is either 0 or 1"))),
    }
}

/// Lets one thread at a time use a handle, and none after a panic.
pub(crate) fn only_one<T>(handle: &Mutex<T>) -> Outcome<MutexGuard<'_, T>> {
    handle.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => Failure::handle_in_use(),
        TryLockError::Poisoned(_) => Failure::panic(&"a call before this one has failed"),
    })
}

/// Looks at a pointer, without using it.
pub(crate) fn require<T>(pointer: *const T, name: &str) -> Outcome<()> {
    if pointer.is_null() {
        return Err(Failure::null(name));
    }
    if !pointer.is_aligned() {
        return Err(Failure::argument(format!("{name} is not aligned: it leads to something else")));
    }
    Ok(())
}

fn require_room<T>(len: usize, name: &str) -> Outcome<()> {
    match len.checked_mul(size_of::<T>()).and_then(|bytes| isize::try_from(bytes).ok()) {
        Some(_) => Ok(()),
        None => Err(Failure::argument(format!("{name} cannot have a length of {len}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_code() {
        let mut error = MaybeUninit::<cbt_error>::uninit();
        let code = guarded(error.as_mut_ptr(), || panic!("a test of {}", "panics"));
        assert_eq!(code, cbt_code::CBT_ERROR_PANIC);
        // SAFETY: a call that fails writes the error.
        let error = unsafe { error.assume_init() };
        // SAFETY: a message ends with a NUL.
        let message = unsafe { CStr::from_ptr(error.message.as_ptr()) };
        assert_eq!(message, c"the library has a fault: a test of panics");
    }

    #[test]
    fn an_error_is_written_for_every_code_but_the_one_of_success() {
        for code in [cbt_code::CBT_STOPPED, cbt_code::CBT_UNFINISHED] {
            let mut error = MaybeUninit::<cbt_error>::uninit();
            assert_eq!(guarded(error.as_mut_ptr(), || Ok(code)), code);
            // SAFETY: every code but CBT_OK writes the error.
            let error = unsafe { error.assume_init() };
            assert_eq!(error.code, code as u32);
            assert!(error.message[0] != 0 && error.hint[0] != 0);
        }
    }

    #[test]
    fn a_handle_is_used_by_one_at_a_time_and_not_after_a_panic() {
        let handle = Mutex::new(0);
        let first = only_one(&handle).expect("free");
        assert_eq!(only_one(&handle).expect_err("in use").code, cbt_code::CBT_ERROR_HANDLE_IN_USE);
        drop(first);
        let code = guarded(std::ptr::null_mut(), || {
            let _held = only_one(&handle)?;
            panic!("a test");
        });
        assert_eq!(code, cbt_code::CBT_ERROR_PANIC);
        assert_eq!(only_one(&handle).expect_err("poisoned").code, cbt_code::CBT_ERROR_PANIC);
    }

    #[test]
    fn pointers_are_looked_at() {
        let number = 7u64;
        // SAFETY: it leads to a number.
        assert_eq!(unsafe { value(&raw const number, "number") }.expect("there"), &7);
        let misaligned = (&raw const number).cast::<u8>().wrapping_add(1).cast::<u64>();
        // SAFETY: it is not used.
        let error = unsafe { value(misaligned, "number") }.expect_err("misaligned");
        assert_eq!(error.code, cbt_code::CBT_ERROR_ARGUMENT);
        // SAFETY: it is not used.
        let error = unsafe { list::<u64>(&raw const number, usize::MAX / 8, "list") }.expect_err("too long");
        assert_eq!(error.code, cbt_code::CBT_ERROR_ARGUMENT);
    }
}
