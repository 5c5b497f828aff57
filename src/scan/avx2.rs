//! The kernel for x86-64 with AVX2, in two passes over some words at a time, as the portable one is. The first pass
//! takes four words at once; the second writes the positions of a dense word byte by byte from a table, eight at a
//! time.
//!
//! Words are `Lsb0` as everywhere, or hold the first block in the highest bit, as decoding makes them with the fewest
//! instructions.
#![expect(unsafe_code, reason = "a tier file: every load and store names what keeps it in bounds")]

use std::arch::x86_64::*;
use std::mem::MaybeUninit;

use super::places::places;

/// Words that the first pass takes before the second follows.
const GROUP: usize = 384;

/// For each mask of four words, the numbers of those in it, to the front.
const NUMBERS: [[u16; 4]; 16] = {
    let mut table = [[0; 4]; 16];
    let mut mask = 0;
    while mask < 16 {
        let (mut number, mut used) = (0u16, 0);
        while number < 4 {
            if mask >> number & 1 == 1 {
                table[mask][used] = number;
                used += 1;
            }
            number += 1;
        }
        mask += 1;
    }
    table
};

/// The places of each byte's ones, counted from either end.
static PLACES: [[[u8; 8]; 256]; 2] = [places(false), places(true)];

/// More than this in a word, and going by bytes is faster than going by ones.
const DENSE: u32 = 12;

/// The number of ones: the portable code, for which the compiler finds shuffles here.
#[target_feature(enable = "avx2")]
pub(super) fn count_ones(words: &[u64]) -> u64 {
    super::portable::count_ones(words)
}

/// See [`super::scan`] for the contract. If `HIGH_FIRST`, words hold the first block in the highest bit.
///
/// # Safety
///
/// `room` has at least 64 places for each word.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(crate) unsafe fn scan<const HIGH_FIRST: bool>(
    words: &[u64],
    open: bool,
    position: u64,
    room: &mut [MaybeUninit<u64>],
) -> usize {
    let mut before = if open { u64::MAX } else { 0 };
    let mut position = position;
    let mut count = 0;
    for group in words.chunks(GROUP) {
        // SAFETY: what is left of the room has 64 places for each word that is left, since a word has taken at most
        // 64 so far.
        count += unsafe { scan_group::<HIGH_FIRST>(group, before, position, &mut room[count..]) };
        before = group[group.len() - 1];
        position += group.len() as u64 * 64;
    }
    count
}

/// A one for each bit of a word that differs from the one before it; `before` is the word before.
#[inline]
const fn changes<const HIGH_FIRST: bool>(word: u64, before: u64) -> u64 {
    word ^ if HIGH_FIRST { word >> 1 | before << 63 } else { word << 1 | before >> 63 }
}

/// Scans at most `GROUP` words; `before` is the word before them.
///
/// # Safety
///
/// `room` has at least 64 places for each word.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn scan_group<const HIGH_FIRST: bool>(
    words: &[u64],
    before: u64,
    position: u64,
    room: &mut [MaybeUninit<u64>],
) -> usize {
    let mut boundaries = [const { MaybeUninit::<u64>::uninit() }; GROUP];
    let mut queue = [const { MaybeUninit::<u16>::uninit() }; GROUP + 4];
    let mut queued = 0;

    let zero = _mm256_setzero_si256();
    let (fours, rest) = words.as_chunks::<4>();
    for (i, four) in fours.iter().enumerate() {
        // SAFETY: four words are the 32 bytes that are loaded.
        let these = unsafe { _mm256_loadu_si256(four.as_ptr().cast()) };
        // The last word of the four before, and the first three of these.
        let shifted = match (4 * i).checked_sub(1) {
            // SAFETY: four words from there on end before these do.
            Some(start) => unsafe { _mm256_loadu_si256(words.as_ptr().add(start).cast()) },
            None => {
                let before = _mm256_set1_epi64x(before.cast_signed());
                _mm256_blend_epi32::<3>(_mm256_permute4x64_epi64::<0b10_01_00_11>(these), before)
            }
        };
        let bits_before = if HIGH_FIRST {
            _mm256_or_si256(_mm256_srli_epi64::<1>(these), _mm256_slli_epi64::<63>(shifted))
        } else {
            _mm256_or_si256(_mm256_slli_epi64::<1>(these), _mm256_srli_epi64::<63>(shifted))
        };
        let changes = _mm256_xor_si256(these, bits_before);
        let quiet = _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpeq_epi64(changes, zero)));
        let found = !quiet.cast_unsigned() & 0xf;
        let numbers = bytemuck::cast::<_, u64>(NUMBERS[found as usize]) + 4 * i as u64 * 0x0001_0001_0001_0001;
        // SAFETY: `boundaries` has a place for each of the at most GROUP words; at most as many numbers were queued
        // as there were words before, and the queue has four places more.
        unsafe {
            _mm256_storeu_si256(boundaries.as_mut_ptr().add(4 * i).cast(), changes);
            queue.as_mut_ptr().add(queued).cast::<u64>().write_unaligned(numbers);
        }
        queued += found.count_ones() as usize;
    }
    for (i, &word) in rest.iter().enumerate() {
        let number = fours.len() * 4 + i;
        let changes = changes::<HIGH_FIRST>(word, if number == 0 { before } else { words[number - 1] });
        boundaries[number].write(changes);
        #[expect(clippy::cast_possible_truncation, reason = "below GROUP")]
        queue[queued].write(number as u16);
        queued += usize::from(changes != 0);
    }

    let mut out = room.as_mut_ptr().cast::<u64>();
    let start = out;
    for number in &queue[..queued] {
        // SAFETY: the first pass wrote the queue up to `queued`, and the boundaries of every word in it.
        let (number, mut changes) = unsafe {
            let number = number.assume_init();
            (number, boundaries[usize::from(number)].assume_init())
        };
        let mut base = position + u64::from(number) * 64;
        let count = changes.count_ones();
        // SAFETY: the words before this one have taken at most 64 places each, so there are 64 left for this one.
        // By ones, rounded up to four at a time, at most 12 are written; by bytes, at most eight behind the at most
        // eight times the number of bytes before.
        unsafe {
            if count <= DENSE {
                let mut to = out;
                let mut left = count.cast_signed();
                loop {
                    for i in 0..4 {
                        // What is found where there are no more is written behind the last, and of no use.
                        if HIGH_FIRST {
                            let place = changes.leading_zeros();
                            to.add(i).write(base + u64::from(place));
                            changes ^= (1u64 << 63).wrapping_shr(place);
                        } else {
                            to.add(i).write(base + u64::from(changes.trailing_zeros()));
                            changes &= changes.wrapping_sub(1);
                        }
                    }
                    to = to.add(4);
                    left -= 4;
                    if left <= 0 {
                        break;
                    }
                }
                out = out.add(count as usize);
            } else {
                let bytes = if HIGH_FIRST { changes.to_be_bytes() } else { changes.to_le_bytes() };
                for byte in bytes {
                    let places = _mm_loadl_epi64(PLACES[usize::from(HIGH_FIRST)][usize::from(byte)].as_ptr().cast());
                    let bases = _mm256_set1_epi64x(base.cast_signed());
                    let low = _mm256_add_epi64(_mm256_cvtepu8_epi64(places), bases);
                    let high = _mm256_add_epi64(_mm256_cvtepu8_epi64(_mm_srli_epi64::<32>(places)), bases);
                    _mm256_storeu_si256(out.cast(), low);
                    _mm256_storeu_si256(out.add(4).cast(), high);
                    out = out.add(byte.count_ones() as usize);
                    base += 8;
                }
            }
        }
    }
    // SAFETY: both point into the room.
    unsafe { out.offset_from_unsigned(start) }
}
