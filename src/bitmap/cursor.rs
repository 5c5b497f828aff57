//! A cursor over the runs of changed blocks.
//!
//! Invariant: no block from `searched_from` up to the run that was found last is changed. So a question about a block in
//! between is answered without a search, and each word is looked at once as long as questions go forward.

use super::words::Bitmap;
use crate::Extent;

/// Finds the next changed blocks, from one block after the other.
///
/// Made by [`Bitmap::cursor`]. For consumers that walk their own objects, and ask for each whether it changed, and how far
/// they may skip.
///
/// ```
/// use changed_blocks::{Bitmap, Extent};
/// let bitmap = Bitmap::from_extents(100, &[Extent::new(20, 30), Extent::new(90, 95)]);
/// let mut cursor = bitmap.cursor();
/// assert_eq!(cursor.next_changed_from(0), Some(Extent::new(20, 30)));
/// assert_eq!(cursor.next_changed_from(25), Some(Extent::new(25, 30)));
/// assert_eq!(cursor.next_changed_from(30), Some(Extent::new(90, 95)));
/// assert_eq!(cursor.next_changed_from(95), None);
/// ```
#[derive(Clone, Debug)]
pub struct Cursor<'b> {
    bitmap: &'b Bitmap,
    searched_from: u64,
    /// The run that was found from there; empty, at the end of the bitmap, if there is none; `None` before the first search.
    found: Option<Extent>,
}

impl Bitmap {
    /// A cursor over the runs of changed blocks.
    #[must_use]
    pub const fn cursor(&self) -> Cursor<'_> {
        Cursor { bitmap: self, searched_from: 0, found: None }
    }

    /// The first block from `block` on, and before `end`, that is changed, if `changed` is true, or is not.
    pub(super) fn first(&self, changed: bool, block: u64, end: u64) -> Option<u64> {
        let end = end.min(self.blocks);
        if block >= end {
            return None;
        }
        let wanted = |word: u64| if changed { word } else { !word };
        let index = |block: u64| usize::try_from(block / 64).expect("words in memory");
        let (first, after) = (index(block), index(end - 1) + 1);
        let head = wanted(self.words[first]) & u64::MAX << (block % 64);
        let (word, bits) = if head != 0 {
            (first, head)
        } else {
            let rest = &self.words[first + 1..after];
            let place = first + 1 + rest.iter().position(|&word| wanted(word) != 0)?;
            (place, wanted(self.words[place]))
        };
        Some(word as u64 * 64 + u64::from(bits.trailing_zeros())).filter(|&found| found < end)
    }
}

impl Cursor<'_> {
    /// The next changed blocks from `block` on: the first of them, and how far they go; of a run that began before, the part
    /// from there on.
    ///
    /// Blocks may be asked for in any order. Complexity: linear in the length of the bitmap for all questions together,
    /// if each asks for the same block as the one before or for a later one.
    pub fn next_changed_from(&mut self, block: u64) -> Option<Extent> {
        let found = match self.found {
            Some(found) if self.searched_from <= block && (block < found.end_block || found.is_empty()) => found,
            _ => {
                let blocks = self.bitmap.blocks;
                let start = self.bitmap.first(true, block, blocks).unwrap_or(blocks);
                let found = Extent::new(start, self.bitmap.first(false, start, blocks).unwrap_or(blocks));
                (self.searched_from, self.found) = (block, Some(found));
                found
            }
        };
        (!found.is_empty()).then(|| Extent::new(found.start_block.max(block), found.end_block))
    }
}
