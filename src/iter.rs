//! Iterators over extents and byte ranges, which scan as they are asked.
//!
//! Invariant: an iterator ends with the first error, and gives `None` without an error only after the whole bitmap was read
//! and judged.

mod valid;

use std::fmt;
use std::iter::FusedIterator;

use crate::extent::into_extents;
use crate::pipeline::ExtentOutput;
use crate::scan::Scan;
use crate::{ByteRange, Extent, Geometry, Result, Summary};

pub use valid::ValidRanges;

/// The extents of a bitmap, found as they are asked for, in bounded memory.
///
/// Made by [`Scanner::iter_extents`](crate::Scanner::iter_extents). The extents before an error must not be used: the error
/// may mean that all of them are another disk's. So take each with `?`, or all by `collect::<Result<Vec<_>>>()`; adaptors
/// that drop errors, as `flatten` does, make a list that lacks changes.
///
/// To have many at once, as a slice, see [`read_more`](Self::read_more).
///
/// It stays on the thread that made it: it is not `Send`, as its source may be a reader that is not.
pub struct Extents<'a> {
    scan: Scan<'a, ExtentOutput>,
    /// How many of the extents that are ready were given.
    given: usize,
    /// Whether an error was given, after which there is nothing more.
    failed: bool,
}

impl<'a> Extents<'a> {
    pub(crate) const fn new(scan: Scan<'a, ExtentOutput>) -> Self {
        Self { scan, given: 0, failed: false }
    }

    /// The units of the extents: the block size, and the virtual size if it was given or found in the header of a
    /// `.cbtlog`.
    #[must_use]
    pub const fn geometry(&self) -> &Geometry {
        self.scan.geometry()
    }

    /// The summary of the whole bitmap, once it was read and judged.
    #[must_use]
    pub const fn summary(&self) -> Option<Summary> {
        self.scan.summary()
    }

    /// Scans a part of the bitmap more, and adds its extents to those that are [`buffered`](Self::buffered). Returns whether
    /// there may be more of them: after `false`, the whole bitmap was read and judged.
    ///
    /// For who wants slices of extents instead of one after the other. So many of them are to be buffered at the most, or
    /// so: a part is longer, and takes less time for each extent, where there is room for many. The caller stops when there
    /// are enough, deals with them and [`consume`](Self::consume)s them.
    ///
    /// ```
    /// use changed_blocks::{Encoding, Scanner};
    /// let mut extents = Scanner::new(Encoding::Base64).iter_extents("YAAAAA==")?;
    /// let mut changed_blocks = 0;
    /// while extents.read_more(0)? {
    ///     changed_blocks += extents.buffered().iter().map(|extent| extent.len_blocks()).sum::<u64>();
    ///     extents.consume();
    /// }
    /// changed_blocks += extents.buffered().iter().map(|extent| extent.len_blocks()).sum::<u64>();
    /// assert_eq!(changed_blocks, 2);
    /// # Ok::<(), changed_blocks::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// See [`Error`](crate::Error). Nothing is buffered then, and no extent of before must be used.
    pub fn read_more(&mut self, most: usize) -> Result<bool> {
        if self.is_at_end() {
            return Ok(false);
        }
        self.scan.output().hold(most);
        match self.scan.step() {
            Ok(summary) => Ok(summary.is_none()),
            Err(error) => {
                self.stop();
                Err(error)
            }
        }
    }

    /// The extents that were found and not given yet.
    #[must_use]
    pub fn buffered(&mut self) -> &[Extent] {
        &self.scan.output().ready()[self.given..]
    }

    /// Takes all extents that are buffered as given.
    pub fn consume(&mut self) {
        self.scan.output().discard_ready();
        self.given = 0;
    }

    /// The extents that were found and not given yet, in the allocation in which they are.
    #[must_use]
    pub fn into_buffered(mut self) -> Vec<Extent> {
        let len = self.buffered().len();
        let mut extents = into_extents(self.scan.into_output().into_boundaries());
        extents.drain(..extents.len() - len);
        extents
    }

    /// How many bytes of the source have been read.
    #[must_use]
    pub const fn bytes_read(&self) -> u64 {
        self.scan.done_bytes()
    }

    fn is_at_end(&self) -> bool {
        self.failed || self.summary().is_some()
    }

    /// Gives nothing more.
    fn stop(&mut self) {
        self.scan.output().discard_ready();
        (self.given, self.failed) = (0, true);
    }
}

impl Iterator for Extents<'_> {
    type Item = Result<Extent>;

    fn next(&mut self) -> Option<Result<Extent>> {
        loop {
            if let Some(&extent) = self.scan.output().ready().get(self.given) {
                self.given += 1;
                return Some(Ok(extent));
            }
            if self.is_at_end() {
                return None;
            }
            self.consume();
            if let Err(error) = self.read_more(0) {
                return Some(Err(error));
            }
        }
    }
}

impl FusedIterator for Extents<'_> {}

impl fmt::Debug for Extents<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extents").field("summary", &self.summary()).finish_non_exhaustive()
    }
}

/// The byte ranges of a bitmap, found as they are asked for, in bounded memory.
///
/// Made by [`Scanner::iter_byte_ranges`](crate::Scanner::iter_byte_ranges). The ranges before an error must not be used: see
/// [`Extents`].
#[derive(Debug)]
pub struct ByteRanges<'a>(Extents<'a>);

impl<'a> ByteRanges<'a> {
    pub(crate) const fn new(extents: Extents<'a>) -> Self {
        Self(extents)
    }

    /// As [`Extents::geometry`].
    #[must_use]
    pub const fn geometry(&self) -> &Geometry {
        self.0.geometry()
    }

    /// As [`Extents::summary`].
    #[must_use]
    pub const fn summary(&self) -> Option<Summary> {
        self.0.summary()
    }

    /// As [`Extents::bytes_read`].
    #[must_use]
    pub const fn bytes_read(&self) -> u64 {
        self.0.bytes_read()
    }
}

impl Iterator for ByteRanges<'_> {
    type Item = Result<ByteRange>;

    fn next(&mut self) -> Option<Result<ByteRange>> {
        let range = self.0.next()?.and_then(|extent| self.0.geometry().byte_range(extent));
        if range.is_err() {
            self.0.stop();
        }
        Some(range)
    }
}

impl FusedIterator for ByteRanges<'_> {}
