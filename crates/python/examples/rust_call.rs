//! The call of the library that `bench.py` sets the Python package against: it says how long one call takes, as often as it is
//! asked to.
//!
//! ```text
//! rust_call ANSWER       then a line on standard input for each call, and nanoseconds and ranges on standard output
//! ```

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::hint::black_box;
use std::io::Write;
use std::time::Instant;
use std::{env, fs, io};

use changed_blocks::{Encoding, Scanner, VirtualSize};

fn main() -> Result<(), Box<dyn Error>> {
    let name = env::args_os().nth(1).ok_or("which answer? rust_call ANSWER")?;
    let answer = fs::read_to_string(name)?;
    let size = VirtualSize::new(16_381 << 30)?;
    let scanner = Scanner::new(Encoding::Base64).virtual_size(size);
    for line in io::stdin().lines() {
        line?;
        let started = Instant::now();
        let ranges = black_box(scanner.byte_ranges(black_box(&answer))?);
        let elapsed = started.elapsed();
        println!("{} {}", elapsed.as_nanos(), ranges.len());
        io::stdout().flush()?;
    }
    Ok(())
}
