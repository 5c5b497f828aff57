//! Boundaries that were found and counted, but not written yet: where they belong is known only when all chunks before
//! theirs have been counted. Writing them straight to that place spares copying them there.
//!
//! Only the tier `avx512` has this.
#![expect(unsafe_code, reason = "calls of a tier's kernels")]

use std::mem::MaybeUninit;

use super::Density;
use super::avx512::{Found, QUIET, TILE, Tile, find_words};
use crate::Tier;
use crate::decode::Sink;
use crate::fused::avx512::find_base64;
use crate::tier::Verified;

/// Behind the last boundary of a tile, a kernel may write that many places more.
const BEHIND: usize = 64;

/// By how many tiles, of 3 KiB each, the room for them grows at the least: each time all of them are moved.
const GROWTH: usize = 64;

/// The boundaries of a chunk.
#[derive(Default)]
pub(crate) struct Marks {
    /// Used again and again; the first `used` count.
    tiles: Vec<Mark>,
    used: usize,
    count: usize,
    /// For what cannot be written to its place straight away.
    aside: Vec<MaybeUninit<u64>>,
}

/// Those of a tile, of which there are some.
struct Mark {
    tile: Tile,
    /// Where the tile's first bit was thought to be.
    position: u64,
    count: usize,
}

impl Marks {
    /// Whether a tier can mark.
    pub(crate) fn are_for(tier: Verified) -> bool {
        tier.tier() == Tier::Avx512
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> usize {
        self.tiles.capacity() * size_of::<Mark>() + self.aside.capacity() * size_of::<u64>()
    }

    pub(crate) fn clear(&mut self) {
        (self.used, self.count) = (0, 0);
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The first boundary, and the last.
    pub(crate) fn ends(&self) -> Option<(u64, u64)> {
        let tiles = &self.tiles[..self.used];
        let (first, last) = (tiles.first()?, tiles.last()?);
        Some((first.position + first.tile.first()?, last.position + last.tile.last()?))
    }

    /// Fills the room with all boundaries but the first `skip`, which is none or one, each moved by the same.
    /// `past_caches` as for [`Tile::write`].
    pub(crate) fn fill(&mut self, skip: usize, moved: u64, past_caches: bool, room: &mut [MaybeUninit<u64>]) {
        assert!(Tier::Avx512.is_available() && room.len() + skip == self.count, "room for just as many");
        let mut filled = 0;
        for (number, mark) in self.tiles[..self.used].iter_mut().enumerate() {
            let mut count = mark.count;
            if number < skip {
                mark.tile.drop_first();
                count -= 1;
            }
            let room = &mut room[filled..];
            let position = mark.position.wrapping_add(moved);
            mark.tile.expect(count);
            // SAFETY: the tier is available; the kernel writes as many boundaries as it counted, and not more than 64
            // places behind them, for all of which there is room; what `count` is the number of was found.
            let written = unsafe {
                if room.len() >= count + BEHIND {
                    mark.tile.write_counted(position, past_caches, room.as_mut_ptr().cast())
                } else {
                    // What comes behind is another thread's.
                    self.aside.resize(count + BEHIND, MaybeUninit::uninit());
                    let written = mark.tile.write_counted(position, false, self.aside.as_mut_ptr().cast());
                    room[..count].copy_from_slice(&self.aside[..count]);
                    written
                }
            };
            assert_eq!(written, count, "as many were written as were counted");
            filled += count;
        }
    }
}

/// Marks the boundaries of the bits that it takes.
pub(crate) struct Marker<'a> {
    marks: &'a mut Marks,
    position: u64,
    open: bool,
    limit: usize,
    quiet: bool,
}

impl<'a> Marker<'a> {
    /// As [`Scanner::new`](super::Scanner::new), with a limit.
    pub(crate) fn new(tier: Verified, marks: &'a mut Marks, position: u64, open: bool, limit: usize) -> Self {
        assert!(Marks::are_for(tier), "a tier that can mark");
        Self { marks, position, open, limit, quiet: true }
    }

    /// The position of the next bit, and whether a run is open.
    pub(crate) const fn end(&self) -> (u64, bool) {
        (self.position, self.open)
    }

    /// Marks what `find` finds in the next bits, unless there are none after all.
    fn mark(&mut self, bits: u64, find: impl FnOnce(&mut Tile) -> Option<Found>) -> bool {
        let Marks { tiles, used, count, .. } = &mut *self.marks;
        if *used == tiles.len() {
            if *used == tiles.capacity() {
                tiles.reserve(GROWTH);
            }
            tiles.push(Mark { tile: Tile::new(Density::default()), position: 0, count: 0 });
        }
        let mark = &mut tiles[*used];
        let Some(found) = find(&mut mark.tile) else { return false };
        (mark.position, mark.count) = (self.position, found.count);
        *used += usize::from(mark.count > 0);
        *count += mark.count;
        self.quiet = mark.tile.changed_words() <= QUIET;
        self.position += bits;
        self.open = found.open;
        true
    }
}

impl Sink for Marker<'_> {
    fn last_bit(&self) -> bool {
        self.open
    }

    fn is_full(&self) -> bool {
        self.marks.count >= self.limit
    }

    fn base64(&mut self, text: &[u8]) -> usize {
        let mut taken = 0;
        for symbols in text.as_chunks().0 {
            let (open, quiet) = (self.open, self.quiet);
            // SAFETY: the tier was verified.
            let find = |tile: &mut Tile| unsafe { find_base64(symbols, open, quiet, tile) };
            if self.is_full() || !self.mark(symbols.len() as u64 * 6, find) {
                break;
            }
            taken += symbols.len();
        }
        taken
    }

    fn uniform(&mut self, bits: u64) {
        self.position += bits;
    }

    fn words(&mut self, words: &[u64], bits: u64) {
        assert!(words.len() <= TILE, "at most a tile at a time");
        let open = self.open;
        // SAFETY: the tier was verified.
        self.mark(bits, |tile| Some(unsafe { find_words(words, open, tile) }));
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};

    use super::*;

    /// Every word from a generator, thinned out by `and` or made up of long runs.
    fn words(count: usize, kind: u32) -> Vec<u64> {
        let mut state = 0x1234_5678_9abc_def0u64;
        let mut next = || {
            state = state.wrapping_mul(0xd129_0b26_8ea5_2a1b).wrapping_add(0x2545_f491_4f6c_dd1d);
            state ^ state >> 29
        };
        (0..count)
            .map(|_| match kind {
                0 => 0,
                1 => next() & next() & next() & next() & next() & next(),
                2 => next() & next() & next(),
                3 => next(),
                _ => 0x5555_5555_5555_5555,
            })
            .collect()
    }

    fn naive(words: &[u64], open: bool, position: u64) -> Vec<u64> {
        let bits = words.iter().flat_map(|word| (0..64).map(move |bit| word >> bit & 1 == 1));
        let mut before = open;
        let changed = bits.map(|bit| std::mem::replace(&mut before, bit) != bit);
        (position..).zip(changed).filter_map(|(position, changed)| changed.then_some(position)).collect()
    }

    /// What is marked is written where it is to be, moved, without the first if that is no boundary after all, and
    /// nothing beside it, for somebody else writes there at the same time.
    #[test]
    fn marks_fill_their_room_and_nothing_beside_it() {
        const CANARY: u64 = 0xdead_beef_dead_beef;
        let Some(tier) = Tier::available().find_map(|tier| tier.verify().ok().filter(|&tier| Marks::are_for(tier)))
        else {
            let skipped = "skipped: marks (this processor has no tier that makes any)";
            return writeln!(io::stderr(), "{skipped}").expect("standard error");
        };
        for (kind, count) in (0..5).flat_map(|kind| [1, 7, 8, 9, 383, 384, 900, 2000].map(|count| (kind, count))) {
            let words = words(count, kind);
            for (open, moved, past_caches) in [(false, 0, false), (true, 5, false), (false, 64, true)] {
                let expected = naive(&words, open, 10 + moved);
                for skip in 0..=expected.len().min(1) {
                    let mut marks = Marks::default();
                    // A second time, what is left from the first must not matter.
                    for _ in 0..2 {
                        marks.clear();
                        let mut marker = Marker::new(tier, &mut marks, 10, open, usize::MAX);
                        words.chunks(TILE).for_each(|words| marker.words(words, words.len() as u64 * 64));
                        let ends = expected.first().zip(expected.last());
                        assert_eq!(marks.ends(), ends.map(|(first, last)| (first - moved, last - moved)));
                        assert_eq!(marks.len(), expected.len());
                        let mut all = vec![MaybeUninit::new(CANARY); expected.len() - skip + 6];
                        let end = all.len() - 3;
                        marks.fill(skip, moved, past_caches, &mut all[3..end]);
                        // SAFETY: all were initialised.
                        let all: Vec<u64> = all.iter().map(|place| unsafe { place.assume_init() }).collect();
                        assert!(all[3..end] == expected[skip..], "{kind} {count} {open} {skip}");
                        assert!(all[..3].iter().chain(&all[end..]).all(|&value| value == CANARY));
                    }
                }
            }
        }
    }
}
