//! Ranges in little memory: two bytes for most.
//!
//! They are packed in batches, each of which can be unpacked by itself: a word of 16 bits with how many ranges there are
//! and how they are packed, four words with where the first one begins, and then the ranges. Of each there are two
//! numbers, how far it begins behind the end of the one before, and how long it is, both in blocks. So a list of millions
//! of ranges is held in a twentieth of what its lines would take. Fresh memory is dear, most of all in a virtual machine,
//! which may have to ask its host for it.

use changed_blocks::{BlockSize, ByteRange, Extent};

use crate::output::held::Held;

/// How many ranges are dealt with at a time: what the first cache holds with ease.
pub(crate) const BATCH: usize = 512;
/// How many words a batch begins with.
const HEAD: usize = 5;
/// How many ranges a part has at the most.
const PART: usize = 8 * BATCH;

/// How the ranges of a batch are packed.
#[derive(Clone, Copy)]
enum Packing {
    /// In one word, of which the length has the lowest bits.
    Short,
    /// With a word for each number.
    Long,
    /// With four words for each number, the lowest first: if it is too large, or no multiple of the block size, which is
    /// then seen in its highest bits.
    Any,
}

/// How many bits of a word the length has.
const LENGTH_BITS: u32 = 4;

impl Packing {
    /// What numbers that have no more than these bits can be packed by.
    const fn of(distances: u64, lengths: u64) -> Self {
        if distances >> (16 - LENGTH_BITS) == 0 && lengths >> LENGTH_BITS == 0 {
            Self::Short
        } else if (distances | lengths) >> 16 == 0 {
            Self::Long
        } else {
            Self::Any
        }
    }

    /// How many words there are for each range.
    const fn words(self) -> usize {
        match self {
            Self::Short => 1,
            Self::Long => 2,
            Self::Any => 8,
        }
    }

    /// The first word of a batch.
    #[expect(clippy::cast_possible_truncation, reason = "no batch has more than 512")]
    const fn head(self, count: usize) -> u16 {
        (count as u16) << 2 | self as u16
    }

    const fn of_head(head: u16) -> (usize, Self) {
        let packing = match head & 3 {
            0 => Self::Short,
            1 => Self::Long,
            _ => Self::Any,
        };
        ((head >> 2) as usize, packing)
    }
}

/// Ranges in batches.
#[derive(Default)]
pub(crate) struct Packed {
    words: Vec<u16>,
    count: usize,
    /// Where a part may begin: before how many words, and how many ranges. No further from each other than a part is long.
    cuts: Vec<(usize, usize)>,
}

impl Packed {
    pub(crate) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn clear(&mut self) {
        self.words.clear();
        self.count = 0;
        self.cuts.clear();
    }

    /// Puts a batch of ranges behind those before. Any numbers come back as they were, but only those that ascend take
    /// little memory.
    pub(crate) fn push(&mut self, ranges: &[ByteRange], block_size: BlockSize) {
        let Some(first) = ranges.first() else { return };
        let log2 = block_size.log2().into();
        self.push_batch(first.offset_bytes, ranges, first.offset_bytes, |last, range| {
            let distance = range.offset_bytes.wrapping_sub(*last);
            *last = range.offset_bytes.wrapping_add(range.len_bytes);
            [distance, range.len_bytes].map(|bytes| bytes.rotate_right(log2))
        });
    }

    /// The same for extents none of which reaches beyond 2^64 bytes.
    pub(crate) fn push_extents(&mut self, extents: &[Extent], block_size: BlockSize) {
        let Some(first) = extents.first() else { return };
        self.push_batch(first.start_block << block_size.log2(), extents, first.start_block, |last, extent| {
            let distance = extent.start_block - *last;
            *last = extent.end_block;
            [distance, extent.len_blocks()]
        });
    }

    /// Puts a batch behind those before, of which `numbers` tells the numbers of each range, if it is given the end of the
    /// one before.
    #[inline]
    fn push_batch<T>(
        &mut self,
        start_bytes: u64,
        batch: &[T],
        start: u64,
        mut numbers: impl FnMut(&mut u64, &T) -> [u64; 2],
    ) {
        assert!(batch.len() <= BATCH, "a batch");
        let mut short = [0; BATCH];
        let (mut last, mut distances, mut lengths) = (start, 0, 0);
        for (short, thing) in short.iter_mut().zip(batch) {
            let [distance, length] = numbers(&mut last, thing);
            // All bits of all of them are no less than any of them.
            distances |= distance;
            lengths |= length;
            *short = low(distance << LENGTH_BITS | length);
        }
        let packing = Packing::of(distances, lengths);
        if self.cuts.last().is_none_or(|&(_, count)| self.count + batch.len() - count > PART) {
            self.cuts.push((self.words.len(), self.count));
        }
        self.count += batch.len();
        self.words.push(packing.head(batch.len()));
        self.words.extend(four_words(start_bytes));
        last = start;
        let all = batch.iter().flat_map(|thing| numbers(&mut last, thing));
        match packing {
            Packing::Short => self.words.extend_from_slice(&short[..batch.len()]),
            Packing::Long => self.words.extend(all.map(low)),
            Packing::Any => self.words.extend(all.flat_map(four_words)),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a word of it")]
const fn low(number: u64) -> u16 {
    number as u16
}

fn four_words(number: u64) -> [u16; 4] {
    [0, 16, 32, 48].map(|bit| low(number >> bit))
}

fn of_four_words(words: [u16; 4]) -> u64 {
    words.iter().rev().fold(0, |number, &word| number << 16 | u64::from(word))
}

/// Packed ranges held back.
pub(crate) struct HeldRanges {
    words: Held<u16>,
    count: usize,
    /// Where parts begin, and how many ranges there are before the last of them.
    parts: Vec<usize>,
    last_part: usize,
}

impl HeldRanges {
    /// How many they may be: nearly 40 MB of lines.
    const MOST: usize = 2 << 20;
    /// How many bytes they may take.
    const MOST_BYTES: usize = 8 << 20;

    pub(crate) const fn new() -> Self {
        // Those that are too many are held for a moment as well.
        let words = Held::new(Self::MOST_BYTES + Self::MOST_BYTES / 4);
        Self { words, count: 0, parts: Vec::new(), last_part: 0 }
    }

    /// Whether they are more than ought to be held.
    pub(crate) fn are_too_many(&self) -> bool {
        self.count > Self::MOST || size_of_val(self.words.all()) > Self::MOST_BYTES
    }

    /// Puts ranges behind those before.
    pub(crate) fn append(&mut self, packed: &Packed) {
        let before = self.words.all().len();
        let ends = packed.cuts.iter().skip(1).map(|&(_, count)| count).chain([packed.count]);
        for (&(word, start), end) in packed.cuts.iter().zip(ends) {
            if self.parts.is_empty() || self.count + end - self.last_part > PART {
                self.parts.push(before + word);
                self.last_part = self.count + start;
            }
        }
        self.words.push(&packed.words);
        self.count += packed.count;
    }

    /// Parts that are worth a thread's while.
    pub(crate) fn parts(&self) -> Vec<Part<'_>> {
        let words = self.words.all();
        let ends = self.parts.iter().skip(1).copied().chain([words.len()]);
        self.parts.iter().zip(ends).map(|(&start, end)| Part(&words[start..end])).collect()
    }
}

/// Some batches of the ranges.
pub(crate) struct Part<'p>(&'p [u16]);

impl Part<'_> {
    /// Gives the ranges, a batch at a time. The block size has to be that which they were packed with.
    pub(crate) fn for_each_batch(&self, block_size: BlockSize, mut take: impl FnMut(&[ByteRange])) {
        let log2 = block_size.log2().into();
        let mut ranges = [ByteRange::between(0, 0); BATCH];
        let mut words = self.0;
        while let Some((&[head, ref start @ ..], rest)) = words.split_first_chunk::<HEAD>() {
            let (count, packing) = Packing::of_head(head);
            let (batch, rest) = rest.split_at(count * packing.words());
            let (mut last, ranges) = (of_four_words(*start), &mut ranges[..count]);
            let mut put = |range: &mut ByteRange, numbers: [u64; 2]| {
                let [distance, len_bytes] = numbers.map(|number| number.rotate_left(log2));
                let offset_bytes = last.wrapping_add(distance);
                last = offset_bytes.wrapping_add(len_bytes);
                *range = ByteRange { offset_bytes, len_bytes };
            };
            match packing {
                Packing::Short => {
                    for (range, &word) in ranges.iter_mut().zip(batch) {
                        put(range, [word >> LENGTH_BITS, word % (1 << LENGTH_BITS)].map(u64::from));
                    }
                }
                Packing::Long => {
                    for (range, &words) in ranges.iter_mut().zip(batch.as_chunks().0) {
                        put(range, words.map(u64::from));
                    }
                }
                Packing::Any => {
                    for (range, words) in ranges.iter_mut().zip(batch.as_chunks::<8>().0) {
                        put(range, [0, 4].map(|at| of_four_words(std::array::from_fn(|i| words[at + i]))));
                    }
                }
            }
            take(ranges);
            words = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(held: &HeldRanges, block_size: BlockSize) -> Vec<ByteRange> {
        let mut all = Vec::new();
        for part in held.parts() {
            part.for_each_batch(block_size, |ranges| {
                assert!((1..=BATCH).contains(&ranges.len()));
                all.extend_from_slice(ranges);
            });
        }
        all
    }

    fn sizes() -> [BlockSize; 3] {
        [9, 16, 28].map(|log2| BlockSize::new(1 << log2).expect("a size"))
    }

    fn range(extent: &Extent, block_size: BlockSize) -> ByteRange {
        ByteRange::between(extent.start_block << block_size.log2(), extent.end_block << block_size.log2())
    }

    /// The extents, packed so many at a time.
    fn held(extents: &[Extent], piece: usize, block_size: BlockSize) -> HeldRanges {
        let (mut held, mut packed) = (HeldRanges::new(), Packed::default());
        for extents in extents.chunks(piece) {
            packed.clear();
            extents.chunks(BATCH).for_each(|extents| packed.push_extents(extents, block_size));
            held.append(&packed);
        }
        held
    }

    /// Ascending extents whose distances are around every power of two below 2^30, in runs of some length of each.
    fn extents(run: usize) -> Vec<Extent> {
        let around = |power: u32| [(1 << power) - 1, 1 << power, (1 << power) + 1_u64];
        let repeated = (0..30)
            .flat_map(around)
            .flat_map(|distance| std::iter::repeat_n(distance, if distance >> 20 > 0 { 2 } else { run }));
        let ends = repeated.scan(0, |at, distance| {
            *at += distance;
            Some(*at)
        });
        let ends: Vec<u64> = ends.collect();
        ends.chunks_exact(2).map(|pair| Extent::new(pair[0], pair[1])).collect()
    }

    #[test]
    fn extents_that_were_packed_come_back() {
        for (run, block_size) in [1, 2, 100, 1000].into_iter().flat_map(|run| sizes().map(|size| (run, size))) {
            let extents = extents(run);
            let expected: Vec<ByteRange> = extents.iter().map(|extent| range(extent, block_size)).collect();
            for len in [0, 1, 2, BATCH - 1, BATCH, BATCH + 1, 5000, extents.len()] {
                let len = len.min(extents.len());
                for piece in [1, 7, 130, 20_000] {
                    let held = held(&extents[..len], piece, block_size);
                    assert_eq!(unpacked(&held, block_size), expected[..len], "{run} {len} {piece}");
                }
            }
        }
    }

    #[test]
    fn ranges_come_back_whatever_they_are() {
        let between = ByteRange::between;
        let whole = ByteRange { offset_bytes: 1, len_bytes: u64::MAX - 1 };
        let ranges =
            [between(0, 1), between(5, 65_536), between(131_072, 196_608), whole, between(7, 7), between(3, 512)];
        for block_size in sizes() {
            let (mut held, mut packed) = (HeldRanges::new(), Packed::default());
            packed.push(&ranges, block_size);
            // Behind an end that is no multiple of the block size.
            packed.push_extents(&[Extent::new(1, 3), Extent::new(4, 5)], block_size);
            packed.push(&ranges[..2], block_size);
            held.append(&packed);
            let blocks = [Extent::new(1, 3), Extent::new(4, 5)].map(|extent| range(&extent, block_size));
            assert_eq!(unpacked(&held, block_size), [&ranges[..], &blocks, &ranges[..2]].concat());
        }
    }

    #[test]
    fn numbers_around_every_limit_come_back() {
        let limits = [0, 1, 2, 15, 16, 17, 4094, 4095, 4096, 4097, 65_535, 65_536, 65_537, 1 << 40];
        for block_size in sizes() {
            let log2 = block_size.log2();
            let mut packed = Packed::default();
            let mut expected = Vec::new();
            for (before, blocks, odd) in limits
                .iter()
                .flat_map(|&before| limits.map(|blocks| (before, blocks)))
                .filter(|(_, blocks)| *blocks > 0)
                .flat_map(|(before, blocks)| [0, 1, (1 << log2) - 1].map(|odd| (before, blocks, odd)))
                .filter(|(before, blocks, _)| (before + blocks) >> (62 - log2) == 0)
            {
                let first = ByteRange { offset_bytes: 7 << log2, len_bytes: 1 << log2 };
                let offset_bytes = first.end_bytes() + (before << log2) + odd;
                let next = ByteRange { offset_bytes, len_bytes: (blocks << log2) - odd };
                packed.push(&[first, next], block_size);
                expected.extend([first, next]);
                if odd == 0 {
                    let extent = |range: ByteRange| Extent::new(range.offset_bytes >> log2, range.end_bytes() >> log2);
                    packed.push_extents(&[first, next].map(extent), block_size);
                    expected.extend([first, next]);
                }
            }
            let mut held = HeldRanges::new();
            held.append(&packed);
            assert!(unpacked(&held, block_size) == expected, "{log2}");
        }
    }

    #[test]
    fn parts_are_neither_tiny_nor_long() {
        let near: Vec<Extent> = (0..100_000).map(|i| Extent::new(2 * i, 2 * i + 1)).collect();
        for piece in [1, 30, 511, 513, 2000, 4096, 20_000] {
            let held = held(&near, piece, BlockSize::DEFAULT);
            let mut parts: Vec<usize> = Vec::new();
            for part in held.parts() {
                parts.push(0);
                part.for_each_batch(BlockSize::DEFAULT, |ranges| *parts.last_mut().expect("a part") += ranges.len());
            }
            assert!(parts.iter().all(|&count| count <= PART), "{piece} {parts:?}");
            assert!(parts.iter().sum::<usize>() / parts.len() > PART / 2, "{piece} {parts:?}");
        }
    }

    #[test]
    fn most_ranges_take_two_bytes() {
        let extents: Vec<Extent> = (1..=2_000_000).map(|i| Extent::new(400 * i, 400 * i + 4)).collect();
        let mut held = held(&extents, 5000, BlockSize::DEFAULT);
        assert!(!held.are_too_many());
        assert!(size_of_val(held.words.all()) < 2_100_000 * 2);
        let mut more = Packed::default();
        more.push_extents(&extents[..100], BlockSize::DEFAULT);
        for _ in 0..1500 {
            held.append(&more);
        }
        assert!(held.are_too_many());
        let all = unpacked(&held, BlockSize::DEFAULT);
        assert_eq!(all.len(), 2_150_000);
        assert!(all.iter().zip(&extents).all(|(found, extent)| *found == range(extent, BlockSize::DEFAULT)));
    }

    #[test]
    fn however_few_they_are_memory_is_bounded() {
        let mut held = HeldRanges::new();
        let mut packed = Packed::default();
        let any: Vec<ByteRange> = (0..100).map(|i| ByteRange::between(1 << (i % 60), (1 << (i % 60)) + 1)).collect();
        packed.push(&any, BlockSize::DEFAULT);
        for _ in 0..5000 {
            held.append(&packed);
        }
        assert!(!held.are_too_many());
        for _ in 0..500 {
            held.append(&packed);
        }
        assert!(held.are_too_many());
    }
}
