//! Lengths counted by powers of two, and exactly up to limits that are known before.
//!
//! ```text
//! upper bounds: 1, 2, 4, … 2^63, 2^64 - 1, and the limits among them
//! of a length: the first bound that may be its own, by the number of its bits; from there on up to its own
//! ```
//!
//! Invariant: the bounds ascend, so what was counted up to a bound is the sum of all before it.

/// The lengths from more than a half of `max_bytes` up to `max_bytes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bucket {
    /// The longest length that is counted here: a power of two; 2^64 - 1 in place of 2^64.
    pub max_bytes: u64,
    /// How many there are.
    pub count: u64,
    /// The sum of their lengths in bytes.
    pub bytes: u64,
}

/// One bucket for each power of two, as far as 2^64.
const OCTAVES: usize = 65;

/// Counts lengths, none of them 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LengthCounter {
    /// Ascending by `max_bytes`. Those of one octave are one for the user.
    buckets: Vec<Bucket>,
    /// For each octave, the number of its first bucket.
    first: [usize; OCTAVES],
}

/// The number of the least power of two that is not below a length.
const fn octave(len: u64) -> usize {
    (64 - (len - 1).leading_zeros()) as usize
}

const fn max_of_octave(octave: usize) -> u64 {
    if octave < 64 { 1 << octave } else { u64::MAX }
}

impl LengthCounter {
    /// A counter that is exact up to each of some limits.
    pub(super) fn new(limits: &[u64]) -> Self {
        let limits = limits.iter().copied().filter(|&limit| limit > 0);
        let mut bounds: Vec<u64> = (0..OCTAVES).map(max_of_octave).chain(limits).collect();
        bounds.sort_unstable();
        bounds.dedup();
        let first = std::array::from_fn(|wanted| bounds.partition_point(|&bound| octave(bound) < wanted));
        let buckets = bounds.into_iter().map(|max_bytes| Bucket { max_bytes, count: 0, bytes: 0 }).collect();
        Self { buckets, first }
    }

    #[inline]
    pub(super) fn add(&mut self, len: u64) {
        let mut bucket = self.first[octave(len)];
        while self.buckets[bucket].max_bytes < len {
            bucket += 1;
        }
        self.buckets[bucket].count += 1;
        self.buckets[bucket].bytes += len;
    }

    /// Adds what another counter with the same limits has counted.
    pub(super) fn merge(&mut self, other: &Self) {
        for (bucket, other) in self.buckets.iter_mut().zip(&other.buckets) {
            assert_eq!(bucket.max_bytes, other.max_bytes, "the limits are the same");
            bucket.count += other.count;
            bucket.bytes += other.bytes;
        }
    }

    /// How many lengths up to `limit` there are, and their sum. Exact for the limits and for powers of two.
    pub(super) fn up_to(&self, limit: u64) -> (u64, u64) {
        let counted = self.buckets.iter().take_while(|bucket| bucket.max_bytes <= limit);
        counted.fold((0, 0), |(count, bytes), bucket| (count + bucket.count, bytes + bucket.bytes))
    }

    /// One bucket for each power of two, from the first to the last with a length in it.
    pub(super) fn buckets(&self) -> Vec<Bucket> {
        let mut octaves: Vec<Bucket> =
            (0..OCTAVES).map(|octave| Bucket { max_bytes: max_of_octave(octave), count: 0, bytes: 0 }).collect();
        for bucket in &self.buckets {
            let sum = &mut octaves[octave(bucket.max_bytes)];
            sum.count += bucket.count;
            sum.bytes += bucket.bytes;
        }
        let used = |bucket: &Bucket| bucket.count > 0;
        let start = octaves.iter().position(used).unwrap_or(OCTAVES);
        let end = octaves.iter().rposition(used).map_or(start, |last| last + 1);
        octaves[start..end].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_counted_up_to_their_power_of_two() {
        let mut counter = LengthCounter::new(&[]);
        for len in [1, 4, 5, 8, 9, u64::MAX >> 1] {
            counter.add(len);
        }
        let all = counter.buckets();
        let found = |max_bytes| all.iter().find(|bucket| bucket.max_bytes == max_bytes).map(|b| (b.count, b.bytes));
        assert_eq!((all[0].max_bytes, all[all.len() - 1].max_bytes), (1, 1 << 63));
        assert_eq!([1, 2, 4, 8, 16].map(found), [(1, 1), (0, 0), (1, 4), (2, 13), (1, 9)].map(Some));
        let mut last = LengthCounter::new(&[]);
        last.add(u64::MAX);
        assert_eq!(last.buckets(), [Bucket { max_bytes: u64::MAX, count: 1, bytes: u64::MAX }]);
        assert!(LengthCounter::new(&[]).buckets().is_empty());
    }

    #[test]
    fn sums_up_to_a_limit_are_exact() {
        let limits = [0, 3, 5, 6, 7, 8, 100, u64::MAX];
        let mut counter = LengthCounter::new(&limits);
        (1..=200).for_each(|len| counter.add(len));
        for limit in limits {
            let end = limit.min(200);
            assert_eq!(counter.up_to(limit), (end, end * (end + 1) / 2), "{limit}");
        }
        let eight = counter.buckets()[3];
        assert_eq!((eight.max_bytes, eight.count, eight.bytes), (8, 4, 5 + 6 + 7 + 8));
    }
}
