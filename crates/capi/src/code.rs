//! Result codes: one for each kind of error of the library, and those of the border itself.
//!
//! Invariant: a number never gets another meaning. The tests hold the table against the library's own.

use std::ffi::{CStr, c_char};

use changed_blocks::Consequence;

/// The result of a call. Only CBT_OK is a success; CBT_STOPPED and CBT_UNFINISHED say that there is more.
///
/// New codes may come with new releases: take one that is not known for an error, and look at its consequence. A code that
/// no call gives yet is there since the other languages know that kind of error.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum cbt_code {
    /// Done, and whole.
    CBT_OK = 0,
    /// The visitor stopped the scan. The rest of the input was not read, and nothing of it was judged.
    CBT_STOPPED = 1,
    /// The input was not finished yet: what was read is not all, and may turn out not to be right.
    CBT_UNFINISHED = 2,

    /// A pointer is NULL that must not be.
    CBT_ERROR_NULL = 10,
    /// An argument makes no sense.
    CBT_ERROR_ARGUMENT = 11,
    /// Another thread is using the handle.
    CBT_ERROR_HANDLE_IN_USE = 12,
    /// The library has a fault of its own. The handle, if it is not freed yet, can only be freed.
    CBT_ERROR_PANIC = 13,
    /// The system gave no thread.
    CBT_ERROR_THREAD = 14,
    /// An error that has no code in this release.
    CBT_ERROR_OTHER = 15,
    /// This process is a child after fork(), and what the call needs stayed with the parent.
    CBT_ERROR_FORKED = 16,

    /// A byte that is neither a base64 symbol nor a line break, or a space between symbols.
    CBT_ERROR_INVALID_SYMBOL = 100,
    /// A padding character that is not at the end of the text, or one too many.
    CBT_ERROR_MISPLACED_PADDING = 101,
    /// The last group of the text lacks padding: it was cut short.
    CBT_ERROR_MISSING_PADDING = 102,
    /// The text ends in the middle of a group: it was cut short.
    CBT_ERROR_INCOMPLETE_GROUP = 103,
    /// The last symbol has bits that belong to no byte.
    CBT_ERROR_TRAILING_BITS = 104,
    /// A byte of a 0/1 text that is neither.
    CBT_ERROR_INVALID_BIT = 105,
    /// The input holds no bitmap at all.
    CBT_ERROR_EMPTY = 106,
    /// The bitmap is shorter than the disk needs.
    CBT_ERROR_TOO_SHORT = 107,
    /// The bitmap is longer than the disk.
    CBT_ERROR_TOO_LONG = 108,
    /// The length of the bitmap fits several block sizes, or none. No call gives it yet.
    CBT_ERROR_UNKNOWN_BLOCK_SIZE = 109,
    /// The virtual size is needed, and not known. No call gives it yet.
    CBT_ERROR_NO_VIRTUAL_SIZE = 110,
    /// A word that programs print where there is no answer, such as null.
    CBT_ERROR_NOT_A_BITMAP = 111,
    /// A block is marked as changed that the disk does not have.
    CBT_ERROR_BLOCK_BEYOND_END = 112,
    /// A byte offset that no 64-bit number holds.
    CBT_ERROR_OFFSET_OVERFLOW = 113,
    /// A block size that is not a power of two from 512 to 1073741824.
    CBT_ERROR_BLOCK_SIZE = 114,
    /// A virtual size of 0.
    CBT_ERROR_VIRTUAL_SIZE = 115,
    /// A .cbtlog whose virtual size is 0.
    CBT_ERROR_HEADER_VIRTUAL_SIZE = 116,
    /// A .cbtlog that ends within its header.
    CBT_ERROR_HEADER_TOO_SHORT = 117,
    /// A .cbtlog whose consistent flag is neither 0 nor 1.
    CBT_ERROR_CONSISTENT_FLAG = 118,
    /// A .cbtlog that is not marked as consistent: changes may be missing.
    CBT_ERROR_INCONSISTENT = 119,
    /// A .cbtlog for a disk of another size.
    CBT_ERROR_VIRTUAL_SIZE_MISMATCH = 120,
    /// A .cbtlog was to be read with another block size than 65536.
    CBT_ERROR_BLOCK_SIZE_MISMATCH = 121,
    /// A file became shorter while it was read.
    CBT_ERROR_SHRUNK = 122,
    /// A file became longer while it was read.
    CBT_ERROR_GROWN = 123,
    /// A file was written to while it was read.
    CBT_ERROR_CHANGED = 124,
    /// There is not as much memory.
    CBT_ERROR_OUT_OF_MEMORY = 125,
    /// Two bitmaps of different lengths, or lists of disks of different sizes.
    CBT_ERROR_LENGTH_MISMATCH = 126,
    /// A list that was split, which cannot be shaped or combined any more.
    CBT_ERROR_BYTE_RANGE = 127,
    /// Two bitmaps with blocks of different sizes.
    CBT_ERROR_UNEQUAL_BLOCK_SIZES = 128,
    /// A list of ranges without any. No call gives it yet.
    CBT_ERROR_EMPTY_LIST = 129,
    /// A list of ranges is wrong at a place. No call gives it yet.
    CBT_ERROR_LIST = 130,
    /// A qcow2 image cannot hold a bitmap. No call gives it yet.
    CBT_ERROR_IMAGE_LIMIT = 131,
    /// A name that is no encoding's. No call gives it yet.
    CBT_ERROR_UNKNOWN_ENCODING = 132,
    /// The variable CHANGED_BLOCKS_TIER names no tier.
    CBT_ERROR_UNKNOWN_TIER = 133,
    /// The variable CHANGED_BLOCKS_TIER names a tier that this processor cannot run.
    CBT_ERROR_UNAVAILABLE_TIER = 134,
    /// The input could not be read.
    CBT_ERROR_READ = 135,

    /// Both are the same disk.
    CBT_ERROR_SAME = 200,
    /// A disk has no log.
    CBT_ERROR_MISSING = 201,
    /// The newer disk is attached for writing.
    CBT_ERROR_IN_USE = 202,
    /// A log of the chain was not closed cleanly: changes may be missing from it.
    CBT_ERROR_NOT_CONSISTENT = 203,
    /// No chain leads from the older to the newer disk.
    CBT_ERROR_UNRELATED = 204,
    /// A disk is smaller than the one that it was made from.
    CBT_ERROR_CHAIN_SHRUNK = 205,
    /// A disk was to be made smaller. No call gives it yet.
    CBT_ERROR_WOULD_SHRINK = 206,
    /// Children lead back to a disk that the chain has passed.
    CBT_ERROR_CIRCLE = 207,
    /// The chain was changed each time that it was read.
    CBT_ERROR_CHANGING = 208,
    /// Another program has the folder locked.
    CBT_ERROR_LOCKED = 209,
    /// A new log would be that of a disk larger than any. No call gives it yet.
    CBT_ERROR_TOO_LARGE = 210,
    /// A block, a range or a window that does not lie on the disk.
    CBT_ERROR_NOT_ON_DISK = 211,
    /// A new log would take the place of one that exists already. No call gives it yet.
    CBT_ERROR_EXISTS = 212,
    /// A new snapshot would have the UUID that another log names as its parent. No call gives it yet.
    CBT_ERROR_NAME_TAKEN = 213,
    /// A folder of logs cannot be listed.
    CBT_ERROR_OPEN = 214,
    /// There are two logs of a disk.
    CBT_ERROR_TWO_LOGS = 215,
    /// A log is not named as logs are.
    CBT_ERROR_LOG_NAME = 216,
    /// A log cannot be written, or its folder cannot be locked.
    CBT_ERROR_WRITE = 217,
}

use cbt_code::*;

/// Every code with its name; of an error of the library, the name is the kind.
const NAMES: &[(cbt_code, &CStr)] = &[
    (CBT_OK, c"ok"),
    (CBT_STOPPED, c"stopped"),
    (CBT_UNFINISHED, c"unfinished"),
    (CBT_ERROR_NULL, c"null"),
    (CBT_ERROR_ARGUMENT, c"argument"),
    (CBT_ERROR_HANDLE_IN_USE, c"handle-in-use"),
    (CBT_ERROR_PANIC, c"panic"),
    (CBT_ERROR_THREAD, c"thread"),
    (CBT_ERROR_OTHER, c"other"),
    (CBT_ERROR_FORKED, c"forked"),
    (CBT_ERROR_INVALID_SYMBOL, c"invalid-symbol"),
    (CBT_ERROR_MISPLACED_PADDING, c"misplaced-padding"),
    (CBT_ERROR_MISSING_PADDING, c"missing-padding"),
    (CBT_ERROR_INCOMPLETE_GROUP, c"incomplete-group"),
    (CBT_ERROR_TRAILING_BITS, c"trailing-bits"),
    (CBT_ERROR_INVALID_BIT, c"invalid-bit"),
    (CBT_ERROR_EMPTY, c"empty"),
    (CBT_ERROR_TOO_SHORT, c"too-short"),
    (CBT_ERROR_TOO_LONG, c"too-long"),
    (CBT_ERROR_UNKNOWN_BLOCK_SIZE, c"unknown-block-size"),
    (CBT_ERROR_NO_VIRTUAL_SIZE, c"no-virtual-size"),
    (CBT_ERROR_NOT_A_BITMAP, c"not-a-bitmap"),
    (CBT_ERROR_BLOCK_BEYOND_END, c"block-beyond-end"),
    (CBT_ERROR_OFFSET_OVERFLOW, c"offset-overflow"),
    (CBT_ERROR_BLOCK_SIZE, c"block-size"),
    (CBT_ERROR_VIRTUAL_SIZE, c"virtual-size"),
    (CBT_ERROR_HEADER_VIRTUAL_SIZE, c"header-virtual-size"),
    (CBT_ERROR_HEADER_TOO_SHORT, c"header-too-short"),
    (CBT_ERROR_CONSISTENT_FLAG, c"consistent-flag"),
    (CBT_ERROR_INCONSISTENT, c"inconsistent"),
    (CBT_ERROR_VIRTUAL_SIZE_MISMATCH, c"virtual-size-mismatch"),
    (CBT_ERROR_BLOCK_SIZE_MISMATCH, c"block-size-mismatch"),
    (CBT_ERROR_SHRUNK, c"shrunk"),
    (CBT_ERROR_GROWN, c"grown"),
    (CBT_ERROR_CHANGED, c"changed"),
    (CBT_ERROR_OUT_OF_MEMORY, c"out-of-memory"),
    (CBT_ERROR_LENGTH_MISMATCH, c"length-mismatch"),
    (CBT_ERROR_BYTE_RANGE, c"byte-range"),
    (CBT_ERROR_UNEQUAL_BLOCK_SIZES, c"unequal-block-sizes"),
    (CBT_ERROR_EMPTY_LIST, c"empty-list"),
    (CBT_ERROR_LIST, c"list"),
    (CBT_ERROR_IMAGE_LIMIT, c"image-limit"),
    (CBT_ERROR_UNKNOWN_ENCODING, c"unknown-encoding"),
    (CBT_ERROR_UNKNOWN_TIER, c"unknown-tier"),
    (CBT_ERROR_UNAVAILABLE_TIER, c"unavailable-tier"),
    (CBT_ERROR_READ, c"read"),
    (CBT_ERROR_SAME, c"same"),
    (CBT_ERROR_MISSING, c"missing"),
    (CBT_ERROR_IN_USE, c"in-use"),
    (CBT_ERROR_NOT_CONSISTENT, c"not-consistent"),
    (CBT_ERROR_UNRELATED, c"unrelated"),
    (CBT_ERROR_CHAIN_SHRUNK, c"chain-shrunk"),
    (CBT_ERROR_WOULD_SHRINK, c"would-shrink"),
    (CBT_ERROR_CIRCLE, c"circle"),
    (CBT_ERROR_CHANGING, c"changing"),
    (CBT_ERROR_LOCKED, c"locked"),
    (CBT_ERROR_TOO_LARGE, c"too-large"),
    (CBT_ERROR_NOT_ON_DISK, c"not-on-disk"),
    (CBT_ERROR_EXISTS, c"exists"),
    (CBT_ERROR_NAME_TAKEN, c"name-taken"),
    (CBT_ERROR_OPEN, c"open"),
    (CBT_ERROR_TWO_LOGS, c"two-logs"),
    (CBT_ERROR_LOG_NAME, c"log-name"),
    (CBT_ERROR_WRITE, c"write"),
];

impl cbt_code {
    /// The code for a kind of the library's errors.
    pub(crate) fn of_kind(kind: &str) -> Self {
        let found = NAMES.iter().find(|(_, name)| name.to_bytes() == kind.as_bytes());
        found.map_or(CBT_ERROR_OTHER, |&(code, _)| code)
    }
}

/// The next step after an error, so that a job can be driven by it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum cbt_consequence {
    /// Take a full backup: this bitmap or chain cannot be used.
    CBT_FULL_BACKUP = 1,
    /// Try again, at once or a little later.
    CBT_RETRY = 2,
    /// Try again later: something else holds what is needed, or is away.
    CBT_BUSY = 3,
    /// Stop and tell a person; trying again changes nothing.
    CBT_OPERATOR = 4,
    /// Mend the call: it makes no sense, whatever the bitmap holds.
    CBT_WRONG_USAGE = 5,
}

/// Every consequence with its name, which is that of the library.
const CONSEQUENCES: &[(cbt_consequence, &CStr)] = &[
    (cbt_consequence::CBT_FULL_BACKUP, c"full-backup"),
    (cbt_consequence::CBT_RETRY, c"retry"),
    (cbt_consequence::CBT_BUSY, c"busy"),
    (cbt_consequence::CBT_OPERATOR, c"operator"),
    (cbt_consequence::CBT_WRONG_USAGE, c"wrong-usage"),
];

impl From<Consequence> for cbt_consequence {
    fn from(consequence: Consequence) -> Self {
        match consequence {
            Consequence::FullBackup => Self::CBT_FULL_BACKUP,
            Consequence::Retry => Self::CBT_RETRY,
            Consequence::Busy => Self::CBT_BUSY,
            Consequence::Operator => Self::CBT_OPERATOR,
            Consequence::WrongUsage => Self::CBT_WRONG_USAGE,
        }
    }
}

/// The name of a code, for logs and programs: lower case, words joined by hyphens, such as "too-short". It lives as long
/// as the library, and is never NULL.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn cbt_code_name(code: u32) -> *const c_char {
    let found = NAMES.iter().find(|&&(known, _)| known as u32 == code);
    found.map_or(c"unknown", |&(_, name)| name).as_ptr()
}

/// The name of a consequence, as for codes: such as "full-backup".
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn cbt_consequence_name(consequence: u32) -> *const c_char {
    let found = CONSEQUENCES.iter().find(|&&(known, _)| known as u32 == consequence);
    found.map_or(c"unknown", |&(_, name)| name).as_ptr()
}

/// The version of the library that runs, such as "0.1.0".
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn cbt_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kinds in the second column of a table of the library's documentation.
    fn kinds(table: &str) -> Vec<&str> {
        let rows = table.lines().filter(|line| line.starts_with("| [`"));
        rows.filter_map(|row| row.split('|').nth(2)).map(|kind| kind.trim().trim_matches('`')).collect()
    }

    #[test]
    fn every_kind_of_error_has_a_code() {
        let mut all = kinds(include_str!("../../../src/error_table.md"));
        assert_eq!(all.len(), 36);
        all.extend(kinds(include_str!("../../../src/cbtlog/error_table.md")));
        for kind in all {
            // The last row of the second table has no kind of its own.
            assert!(kind.contains(' ') || cbt_code::of_kind(kind) != CBT_ERROR_OTHER, "{kind}");
        }
    }

    #[test]
    fn codes_and_names_are_there_once() {
        for (index, (code, name)) in NAMES.iter().enumerate() {
            assert!(NAMES[..index].iter().all(|(other, as_well)| other != code && as_well != name), "{name:?}");
        }
    }

    #[test]
    fn consequences_have_the_names_of_the_library() {
        for consequence in Consequence::ALL {
            let number = cbt_consequence::from(consequence) as u32;
            // SAFETY: a name ends with a NUL and lives as long as the program.
            let name = unsafe { CStr::from_ptr(cbt_consequence_name(number)) };
            assert_eq!(name.to_str(), Ok(consequence.name()));
        }
    }
}
