//! Makes a bitmap to try things on, and writes it to standard output as base64:
//!
//! ```text
//! cargo run --release --example make_bitmap -- 1%-runs-of-4 16381 > largest.b64
//! ```
//!
//! The first argument names one of the densities of the benchmarks, the second is the size of the disk in GiB.

#![allow(clippy::print_stderr)]

use std::io::Write;
use std::process::ExitCode;

#[path = "../benches/inputs/mod.rs"]
mod inputs;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let density = args.next().and_then(|name| inputs::Density::named(&name));
    let gib = args.next().and_then(|gib| gib.parse::<usize>().ok()).filter(|gib| (1..=1 << 20).contains(gib));
    let (Some(density), Some(gib)) = (density, gib) else {
        let names = inputs::DENSITIES.map(|density| density.name).join(", ");
        eprintln!("usage: make_bitmap DENSITY GIB\nwhere DENSITY is one of: {names}");
        return ExitCode::from(2);
    };
    // 16,384 blocks of 64 KiB make a GiB, and 8 of them a byte.
    let bitmap = density.bitmap(gib * 2048);
    let mut text = base64_simd::STANDARD.encode_to_string(bitmap);
    text.push('\n');
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("standard output: {error}");
            ExitCode::FAILURE
        }
    }
}
