//! Byte ranges without a result around each, for code that takes only ranges.
//!
//! Invariant: none of what was made of the ranges is handed out before the whole bitmap was read and judged.

use std::iter::FusedIterator;

use super::ByteRanges;
use crate::shape::Sorted;
use crate::{ByteRange, Error, Result};

impl<'a> ByteRanges<'a> {
    /// Gives the ranges to `f` as [`SortedRanges`](crate::shape::SortedRanges), and returns its result once the whole bitmap
    /// was read and judged, also what `f` leaves unread.
    ///
    /// # Errors
    ///
    /// The error of the bitmap, in place of the result of `f`, which saw the ranges end there. Whatever `f` put elsewhere
    /// must not be used then.
    ///
    /// ```
    /// use changed_blocks::shape::SortedRanges;
    /// use changed_blocks::{ByteRange, Encoding, Scanner};
    ///
    /// let ranges = Scanner::new(Encoding::Base64).iter_byte_ranges("ygAAAA==")?;
    /// let reads: Vec<ByteRange> = ranges.process(|ranges| ranges.merge_gaps(65_536).collect())?;
    /// assert_eq!(reads, [ByteRange::between(0, 2 * 65_536), ByteRange::between(4 * 65_536, 7 * 65_536)]);
    /// # Ok::<(), changed_blocks::Error>(())
    /// ```
    pub fn process<T>(mut self, f: impl FnOnce(ValidRanges<'_, 'a>) -> T) -> Result<T> {
        let mut error = None;
        let result = f(ValidRanges { ranges: &mut self, error: &mut error });
        let rest = self.try_for_each(|range| range.map(drop));
        error.map_or(rest, Err).map(|()| result)
    }
}

/// The byte ranges of a bitmap up to its end, or up to an error, which [`ByteRanges::process`] then returns.
#[derive(Debug)]
pub struct ValidRanges<'r, 'a> {
    ranges: &'r mut ByteRanges<'a>,
    error: &'r mut Option<Error>,
}

impl Iterator for ValidRanges<'_, '_> {
    type Item = ByteRange;

    fn next(&mut self) -> Option<ByteRange> {
        match self.ranges.next()? {
            Ok(range) => Some(range),
            Err(error) => {
                *self.error = Some(error);
                None
            }
        }
    }
}

impl FusedIterator for ValidRanges<'_, '_> {}
impl Sorted for ValidRanges<'_, '_> {}
