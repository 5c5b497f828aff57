//! Times the library's own calls, for `bench/versus.mjs`: prints milliseconds and the length of the result, a line a round.
//!
//! ```sh
//! rust_call extents|blocks FILE VIRTUAL_SIZE ROUNDS
//! ```

use std::error::Error;
use std::fs;
use std::time::{Duration, Instant};

use changed_blocks::{BlockSize, Encoding, Scanner, VirtualSize};

#[expect(clippy::print_stdout, reason = "the times are for the program that asked")]
fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [call, file, size, rounds] = &args[..] else { return Err("rust_call CALL FILE VIRTUAL_SIZE ROUNDS".into()) };
    let text = fs::read(file)?;
    let scanner = Scanner::new(Encoding::Base64).virtual_size(VirtualSize::new(size.parse()?)?);
    let at = BlockSize::new(2 << 20)?;
    for _ in 0..rounds.parse::<u32>()? {
        let (elapsed, found) = match call.as_str() {
            "extents" => timed(|| scanner.byte_ranges(&text), Vec::len)?,
            "blocks" => timed(|| scanner.bitmap_at(&text, at), |bitmap| bitmap.iter().count())?,
            _ => return Err("the call is extents or blocks".into()),
        };
        println!("{} {found}", elapsed.as_secs_f64() * 1e3);
    }
    Ok(())
}

/// How long `call` takes; neither what becomes of the result nor to free it.
fn timed<T>(
    call: impl Fn() -> changed_blocks::Result<T>,
    len: fn(&T) -> usize,
) -> changed_blocks::Result<(Duration, usize)> {
    let start = Instant::now();
    let result = call()?;
    let elapsed = start.elapsed();
    Ok((elapsed, len(&result)))
}
