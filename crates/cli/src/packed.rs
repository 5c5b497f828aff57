//! Ranges in little memory: two bytes for each end of most.
//!
//! A number is stored as how far it is from the one before: in a word of 16 bits if that is a multiple of the block size
//! and not too much, or else in four more words behind [`FAR`]. So a list of millions of ranges is held in a tenth of what
//! its lines would take. Fresh memory is dear, most of all in a virtual machine, which may have to ask its host for it.

use changed_blocks::{BlockSize, ByteRange, Extent};

use crate::held::Held;

/// Says that the next four words are a distance in bytes, the lowest first.
const FAR: u16 = u16::MAX;
/// How many ranges are dealt with at a time: what the first cache holds with ease.
pub(crate) const BATCH: usize = 512;
/// From how many words on a segment is long enough.
const SEGMENT: usize = 8 << 10;

/// Ranges in ascending order, in segments that can be unpacked one by one.
#[derive(Default)]
pub(crate) struct Packed {
    words: Vec<u16>,
    /// Where segments begin. The first number of each is the distance from 0.
    starts: Vec<usize>,
    /// The number before the next.
    last: u64,
}

impl Packed {
    pub(crate) const fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.words.clear();
        self.starts.clear();
    }

    /// Puts a batch of ranges behind those before. Any numbers come back as they were, but only those that ascend are
    /// short.
    pub(crate) fn push(&mut self, ranges: &[ByteRange], block_size: BlockSize) {
        self.begin_batch();
        for number in ranges.iter().flat_map(|range| [range.offset_bytes, range.end_bytes()]) {
            self.push_number(number, block_size.log2());
        }
    }

    /// The same for extents none of which reaches beyond 2^64 bytes.
    pub(crate) fn push_extents(&mut self, extents: &[Extent], block_size: BlockSize) {
        self.begin_batch();
        let log2 = block_size.log2();
        let before = self.last >> log2;
        let mut words = [[0; 2]; BATCH];
        let (mut last, mut all) = (before, 0);
        for (words, extent) in words.iter_mut().zip(extents) {
            let distances = [extent.start_block.wrapping_sub(last), extent.end_block.wrapping_sub(extent.start_block)];
            all |= distances[0] | distances[1];
            #[expect(clippy::cast_possible_truncation, reason = "not used unless all of them fit")]
            let short = distances.map(|distance| distance as u16);
            (*words, last) = (short, extent.end_block);
        }
        // All bits of all of them are no less than any of them.
        if all < u64::from(FAR) && extents.len() <= BATCH && before << log2 == self.last {
            self.words.extend_from_slice(words[..extents.len()].as_flattened());
            self.last = last << log2;
        } else {
            for number in extents.iter().flat_map(|extent| [extent.start_block, extent.end_block]) {
                self.push_number(number << log2, log2);
            }
        }
    }

    fn begin_batch(&mut self) {
        if self.starts.last().is_none_or(|start| self.words.len() - start >= SEGMENT) {
            self.starts.push(self.words.len());
            self.last = 0;
        }
    }

    fn push_number(&mut self, number: u64, log2: u8) {
        let distance = number.wrapping_sub(self.last);
        self.last = number;
        match u16::try_from(distance >> log2) {
            Ok(word) if word != FAR && u64::from(word) << log2 == distance => self.words.push(word),
            _ => {
                self.words.push(FAR);
                #[expect(clippy::cast_possible_truncation, reason = "a word of it")]
                self.words.extend((0..4).map(|i| (distance >> (16 * i)) as u16));
            }
        }
    }
}

/// Packed ranges held back.
pub(crate) struct HeldRanges {
    words: Held<u16>,
    starts: Vec<usize>,
}

impl HeldRanges {
    /// How many bytes they may take: two million ranges, or so.
    const HOLD: usize = 8 << 20;

    pub(crate) const fn new() -> Self {
        // Those that are too many are held for a moment as well.
        Self { words: Held::new(Self::HOLD + Self::HOLD / 4), starts: Vec::new() }
    }

    /// Whether they are more than ought to be held.
    pub(crate) fn are_too_many(&self) -> bool {
        size_of_val(self.words.all()) + size_of_val(&*self.starts) > Self::HOLD
    }

    /// Puts ranges behind those before.
    pub(crate) fn append(&mut self, packed: &Packed) {
        let before = self.words.all().len();
        self.starts.extend(packed.starts.iter().map(|start| before + start));
        self.words.push(&packed.words);
    }

    /// Parts of as many segments each as are worth a thread's while.
    pub(crate) fn parts(&self) -> Vec<Part<'_>> {
        let words = self.words.all();
        let ends = self.starts.iter().skip(1).copied().chain([words.len()]);
        let mut parts: Vec<Part<'_>> = Vec::new();
        let mut free = 0;
        for (&start, end) in self.starts.iter().zip(ends) {
            let segment = &words[start..end];
            match parts.last_mut() {
                Some(part) if segment.len() <= free => part.segments.push(segment),
                _ => {
                    parts.push(Part { segments: vec![segment] });
                    free = SEGMENT;
                }
            }
            free = free.saturating_sub(segment.len());
        }
        parts
    }
}

/// Some of the ranges.
pub(crate) struct Part<'p> {
    segments: Vec<&'p [u16]>,
}

impl Part<'_> {
    /// Gives the ranges, a batch at a time. The block size has to be that which they were packed with.
    pub(crate) fn for_each_batch(&self, block_size: BlockSize, mut take: impl FnMut(&[ByteRange])) {
        for segment in &self.segments {
            unpack(segment, block_size.log2(), &mut take);
        }
    }
}

fn unpack(mut words: &[u16], log2: u8, take: &mut impl FnMut(&[ByteRange])) {
    let mut ranges = [ByteRange::between(0, 0); BATCH];
    let mut last = 0;
    while !words.is_empty() {
        let mut count = 0;
        match words.split_first_chunk::<{ 2 * BATCH }>() {
            Some((batch, rest)) if !batch.contains(&FAR) => {
                for (range, distances) in ranges.iter_mut().zip(batch.as_chunks().0) {
                    *range = next_range(&mut last, distances.map(|word| u64::from(word) << log2));
                }
                (count, words) = (BATCH, rest);
            }
            _ => {
                while count < BATCH && !words.is_empty() {
                    let distances = [take_distance(&mut words, log2), take_distance(&mut words, log2)];
                    ranges[count] = next_range(&mut last, distances);
                    count += 1;
                }
            }
        }
        take(&ranges[..count]);
    }
}

fn next_range(last: &mut u64, [before, len_bytes]: [u64; 2]) -> ByteRange {
    let offset_bytes = last.wrapping_add(before);
    *last = offset_bytes.wrapping_add(len_bytes);
    ByteRange { offset_bytes, len_bytes }
}

/// Takes a distance from the start of some words. What this module has stored is whole.
fn take_distance(words: &mut &[u16], log2: u8) -> u64 {
    let (&word, rest) = words.split_first().expect("a distance");
    *words = rest;
    if word != FAR {
        return u64::from(word) << log2;
    }
    let (far, rest) = rest.split_first_chunk::<4>().expect("four words more");
    *words = rest;
    far.iter().rev().fold(0, |distance, &word| distance << 16 | u64::from(word))
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
    fn parts_are_neither_tiny_nor_long() {
        let far = held(&[Extent::new(1 << 40, (1 << 40) + 1); 30_000], 30, BlockSize::DEFAULT);
        let near: Vec<Extent> = (0..100_000).map(|i| Extent::new(2 * i, 2 * i + 1)).collect();
        let near = held(&near, 20_000, BlockSize::DEFAULT);
        for held in [far, near] {
            let lens: Vec<usize> = held.parts().iter().map(|part| part.segments.concat().len()).collect();
            assert!(lens.iter().all(|&len| len <= SEGMENT + 10 * BATCH), "{lens:?}");
            assert!(lens.iter().sum::<usize>() / lens.len() >= SEGMENT / 2, "{lens:?}");
        }
    }

    #[test]
    fn most_ranges_take_four_bytes() {
        let extents: Vec<Extent> = (1..=2_000_000).map(|i| Extent::new(400 * i, 400 * i + 4)).collect();
        let mut held = held(&extents, 5000, BlockSize::DEFAULT);
        assert!(!held.are_too_many());
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
}
