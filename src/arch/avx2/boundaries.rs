//! Words to boundaries for x86-64 with AVX2, in three passes over some words at a time.
//!
//! A branch on each word, whether it holds a boundary, is mispredicted about as often as the bitmap is interesting; one
//! on how many it holds, when there are many. So the first pass makes a mask of the bytes that hold any, the second a
//! list of them from the masks, and the third writes four boundaries of each byte from a table, as there are seldom
//! more in one. Where most bytes hold some, there is no list. Passes are loops of their own: a mispredicted branch is
//! noticed sooner where it waits for a mask that is there than for one that is being made.
//!
//! Words are `Lsb0` as everywhere, or numbers of 32 bits that hold the first block in the highest bit, as decoding
//! makes them with the fewest instructions.
#![expect(unsafe_code, reason = "a tier file: every load and store names what keeps it in bounds")]

use std::arch::x86_64::*;
use std::iter::Zip;
use std::mem::MaybeUninit;
use std::slice::IterMut;

use crate::arch::bit_positions::bit_positions;
use crate::arch::contract::{Aligned, Density, TILE_WORDS};
use crate::arch::portable;

/// Words that are taken together: as many as decoding makes at once.
const GROUP: usize = TILE_WORDS;

/// Words of one mask, and their bytes.
const BLOCK: usize = 8;
const BLOCK_BYTES: usize = BLOCK * 8;

/// If more than this many bytes of sixteen hold boundaries, a list of them does not pay.
const LISTED: usize = 10;

/// The positions of each byte's ones, counted from either end. No entry lies in two cache lines.
static BIT_POSITIONS: [Aligned<[[u8; 8]; 256]>; 2] = [Aligned(bit_positions(false)), Aligned(bit_positions(true))];

/// The number of ones: the portable code, for which the compiler finds shuffles here.
#[target_feature(enable = "avx2")]
pub(in crate::arch) fn count_ones(words: &[u64]) -> u64 {
    portable::boundaries::count_ones(words)
}

/// The number of boundaries: the portable code, for which the compiler finds shuffles here.
#[target_feature(enable = "avx2")]
pub(in crate::arch) fn count_boundaries(words: &[u64], carry: bool) -> usize {
    portable::boundaries::count_boundaries(words, carry)
}

/// See [`nonzero_halves`](crate::arch::nonzero_halves) for the contract.
#[target_feature(enable = "avx2")]
pub(in crate::arch) fn nonzero_halves(groups: &[[u64; 32]], flags: &mut [u64]) {
    for (group, flags) in groups.iter().zip(flags) {
        *flags = 0;
        for (four, i) in group.as_chunks::<4>().0.iter().zip(0..) {
            // SAFETY: the array has the 32 bytes that are loaded.
            let halves = unsafe { _mm256_loadu_si256(four.as_ptr().cast()) };
            let zero = _mm256_cmpeq_epi32(halves, _mm256_setzero_si256());
            let zero = _mm256_movemask_ps(_mm256_castsi256_ps(zero));
            *flags |= u64::from(!zero.cast_unsigned() & 0xff) << (8 * i);
        }
    }
}

/// See [`scan_words`](crate::arch::scan_words) for the contract.
#[target_feature(enable = "avx2,bmi1,popcnt")]
pub(in crate::arch) fn scan_words(
    words: &[u64],
    carry: bool,
    position: u64,
    density: &mut Density,
    out: &mut [MaybeUninit<u64>],
) -> usize {
    let mut before = if carry { u64::MAX } else { 0 };
    let mut position = position;
    let mut count = 0;
    let mut masks = BoundaryMasks::new(*density);
    for group in words.chunks(GROUP) {
        masks.find(group, before);
        count += masks.write::<false>(position, &mut out[count..]);
        before = group[group.len() - 1];
        position += group.len() as u64 * 64;
    }
    *density = masks.density();
    count
}

/// The boundary masks of some words, as bytes in block order.
pub(super) struct BoundaryMasks {
    bytes: Aligned<[MaybeUninit<u8>; GROUP * 8]>,
    /// For each block, a one for each byte that is not zero.
    nonzero_mask: [u64; GROUP / BLOCK],
    /// The numbers of these bytes.
    list: [MaybeUninit<u16>; GROUP * 8 + 4],
    /// How many words the masks are of.
    words: usize,
    /// Whether so few bytes of the last words were not zero that a list of them pays.
    is_sparse: bool,
}

impl BoundaryMasks {
    /// No masks yet, of words as dense as that.
    #[inline]
    pub(super) fn new(density: Density) -> Self {
        Self {
            bytes: Aligned([const { MaybeUninit::uninit() }; _]),
            nonzero_mask: [0; _],
            list: [const { MaybeUninit::uninit() }; _],
            words: 0,
            is_sparse: density != Density::Dense,
        }
    }

    /// How dense the last words were.
    pub(super) const fn density(&self) -> Density {
        if self.is_sparse { Density::Sparse } else { Density::Dense }
    }

    /// Finds the masks of at most `GROUP` words; `before` is the word before them.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn find(&mut self, words: &[u64], before: u64) {
        assert!(words.len() <= GROUP, "more than a group");
        let mut before = before;
        let mut masks = |block: &[u64; BLOCK]| {
            [0, 4].map(|at| {
                // SAFETY: four words from there on are the 32 bytes that are loaded.
                let these = unsafe { _mm256_loadu_si256(block[at..at + 4].as_ptr().cast()) };
                let rotated = _mm256_permute4x64_epi64::<0b10_01_00_11>(these);
                let shifted = _mm256_blend_epi32::<3>(rotated, _mm256_set1_epi64x(before.cast_signed()));
                before = block[at + 3];
                let bits_before = _mm256_or_si256(_mm256_slli_epi64::<1>(these), _mm256_srli_epi64::<63>(shifted));
                _mm256_xor_si256(these, bits_before)
            })
        };
        let (blocks, rest) = words.as_chunks();
        let mut places = self.blocks();
        for (block, place) in blocks.iter().zip(&mut places) {
            put(masks(block), place);
        }
        if let (Some(last), Some(place)) = (rest.last(), places.next()) {
            // Repeating the last bit adds no boundary.
            let mut block = [(last.cast_signed() >> 63).cast_unsigned(); BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            put(masks(&block), place);
        }
        self.words = words.len();
    }

    /// Finds the masks of at most `GROUP` words, in whole blocks, given as numbers of 32 bits that hold the first block
    /// in the highest bit. They follow one that ends with the bit before.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn find_high_first(&mut self, numbers: &[u32]) {
        let (these, rest) = numbers[1..].as_chunks::<{ BLOCK * 2 }>();
        assert!(these.len() <= GROUP / BLOCK && rest.is_empty(), "no whole blocks, or more than a group");
        let before = numbers.as_chunks::<{ BLOCK * 2 }>().0;
        let swap = _mm256_broadcastsi128_si256(_mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12));
        for ((these, before), place) in these.iter().zip(before).zip(self.blocks()) {
            let bytes = [0, 8].map(|at| {
                // SAFETY: eight numbers from there on are the 32 bytes that are loaded.
                let [these, before] =
                    [these, before].map(|numbers| unsafe { _mm256_loadu_si256(numbers[at..at + 8].as_ptr().cast()) });
                let bits_before = _mm256_or_si256(_mm256_srli_epi32::<1>(these), _mm256_slli_epi32::<31>(before));
                _mm256_shuffle_epi8(_mm256_xor_si256(these, bits_before), swap)
            });
            put(bytes, place);
        }
        self.words = these.len() * BLOCK;
    }

    /// For each block the place of its bytes, and of its mask.
    #[inline]
    fn blocks(&mut self) -> Zip<IterMut<'_, [MaybeUninit<u8>; BLOCK_BYTES]>, IterMut<'_, u64>> {
        self.bytes.0.as_chunks_mut().0.iter_mut().zip(&mut self.nonzero_mask)
    }

    /// Writes the boundaries to the start of `out`, which has 64 places for each word, and returns how many there are.
    /// If `HIGH_FIRST`, bytes hold the first block in the highest bit.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,popcnt")]
    pub(super) fn write<const HIGH_FIRST: bool>(&mut self, position: u64, out: &mut [MaybeUninit<u64>]) -> usize {
        assert!(out.len() >= self.words * 64, "too little room for boundaries");
        let positions = &BIT_POSITIONS[usize::from(HIGH_FIRST)].0;
        let most = self.words * LISTED / 2;
        // Where the words before were dense, nothing is listed in vain.
        let listed = if !self.is_sparse && self.count_nonzero() > most { None } else { self.list(most) };
        self.is_sparse = listed.is_some();
        // SAFETY: by the assertion; so many bytes were listed just now.
        unsafe {
            match listed {
                Some(listed) => self.write_listed(listed, positions, position, out),
                None => self.write_all(positions, position, out),
            }
        }
    }

    /// How many bytes are not zero.
    #[inline]
    #[target_feature(enable = "avx2,popcnt")]
    fn count_nonzero(&self) -> usize {
        self.nonzero_mask[..self.words.div_ceil(BLOCK)].iter().map(|mask| mask.count_ones() as usize).sum()
    }

    /// Lists the bytes that are not zero, and returns how many there are. Nothing if there are more than `most`.
    #[inline]
    #[target_feature(enable = "bmi1,popcnt")]
    fn list(&mut self, most: usize) -> Option<usize> {
        let mut listed = 0;
        let blocks = &self.nonzero_mask[..self.words.div_ceil(BLOCK)];
        for (&nonzero, first) in blocks.iter().zip((0u16..).step_by(BLOCK_BYTES)) {
            let mut nonzero = nonzero;
            let mut at = listed;
            listed += nonzero.count_ones() as usize;
            if listed > most {
                return None;
            }
            while at < listed {
                for i in 0..4 {
                    #[expect(clippy::cast_possible_truncation, reason = "at most 64")]
                    let number = first + nonzero.trailing_zeros() as u16;
                    // SAFETY: there is one place for each byte, and four more. Numbers listed where there are no more
                    // ones are overwritten by the next, or come after the end.
                    unsafe { self.list.get_unchecked_mut(at + i).write(number) };
                    nonzero &= nonzero.wrapping_sub(1);
                }
                at += 4;
            }
        }
        Some(listed)
    }

    /// Writes the boundaries of the first so many bytes on the list.
    ///
    /// # Safety
    ///
    /// So many were listed since the masks were found, and `out` has 64 places for each word.
    #[inline]
    #[target_feature(enable = "avx2,popcnt")]
    unsafe fn write_listed(
        &self,
        listed: usize,
        positions: &[[u8; 8]; 256],
        position: u64,
        out: &mut [MaybeUninit<u64>],
    ) -> usize {
        let start = out.as_mut_ptr().cast::<u64>();
        let mut out = start;
        let mut write = |number: MaybeUninit<u16>| {
            // SAFETY: the byte was listed, and so it was put. Those before it have taken at most eight places each, of
            // which there are as many for each byte.
            unsafe {
                let number = usize::from(number.assume_init());
                let byte = self.bytes.0.get_unchecked(number).assume_init();
                let bases = _mm256_set1_epi64x((position + number as u64 * 8).cast_signed());
                let positions = &positions[usize::from(byte)];
                let low = _mm_loadu_si32(positions.as_ptr().cast());
                _mm256_storeu_si256(out.cast(), _mm256_add_epi64(_mm256_cvtepu8_epi64(low), bases));
                let count = byte.count_ones() as usize;
                if count > 4 {
                    let high = _mm_loadu_si32(positions[4..].as_ptr().cast());
                    _mm256_storeu_si256(out.add(4).cast(), _mm256_add_epi64(_mm256_cvtepu8_epi64(high), bases));
                }
                out = out.add(count);
            }
        };
        // Two to a turn of the loop.
        let (pairs, rest) = self.list[..listed].as_chunks::<2>();
        for &[first, second] in pairs {
            write(first);
            write(second);
        }
        rest.iter().for_each(|&number| write(number));
        // SAFETY: both point into what `out` was.
        unsafe { out.offset_from_unsigned(start) }
    }

    /// Writes the boundaries of all bytes.
    ///
    /// # Safety
    ///
    /// `out` has 64 places for each word.
    #[inline]
    #[target_feature(enable = "avx2,popcnt")]
    unsafe fn write_all(&self, positions: &[[u8; 8]; 256], position: u64, out: &mut [MaybeUninit<u64>]) -> usize {
        let start = out.as_mut_ptr().cast::<u64>();
        let mut out = start;
        let mut bases = _mm256_set1_epi64x(position.cast_signed());
        for byte in &self.bytes.0[..self.words * 8] {
            // SAFETY: the byte was put, and its eight places are loaded. Those before it have taken at most eight each,
            // of which there are as many for each byte.
            unsafe {
                let byte = byte.assume_init();
                // Both halves from one load: where the list goes to memory, two are slower by a tenth.
                let positions = _mm256_cvtepu8_epi32(_mm_loadl_epi64(positions[usize::from(byte)].as_ptr().cast()));
                let low = _mm256_cvtepu32_epi64(_mm256_castsi256_si128(positions));
                let high = _mm256_cvtepu32_epi64(_mm256_extracti128_si256::<1>(positions));
                _mm256_storeu_si256(out.cast(), _mm256_add_epi64(low, bases));
                _mm256_storeu_si256(out.add(4).cast(), _mm256_add_epi64(high, bases));
                out = out.add(byte.count_ones() as usize);
            }
            bases = _mm256_add_epi64(bases, _mm256_set1_epi64x(8));
        }
        // SAFETY: both point into what `out` was.
        unsafe { out.offset_from_unsigned(start) }
    }
}

/// Puts the masks of a block, and the mask of the bytes that are not zero, to their places.
#[inline]
#[target_feature(enable = "avx2")]
fn put(masks: [__m256i; 2], (bytes, nonzero_mask): (&mut [MaybeUninit<u8>; BLOCK_BYTES], &mut u64)) {
    // SAFETY: the place has 64 bytes.
    unsafe { bytes.as_mut_ptr().cast::<[__m256i; 2]>().write_unaligned(masks) };
    let zero = _mm256_setzero_si256();
    let zeros = masks.map(|bytes| u64::from(_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, zero)).cast_unsigned()));
    *nonzero_mask = !(zeros[0] | zeros[1] << 32);
}
