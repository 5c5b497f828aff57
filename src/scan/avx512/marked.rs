//! Tiles whose boundaries are counted, and written later: see [`crate::scan::marks`].

use std::arch::x86_64::*;

use super::{Tile, before};
use crate::scan::Density;

/// What was found of a tile whose boundaries are written later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    /// How many boundaries.
    pub(crate) count: usize,
    /// The last bit.
    pub(crate) open: bool,
}

/// Finds the boundaries of at most a tile of words, and leaves them there.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,avx512vpopcntdq,bmi1,bmi2,popcnt")]
pub(crate) fn find_words(words: &[u64], open: bool, tile: &mut Tile) -> Found {
    tile.find_all(words, before(open));
    Found { count: tile.count(), open: words.last().map_or(open, |word| word >> 63 == 1) }
}

/// The number of boundaries, from those of each of eight words.
#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn total(counts: __m512i) -> usize {
    // A tile has no more than 64 for each word.
    #[expect(clippy::cast_possible_truncation)]
    let total = _mm512_reduce_add_epi64(counts).cast_unsigned() as usize;
    total
}

impl Tile {
    /// Writes the boundaries, as [`write`](Self::write) does, with a fence where one is due. Returns how many.
    ///
    /// # Safety
    ///
    /// As for [`write`](Self::write).
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
    pub(crate) unsafe fn write_counted(&mut self, position: u64, past_caches: bool, out: *mut u64) -> usize {
        // SAFETY: the caller's promise; both point into the room.
        let written = unsafe { self.write::<2>(position, past_caches, out).offset_from_unsigned(out) };
        if past_caches {
            _mm_sfence();
        }
        written
    }

    /// How many boundaries were found.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vpopcntdq,popcnt")]
    fn count(&self) -> usize {
        let mut counts = _mm512_setzero_si512();
        for (changes, &any) in self.changes.as_chunks::<8>().0.iter().zip(&self.any) {
            // SAFETY: only words that were found are loaded, as only of those any is known to have boundaries.
            let changes = unsafe { _mm512_maskz_load_epi64(any, changes.as_ptr().cast()) };
            counts = _mm512_add_epi64(counts, _mm512_popcnt_epi64(changes));
        }
        total(counts)
    }

    /// The place of the first boundary.
    pub(crate) fn first(&self) -> Option<u64> {
        let number = self.any.iter().position(|&any| any != 0)?;
        let number = number * 8 + self.any[number].trailing_zeros() as usize;
        Some(number as u64 * 64 + u64::from(self.word(number).trailing_zeros()))
    }

    /// The place of the last boundary.
    pub(crate) fn last(&self) -> Option<u64> {
        let number = self.any.iter().rposition(|&any| any != 0)?;
        let number = number * 8 + 7 - self.any[number].leading_zeros() as usize;
        Some(number as u64 * 64 + 63 - u64::from(self.word(number).leading_zeros()))
    }

    /// Takes the first boundary away.
    pub(crate) fn drop_first(&mut self) {
        if let Some(place) = self.first() {
            let (number, bit) = ((place / 64) as usize, place % 64);
            let rest = self.word(number) & !(1 << bit);
            self.changes[number].write(rest);
            if rest == 0 {
                self.any[number / 8] &= !(1 << (number % 8));
            }
        }
    }

    /// The boundaries of a word that has any.
    fn word(&self, number: usize) -> u64 {
        assert!(self.any[number / 8] >> (number % 8) & 1 == 1, "a word that has boundaries");
        // SAFETY: it was found.
        unsafe { self.changes[number].assume_init() }
    }

    /// How many words have boundaries.
    pub(crate) fn changed_words(&self) -> usize {
        self.any.as_chunks().0.iter().map(|any| u64::from_le_bytes(*any).count_ones() as usize).sum()
    }

    /// Says how many boundaries are expected to be written.
    pub(crate) fn expect(&mut self, count: usize) {
        self.density = Density::of(count, self.changed_words());
    }
}
