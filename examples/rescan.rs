//! Scans a base64 text some times on one thread, for profilers and whatever else counts instructions: what one time
//! takes is the difference between two counts.
//!
//! ```text
//! cargo run --release --example rescan -- one.b64 10
//! ```
//!
//! `CHANGED_BLOCKS_TIER` forces a tier.

#![allow(clippy::print_stderr)]

use std::error::Error;
use std::process::ExitCode;

use changed_blocks::{Encoding, Scanner};

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let (Some(file), Some(Ok(times))) = (args.next(), args.next().map(|times| times.parse::<u32>())) else {
        eprintln!("usage: rescan FILE TIMES");
        return ExitCode::from(2);
    };
    match rescan(&file, times) {
        Ok(extents) => {
            eprintln!("{extents} extents, {times} times");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{file}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn rescan(file: &str, times: u32) -> Result<usize, Box<dyn Error>> {
    let text = std::fs::read(file)?;
    let scanner = Scanner::new(Encoding::Base64).parallel(false);
    let mut extents = Vec::new();
    for _ in 0..times {
        scanner.extents_into(&text, &mut extents)?;
    }
    Ok(extents.len())
}
