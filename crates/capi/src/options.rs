//! The structs that callers fill.
//!
//! Invariant: each begins with its size as the caller's header has it. One of an older release is filled up with zeros, which
//! ask for nothing; one of a newer release is taken if what this release does not know is zero.

use std::mem::MaybeUninit;
use std::num::{NonZeroU64, NonZeroUsize};

use changed_blocks::shape::Shape;
use changed_blocks::{BitOrder, BlockSize, ByteRange, Encoding, Scanner, VirtualSize};

use crate::error::Failure;
use crate::guard::{Outcome, flag};

/// How a bitmap is written down.
#[repr(C)]
pub enum cbt_encoding {
    /// The answer of VDI.list_changed_blocks: standard base64. White space around it and line breaks in it are accepted.
    CBT_BASE64 = 0,
    /// The bytes of a bitmap, the first block in the most significant bit.
    CBT_RAW_MSB0 = 1,
    /// The bytes of a bitmap, the first block in the least significant bit.
    CBT_RAW_LSB0 = 2,
    /// One character a block, 0 or 1.
    CBT_BITS = 3,
    /// A .cbtlog file, which has the virtual size in its header.
    CBT_CBTLOG = 4,
}

/// The facts that a bitmap is held against, and how to work. Set size, either virtual_size or unknown_size, and to zero all
/// that is not asked for:
///
/// ```c
/// cbt_options options = {.size = sizeof options, .virtual_size = 1099511627776};
/// ```
///
/// Without a virtual size, a text that was cut short at a multiple of four characters cannot be told from a whole one.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct cbt_options {
    /// sizeof(cbt_options).
    pub size: usize,
    /// The size of the disk in bytes. The bitmap must have the length that belongs to it.
    pub virtual_size: u64,
    /// The bytes of the disk that one bit stands for; 0 for 65536.
    pub block_size: u64,
    /// A cbt_encoding.
    pub encoding: u32,
    /// 1 if the virtual size is not known; virtual_size is then 0. A .cbtlog says it itself, and needs neither.
    pub unknown_size: u32,
    /// 1 if a .cbtlog may be read that is not marked as consistent. Changes may be missing from it.
    pub allow_inconsistent: u32,
    /// 1 to work on the caller's thread alone; else all threads of the process's pool help with a long bitmap.
    pub single_thread: u32,
}

/// From what changed to what is read: each is done only if it is asked for, in this order. Set size, and to
/// zero all that is not asked for.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct cbt_shape {
    /// sizeof(cbt_shape).
    pub size: usize,
    /// Only what lies in a part of the disk: where that begins, in bytes.
    pub window_offset: u64,
    /// The length of that part in bytes; 0 for the whole disk.
    pub window_length: u64,
    /// Unchanged gaps of at most that many bytes are read through.
    pub merge_gap: u64,
    /// Starts and ends move outward to multiples of that many bytes, but never beyond the end of the disk.
    pub align: u64,
    /// At most that many ranges, which cover all for the fewest bytes.
    pub at_most: u64,
    /// Pieces of at most that many bytes. They may be adjacent, so they come last: a list of them cannot be shaped again.
    pub split: u64,
}

/// A struct that callers fill.
///
/// # Safety
///
/// It is `repr(C)`, begins with its size as a `usize`, and has only numbers.
pub(crate) unsafe trait Filled: Copy {
    /// Its name, for messages.
    const NAME: &str;
    /// Its size in the first release that has it.
    const FIRST_SIZE: usize;
}

// SAFETY: see the struct: `repr(C)`, the size comes first, and all are numbers.
unsafe impl Filled for cbt_options {
    const NAME: &str = "cbt_options";
    const FIRST_SIZE: usize = size_of::<Self>();
}

// SAFETY: see the struct: `repr(C)`, the size comes first, and all are numbers.
unsafe impl Filled for cbt_shape {
    const NAME: &str = "cbt_shape";
    const FIRST_SIZE: usize = size_of::<Self>();
}

/// No struct of any release is longer. A larger size is memory that nobody has initialised.
const MAX_SIZE: usize = 4096;

/// Reads a struct that a caller has filled.
///
/// # Safety
///
/// A pointer that is neither null nor misaligned leads to a struct of the size that it says itself.
pub(crate) unsafe fn filled<T: Filled>(from: *const T, name: &str) -> Outcome<T> {
    // SAFETY: promised by who calls; a struct begins with its size.
    let size = *unsafe { crate::guard::value(from.cast::<usize>(), name) }?;
    if !from.is_aligned() || !(T::FIRST_SIZE..=MAX_SIZE).contains(&size) {
        let message = format!("{name}->size is {size}, but a {} has {} bytes", T::NAME, size_of::<T>());
        return Err(Failure::argument(message).with_hint(&format!("set it to sizeof({})", T::NAME)));
    }
    // SAFETY: promised by who calls.
    let bytes = unsafe { std::slice::from_raw_parts(from.cast::<u8>(), size) };
    let known = size.min(size_of::<T>());
    if bytes[known..].iter().any(|&byte| byte != 0) {
        let message = format!("{name} asks for something that this release does not know");
        return Err(Failure::argument(message).with_hint("it was filled for a newer release of the library"));
    }
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: both have that many bytes, and the second was just made.
    unsafe { value.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), known) };
    // SAFETY: `Filled`: it has only numbers, for which all bytes are good.
    Ok(unsafe { value.assume_init() })
}

impl cbt_options {
    /// The scanner that is asked for.
    pub(crate) fn scanner(&self) -> Outcome<Scanner> {
        let encoding = encoding(self.encoding)?;
        let block_size = if self.block_size == 0 { BlockSize::DEFAULT } else { BlockSize::new(self.block_size)? };
        let scanner = Scanner::new(encoding)
            .block_size(block_size)
            .allow_inconsistent(flag(self.allow_inconsistent, "options->allow_inconsistent")?)
            .parallel(!flag(self.single_thread, "options->single_thread")?);
        match (self.virtual_size, flag(self.unknown_size, "options->unknown_size")?) {
            (0, true) => Ok(scanner),
            (0, false) if encoding == Encoding::CbtLog => Ok(scanner),
            (_, true) => Err(Failure::argument("options->virtual_size and options->unknown_size exclude each other")),
            // Not to say anything is refused: it would give up the one check that finds a text that was cut short.
            (bytes, false) => match VirtualSize::new(bytes) {
                Ok(size) => Ok(scanner.virtual_size(size)),
                Err(error) => {
                    Err(Failure::from(error).with_hint("give the size of the disk, or set unknown_size to 1"))
                }
            },
        }
    }
}

/// The encoding of a number.
pub(crate) fn encoding(number: u32) -> Outcome<Encoding> {
    match number {
        0 => Ok(Encoding::Base64),
        1 => Ok(Encoding::Raw(BitOrder::Msb0)),
        2 => Ok(Encoding::Raw(BitOrder::Lsb0)),
        3 => Ok(Encoding::Bits),
        4 => Ok(Encoding::CbtLog),
        _ => Err(Failure::argument(format!("{number} is no cbt_encoding"))),
    }
}

impl cbt_shape {
    /// The shape that is asked for.
    pub(crate) fn shape(&self) -> Outcome<Shape> {
        let window = match (self.window_offset, self.window_length) {
            (0, 0) => None,
            (_, 0) => return Err(Failure::argument("shape->window_offset is set, but no shape->window_length")),
            (offset_bytes, len_bytes) => Some(ByteRange { offset_bytes, len_bytes }),
        };
        // More than there can be in memory are as many as there are.
        let at_most = usize::try_from(self.at_most).unwrap_or(usize::MAX);
        Ok(Shape {
            window,
            merge_gap: self.merge_gap,
            align: NonZeroU64::new(self.align),
            max_extents: NonZeroUsize::new(at_most),
            invert: false,
            max_extent: NonZeroU64::new(self.split),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: cbt_options = cbt_options {
        size: size_of::<cbt_options>(),
        virtual_size: 0,
        block_size: 0,
        encoding: 0,
        unknown_size: 0,
        allow_inconsistent: 0,
        single_thread: 0,
    };

    #[repr(C)]
    #[allow(dead_code, reason = "it is read as bytes")]
    struct Newer {
        options: cbt_options,
        more: u64,
    }

    fn read(newer: &Newer) -> Outcome<cbt_options> {
        // SAFETY: it has the size that it says.
        unsafe { filled((&raw const *newer).cast::<cbt_options>(), "options") }
    }

    #[test]
    fn a_struct_has_the_size_that_it_says() {
        for size in [0, 8, size_of::<cbt_options>() - 1, 4097, usize::MAX] {
            let newer = Newer { options: cbt_options { size, ..EMPTY }, more: 0 };
            assert!(read(&newer).is_err(), "{size}");
        }
        assert!(read(&Newer { options: EMPTY, more: 7 }).is_ok());
    }

    #[test]
    fn a_newer_struct_is_taken_if_it_asks_for_nothing_new() {
        let newer = |more| Newer { options: cbt_options { size: size_of::<Newer>(), ..EMPTY }, more };
        assert!(read(&newer(0)).is_ok());
        assert!(read(&newer(1 << 40)).is_err());
    }

    #[test]
    fn the_size_of_the_disk_is_given_or_said_to_be_unknown() {
        assert!(EMPTY.scanner().is_err());
        assert!(cbt_options { unknown_size: 1, ..EMPTY }.scanner().is_ok());
        assert!(cbt_options { virtual_size: 1, ..EMPTY }.scanner().is_ok());
        assert!(cbt_options { virtual_size: 1, unknown_size: 1, ..EMPTY }.scanner().is_err());
        assert!(cbt_options { encoding: 4, ..EMPTY }.scanner().is_ok());
        assert!(cbt_options { unknown_size: 2, ..EMPTY }.scanner().is_err());
        assert!(cbt_options { unknown_size: 1, encoding: 5, ..EMPTY }.scanner().is_err());
    }
}
