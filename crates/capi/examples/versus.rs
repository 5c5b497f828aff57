//! Times the C library against the call in Rust: the same input, turn by turn, in one process.
//!
//! ```text
//! make -C crates/capi
//! cargo run --release --example make_bitmap -- 1%-runs-of-4 16381 > largest.b64
//! cargo run --profile dist -p changed-blocks-capi --example versus -- target/capi/libchanged_blocks.so 17588964818944 largest.b64
//! ```
//!
//! From text in memory to a list in memory that is made anew each time, on all threads. The results are compared before.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::ffi::{CString, c_char, c_int, c_void};
use std::hint::black_box;
use std::time::{Duration, Instant};

use changed_blocks::{ByteRange, Encoding, Scanner, VirtualSize};

const ROUNDS: usize = 31;

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// As the header has it.
#[repr(C)]
struct Options {
    size: usize,
    virtual_size: u64,
    block_size: u64,
    numbers: [u32; 4],
}

type New = unsafe extern "C" fn(*const c_void, usize, *const Options, *mut *mut c_void, *mut c_void) -> c_int;
type Get = unsafe extern "C" fn(*const c_void, *mut *const ByteRange, *mut usize, *mut c_void) -> c_int;
type Free = unsafe extern "C" fn(*mut c_void);

/// The functions of the library, as a program in C sees them.
struct Library {
    new: New,
    get: Get,
    free: Free,
}

impl Library {
    fn load(path: &str) -> Result<Self, Box<dyn Error>> {
        let path = CString::new(path)?;
        // SAFETY: the path ends with a NUL; 2 is RTLD_NOW.
        let library = unsafe { dlopen(path.as_ptr(), 2) };
        if library.is_null() {
            return Err("the library cannot be loaded: make -C crates/capi".into());
        }
        let symbol = |name: &std::ffi::CStr| {
            // SAFETY: the library was loaded, and the name ends with a NUL.
            let symbol = unsafe { dlsym(library, name.as_ptr()) };
            if symbol.is_null() { Err(format!("{name:?} is not in the library")) } else { Ok(symbol) }
        };
        let (new, get, free) = (symbol(c"cbt_ranges_new")?, symbol(c"cbt_ranges_get")?, symbol(c"cbt_ranges_free")?);
        // SAFETY: the header declares these functions so.
        unsafe {
            Ok(Self {
                new: std::mem::transmute::<*mut c_void, New>(new),
                get: std::mem::transmute::<*mut c_void, Get>(get),
                free: std::mem::transmute::<*mut c_void, Free>(free),
            })
        }
    }

    /// Has the list made, lets `see` have it, and frees it.
    fn ranges<T>(&self, text: &[u8], options: &Options, see: impl FnOnce(&[ByteRange]) -> T) -> T {
        let (mut ranges, mut list, mut count) = (std::ptr::null_mut(), std::ptr::null(), 0);
        let (text, len) = (text.as_ptr().cast(), text.len());
        // SAFETY: all pointers are good, and the text lives as long as the call.
        let code = unsafe { (self.new)(text, len, options, &raw mut ranges, std::ptr::null_mut()) };
        assert_eq!(code, 0, "the input is good");
        // SAFETY: the handle was just made.
        let code = unsafe { (self.get)(ranges, &raw mut list, &raw mut count, std::ptr::null_mut()) };
        assert_eq!(code, 0, "the handle is good");
        // SAFETY: the list is there until the handle is freed.
        let seen = see(unsafe { std::slice::from_raw_parts(list, count) });
        // SAFETY: it is freed once.
        unsafe { (self.free)(ranges) };
        seen
    }
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e3
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [library, virtual_size, files @ ..] = &args[..] else {
        return Err("usage: versus LIBRARY VIRTUAL-SIZE ANSWER…".into());
    };
    let library = Library::load(library)?;
    let virtual_size: u64 = virtual_size.parse()?;
    let options = Options { size: size_of::<Options>(), virtual_size, block_size: 0, numbers: [0; 4] };
    let scanner = Scanner::new(Encoding::Base64).virtual_size(VirtualSize::new(virtual_size)?);
    println!("| answer | ranges | Rust, ms | C, ms | C ÷ Rust, rate |\n|---|--:|--:|--:|--:|");
    for file in files {
        let text = std::fs::read(file)?;
        let expected = scanner.byte_ranges(&text)?;
        library.ranges(&text, &options, |found| assert!(found == expected, "C finds the same"));
        let (mut in_rust, mut in_c) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let start = Instant::now();
            drop(black_box(scanner.byte_ranges(black_box(&text))?));
            in_rust.push(start.elapsed());
            let start = Instant::now();
            library.ranges(black_box(&text), &options, |found| {
                black_box(found);
            });
            in_c.push(start.elapsed());
        }
        let (rust, c) = (median(in_rust), median(in_c));
        println!("| {file} | {} | {rust:.2} | {c:.2} | {:.3} |", expected.len(), rust / c);
    }
    Ok(())
}
