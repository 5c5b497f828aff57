//! The error as callers see it, and the failures that it is made of.
//!
//! Invariant: a failure is kept as text and numbers, so that a handle can repeat the one it has met.

use std::any::Any;
use std::ffi::c_char;

use changed_blocks::cbtlog::ChainError;

use crate::code::{cbt_code, cbt_consequence};

/// The length of a message in bytes, with the NUL at its end. A longer one is cut.
pub const CBT_MESSAGE_BYTES: usize = 1024;

/// The length of a hint in bytes, with the NUL at its end. A longer one is cut.
pub const CBT_HINT_BYTES: usize = 512;

/// The offset of an error that has no place in the input.
pub const CBT_NO_OFFSET: u64 = 0xffff_ffff_ffff_ffff;

/// An error. The caller owns it, needs not initialise it, and has nothing to free: a call that returns anything but CBT_OK
/// writes all of it, and one that returns CBT_OK leaves it alone. Where the caller does not want it, it may be NULL.
#[repr(C)]
pub struct cbt_error {
    /// The cbt_code that the call has returned.
    pub code: u32,
    /// The caller's next step: a cbt_consequence.
    pub consequence: u32,
    /// The place in the input, in bytes from its start, or CBT_NO_OFFSET.
    pub offset: u64,
    /// A sentence in UTF-8 that says what is wrong, and where or with which figures.
    pub message: [c_char; CBT_MESSAGE_BYTES],
    /// A sentence of advice in UTF-8, or nothing.
    pub hint: [c_char; CBT_HINT_BYTES],
}

/// The reason why a call has failed.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) code: cbt_code,
    consequence: cbt_consequence,
    offset: Option<u64>,
    message: String,
    hint: Option<String>,
}

impl Failure {
    pub(crate) fn of_usage(code: cbt_code, message: String) -> Self {
        let consequence = cbt_consequence::CBT_WRONG_USAGE;
        Self { code, consequence, offset: None, message, hint: None }
    }

    /// A pointer that must not be null.
    pub(crate) fn null(name: &str) -> Self {
        Self::of_usage(cbt_code::CBT_ERROR_NULL, format!("{name} is NULL"))
    }

    /// An argument that makes no sense.
    pub(crate) fn argument(message: impl Into<String>) -> Self {
        Self::of_usage(cbt_code::CBT_ERROR_ARGUMENT, message.into())
    }

    pub(crate) fn handle_in_use() -> Self {
        let message = "another thread is using this handle".to_owned();
        Self::of_usage(cbt_code::CBT_ERROR_HANDLE_IN_USE, message)
    }

    /// A handle or a call that needs threads of the process that this one is a fork of.
    pub(crate) fn forked(what: &str) -> Self {
        let message = format!("{what} needs threads that stayed with the parent of this process");
        let failure = Self::of_usage(cbt_code::CBT_ERROR_FORKED, message);
        failure.with_hint("do it before fork(), or call exec() first; a new reader or push works in a child, too")
    }

    /// A call that has done its work, which is not the whole.
    pub(crate) fn not_whole(code: cbt_code) -> Self {
        let (message, hint) = if code == cbt_code::CBT_STOPPED {
            ("the visitor stopped the scan: the rest was neither read nor judged", "for all ranges, scan again")
        } else {
            ("the input is not finished: what was read is not all", "push what is left, and call cbt_push_finish")
        };
        let (message, hint) = (message.to_owned(), Some(hint.to_owned()));
        Self { code, consequence: cbt_consequence::CBT_RETRY, offset: None, message, hint }
    }

    /// A list for which there is no memory.
    pub(crate) fn no_memory(ranges: usize, hint: &str) -> Self {
        Self {
            code: cbt_code::CBT_ERROR_OUT_OF_MEMORY,
            consequence: cbt_consequence::CBT_OPERATOR,
            offset: None,
            message: format!("there is no memory for a list of more than {ranges} ranges"),
            hint: Some(hint.to_owned()),
        }
    }

    /// A fault of the library itself. Nothing is known of the bitmap then.
    pub(crate) fn panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
        Self {
            code: cbt_code::CBT_ERROR_PANIC,
            consequence: cbt_consequence::CBT_FULL_BACKUP,
            offset: None,
            message: format!("the library has a fault: {text}"),
            hint: Some("please report it, and take a full backup".to_owned()),
        }
    }

    pub(crate) fn no_thread(error: &std::io::Error) -> Self {
        let (code, consequence) = (cbt_code::CBT_ERROR_THREAD, cbt_consequence::CBT_RETRY);
        Self { code, consequence, offset: None, message: format!("no thread can be started: {error}"), hint: None }
    }

    pub(crate) fn with_hint(mut self, hint: &str) -> Self {
        self.hint = Some(hint.to_owned());
        self
    }

    /// Writes the error where the caller wants it, and returns its code.
    pub(crate) fn hand_out(&self, to: *mut cbt_error) -> cbt_code {
        if !to.is_null() && to.is_aligned() {
            let error = cbt_error {
                code: self.code as u32,
                consequence: self.consequence as u32,
                offset: self.offset.unwrap_or(CBT_NO_OFFSET),
                message: text(&self.message),
                hint: text(self.hint.as_deref().unwrap_or_default()),
            };
            // SAFETY: it was just looked at whether it is NULL or misaligned; the header asks for room for an error.
            unsafe { to.write(error) };
        }
        self.code
    }
}

impl From<changed_blocks::Error> for Failure {
    fn from(error: changed_blocks::Error) -> Self {
        Self {
            code: cbt_code::of_kind(error.kind()),
            consequence: error.consequence().into(),
            offset: error.offset(),
            message: error.to_string(),
            hint: error.hint().map(Into::into),
        }
    }
}

impl From<ChainError> for Failure {
    fn from(error: ChainError) -> Self {
        Self {
            code: cbt_code::of_kind(error.kind()),
            consequence: error.consequence().into(),
            offset: error.offset(),
            message: error.to_string(),
            hint: error.hint().map(Into::into),
        }
    }
}

/// A text with a NUL after it. One that is too long is cut before a character.
fn text<const N: usize>(from: &str) -> [c_char; N] {
    const CUT: &str = "…";
    let mut to = [0; N];
    let (kept, mark) = if from.len() < N {
        (from.len(), "")
    } else {
        let most = N - 1 - CUT.len();
        ((0..=most).rfind(|&at| from.is_char_boundary(at)).unwrap_or(0), CUT)
    };
    let bytes = from.as_bytes()[..kept].iter().chain(mark.as_bytes());
    // A NUL within would end the text.
    to.iter_mut().zip(bytes).for_each(|(to, &byte)| *to = c_char::from_ne_bytes([byte.max(1)]));
    to
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    fn cut_to_16(from: &str) -> String {
        let text = text::<16>(from);
        // SAFETY: the last one is NUL.
        unsafe { CStr::from_ptr(text.as_ptr()) }.to_str().expect("whole characters").to_owned()
    }

    #[test]
    fn a_long_text_is_cut_before_a_character() {
        assert_eq!(cut_to_16(""), "");
        assert_eq!(cut_to_16("123456789012345"), "123456789012345");
        assert_eq!(cut_to_16("1234567890123456"), "123456789012…");
        assert_eq!(cut_to_16("12345678901äöüß"), "12345678901…");
    }

    #[test]
    fn an_error_of_the_library_keeps_all_that_it_says() {
        let failure = Failure::from(changed_blocks::Error::InvalidSymbol { offset: 7, byte: b'#' });
        assert_eq!((failure.code, failure.offset), (cbt_code::CBT_ERROR_INVALID_SYMBOL, Some(7)));
        assert_eq!(failure.consequence, cbt_consequence::CBT_FULL_BACKUP);
        assert!(failure.hint.is_some());
    }
}
