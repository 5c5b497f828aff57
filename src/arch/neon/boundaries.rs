//! Words to boundaries for 64-bit Arm, in two passes over some words at a time, as the portable one is. The first pass
//! finds the masks of two words at once and counts those of sixteen together, since this processor has an instruction
//! that counts the ones of bytes and none for words. The second writes the positions of a word one by one, or, if it
//! has many, byte by byte from a table, without a branch.
#![expect(unsafe_code, reason = "a tier file: every load and store names what keeps it in bounds")]

use std::arch::aarch64::*;
use std::mem::MaybeUninit;

use crate::arch::bit_positions::bit_positions;

/// Words that are counted together: as many as a vector has bytes.
const PART: usize = 16;

/// Words that the first pass takes before the second follows: as many as a mask has bits.
const GROUP: usize = 4 * PART;

/// More than this in a word, and going by bytes is faster than going by ones: it needs no more instructions from nine
/// on, and no branch.
const DENSE: u8 = 12;

/// The positions of each byte's ones, so wide that widening them takes one instruction less.
static BIT_POSITIONS: [[u16; 8]; 256] = {
    let narrow = bit_positions(false);
    let mut wide = [[0; 8]; 256];
    let mut i = 0;
    while i < 256 * 8 {
        wide[i / 8][i % 8] = narrow[i / 8][i % 8] as u16;
        i += 1;
    }
    wide
};

/// The boundary masks of a group of words.
struct BoundaryMasks {
    masks: [u64; GROUP],
    /// How many ones each mask has.
    counts: [u8; GROUP],
    /// A one for each mask that has any.
    nonzero_mask: u64,
}

/// See [`scan_words`](crate::arch::scan_words) for the contract.
///
/// # Safety
///
/// `out` has at least 64 places for each word.
#[target_feature(enable = "neon")]
pub(in crate::arch) unsafe fn scan_words(
    words: &[u64],
    carry: bool,
    position: u64,
    out: &mut [MaybeUninit<u64>],
) -> usize {
    let mut masks = BoundaryMasks { masks: [0; GROUP], counts: [0; GROUP], nonzero_mask: 0 };
    let mut before = if carry { u64::MAX } else { 0 };
    let mut position = position;
    let start = out.as_mut_ptr().cast::<u64>();
    let mut end = start;
    for group in words.chunks(GROUP) {
        masks.find(group, before);
        // SAFETY: the caller's promise; there are still 64 places for each word that is left, since a word has taken at
        // most 64 so far.
        end = unsafe { masks.write(position, end) };
        before = group[group.len() - 1];
        position += group.len() as u64 * 64;
    }
    // SAFETY: both point into `out`, or to its end.
    unsafe { end.offset_from_unsigned(start) }
}

impl BoundaryMasks {
    /// The first pass: finds the masks of at most `GROUP` words; `before` is the word before them.
    #[inline]
    #[target_feature(enable = "neon")]
    fn find(&mut self, words: &[u64], before: u64) {
        let mut before = vdupq_n_u64(before);
        let mut counts = [vdupq_n_u8(0); GROUP / PART];
        let (parts, rest) = words.as_chunks::<PART>();
        let (part_masks, _) = self.masks.as_chunks_mut();
        for ((part, masks), counts) in parts.iter().zip(&mut *part_masks).zip(&mut counts) {
            (*counts, before) = find_part(part, before, masks);
        }
        if let Some(last) = rest.last() {
            // Filled up with the last bit, so that no boundary is added.
            let mut part = [if last >> 63 == 1 { u64::MAX } else { 0 }; PART];
            part[..rest.len()].copy_from_slice(rest);
            (counts[parts.len()], _) = find_part(&part, before, &mut part_masks[parts.len()]);
        }

        let bits = vreinterpretq_u8_u64(vdupq_n_u64(0x8040_2010_0804_0201));
        let any = counts.map(|counts| vandq_u8(vtstq_u8(counts, counts), bits));
        // Sums of two bytes, four, and eight, which are all different bits.
        let fours = vpaddq_u8(vpaddq_u8(any[0], any[1]), vpaddq_u8(any[2], any[3]));
        self.nonzero_mask = vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(fours, fours)));
        for (to, counts) in self.counts.as_chunks_mut::<PART>().0.iter_mut().zip(counts) {
            // SAFETY: the array has the 16 bytes that are stored.
            unsafe { vst1q_u8(to.as_mut_ptr(), counts) };
        }
    }

    /// The second pass: writes the positions of all ones, the first of which could be at `position`, and returns where
    /// the last one ends.
    ///
    /// # Safety
    ///
    /// From `out` on, there are 64 places for each word whose mask was found.
    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn write(&self, position: u64, out: *mut u64) -> *mut u64 {
        let mut out = out;
        let mut nonzero = self.nonzero_mask;
        while nonzero != 0 {
            let number = nonzero.trailing_zeros();
            nonzero &= nonzero - 1;
            let (mask, count) = (self.masks[number as usize], self.counts[number as usize]);
            let base = position + u64::from(number) * 64;
            // SAFETY: the words before this one have taken at most 64 places each, so there are 64 left for this one.
            unsafe {
                if count <= DENSE {
                    write_ones(mask, count, base, out);
                } else {
                    write_bytes(mask, base, out);
                }
                out = out.add(usize::from(count));
            }
        }
        out
    }
}

/// Finds the masks of some words; `before` ends with the word before them. Returns how many ones each has, and the last
/// two words.
#[inline]
#[target_feature(enable = "neon")]
fn find_part(words: &[u64; PART], before: uint64x2_t, masks: &mut [u64; PART]) -> (uint8x16_t, uint64x2_t) {
    let mut before = before;
    let mut counts = [vdupq_n_u8(0); PART / 2];
    let pairs = words.as_chunks::<2>().0.iter().zip(masks.as_chunks_mut::<2>().0);
    for ((two, masks), counts) in pairs.zip(&mut counts) {
        // SAFETY: the array has the two words that are loaded.
        let these = unsafe { vld1q_u64(two.as_ptr()) };
        let tops = vshrq_n_u64::<63>(vextq_u64::<1>(before, these));
        let found = veorq_u64(these, vsliq_n_u64::<1>(tops, these));
        // SAFETY: the array has the two words that are stored.
        unsafe { vst1q_u64(masks.as_mut_ptr(), found) };
        *counts = vcntq_u8(vreinterpretq_u8_u64(found));
        before = these;
    }
    let [a, b, c, d, e, f, g, h] = counts;
    let (ab, cd, ef, gh) = (vpaddq_u8(a, b), vpaddq_u8(c, d), vpaddq_u8(e, f), vpaddq_u8(g, h));
    (vpaddq_u8(vpaddq_u8(ab, cd), vpaddq_u8(ef, gh)), before)
}

/// Writes the positions of a word's ones, of which there are `count`, from the lowest one on.
///
/// # Safety
///
/// `out` has 64 places.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn write_ones(ones: u64, count: u8, base: u64, out: *mut u64) {
    // Leading zeros are counted by one instruction, trailing ones by two.
    let mut ones = ones.reverse_bits();
    let mut first = 0;
    loop {
        for i in first..first + 4 {
            let place = ones.leading_zeros();
            // SAFETY: `count` is at most 64, so `first` is at most 60 here. What is found where there are no more is
            // written after the last, and of no use.
            unsafe { out.add(i).write(base + u64::from(place)) };
            ones &= !(1u64 << 63).wrapping_shr(place);
        }
        first += 4;
        if first >= usize::from(count) {
            break;
        }
    }
}

/// Writes the positions of a word's ones, eight for each byte, of which the next byte's overwrite what is too much.
///
/// # Safety
///
/// `out` has 64 places.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn write_bytes(ones: u64, base: u64, out: *mut u64) {
    let counts = vget_lane_u64::<0>(vreinterpret_u64_u8(vcnt_u8(vcreate_u8(ones))));
    // In each byte, how many ones the bytes below it have: at most 56.
    let before = counts.wrapping_mul(0x0101_0101_0101_0101) << 8;
    for i in 0..8 {
        let positions = &BIT_POSITIONS[usize::from((ones >> (8 * i)) as u8)];
        let base = vdupq_n_u64(base + 8 * i);
        // SAFETY: the array has the eight numbers that are loaded. Eight places are written from the 56th on at the
        // most.
        unsafe {
            let positions = vld1q_u16(positions.as_ptr());
            let (low, high) = (vmovl_u16(vget_low_u16(positions)), vmovl_high_u16(positions));
            let out = out.add((before >> (8 * i)) as u8 as usize);
            vst1q_u64(out, vaddw_u32(base, vget_low_u32(low)));
            vst1q_u64(out.add(2), vaddw_high_u32(base, low));
            vst1q_u64(out.add(4), vaddw_u32(base, vget_low_u32(high)));
            vst1q_u64(out.add(6), vaddw_high_u32(base, high));
        }
    }
}
