//! The call over a folder of logs.

use std::ffi::{CStr, c_char};
use std::path::PathBuf;

use changed_blocks::cbtlog::{Store, Uuid};

use crate::bitmap::cbt_bitmap;
use crate::buffer::cbt_buffer;
use crate::code::cbt_code;
use crate::error::{Failure, cbt_error};
use crate::guard::{Outcome, c_text, flag, guarded, hand_out, handle_place};
use crate::process::has_pool;

/// The blocks of 65536 bytes that changed between two disks, as VDI.list_changed_blocks answers it, from a folder of .cbtlog
/// files. `from` is the UUID of the older disk and `to` that of the newer.
///
/// A folder that another program has locked is waited for, half a minute at the most.
///
/// With `allow_inconsistent` 1, logs are read that are not marked as consistent, and changes may be missing. `warnings` gets
/// a line for each oddity of a log, in a buffer that is empty, but not NULL, if there is none: to hide them is to hide that
/// changes may be missing. Both handles are freed by the caller. After an error, both are NULL.
///
/// This works on all threads of the library's pool, which a child after fork() does not have: there it is CBT_ERROR_FORKED,
/// unless the parent has never used the library.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn cbt_list_changed_blocks(
    folder: *const c_char,
    from: *const c_char,
    to: *const c_char,
    allow_inconsistent: u32,
    bitmap: *mut *mut cbt_bitmap,
    warnings: *mut *mut cbt_buffer,
    error: *mut cbt_error,
) -> cbt_code {
    guarded(error, || {
        // SAFETY: the header asks for good pointers; these look at them first.
        let (bitmap, warnings) = unsafe { (handle_place(bitmap, "bitmap"), handle_place(warnings, "warnings")) };
        let (bitmap, warnings) = (bitmap?, warnings?);
        // SAFETY: likewise.
        let (folder, from, to) = unsafe { (c_text(folder, "folder")?, c_text(from, "from")?, c_text(to, "to")?) };
        if !has_pool() {
            return Err(Failure::forked("a chain of logs"));
        }
        let store = Store::open(path(folder)?)?;
        let (from, to) = (uuid(from, "from")?, uuid(to, "to")?);
        let answer = if flag(allow_inconsistent, "allow_inconsistent")? {
            store.list_changed_blocks_allow_inconsistent(from, to)?
        } else {
            store.list_changed_blocks(from, to)?
        };
        let lines: String = answer.warnings.iter().map(|warning| format!("{warning}\n")).collect();
        let lines = cbt_buffer::new(lines.into_bytes())?;
        hand_out(lines, warnings)?;
        hand_out(cbt_bitmap(answer.bitmap), bitmap)
    })
}

fn uuid(text: &CStr, name: &str) -> Outcome<Uuid> {
    let text = text.to_string_lossy();
    Uuid::parse_str(&text).map_err(|error| Failure::argument(format!("{name} is {text:?}, which is no UUID: {error}")))
}

#[cfg(unix)]
fn path(text: &CStr) -> Outcome<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    Ok(std::ffi::OsStr::from_bytes(text.to_bytes()).into())
}

#[cfg(not(unix))]
fn path(text: &CStr) -> Outcome<PathBuf> {
    text.to_str().map(PathBuf::from).map_err(|_| Failure::argument("folder is not UTF-8"))
}
