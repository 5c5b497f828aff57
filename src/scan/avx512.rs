//! The kernel for x86-64 with AVX-512 VBMI2, in two passes over some words at a time.
//!
//! The first pass finds, eight words at a time, the boundaries of each word as a mask, and appends the numbers of the
//! words that have any to a queue: `vpcompressb` of 0…63 by a mask of 64 words, and an unconditional store. The second
//! pass takes words off the queue: `vpcompressb` of 0…63 by the boundaries gives their positions in the word, and
//! eight of them at a time are widened, moved to where the word is, and stored without asking whether there are
//! eight. Neither pass has a branch that depends on where boundaries are, unless a word has more than eight.
#![expect(unsafe_code, reason = "a tier file: every load and store names what keeps it in bounds")]

use std::arch::x86_64::*;
use std::mem::MaybeUninit;

/// Words that the first pass takes before the second follows.
const GROUP: usize = 384;

#[repr(align(64))]
struct Numbers([u8; 64]);

const ASCENDING: Numbers = {
    let mut numbers = [0; 64];
    let mut i = 0u8;
    while i < 64 {
        numbers[i as usize] = i;
        i += 1;
    }
    Numbers(numbers)
};

/// Byte 8 * i is i: where eight bytes come from that become the low bytes of eight words.
const SPREAD: Numbers = {
    let mut numbers = [0; 64];
    let mut i = 0u8;
    while i < 8 {
        numbers[i as usize * 8] = i;
        i += 1;
    }
    Numbers(numbers)
};

#[target_feature(enable = "avx512f")]
fn load(from: &[u8; 64]) -> __m512i {
    // SAFETY: the array has the 64 bytes that are loaded.
    unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
}

/// See [`super::scan`] for the contract.
///
/// # Safety
///
/// `room` has at least 64 places for each word.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
pub(super) unsafe fn scan(words: &[u64], open: bool, position: u64, room: &mut [MaybeUninit<u64>]) -> usize {
    let mut before = if open { u64::MAX } else { 0 };
    let mut position = position;
    let mut count = 0;
    for group in words.chunks(GROUP) {
        // SAFETY: what is left of the room has 64 places for each word that is left, since a word has taken at most
        // 64 so far.
        count += unsafe { scan_group(group, before, position, &mut room[count..]) };
        before = group[group.len() - 1];
        position += group.len() as u64 * 64;
    }
    count
}

/// Scans at most `GROUP` words; `before` is the word before them.
///
/// # Safety
///
/// `room` has at least 64 places for each word.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
unsafe fn scan_group(words: &[u64], before: u64, position: u64, room: &mut [MaybeUninit<u64>]) -> usize {
    let mut boundaries = [const { MaybeUninit::<u64>::uninit() }; GROUP];
    let mut queue = [const { MaybeUninit::<u16>::uninit() }; GROUP + 64];
    let mut queued = 0;

    let ascending = load(&ASCENDING.0);
    let mut last = _mm512_set1_epi64(before.cast_signed());
    for (start, part) in (0..).step_by(64).zip(words.chunks(64)) {
        let mut found = 0u64;
        let (eights, rest) = part.as_chunks::<8>();
        let target = boundaries[start..].as_mut_ptr();
        for (i, eight) in eights.iter().enumerate() {
            // SAFETY: eight words are the 64 bytes that are loaded.
            let these = unsafe { _mm512_loadu_si512(eight.as_ptr().cast()) };
            let ones_before = _mm512_shldi_epi64::<1>(these, _mm512_alignr_epi64::<7>(these, last));
            let changes = _mm512_xor_si512(these, ones_before);
            last = these;
            // SAFETY: `boundaries` has a place for each of the at most GROUP words.
            unsafe { _mm512_storeu_si512(target.add(i * 8).cast(), changes) };
            found |= u64::from(_mm512_test_epi64_mask(changes, changes)) << (i * 8);
        }
        for (i, &word) in (eights.len() * 8..).zip(rest) {
            // Only at the end of the words.
            let one_before = if start + i == 0 { before } else { words[start + i - 1] } >> 63;
            let changes = word ^ (word << 1 | one_before);
            boundaries[start + i].write(changes);
            found |= u64::from(changes != 0) << i;
        }
        let numbers = _mm512_maskz_compress_epi8(found, ascending);
        #[expect(clippy::cast_possible_wrap, clippy::cast_possible_truncation, reason = "below GROUP")]
        let first = _mm512_set1_epi16(start as i16);
        let low = _mm512_add_epi16(_mm512_cvtepu8_epi16(_mm512_castsi512_si256(numbers)), first);
        let high = _mm512_add_epi16(_mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64::<1>(numbers)), first);
        // SAFETY: at most `start` numbers were queued, and the queue has 64 places more than words.
        unsafe {
            let place = queue.as_mut_ptr().add(queued);
            _mm512_storeu_si512(place.cast(), low);
            _mm512_storeu_si512(place.add(32).cast(), high);
        }
        queued += found.count_ones() as usize;
    }

    let spread = load(&SPREAD.0);
    let low_bytes = 0x0101_0101_0101_0101;
    let mut out = room.as_mut_ptr().cast::<u64>();
    let start = out;
    for number in &queue[..queued] {
        // SAFETY: the first pass wrote the queue up to `queued`, and the boundaries of every word in it.
        let (number, changes) = unsafe {
            let number = number.assume_init();
            (number, boundaries[usize::from(number)].assume_init())
        };
        let in_word = _mm512_maskz_compress_epi8(changes, ascending);
        let base = _mm512_set1_epi64((position + u64::from(number) * 64).cast_signed());
        let count = changes.count_ones() as usize;
        let eight = |i: u8| {
            let from = _mm512_add_epi8(spread, _mm512_set1_epi8((i * 8).cast_signed()));
            _mm512_add_epi64(_mm512_maskz_permutexvar_epi8(low_bytes, from, in_word), base)
        };
        // SAFETY: the words before this one have taken at most 64 places each, so there are 64 left for this one.
        unsafe {
            _mm512_storeu_si512(out.cast(), eight(0));
            if count > 8 {
                for i in 1..5 {
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
    }
    // SAFETY: both point into the room.
    unsafe { out.offset_from_unsigned(start) }
}
