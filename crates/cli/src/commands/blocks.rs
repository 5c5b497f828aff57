//! `cbt blocks`: the changed blocks of a consumer's own size.
//!
//! The bitmap of these blocks is in memory, and nothing is written before all of it was judged.

use std::cell::RefCell;
use std::io::{self, BufWriter, Write};
use std::slice;

use changed_blocks::{Bitmap, BitmapWriter, BlockSize, Encoding, Error, Extent, Source};
use rayon::prelude::*;

use crate::args::BlocksArgs;
use crate::failure::Failure;
use crate::input::Input;
use crate::output::target::Target;
use crate::range_input::{RangeInput, SharedSource};
use crate::range_run::judge;

/// How many words of the bitmap become text before it is written, and how many of them a thread takes at a time.
const WAVE_WORDS: usize = 64 << 10;
const CHUNK_WORDS: usize = 1 << 10;
/// How much of a bitmap is written at a time.
const WRITE_BYTES: usize = 64 << 10;

pub(crate) fn blocks(args: &BlocksArgs) -> Result<(), Failure> {
    let mut input = RangeInput::open(&args.input)?;
    let mut target = Target::open(args.file.output_file.as_deref())?;
    if let Some(Encoding::Raw(_)) = args.bitmap {
        target.refuse_terminal()?;
    }
    let written = if args.any {
        let any = any(&mut input)?;
        writeln!(target, "{any}")
    } else {
        let size = args.size.unwrap_or(input.block_size);
        let bitmap = bitmap(&mut input, size)?;
        match args.bitmap {
            _ if args.count => writeln!(target, "{}", bitmap.count()),
            Some(encoding) => write_bitmap(&bitmap, encoding, &mut target),
            None => write_list(&bitmap, &mut target),
        }
    };
    written.map_err(|error| target.failure(error))?;
    target.commit()?;
    input.input.drain();
    Ok(())
}

/// Whether anything changed. Where it did, the rest is not read.
fn any(input: &mut RangeInput) -> Result<bool, Failure> {
    if let Some((scanner, bitmap)) = input.as_bitmap() {
        return judged(bitmap, |source| Ok(scanner.iter_extents(source)?.next().transpose()?.is_some()));
    }
    let source = RefCell::new(input.start());
    let any = SharedSource(&source).next().is_some();
    let error = source.into_inner().error;
    judge(slice::from_ref(input), vec![error])?;
    Ok(any)
}

/// The bitmap in blocks of that size: of a list, each is changed that a range touches.
fn bitmap(input: &mut RangeInput, block_size: BlockSize) -> Result<Bitmap, Failure> {
    if let Some((scanner, bitmap)) = input.as_bitmap() {
        return judged(bitmap, |source| scanner.bitmap_at(source, block_size));
    }
    let source = RefCell::new(input.start());
    let Some(virtual_size) = source.borrow().virtual_size() else {
        let error = source.into_inner().error;
        judge(slice::from_ref(input), vec![error])?;
        let message = "blocks are counted up to the end of the disk, which a list does not tell".to_owned();
        return Err(Failure::Usage {
            message,
            hint: "give --virtual-size; cbt union and cbt extents take lists without",
        });
    };
    let bitmap = Bitmap::try_new(virtual_size.blocks(block_size));
    let bitmap = bitmap.map(|mut bitmap| {
        let block = |byte: u64| byte / block_size.bytes();
        SharedSource(&source)
            .for_each(|range| bitmap.set(Extent::new(block(range.offset_bytes), block(range.end_bytes() - 1) + 1)));
        bitmap
    });
    let error = source.into_inner().error;
    judge(slice::from_ref(input), vec![error])?;
    bitmap.map_err(|error| Failure::Bitmap { input: input.input.name.clone(), error })
}

/// The result of a pass over the input, if that was good and a file has not changed meanwhile.
fn judged<T>(input: &mut Input, pass: impl FnOnce(Source<'_>) -> Result<T, Error>) -> Result<T, Failure> {
    let result = pass(input.source());
    input.refuse_if_changed()?;
    result.map_err(|error| Failure::Bitmap { input: input.name.clone(), error })
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
