//! From one answer of the call to the reads of a backup, or to the step that has to be taken instead.
//!
//! ```sh
//! cargo run --release --example read_plan -- ANSWER VIRTUAL_SIZE
//! ```

use std::fs::File;
use std::io::{self, Write};
use std::num::NonZeroU64;
use std::path::Path;
use std::process::ExitCode;

use changed_blocks::shape::{self, SortedRanges};
use changed_blocks::{ByteRange, Encoding, Error, Result, Scanner, VirtualSize};

/// Unchanged gaps of at most this many bytes are read through.
const MAX_GAP: u64 = 1 << 20;
/// The most bytes of one read.
const MAX_READ: NonZeroU64 = NonZeroU64::new(4 << 20).expect("not 0");

/// The reads that cover all that has changed: the whole list of them, or an error.
pub(crate) fn read_plan(answer: &Path, virtual_size: u64) -> Result<Vec<ByteRange>> {
    let answer = File::open(answer).map_err(|source| Error::Read { offset: 0, source })?;
    let scanner = Scanner::new(Encoding::Base64).virtual_size(VirtualSize::new(virtual_size)?);
    let changed = scanner.byte_ranges(&answer)?;
    Ok(shape::sorted(&changed)?.merge_gaps(MAX_GAP).split(MAX_READ).collect())
}

/// Writes the reads, a line each: offset and length in bytes.
pub(crate) fn write_plan(reads: &[ByteRange], to: &mut impl Write) -> io::Result<()> {
    reads.iter().try_for_each(|read| writeln!(to, "{} {}", read.offset_bytes, read.len_bytes))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [answer, virtual_size] = &arguments[..] else { return fail("usage: read_plan ANSWER VIRTUAL_SIZE") };
    let Ok(virtual_size) = virtual_size.parse() else { return fail("the virtual size is a number of bytes") };
    match read_plan(Path::new(answer), virtual_size) {
        Ok(reads) => match write_plan(&reads, &mut io::stdout().lock()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error.to_string()),
        },
        // `full-backup`, `retry`, `operator`, …: a job does what it says, and never goes on with a part of a list.
        Err(error) => {
            let hint = error.hint().unwrap_or_default();
            fail(&format!("{}: {error}\n{hint}", error.consequence()))
        }
    }
}

fn fail(message: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "{message}");
    ExitCode::FAILURE
}
