//! Words to boundaries everywhere, in two passes over some words at a time.
//!
//! A branch on each word, whether it holds a boundary, is mispredicted about as often as the bitmap is interesting.
//! So the first pass makes a mask of the words that hold any; the second takes them from there and writes four
//! boundaries without asking whether there are four. Where most words hold some, all are prepared together instead.

use std::mem::MaybeUninit;

use super::base64::pack_low_bits;

/// Words that the first pass takes before the second follows: as many as a mask has bits.
const GROUP: usize = 64;

/// See [`scan_words`](crate::arch::scan_words) for the contract. Too few places are a panic, never a shorter list.
pub(in crate::arch) fn scan_words(words: &[u64], carry: bool, position: u64, out: &mut [MaybeUninit<u64>]) -> usize {
    let mask = |word: u64, before: u64| word ^ (word << 1 | before >> 63);
    scan_groups(words, |&word| word, mask, |mask| mask, if carry { u64::MAX } else { 0 }, position, out)
}

/// As `scan_words`, for words as they lie in an `Msb0` bitmap.
pub(super) fn scan_msb0(words: &[[u8; 8]], carry: bool, position: u64, out: &mut [MaybeUninit<u64>]) -> usize {
    // Bytes in order, so that nothing has to be swapped but in words with boundaries: the bit before a byte's highest
    // is the lowest of the byte below.
    const HIGHEST: u64 = u64::from_le_bytes([0x80; 8]);
    let mask = |word: u64, before: u64| word ^ (word >> 1 & !HIGHEST | (word << 15 | before >> 49) & HIGHEST);
    let load = |&word: &[u8; 8]| u64::from_le_bytes(word);
    let to_lsb0 = |mask: u64| mask.swap_bytes().reverse_bits();
    scan_groups(words, load, mask, to_lsb0, u64::from(carry) << 56, position, out)
}

/// Both passes over words of either bit order. `mask` is that of a word and the one before it, and `to_lsb0` is for the
/// masks that are not zero.
#[inline]
fn scan_groups<W>(
    words: &[W],
    load: impl Fn(&W) -> u64,
    mask: impl Fn(u64, u64) -> u64,
    to_lsb0: impl Fn(u64) -> u64,
    before: u64,
    position: u64,
    out: &mut [MaybeUninit<u64>],
) -> usize {
    let (mut before, mut position, mut count) = (before, position, 0);
    let mut masks = BoundaryMasks { masks: [0; GROUP], words: 0 };
    for group in words.chunks(GROUP) {
        masks.find(group, before, &load, &mask);
        count += masks.write(&to_lsb0, position, &mut out[count..]);
        before = load(&group[group.len() - 1]);
        position += group.len() as u64 * 64;
    }
    count
}

/// The boundary masks of a group of words, in the bit order of the words.
struct BoundaryMasks {
    masks: [u64; GROUP],
    /// How many words these are of. Those after them are zero.
    words: usize,
}

impl BoundaryMasks {
    /// Finds the masks of at most `GROUP` words, and at least one; `before` is the word before them.
    #[inline]
    fn find<W>(&mut self, words: &[W], before: u64, load: impl Fn(&W) -> u64, mask: impl Fn(u64, u64) -> u64) {
        self.masks[0] = mask(load(&words[0]), before);
        // Each from the words themselves, so that compilers take several at once.
        for (found, pair) in self.masks[1..].iter_mut().zip(words.windows(2)) {
            *found = mask(load(&pair[1]), load(&pair[0]));
        }
        self.masks[words.len()..].fill(0);
        self.words = words.len();
    }

    /// Writes the boundaries to the start of `out`, and returns how many there are.
    #[inline]
    fn write(&mut self, to_lsb0: impl Fn(u64) -> u64, position: u64, out: &mut [MaybeUninit<u64>]) -> usize {
        let mut nonzero = nonzero_mask(&self.masks);
        let mut count = 0;
        if nonzero.count_ones() as usize > GROUP / 2 {
            let mut counts = [0; GROUP];
            for (mask, count) in self.masks.iter_mut().zip(&mut counts) {
                *mask = to_lsb0(*mask);
                *count = mask.count_ones();
            }
            for ((&mask, &ones), number) in self.masks.iter().zip(&counts).zip(0..self.words as u64) {
                write_counted(mask, ones as usize, position + number * 64, &mut out[count..]);
                count += ones as usize;
            }
        } else {
            while nonzero != 0 {
                let number = nonzero.trailing_zeros();
                nonzero &= nonzero - 1;
                let mask = to_lsb0(self.masks[number as usize]);
                count += write(mask, position + u64::from(number) * 64, &mut out[count..]);
            }
        }
        count
    }
}

/// A one for each word that is not zero.
#[inline]
fn nonzero_mask(words: &[u64; GROUP]) -> u64 {
    // Halves first, and in a loop of their own: compilers take several of these at once, but not of whole words.
    let mut halves = [0; GROUP];
    for (half, word) in halves.iter_mut().zip(words) {
        #[expect(clippy::cast_possible_truncation, reason = "the upper half is in the lower, too")]
        let both = (word | word >> 32) as u32;
        *half = both;
    }
    let mut bytes = [0; GROUP];
    for (byte, half) in bytes.iter_mut().zip(&halves) {
        *byte = u8::from(*half != 0);
    }
    let eights = bytes.as_chunks().0.iter().zip(0..);
    eights.fold(0, |ones, (eight, i)| ones | pack_low_bits(u64::from_le_bytes(*eight)) << (8 * i))
}

/// See [`nonzero_halves`](crate::arch::nonzero_halves) for the contract. Inlined where the compiler may use more instructions
/// than everywhere.
#[inline(always)]
pub(in crate::arch) fn nonzero_halves(groups: &[[u64; 32]], flags: &mut [u64]) {
    for (group, flags) in groups.iter().zip(flags) {
        // Bytes first, in a loop of their own, so that compilers take several at once.
        let mut bytes = [0; 64];
        for (pair, word) in bytes.as_chunks_mut::<2>().0.iter_mut().zip(group) {
            *pair = [u8::from(*word << 32 != 0), u8::from(word >> 32 != 0)];
        }
        let eights = bytes.as_chunks().0.iter().zip(0..);
        *flags = eights.fold(0, |all, (eight, i)| all | pack_low_bits(u64::from_le_bytes(*eight)) << (8 * i));
    }
}

/// The number of ones. Inlined where the compiler may use more instructions than everywhere.
#[inline(always)]
pub(in crate::arch) fn count_ones(words: &[u64]) -> u64 {
    words.iter().map(|word| u64::from(word.count_ones())).sum()
}

/// The number of boundaries. Inlined where the compiler may use more instructions than everywhere.
#[inline(always)]
pub(in crate::arch) fn count_boundaries(words: &[u64], carry: bool) -> usize {
    let count = |word: u64, before: u64| (word ^ (word << 1 | before >> 63)).count_ones() as usize;
    let first = words.first().map_or(0, |&word| count(word, if carry { u64::MAX } else { 0 }));
    first + words.windows(2).map(|pair| count(pair[1], pair[0])).sum::<usize>()
}

/// Writes the positions of the ones of a word, of which there are some, and returns how many there are.
#[inline]
fn write(ones: u64, position: u64, out: &mut [MaybeUninit<u64>]) -> usize {
    let (first, after) = out[..64].split_first_chunk_mut().expect("64 places");
    let left = write_four(ones, position, first);
    let rest = left[3];
    if rest == 0 {
        return 1 + left[..3].iter().map(|&ones| usize::from(ones != 0)).sum::<usize>();
    }
    let count = rest.count_ones() as usize;
    write_fours(rest, count.div_ceil(4), position, after);
    4 + count
}

/// Writes the positions of the ones of a word, of which there are `count`, perhaps none.
#[inline]
fn write_counted(ones: u64, count: usize, position: u64, out: &mut [MaybeUninit<u64>]) {
    // At least once: few words have none, and a branch that is mispredicted takes longer.
    write_fours(ones, count.div_ceil(4).max(1), position, &mut out[..64]);
}

/// Writes the positions of the lowest ones of a word: so many times four.
#[inline]
fn write_fours(ones: u64, fours: usize, position: u64, out: &mut [MaybeUninit<u64>]) {
    let mut ones = ones;
    for four in out.as_chunks_mut().0.iter_mut().take(fours) {
        ones = write_four(ones, position, four)[3];
    }
}

/// Writes the positions of the lowest four ones of a word. Returns the ones that are left after each.
#[inline]
fn write_four(ones: u64, position: u64, four: &mut [MaybeUninit<u64>; 4]) -> [u64; 4] {
    let mut ones = ones;
    four.each_mut().map(|place| {
        // 64 once there are no more, which is written after the last and overwritten by the next word.
        place.write(position + u64::from(ones.trailing_zeros()));
        ones &= ones.wrapping_sub(1);
        ones
    })
}
