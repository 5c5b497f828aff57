//! The kernel for x86-64 with AVX-512 VBMI2, in two passes over a tile of words.
//!
//! The first pass finds the boundaries of eight words at a time, each word's as a mask, and notes which of the eight
//! have any. The second makes a queue of the words that have any (`vpcompressb` of 0…63 by a mask of 64 words, stored
//! whole), and takes them off it: `vpcompressb` of 0…63 by the boundaries of a word gives their places in it, which
//! are widened, moved to where the word is, and stored, always some at a time. Neither pass has a branch that depends
//! on where boundaries are, unless a word has more of them than those before it led to expect.
//!
//! Where there are many, and no cache will hold them, whole lines of them are put together in a register and stored
//! past the caches.
#![expect(unsafe_code, reason = "a tier file: every load and store names what keeps it in bounds")]

use std::arch::x86_64::*;
use std::mem::MaybeUninit;
use std::ops::Range;

use super::base64::load;
use crate::arch::contract::{Aligned, CacheHint, Density, TILE_WORDS};
use crate::arch::portable;

/// Boundaries that a line of a cache holds.
const LINE: usize = 8;

/// The most words with boundaries of a sparse tile: whole steps of the next one are expected to have none.
const SPARSE_WORDS: usize = 10;

const ASCENDING: Aligned<[u8; 64]> = {
    let mut bytes = [0; 64];
    let mut i = 0u8;
    while i < 64 {
        bytes[i as usize] = i;
        i += 1;
    }
    Aligned(bytes)
};

/// Byte 8 * i is i: where eight bytes come from that become the low bytes of eight words.
const SPREAD: Aligned<[u8; 64]> = {
    let mut bytes = [0; 64];
    let mut i = 0u8;
    while i < 8 {
        bytes[i as usize * 8] = i;
        i += 1;
    }
    Aligned(bytes)
};

/// The bytes that a mask names, at the front, and anything after them.
///
/// `vpcompressb` waits for what its destination held before, also when it zeroes the rest (Zen 4). So each time
/// it gets a copy of `bytes`, which is always there and costs nothing, where a compiler would choose the register of
/// the last result: a loop then takes the nine cycles from one result to the next.
#[inline]
#[target_feature(enable = "avx512f,avx512vbmi2")]
fn compress(mask: u64, bytes: __m512i) -> __m512i {
    _mm512_mask_compress_epi8(bytes, mask, bytes)
}

/// Words whose every bit is `carry`: those before the first.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn before(carry: bool) -> __m512i {
    _mm512_set1_epi64(if carry { -1 } else { 0 })
}

/// The number of boundaries: the portable code, for which the compiler finds an instruction here.
#[target_feature(enable = "avx512f,avx512vl,avx512vpopcntdq")]
pub(in crate::arch) fn count_boundaries(words: &[u64], carry: bool) -> usize {
    portable::boundaries::count_boundaries(words, carry)
}

/// See [`nonzero_halves`](crate::arch::nonzero_halves) for the contract.
#[target_feature(enable = "avx512f")]
pub(in crate::arch) fn nonzero_halves(groups: &[[u64; 32]], flags: &mut [u64]) {
    for (group, flags) in groups.iter().zip(flags) {
        *flags = 0;
        for (eight, i) in group.as_chunks::<8>().0.iter().zip(0..) {
            let halves = load(bytemuck::cast_ref(eight));
            *flags |= u64::from(_mm512_test_epi32_mask(halves, halves)) << (16 * i);
        }
    }
}

/// See [`scan_words`](crate::arch::scan_words) for the contract.
///
/// # Safety
///
/// `out` has at least 64 places for each word.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
pub(in crate::arch) unsafe fn scan_words(
    words: &[u64],
    carry: bool,
    position: u64,
    cache: CacheHint,
    density: &mut Density,
    out: &mut [MaybeUninit<u64>],
) -> usize {
    let mut masks = BoundaryMasks::new(*density);
    let mut before = before(carry);
    let mut position = position;
    let start = out.as_mut_ptr().cast::<u64>();
    let mut end = start;
    for words in words.chunks(TILE_WORDS) {
        before = masks.find_all(words, before);
        // SAFETY: the caller's promise; there are still 64 places for each word that is left, since a word has taken at
        // most 64 so far.
        end = unsafe { masks.write::<1>(position, cache == CacheHint::Uncached, end) };
        position += words.len() as u64 * 64;
    }
    if cache == CacheHint::Uncached {
        // Nothing else orders non-temporal stores.
        _mm_sfence();
    }
    *density = masks.density();
    // SAFETY: both point into `out`.
    unsafe { end.offset_from_unsigned(start) }
}

/// The boundary masks of a tile of words.
#[repr(C, align(64))]
pub(super) struct BoundaryMasks {
    /// For each word, a one for each of its boundaries. Written by [`find`](Self::find), eight at a time.
    masks: [MaybeUninit<u64>; TILE_WORDS],
    /// A bit for each word that has boundaries; zero where nothing was found yet.
    nonzero_mask: [u8; TILE_WORDS / 8],
    /// The density of the tile before, which is expected of this one.
    density: Density,
    /// How many words of the tile before had boundaries.
    queued: usize,
}

impl BoundaryMasks {
    pub(super) const fn new(density: Density) -> Self {
        Self { masks: [MaybeUninit::uninit(); TILE_WORDS], nonzero_mask: [0; TILE_WORDS / 8], density, queued: 0 }
    }

    /// The density of the tile that was written last, for what comes next.
    pub(super) const fn density(&self) -> Density {
        self.density
    }

    /// Finds the masks of the `i`-th eight words. The last of the words `before` is the one before them.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vbmi2")]
    pub(super) fn find(&mut self, i: usize, these: __m512i, before: __m512i) {
        let ones_before = _mm512_shldi_epi64::<1>(these, _mm512_alignr_epi64::<7>(these, before));
        let masks = _mm512_xor_si512(these, ones_before);
        let place = &mut self.masks.as_chunks_mut::<8>().0[i];
        // SAFETY: eight places are the 64 bytes that are stored; they are aligned to that as the struct is, whose first
        // field they are.
        unsafe { _mm512_store_si512(place.as_mut_ptr().cast(), masks) };
        self.nonzero_mask[i] = _mm512_test_epi64_mask(masks, masks);
    }

    /// Finds the masks of all words of a tile, or of the last, shorter one. Returns the last whole eight of them.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
    fn find_all(&mut self, words: &[u64], before: __m512i) -> __m512i {
        let mut before = before;
        let (eights, rest) = words.as_chunks::<8>();
        for (i, eight) in eights.iter().enumerate() {
            // SAFETY: eight words are the 64 bytes that are loaded.
            let these = unsafe { _mm512_loadu_si512(eight.as_ptr().cast()) };
            self.find(i, these, before);
            before = these;
        }
        self.skip(eights.len()..TILE_WORDS / 8);
        if !rest.is_empty() {
            let there = first(rest.len());
            // SAFETY: only the words that are there are loaded.
            let these = unsafe { _mm512_maskz_loadu_epi64(there, rest.as_ptr().cast()) };
            self.find(eights.len(), these, before);
            self.nonzero_mask[eights.len()] &= there;
        }
        before
    }

    /// Whether so few words of the tile that was written last had boundaries that it pays to look for steps of the next
    /// one that have none.
    pub(super) const fn is_sparse(&self) -> bool {
        self.queued <= SPARSE_WORDS
    }

    /// A word's number, and its mask.
    ///
    /// # Safety
    ///
    /// The number was queued, and its word found.
    #[inline]
    unsafe fn queued_word(&self, number: MaybeUninit<u16>) -> (u16, u64) {
        // SAFETY: the caller's promise; only numbers of words of the tile are queued.
        unsafe {
            let number = number.assume_init();
            (number, self.masks.get_unchecked(usize::from(number)).assume_init())
        }
    }

    /// Says that these eights of words have no boundaries.
    #[inline]
    pub(super) fn skip(&mut self, eights: Range<usize>) {
        self.nonzero_mask[eights].fill(0);
    }

    /// Writes the boundaries of a tile whose first bit is at `position`. Returns the place after the last of them.
    /// `non_temporal` if no cache will hold them; a fence has to come then before another thread may know of them.
    /// `COPY` is a number of its own for each caller: compilers do not inline a function here that several share.
    ///
    /// # Safety
    ///
    /// There are 64 places from `out` on for each word up to the last one that has boundaries, or for all boundaries
    /// and 64 more; every eight words of which any has some were found.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
    pub(super) unsafe fn write<const COPY: u8>(
        &mut self,
        position: u64,
        non_temporal: bool,
        out: *mut u64,
    ) -> *mut u64 {
        let ascending = load(&ASCENDING.0);
        let mut queue = [const { MaybeUninit::<u16>::uninit() }; TILE_WORDS + 64];
        let mut queued = 0;
        for (i, nonzero) in self.nonzero_mask.as_chunks().0.iter().enumerate() {
            let nonzero = u64::from_le_bytes(*nonzero);
            let numbers = compress(nonzero, ascending);
            #[expect(clippy::cast_possible_wrap, clippy::cast_possible_truncation, reason = "below TILE_WORDS")]
            let first = _mm512_set1_epi16((i * 64) as i16);
            let low = _mm512_add_epi16(_mm512_cvtepu8_epi16(_mm512_castsi512_si256(numbers)), first);
            let high = _mm512_add_epi16(_mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64::<1>(numbers)), first);
            // SAFETY: at most as many numbers were queued as there were words before, and the queue has 64 places
            // more than words.
            unsafe {
                let place = queue.as_mut_ptr().add(queued);
                _mm512_storeu_si512(place.cast(), low);
                _mm512_storeu_si512(place.add(32).cast(), high);
            }
            queued += nonzero.count_ones() as usize;
        }
        let queue = &queue[..queued];
        // SAFETY: the caller's promise; this much of the queue was written, with numbers of words with boundaries.
        let end = unsafe {
            if non_temporal && self.density == Density::Dense {
                self.write_lines::<COPY>(queue, position, out)
            } else if self.density == Density::Sparse {
                self.write_queued::<true, COPY>(queue, position, out)
            } else {
                self.write_queued::<false, COPY>(queue, position, out)
            }
        };
        // SAFETY: both point to what `out` begins.
        let written = unsafe { end.offset_from_unsigned(out) };
        self.density = Density::of(written, queued);
        self.queued = queued;
        end
    }

    /// Writes the boundaries of the queued words: four at a time if they are `SPARSE`, else eight.
    ///
    /// # Safety
    ///
    /// As for [`write`](Self::write); the queue is written, with the numbers of words with boundaries.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
    unsafe fn write_queued<const SPARSE: bool, const COPY: u8>(
        &self,
        queue: &[MaybeUninit<u16>],
        position: u64,
        out: *mut u64,
    ) -> *mut u64 {
        let ascending = load(&ASCENDING.0);
        let spread = load(&SPREAD.0);
        let low_bytes = 0x0101_0101_0101_0101;
        let mut out = out;
        let mut write = |number: MaybeUninit<u16>| {
            // SAFETY: the queue was written, and its words were found.
            let (number, mask) = unsafe { self.queued_word(number) };
            let base = (position + u64::from(number) * 64).cast_signed();
            let places = compress(mask, ascending);
            let count = mask.count_ones() as usize;
            let eight = |i: u8| {
                let from = _mm512_add_epi8(spread, _mm512_set1_epi8((i * 8).cast_signed()));
                let wide = _mm512_maskz_permutexvar_epi8(low_bytes, from, places);
                _mm512_add_epi64(wide, _mm512_set1_epi64(base))
            };
            // SAFETY: 64 places are left for this word: of 64 for each, those before it have taken no more; of 64 after
            // all boundaries, none are taken yet.
            unsafe {
                if SPARSE {
                    let four = _mm256_cvtepu8_epi64(_mm512_castsi512_si128(places));
                    _mm256_storeu_si256(out.cast(), _mm256_add_epi64(four, _mm256_set1_epi64x(base)));
                } else {
                    _mm512_storeu_si512(out.cast(), eight(0));
                }
                if count > if SPARSE { 4 } else { 8 } {
                    for i in u8::from(!SPARSE)..5 {
                        _mm512_storeu_si512(out.add(usize::from(i) * 8).cast(), eight(i));
                    }
                    if count > 40 {
                        for i in 5..8 {
                            _mm512_storeu_si512(out.add(usize::from(i) * 8).cast(), eight(i));
                        }
                    }
                }
                out = out.add(count);
            }
        };
        // Two to a turn of the loop are 2 to 4 % faster than one; four are no faster where there are few.
        let (pairs, rest) = queue.as_chunks::<2>();
        for &[first, second] in pairs {
            write(first);
            write(second);
        }
        rest.iter().for_each(|&number| write(number));
        out
    }

    /// Writes the boundaries of the queued words in whole lines, past the caches.
    ///
    /// A store to memory that no cache holds makes it be read first; these do not. But they hold up all stores after
    /// them, so boundaries must not be put together in memory: the beginning of the next line stays in a register.
    ///
    /// # Safety
    ///
    /// As for [`write_queued`](Self::write_queued).
    #[inline(never)]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
    unsafe fn write_lines<const COPY: u8>(&self, queue: &[MaybeUninit<u16>], position: u64, out: *mut u64) -> *mut u64 {
        let ascending = load(&ASCENDING.0);
        let spread = load(&SPREAD.0);
        let low_bytes = 0x0101_0101_0101_0101;
        // The first line may begin with memory of another thread, so it is written as usual.
        let (start, mut out, mut queue) = (out, out, queue);
        let ahead = out.align_offset(LINE * 8);
        while let Some((first, rest)) = queue.split_first() {
            // SAFETY: both point to what `out` begins.
            if unsafe { out.offset_from_unsigned(start) } >= ahead {
                break;
            }
            // SAFETY: the caller's promise.
            out = unsafe { self.write_queued::<false, COPY>(std::slice::from_ref(first), position, out) };
            queue = rest;
        }
        if queue.is_empty() {
            return out;
        }
        // The line that is being put together, and how many boundaries it has.
        let mut pending = out.addr() / 8 % LINE;
        // SAFETY: the start of the line is not before `start`, as that much was written; only what was written
        // is loaded.
        let (mut place, mut line) = unsafe {
            let place = out.sub(pending);
            (place, _mm512_maskz_loadu_epi64(first(pending), place.cast()))
        };
        for &number in queue {
            // SAFETY: the queue was written, and its words were found.
            let (number, mask) = unsafe { self.queued_word(number) };
            let base = _mm512_set1_epi64((position + u64::from(number) * 64).cast_signed());
            let places = compress(mask, ascending);
            // The word's first boundary goes after the pending ones.
            #[expect(clippy::cast_possible_truncation, reason = "below 8")]
            let mut from = _mm512_sub_epi8(spread, _mm512_set1_epi8((pending as u8).cast_signed()));
            let wide = _mm512_maskz_permutexvar_epi8(low_bytes, from, places);
            line = _mm512_mask_add_epi64(line, !first(pending), wide, base);
            pending += mask.count_ones() as usize;
            while pending >= LINE {
                // SAFETY: the line has begun with boundaries of this call, and each has its place; it
                // is aligned.
                unsafe {
                    _mm512_stream_si512(place.cast(), line);
                    place = place.add(LINE);
                }
                pending -= LINE;
                from = _mm512_add_epi8(from, _mm512_set1_epi8(8));
                line = _mm512_add_epi64(_mm512_maskz_permutexvar_epi8(low_bytes, from, places), base);
            }
        }
        // SAFETY: these boundaries have their places.
        unsafe {
            _mm512_mask_storeu_epi64(place.cast(), first(pending), line);
            place.add(pending)
        }
    }
}

/// A mask of the first so many of eight.
const fn first(count: usize) -> __mmask8 {
    (1 << count) - 1
}
