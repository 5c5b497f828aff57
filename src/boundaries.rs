//! Bits to boundaries: the driver over the kernels.
//!
//! A boundary is a position where a bit and the one before it differ. Nothing has to be known of the bits before a
//! piece of a bitmap but the last of them, the carry. So the boundaries of two pieces, one list after the other, are
//! the boundaries of the whole.

use crate::arch::contract::{CacheHint, Density, MAX_TILE_BOUNDARIES};
use crate::arch::{scan_base64, scan_words};
use crate::decode::Sink;
use crate::tier::Verified;

/// How many boundaries the last cache before memory may hold.
const CACHED_BOUNDARIES: usize = 4 << 20;

/// Appends the boundaries of the bits that it takes.
pub(crate) struct BoundaryWriter<'a> {
    tier: Verified,
    list: &'a mut Vec<u64>,
    position: u64,
    carry: bool,
    /// How long the list is when it is full, the boundaries of one tile aside.
    limit: usize,
    /// Whether the list's memory was filled before, not long ago.
    reused: bool,
    density: Density,
}

impl<'a> BoundaryWriter<'a> {
    /// A writer whose next bit is at `position` and comes after the bit `carry`.
    pub(crate) const fn new(tier: Verified, list: &'a mut Vec<u64>, position: u64, carry: bool) -> Self {
        Self { tier, list, position, carry, limit: usize::MAX, reused: false, density: Density::Sparse }
    }

    /// A writer that is full once it has that many boundaries, those of one more tile aside.
    pub(crate) fn limit(mut self, boundaries: usize) -> Self {
        self.limit = self.list.len().saturating_add(boundaries);
        self
    }

    /// A writer that expects bits as dense.
    pub(crate) const fn density(mut self, density: Density) -> Self {
        self.density = density;
        self
    }

    /// A writer to a list that is filled again and again, so that a cache holds it.
    pub(crate) const fn reused(mut self, reused: bool) -> Self {
        self.reused = reused;
        self
    }

    /// The position of the next bit, the bit before it, and how dense the last bits were.
    pub(crate) const fn end(&self) -> (u64, bool, Density) {
        (self.position, self.carry, self.density)
    }
}

impl Sink for BoundaryWriter<'_> {
    fn last_bit(&self) -> bool {
        self.carry
    }

    fn is_full(&self) -> bool {
        self.list.len() >= self.limit
    }

    fn base64(&mut self, text: &[u8]) -> usize {
        let (cache, until) = match (self.reused, self.list.len() < CACHED_BOUNDARIES) {
            (true, _) => (CacheHint::Cached, usize::MAX),
            (false, true) => (CacheHint::Unknown, CACHED_BOUNDARIES),
            (false, false) => (CacheHint::Uncached, usize::MAX),
        };
        // A kernel stops where a tile might not fit, so with this many places it comes just beyond the limit.
        let wanted = until.min(self.limit).saturating_sub(self.list.len()).saturating_add(MAX_TILE_BOUNDARIES);
        self.list.reserve(MAX_TILE_BOUNDARIES);
        let out = self.list.spare_capacity_mut();
        let wanted = wanted.min(out.len());
        let progress =
            scan_base64(self.tier, text, self.carry, self.position, cache, &mut self.density, &mut out[..wanted]);
        // SAFETY: by the contract of `scan_base64`, the first `boundaries` places of the spare capacity were written.
        #[expect(unsafe_code)]
        unsafe {
            self.list.set_len(self.list.len() + progress.boundaries);
        }
        self.carry = progress.carry;
        self.position += progress.symbols as u64 * 6;
        progress.symbols
    }

    fn uniform(&mut self, bits: u64) {
        self.position += bits;
    }

    fn words(&mut self, words: &[u64], bits: u64) {
        self.list.reserve(words.len() * 64);
        let out = self.list.spare_capacity_mut();
        let count = scan_words(self.tier, words, self.carry, self.position, &mut self.density, out);
        // SAFETY: by the contract of `scan_words`, the first `count` places of the spare capacity were written.
        #[expect(unsafe_code)]
        unsafe {
            self.list.set_len(self.list.len() + count);
        }
        self.carry = words.last().map_or(self.carry, |word| word >> 63 == 1);
        self.position += bits;
    }
}
