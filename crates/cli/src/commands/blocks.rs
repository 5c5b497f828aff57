//! `cbt blocks`: the changed blocks of a consumer's own size.
//!
//! The bitmap of these blocks is in memory, and nothing is written before all of it was judged.

use std::io::{self, BufWriter, Write};

use changed_blocks::{Bitmap, BitmapWriter, Encoding, Error, Scanner, Source};
use rayon::prelude::*;

use crate::args::BlocksArgs;
use crate::commands::encode::refuse_terminal;
use crate::failure::Failure;
use crate::input::Input;
use crate::output::target::Target;
use crate::scan_options;

/// How many words of the bitmap become text before it is written, and how many of them a thread takes at a time.
const WAVE_WORDS: usize = 64 << 10;
const CHUNK_WORDS: usize = 1 << 10;
/// How much of a bitmap is written at a time.
const WRITE_BYTES: usize = 64 << 10;

pub(crate) fn blocks(args: &BlocksArgs) -> Result<(), Failure> {
    let (scanner, block_size, mut input) = scan_options::open(&args.input)?;
    let mut target = Target::open(args.file.output_file.as_deref())?;
    let encoding = args.bitmap.map(Encoding::from);
    encoding.map_or(Ok(()), |encoding| refuse_terminal(encoding, &target))?;
    let written = if args.any {
        let any = judged(&mut input, |source| any(&scanner, source))?;
        writeln!(target, "{any}")
    } else {
        let size = args.size.unwrap_or(block_size);
        let bitmap = judged(&mut input, |source| scanner.bitmap_at(source, size))?;
        match encoding {
            _ if args.count => writeln!(target, "{}", bitmap.count()),
            Some(encoding) => write_bitmap(&bitmap, encoding, &mut target),
            None => write_list(&bitmap, &mut target),
        }
    };
    written.map_err(|error| target.failure(error))?;
    target.commit()?;
    input.drain();
    Ok(())
}

/// The result of a pass over the input, if that was good and a file has not changed meanwhile.
fn judged<T>(input: &mut Input, pass: impl FnOnce(Source<'_>) -> Result<T, Error>) -> Result<T, Failure> {
    let result = pass(input.source());
    input.refuse_if_changed()?;
    result.map_err(|error| Failure::Bitmap { input: input.name.clone(), error })
}

/// Whether anything changed. Where it did, the rest is not read.
fn any(scanner: &Scanner, source: Source<'_>) -> Result<bool, Error> {
    let first = scanner.iter_extents(source)?.next().transpose()?;
    Ok(first.is_some())
}

fn write_bitmap(bitmap: &Bitmap, encoding: Encoding, target: &mut Target) -> io::Result<()> {
    let mut buffer = BufWriter::with_capacity(WRITE_BYTES, &mut *target);
    let mut writer = BitmapWriter::new(encoding);
    let mut cursor = bitmap.cursor();
    let mut at = 0;
    while let Some(run) = cursor.next_changed_from(at) {
        writer.extents(&[run], &mut buffer)?;
        at = run.end_block;
    }
    writer.finish(bitmap.blocks(), &mut buffer)?;
    if matches!(encoding, Encoding::Base64 | Encoding::Bits) {
        buffer.write_all(b"\n")?;
    }
    buffer.flush()
}

/// Writes the number of each changed block, a line each: a wave is made on all threads, then written in order.
fn write_list(bitmap: &Bitmap, target: &mut Target) -> io::Result<()> {
    let mut first_block = 0;
    for wave in bitmap.as_words().chunks(WAVE_WORDS) {
        let line_chunk =
            |(number, words): (usize, &[u64])| lines(words, first_block + (number * 64 * CHUNK_WORDS) as u64);
        let text: Vec<Vec<u8>> = wave.par_chunks(CHUNK_WORDS).enumerate().map(line_chunk).collect();
        text.iter().try_for_each(|text| target.write_all(text))?;
        first_block += (64 * WAVE_WORDS) as u64;
    }
    Ok(())
}

/// The numbers of the changed blocks of some words.
fn lines(words: &[u64], first_block: u64) -> Vec<u8> {
    let mut text = Vec::new();
    let mut digits = itoa::Buffer::new();
    for (&word, first) in words.iter().zip((first_block..).step_by(64)) {
        let mut ones = word;
        while ones != 0 {
            text.extend_from_slice(digits.format(first + u64::from(ones.trailing_zeros())).as_bytes());
            text.push(b'\n');
            ones &= ones - 1;
        }
    }
    text
}
