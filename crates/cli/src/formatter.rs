//! Many extents formatted on all threads, and handed over in order.

use std::io::{self, Write};

use changed_blocks::ByteRange;
use changed_blocks::format::ExtentFormat;
use rayon::prelude::*;

use crate::sink::Sink;

/// How many extents are collected before they are formatted.
const COLLECTED: usize = 64 << 10;
/// How many of them are one thread's at a time: some 100 KiB of text.
const SHARE: usize = 4 << 10;

pub(crate) struct Formatter<'f> {
    format: &'f (dyn ExtentFormat + Sync),
    parallel: bool,
    collected: Vec<ByteRange>,
    /// One for each share, used again and again.
    texts: Vec<Vec<u8>>,
    /// Whether anything was handed over, so that a separator comes first.
    begun: bool,
}

impl<'f> Formatter<'f> {
    pub(crate) const fn new(format: &'f (dyn ExtentFormat + Sync), parallel: bool) -> Self {
        Self { format, parallel, collected: Vec::new(), texts: Vec::new(), begun: false }
    }

    /// Takes the next range.
    pub(crate) fn push(&mut self, range: ByteRange, to: &mut Sink<'_>) -> io::Result<()> {
        self.collected.push(range);
        if self.collected.len() == COLLECTED { self.hand_over(to) } else { Ok(()) }
    }

    /// Formats and hands over what was taken.
    pub(crate) fn hand_over(&mut self, to: &mut Sink<'_>) -> io::Result<()> {
        let (format, begun) = (self.format, self.begun);
        let shares = self.collected.len().div_ceil(SHARE);
        self.texts.resize_with(shares.max(self.texts.len()), Vec::new);
        let write = |(i, (ranges, text)): (usize, (&[ByteRange], &mut Vec<u8>))| {
            text.clear();
            for (j, range) in ranges.iter().enumerate() {
                if begun || i + j > 0 {
                    text.extend_from_slice(format.separator());
                }
                format.range(*range, text);
            }
        };
        if self.parallel && shares > 1 {
            self.collected.par_chunks(SHARE).zip(&mut self.texts).enumerate().for_each(write);
        } else {
            self.collected.chunks(SHARE).zip(&mut self.texts).enumerate().for_each(write);
        }
        for text in &self.texts[..shares] {
            to.write_all(text)?;
        }
        self.begun |= shares > 0;
        self.collected.clear();
        Ok(())
    }
}
