//! The structs that callers fill.
//!
//! Invariant: each begins with its size as the caller's header has it. One of an older release is filled up with zeros, which
//! ask for nothing; one of a newer release is taken if what this release does not know is zero.

use std::mem::{MaybeUninit, offset_of};
use std::num::{NonZeroU64, NonZeroUsize};

use changed_blocks::shape::Shape;
use changed_blocks::{BitOrder, BlockSize, ByteRange, Encoding, Scanner, VirtualSize};

use crate::code::cbt_code;
use crate::error::Failure;
use crate::guard::{Outcome, flag, require, value};
use crate::process::has_pool;

/// How a bitmap is written down.
#[repr(C)]
#[derive(Clone, Copy)]
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

impl cbt_encoding {
    const ALL: [Self; 5] = [Self::CBT_BASE64, Self::CBT_RAW_MSB0, Self::CBT_RAW_LSB0, Self::CBT_BITS, Self::CBT_CBTLOG];

    /// The encoding that a number of the caller's stands for.
    pub(crate) fn of_number(number: u32) -> Outcome<Encoding> {
        let known = Self::ALL.into_iter().find(|&known| known as u32 == number);
        match known.ok_or_else(|| Failure::argument(format!("{number} is no cbt_encoding")))? {
            Self::CBT_BASE64 => Ok(Encoding::Base64),
            Self::CBT_RAW_MSB0 => Ok(Encoding::Raw(BitOrder::Msb0)),
            Self::CBT_RAW_LSB0 => Ok(Encoding::Raw(BitOrder::Lsb0)),
            Self::CBT_BITS => Ok(Encoding::Bits),
            Self::CBT_CBTLOG => Ok(Encoding::CbtLog),
        }
    }
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
    /// The bytes of the disk that one bit of the text stands for; 0 for 65536. It is a fact about the bitmap, not a wish: for
    /// larger blocks, see `at` of cbt_bitmap_new.
    pub block_size: u64,
    /// A cbt_encoding.
    pub encoding: u32,
    /// 1 if the virtual size is not known; virtual_size is then 0, and the last range may pass the end of the disk, up to the
    /// end of its block. A .cbtlog says its size itself, and needs neither.
    pub unknown_size: u32,
    /// 1 if a .cbtlog may be read that is not marked as consistent. Changes may be missing from it.
    pub allow_inconsistent: u32,
    /// 1 to scan on one thread: the caller's, or for a push that of its own. Else all threads of the library's pool help with
    /// a long bitmap.
    pub single_thread: u32,
}

/// From what changed to what is read: each is done only if it is asked for, in this order. Set size, and to
/// zero all that is not asked for.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct cbt_shape {
    /// sizeof(cbt_shape).
    pub size: usize,
    /// Only what lies in a part of the disk: where that begins, in bytes. It has to be on the disk, whose size must be known
    /// if this is not 0.
    pub window_offset: u64,
    /// The length of that part in bytes, which may pass the end of the disk; 0 for the whole disk.
    pub window_length: u64,
    /// Unchanged gaps of at most that many bytes are read through.
    pub merge_gap: u64,
    /// Starts and ends move outward to multiples of that many bytes, but not beyond the end of the disk, if its size is known.
    pub align: u64,
    /// At most that many ranges, which cover all for the fewest bytes.
    pub at_most: u64,
    /// Pieces of at most that many bytes, with borders on its multiples, counted from the start of the disk. They may be
    /// adjacent, so they come last: a list of them cannot be shaped or combined any more. Keep the list from before for that.
    pub split: u64,
}

/// A struct that callers fill.
///
/// # Safety
///
/// It is `repr(C)`, begins with its size as a `usize`, and has only numbers, with no padding at its end: a program need not
/// set that to zero, and in a later release a number may be there.
pub(crate) unsafe trait Filled: Copy {
    /// Its name, for messages.
    const NAME: &str;
    /// Its size in the first release that has it.
    const FIRST_SIZE: usize;
}

// SAFETY: see the struct: `repr(C)`, the size comes first, and all are numbers.
unsafe impl Filled for cbt_options {
    const NAME: &str = "cbt_options";
    const FIRST_SIZE: usize = offset_of!(Self, single_thread) + size_of::<u32>();
}

// SAFETY: see the struct: `repr(C)`, the size comes first, and all are numbers.
unsafe impl Filled for cbt_shape {
    const NAME: &str = "cbt_shape";
    const FIRST_SIZE: usize = offset_of!(Self, split) + size_of::<u64>();
}

// The end of the last field is the end of the struct: see `Filled`. A new field comes after it, takes its place here, and
// leaves FIRST_SIZE alone: else programs that were built before would be refused.
const _: () = {
    assert!(size_of::<cbt_options>() == offset_of!(cbt_options, single_thread) + size_of::<u32>());
    assert!(size_of::<cbt_shape>() == offset_of!(cbt_shape, split) + size_of::<u64>());
    assert!(size_of::<usize>() != 8 || cbt_options::FIRST_SIZE == 40 && cbt_shape::FIRST_SIZE == 56);
};

/// No struct of any release is longer. A larger size is memory that nobody has initialised.
const MAX_SIZE: usize = 4096;

/// Reads a struct that a caller has filled.
///
/// # Safety
///
/// A pointer that is neither null nor misaligned leads to a struct of the size that it says itself.
pub(crate) unsafe fn filled<T: Filled>(from: *const T, name: &str) -> Outcome<T> {
    require(from, name)?;
    // SAFETY: promised by who calls; a struct begins with its size.
    let size = *unsafe { value(from.cast::<usize>(), name) }?;
    if !(T::FIRST_SIZE..=MAX_SIZE).contains(&size) {
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
    /// Whether one thread is to do all.
    pub(crate) fn is_single_thread(&self) -> Outcome<bool> {
        flag(self.single_thread, "options->single_thread")
    }

    /// The scanner that is asked for. In a fork, where the pool is not, it works on one thread.
    pub(crate) fn scanner(&self) -> Outcome<Scanner> {
        let encoding = cbt_encoding::of_number(self.encoding)?;
        let block_size = if self.block_size == 0 { BlockSize::DEFAULT } else { BlockSize::new(self.block_size)? };
        let scanner = Scanner::new(encoding)
            .block_size(block_size)
            .allow_inconsistent(flag(self.allow_inconsistent, "options->allow_inconsistent")?)
            .parallel(!self.is_single_thread()? && has_pool());
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

impl cbt_shape {
    /// The shape that is asked for, of a list of a disk of that size.
    pub(crate) fn shape(&self, virtual_size: Option<VirtualSize>) -> Outcome<Shape> {
        let window = self.window(virtual_size)?;
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

    /// The window that is asked for. One that is not on the disk is refused: an empty list would look as if nothing had
    /// changed.
    fn window(&self, virtual_size: Option<VirtualSize>) -> Outcome<Option<ByteRange>> {
        let (offset, length) = (self.window_offset, self.window_length);
        match (offset, length) {
            (0, 0) => return Ok(None),
            (_, 0) => return Err(Failure::argument("shape->window_offset is set, but no shape->window_length")),
            _ => {}
        }
        let off_disk = |message| Err(Failure::of_usage(cbt_code::CBT_ERROR_NOT_ON_DISK, message));
        if offset.checked_add(length).is_none() {
            return off_disk(format!("a window of {length} bytes at {offset} ends beyond 2^64 bytes"));
        }
        match virtual_size.map(VirtualSize::bytes) {
            Some(size) if offset >= size => {
                off_disk(format!("the window begins at {offset}, but the disk has only {size} bytes"))
            }
            None if offset > 0 => {
                let failure =
                    Failure::argument("a window has to be on the disk, of which this list does not say the size");
                Err(failure.with_hint("give the virtual size when the list is made"))
            }
            _ => Ok(Some(ByteRange { offset_bytes: offset, len_bytes: length })),
        }
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
    fn a_misaligned_struct_is_called_so() {
        let newer = Newer { options: EMPTY, more: 0 };
        let inside = (&raw const newer).cast::<u8>().wrapping_add(4).cast::<cbt_options>();
        // SAFETY: it is not used.
        let error = unsafe { filled(inside, "options") }.err().expect("misaligned");
        let mut written = MaybeUninit::uninit();
        error.hand_out(written.as_mut_ptr());
        // SAFETY: it was written, and ends with a NUL.
        let message = unsafe { std::ffi::CStr::from_ptr((*written.as_ptr()).message.as_ptr()) };
        assert_eq!(message, c"options is not aligned: it leads to something else");
    }

    #[test]
    fn a_window_is_on_the_disk() {
        let disk = VirtualSize::new(100).ok();
        let window = |window_offset, window_length, virtual_size| {
            let size = size_of::<cbt_shape>();
            let shape = cbt_shape { size, window_offset, window_length, merge_gap: 0, align: 0, at_most: 0, split: 0 };
            shape.shape(virtual_size).map(|shape| shape.window).map_err(|failure| failure.code)
        };
        assert_eq!(window(0, 0, None), Ok(None));
        assert_eq!(window(99, 1000, disk), Ok(Some(ByteRange { offset_bytes: 99, len_bytes: 1000 })));
        assert_eq!(window(0, 1000, None), Ok(Some(ByteRange { offset_bytes: 0, len_bytes: 1000 })));
        assert_eq!(window(100, 1, disk), Err(cbt_code::CBT_ERROR_NOT_ON_DISK));
        assert_eq!(window(u64::MAX - 9, 100, disk), Err(cbt_code::CBT_ERROR_NOT_ON_DISK));
        assert_eq!(window(u64::MAX - 9, 100, None), Err(cbt_code::CBT_ERROR_NOT_ON_DISK));
        assert_eq!(window(1, 1, None), Err(cbt_code::CBT_ERROR_ARGUMENT));
        assert_eq!(window(1, 0, disk), Err(cbt_code::CBT_ERROR_ARGUMENT));
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
