//! `Lsb0` words to boundaries.
//!
//! A boundary is a position where a bit and the one before it differ. For words in block order,
//! `w ^ (w << 1 | last bit of the word before)` has a one at every boundary, and counting trailing zeros walks them.
//! Nothing has to be known of a run but whether one is open, so the boundaries of two pieces of a bitmap, put behind
//! each other, are the boundaries of the whole.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod places;
pub(crate) mod portable;

use std::mem::MaybeUninit;

use crate::decode::Sink;
use crate::fused::{Cached, TILE_ROOM, scan_base64};
use crate::tier::Verified;

/// How many boundaries the last cache before memory may hold.
const CACHED: usize = 4 << 20;

/// How many boundaries the words have that have any. What a kernel expects of the next words decides how it goes about
/// them, and changes nothing but the speed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Density {
    /// So few that four are expected to do.
    #[default]
    Sparse,
    /// More.
    Middling,
    /// So many that putting whole lines of them together is worth a branch for each word.
    Dense,
}

#[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "only tiers of x86-64 take the hint"))]
impl Density {
    /// That of so many boundaries in so many words.
    pub(crate) const fn of(boundaries: usize, words: usize) -> Self {
        if 2 * boundaries <= 5 * words {
            Self::Sparse
        } else if boundaries <= 16 * words {
            Self::Middling
        } else {
            Self::Dense
        }
    }
}

/// Appends the boundaries of the bits that it takes.
pub(crate) struct Scanner<'a> {
    tier: Verified,
    list: &'a mut Vec<u64>,
    position: u64,
    open: bool,
    /// How long the list is when it is full, the boundaries of one tile aside.
    limit: usize,
    /// Whether the list's memory was filled before, not long ago.
    reused: bool,
    density: Density,
}

impl<'a> Scanner<'a> {
    /// A scanner whose next bit is at `position`, and where a run is `open` if the bit before that is one.
    pub(crate) const fn new(tier: Verified, list: &'a mut Vec<u64>, position: u64, open: bool) -> Self {
        Self { tier, list, position, open, limit: usize::MAX, reused: false, density: Density::Sparse }
    }

    /// The same, full once it has that many boundaries, those of one more tile aside.
    pub(crate) fn limit(mut self, boundaries: usize) -> Self {
        self.limit = self.list.len().saturating_add(boundaries);
        self
    }

    /// The same, where bits as dense are expected.
    pub(crate) const fn density(mut self, density: Density) -> Self {
        self.density = density;
        self
    }

    /// The same, for a list that is filled again and again, so that a cache holds it.
    pub(crate) const fn reused(mut self, reused: bool) -> Self {
        self.reused = reused;
        self
    }

    /// The position of the next bit, whether a run is open, and how dense the last bits were.
    pub(crate) const fn end(&self) -> (u64, bool, Density) {
        (self.position, self.open, self.density)
    }
}

impl Sink for Scanner<'_> {
    fn last_bit(&self) -> bool {
        self.open
    }

    fn is_full(&self) -> bool {
        self.list.len() >= self.limit
    }

    fn base64(&mut self, text: &[u8]) -> usize {
        let (cached, until) = match (self.reused, self.list.len() < CACHED) {
            (true, _) => (Cached::Yes, usize::MAX),
            (false, true) => (Cached::Maybe, CACHED),
            (false, false) => (Cached::No, usize::MAX),
        };
        // A kernel stops where a tile might not fit, so this much room lets it come just beyond the limit.
        let wanted = until.min(self.limit).saturating_sub(self.list.len()).saturating_add(TILE_ROOM);
        self.list.reserve(TILE_ROOM);
        let room = self.list.spare_capacity_mut();
        let wanted = wanted.min(room.len());
        let reached =
            scan_base64(self.tier, text, self.open, self.position, cached, &mut self.density, &mut room[..wanted]);
        // SAFETY: by the contract of `scan_base64`, the first `boundaries` places of the spare capacity were written.
        #[expect(unsafe_code)]
        unsafe {
            self.list.set_len(self.list.len() + reached.boundaries);
        }
        self.open = reached.open;
        self.position += reached.symbols as u64 * 6;
        reached.symbols
    }

    fn uniform(&mut self, bits: u64) {
        self.position += bits;
    }

    fn words(&mut self, words: &[u64], bits: u64) {
        self.list.reserve(words.len() * 64);
        let room = self.list.spare_capacity_mut();
        let count = scan(self.tier, words, self.open, self.position, &mut self.density, room);
        // SAFETY: by the contract of `scan`, the first `count` places of the spare capacity were written.
        #[expect(unsafe_code)]
        unsafe {
            self.list.set_len(self.list.len() + count);
        }
        self.open = words.last().map_or(self.open, |word| word >> 63 == 1);
        self.position += bits;
    }
}

/// Writes the boundaries of `words` to the start of `room`, ascending, and returns how many. Contract of every kernel
/// of this name:
///
/// `room` has at least 64 places for each word. Bit 0 of the first word is at `position`; `open` is the bit before
/// it. `density` is what is expected, and then what was found. Exactly the first places, as many as are returned, hold
/// boundaries afterwards.
#[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables, reason = "only tiers of x86-64 take the hint"))]
pub(crate) fn scan(
    tier: Verified,
    words: &[u64],
    open: bool,
    position: u64,
    density: &mut Density,
    room: &mut [MaybeUninit<u64>],
) -> usize {
    assert!(room.len() >= words.len() * 64, "too little room for boundaries");
    match tier.tier() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a verified tier's instructions are there; the room is what the contract asks for.
        #[expect(unsafe_code)]
        crate::Tier::Avx512 => unsafe { avx512::scan(words, open, position, density, room) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a verified tier's instructions are there.
        #[expect(unsafe_code)]
        crate::Tier::Avx2 => unsafe { avx2::scan(words, open, position, density, room) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: a verified tier's instructions are there; the room is what the contract asks for.
        #[expect(unsafe_code)]
        crate::Tier::Neon => unsafe { neon::scan(words, open, position, room) },
        _ => portable::scan(words, open, position, room),
    }
}

/// The number of ones.
pub(crate) fn count_ones(tier: Verified, words: &[u64]) -> u64 {
    match tier.tier() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a verified tier's instructions are there; those of AVX-512 have all of AVX2.
        #[expect(unsafe_code)]
        crate::Tier::Avx2 | crate::Tier::Avx512 => unsafe { avx2::count_ones(words) },
        _ => portable::count_ones(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ones_are_counted_alike_on_every_tier() {
        let words: Vec<u64> = (0..100u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (i % 64)).collect();
        for len in 0..words.len() {
            let bit_by_bit: u64 = words[..len].iter().map(|word| (0..64).map(|bit| word >> bit & 1).sum::<u64>()).sum();
            for tier in crate::Tier::available() {
                assert_eq!(count_ones(tier.verify().expect("available"), &words[..len]), bit_by_bit, "{len} {tier}");
            }
        }
    }
}
