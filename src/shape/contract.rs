//! The promise of a list of byte ranges, as a marker that only this library gives.

use std::iter::FusedIterator;

use crate::ByteRange;

/// Iterators that keep the promise of [`SortedRanges`](super::SortedRanges). It is out of reach for other crates, so that an
/// order that nobody judged never gets in.
///
/// A `&mut` of one is none: what is made of it may have read on, and so would lose ranges if it was left early.
pub trait Sorted: FusedIterator<Item = ByteRange> {}

impl<I: Sorted + ?Sized> Sorted for Box<I> {}

/// An iterator of which its maker knows that it keeps the promise.
#[derive(Clone)]
pub(crate) struct Trusted<I>(pub(crate) I);

impl<I: Iterator<Item = ByteRange>> Iterator for Trusted<I> {
    type Item = ByteRange;

    fn next(&mut self) -> Option<ByteRange> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }

    fn fold<B, F: FnMut(B, ByteRange) -> B>(self, init: B, f: F) -> B {
        self.0.fold(init, f)
    }
}

impl<I: FusedIterator<Item = ByteRange>> FusedIterator for Trusted<I> {}
impl<I: FusedIterator<Item = ByteRange>> Sorted for Trusted<I> {}
