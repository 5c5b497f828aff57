//! Bitmaps to measure on: made from a seed, so that every run and every program sees the same ones.

/// A kind of bitmap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Density {
    /// Its name in tables.
    pub(crate) name: &'static str,
    /// The share of changed blocks, in thousandths.
    pub(crate) per_mille: u32,
    /// The mean length of a run of changed blocks; 0 for blocks that are drawn one by one.
    pub(crate) run: u32,
}

/// The inputs that are measured: from nothing changed to the hardest to list.
pub(crate) const DENSITIES: [Density; 8] = [
    Density { name: "no-change", per_mille: 0, run: 1 },
    Density { name: "0.1%-runs-of-16", per_mille: 1, run: 16 },
    Density { name: "1%-runs-of-4", per_mille: 10, run: 4 },
    Density { name: "5%-runs-of-8", per_mille: 50, run: 8 },
    Density { name: "10%-runs-of-4", per_mille: 100, run: 4 },
    Density { name: "50%-random", per_mille: 500, run: 0 },
    Density { name: "alternating", per_mille: 500, run: 1 },
    Density { name: "all-ones", per_mille: 1000, run: 1 },
];

/// `SplitMix64` (Steele, Lea and Flood, 2014): a few lines, and good enough to place runs.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number from 1 to `2 * mean - 1`, uniformly, so that `mean` is its mean.
    pub(crate) fn around(&mut self, mean: u64) -> u64 {
        1 + self.next() % (2 * mean - 1)
    }
}

impl Density {
    /// The one of that name.
    #[allow(dead_code, reason = "not all programs that share this file choose one")]
    pub(crate) fn named(name: &str) -> Option<Self> {
        DENSITIES.into_iter().find(|density| density.name == name)
    }

    /// A bitmap of that many bytes, `Msb0`, as the call answers before it is encoded.
    pub(crate) fn bitmap(self, bytes: usize) -> Vec<u8> {
        let mut random = Random(0x0063_6274);
        match (self.per_mille, self.run) {
            (0, _) => vec![0; bytes],
            (1000, _) => vec![0xff; bytes],
            (500, 0) => (0..bytes).map(|_| random.next().to_le_bytes()[7]).collect(),
            (500, 1) => vec![0b1010_1010; bytes],
            (per_mille, run) => {
                let mut bitmap = vec![0; bytes];
                let run = u64::from(run);
                let gap = run * u64::from(1000 - per_mille) / u64::from(per_mille);
                let mut at = random.around(gap);
                let blocks = bytes as u64 * 8;
                while at < blocks {
                    let end = (at + random.around(run)).min(blocks);
                    for block in at..end {
                        let byte = usize::try_from(block / 8).expect("an index of a bitmap in memory");
                        bitmap[byte] |= 0x80 >> (block % 8);
                    }
                    at = end + random.around(gap);
                }
                bitmap
            }
        }
    }
}
