//! Lines for x86-64 with AVX-512 VBMI2, eight at a time.
//!
//! The digits of all eight are found at once: with multiplications instead of divisions down to numbers below 100, and
//! the two digits of each of these with tables that fit into two registers. Then each line is put together in a
//! register at its full width, and `vpcompressb` takes out the zeros before its numbers.
#![expect(unsafe_code, reason = "a tier file: every load and store names what keeps it in bounds")]

use std::arch::x86_64::*;

use bytemuck::NoUninit;

use super::base64::load;
use crate::ByteRange;
use crate::arch::contract::Aligned;

/// How many lines are made at a time.
const GROUP: usize = 8;
/// Bytes of a register, which a line is no longer than.
const REGISTER: usize = 64;
/// Digits of an offset, and what it is below: a float holds all bits of that.
const OFFSET_DIGITS: usize = 16;
const OFFSETS: u64 = 1 << 53;
/// Digits of a length, and what it is below.
const LENGTH_DIGITS: usize = 8;
const LENGTHS: u64 = EIGHT_DIGITS;

/// The first number of more than eight digits.
const EIGHT_DIGITS: u64 = 100_000_000;

/// In which bytes of eight the pairs of digits of an offset are, from the first pair on, and those of a length.
const OFFSET_PAIRS: [u8; OFFSET_DIGITS / 2] = [0, 1, 4, 5, 2, 3, 6, 7];
const LENGTH_PAIRS: [u8; LENGTH_DIGITS / 2] = [0, 1, 4, 5];

/// A line at its full width, in a register.
pub(in crate::arch) struct Template {
    /// Each byte of the text around the numbers; and for each digit where it comes from, if it is one of line 0 or 1,
    /// of line 2 or 3, and so on: the first of a pair from the register that has these of all four even or all four odd
    /// lines, the second from another, numbered from 64.
    lanes: [Aligned<[u8; REGISTER]>; GROUP / 2],
    /// Which bytes are text, and which are digits of the offset and of the length.
    text: u64,
    offset: u64,
    length: u64,
}

impl Template {
    /// For a line with some text before, between and after its numbers.
    pub(in crate::arch) const fn new(before: &[u8], between: &[u8], after: &[u8]) -> Self {
        let offset_at = before.len();
        let between_at = offset_at + OFFSET_DIGITS;
        let length_at = between_at + between.len();
        let after_at = length_at + LENGTH_DIGITS;
        let width = after_at + after.len();
        assert!(width <= REGISTER, "too long");
        let mut lanes = [const { Aligned([0; REGISTER]) }; GROUP / 2];
        let mut lane = 0;
        while lane < lanes.len() {
            let line = &mut lanes[lane].0;
            copy(before, line, 0);
            copy(between, line, between_at);
            copy(after, line, after_at);
            place(&OFFSET_PAIRS, line, offset_at, 16 * lane);
            place(&LENGTH_PAIRS, line, length_at, 16 * lane + 8);
            lane += 1;
        }
        let offset = ((1 << OFFSET_DIGITS) - 1) << offset_at;
        let length = ((1 << LENGTH_DIGITS) - 1) << length_at;
        let text = u64::MAX >> (64 - width) & !(offset | length);
        Self { lanes, text, offset, length }
    }

    /// How many bytes a line has at the most.
    const fn width(&self) -> usize {
        (self.text | self.offset | self.length).count_ones() as usize
    }
}

const fn copy(from: &[u8], to: &mut [u8; REGISTER], at: usize) {
    let mut i = 0;
    while i < from.len() {
        to[at + i] = from[i];
        i += 1;
    }
}

/// Says where digits come from: both of each pair, of which the first is in byte `base`.
#[expect(clippy::cast_possible_truncation, reason = "below 128")]
const fn place(pairs: &[u8], to: &mut [u8; REGISTER], at: usize, base: usize) {
    let mut i = 0;
    while i < pairs.len() {
        to[at + 2 * i] = base as u8 + pairs[i];
        to[at + 2 * i + 1] = (base + REGISTER) as u8 + pairs[i];
        i += 1;
    }
}

/// The first digits of all numbers below 100, and the second ones.
static FIRST_DIGITS: Aligned<[u8; 2 * REGISTER]> = Aligned(digits(10));
static SECOND_DIGITS: Aligned<[u8; 2 * REGISTER]> = Aligned(digits(1));

const fn digits(divisor: u8) -> [u8; 2 * REGISTER] {
    let mut table = [0; _];
    let mut number = 0u8;
    while number < 100 {
        table[number as usize] = b'0' + number / divisor % 10;
        number += 1;
    }
    table
}

/// The powers of ten.
static POWERS: Aligned<[u64; OFFSET_DIGITS]> = {
    let mut table = [1; OFFSET_DIGITS];
    let mut i = 1;
    while i < table.len() {
        table[i] = table[i - 1] * 10;
        i += 1;
    }
    Aligned(table)
};

/// Appends the lines of ranges, in whole groups, up to the first group with a number that is too large. Returns how
/// many ranges these are.
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vbmi,avx512vbmi2")]
pub(in crate::arch) fn push(template: &Template, ranges: &[ByteRange], to: &mut Vec<u8>) -> usize {
    let Template { lanes: [lane_0, lane_1, lane_2, lane_3], text, offset, length } = template;
    let lanes = [load(&lane_0.0), load(&lane_1.0), load(&lane_2.0), load(&lane_3.0)];
    let first_digits = load_both(&FIRST_DIGITS.0);
    let second_digits = load_both(&SECOND_DIGITS.0);
    let text_count = all(text.count_ones().into());
    let numbers_at = offset | length;
    let (whole, offset, length) = (all(text | numbers_at), all(*offset), all(*length));

    to.reserve(ranges.len() * template.width() + REGISTER);
    let out = to.spare_capacity_mut().as_mut_ptr().cast::<u8>();
    let (mut bytes, mut done) = (0, 0);
    for group in ranges.as_chunks::<GROUP>().0 {
        let [offsets, lengths] = load_numbers(group);
        let large = _mm512_cmpge_epu64_mask(offsets, all(OFFSETS)) | _mm512_cmpge_epu64_mask(lengths, all(LENGTHS));
        if large != 0 {
            break;
        }
        let (offset_count, length_count) = (count_digits(offsets), count_digits(lengths));
        let counts = _mm512_add_epi64(_mm512_add_epi64(offset_count, length_count), text_count);
        let zeros = _mm512_or_si512(
            _mm512_and_si512(offset, _mm512_srlv_epi64(offset, offset_count)),
            _mm512_and_si512(length, _mm512_srlv_epi64(length, length_count)),
        );
        let kept = _mm512_andnot_si512(zeros, whole);
        let (counts, kept) = (to_array(counts), to_array(kept));

        let (first, last) = halves(offsets);
        let offset_pairs = pairs(_mm512_or_si512(fours(first), _mm512_slli_epi32::<16>(fours(last))));
        let length_pairs = pairs(fours(lengths));
        let even = _mm512_unpacklo_epi64(offset_pairs, length_pairs);
        let odd = _mm512_unpackhi_epi64(offset_pairs, length_pairs);
        let even = (look_up(first_digits, even), look_up(second_digits, even));
        let odd = (look_up(first_digits, odd), look_up(second_digits, odd));
        for i in 0..GROUP {
            let (first, second) = if i % 2 == 0 { even } else { odd };
            let line = _mm512_mask2_permutex2var_epi8(first, lanes[i / 2], numbers_at, second);
            let line = _mm512_mask_compress_epi8(line, kept[i], line);
            // SAFETY: no line has more bytes than the width, so there is room for a register where this one begins.
            unsafe { _mm512_storeu_si512(out.add(bytes).cast(), line) };
            // 64 at the most.
            #[expect(clippy::cast_possible_truncation)]
            let count = counts[i] as usize;
            bytes += count;
        }
        done += GROUP;
    }
    // SAFETY: so many bytes were written, one line after the other.
    unsafe { to.set_len(to.len() + bytes) };
    done
}

/// Both registers of what fills two.
#[inline]
#[target_feature(enable = "avx512f")]
fn load_both(from: &impl NoUninit) -> [__m512i; 2] {
    let [low, high]: &[[u8; REGISTER]; 2] = bytemuck::cast_ref(from);
    [load(low), load(high)]
}

/// The offsets and the lengths.
#[inline]
#[target_feature(enable = "avx512f")]
fn load_numbers(group: &[ByteRange; GROUP]) -> [__m512i; 2] {
    let [first, last] = load_both(group);
    let offsets = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
    let lengths = _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15);
    [_mm512_permutex2var_epi64(first, offsets, last), _mm512_permutex2var_epi64(first, lengths, last)]
}

#[inline]
#[target_feature(enable = "avx512f")]
fn to_array(numbers: __m512i) -> [u64; GROUP] {
    // SAFETY: both are 64 bytes, of which any are numbers.
    unsafe { std::mem::transmute(numbers) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn all(number: u64) -> __m512i {
    _mm512_set1_epi64(number.cast_signed())
}

/// How many digits numbers have that are below 10^16.
#[inline]
#[target_feature(enable = "avx512f,avx512cd")]
fn count_digits(numbers: __m512i) -> __m512i {
    // Of 0 as well there is one; and no other number becomes one of more digits.
    let numbers = _mm512_or_si512(numbers, all(1));
    let bits = _mm512_sub_epi64(all(64), _mm512_lzcnt_epi64(numbers));
    // The decimal logarithm of 2 is a little more than 1233 / 4096.
    let count = _mm512_srli_epi64::<12>(_mm512_mul_epu32(bits, all(1233)));
    let [low, high] = load_both(&POWERS.0);
    let next = _mm512_permutex2var_epi64(low, count, high);
    _mm512_mask_add_epi64(count, _mm512_cmpge_epu64_mask(numbers, next), count, all(1))
}

/// The first eight and the last eight of sixteen digits.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn halves(numbers: __m512i) -> (__m512i, __m512i) {
    // A little above what it ought to be, so that a quotient may be too large by one, but never too small.
    const INVERSE: f64 = 1.0 / EIGHT_DIGITS as f64 * (1.0 + 8.0 * f64::EPSILON);
    let first = _mm512_cvttpd_epu64(_mm512_mul_pd(_mm512_cvtepu64_pd(numbers), _mm512_set1_pd(INVERSE)));
    let last = _mm512_sub_epi64(numbers, _mm512_mul_epu32(first, all(EIGHT_DIGITS)));
    let too_large = _mm512_movepi64_mask(last);
    let first = _mm512_mask_sub_epi64(first, too_large, first, all(1));
    (first, _mm512_mask_add_epi64(last, too_large, last, all(EIGHT_DIGITS)))
}

/// The first four of eight digits, and in the upper half of each 64 bits the last four.
#[inline]
#[target_feature(enable = "avx512f")]
fn fours(numbers: __m512i) -> __m512i {
    // 2^45 / 10^4, rounded up.
    let first = _mm512_srli_epi64::<45>(_mm512_mul_epu32(numbers, all(3_518_437_209)));
    let last = _mm512_sub_epi64(numbers, _mm512_mul_epu32(first, all(10_000)));
    _mm512_or_si512(first, _mm512_slli_epi64::<32>(last))
}

/// The first two of each four digits, and in the upper half of each 16 bits the last two.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn pairs(numbers: __m512i) -> __m512i {
    // 2^19 / 10^2, rounded up.
    let first = _mm512_srli_epi16::<3>(_mm512_mulhi_epu16(numbers, _mm512_set1_epi16(5243)));
    let last = _mm512_sub_epi16(numbers, _mm512_mullo_epi16(first, _mm512_set1_epi16(100)));
    _mm512_or_si512(first, _mm512_slli_epi16::<8>(last))
}

/// The entry of a table for each number.
#[inline]
#[target_feature(enable = "avx512f,avx512vbmi")]
fn look_up([low, high]: [__m512i; 2], numbers: __m512i) -> __m512i {
    _mm512_permutex2var_epi8(low, numbers, high)
}
