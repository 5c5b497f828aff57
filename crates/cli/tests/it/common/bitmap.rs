//! A bitmap as a list of bits, and the ways to write it down, each as simply as it can be said.

pub(crate) const MIB: u64 = 1 << 20;

/// One `bool` for each block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bits(pub(crate) Vec<bool>);

impl Bits {
    /// From `0` and `1`; spaces may stand between them.
    pub(crate) fn new(text: &str) -> Self {
        let bit = |c| match c {
            '0' => false,
            '1' => true,
            _ => panic!("{c:?} is no bit"),
        };
        Self(text.chars().filter(|&c| c != ' ').map(bit).collect())
    }

    /// A bitmap of that many blocks that looks random, in which runs of blocks are about `run` long.
    pub(crate) fn scattered(blocks: usize, run: u64, seed: u64) -> Self {
        let mut state = seed;
        let mut bit = false;
        let mut next = || {
            // Numerical Recipes' generator; the high bits are good enough here.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if (state >> 33).is_multiple_of(run) {
                bit = !bit;
            }
            bit
        };
        Self((0..blocks).map(|_| next()).collect())
    }

    /// Filled up with zeros to whole bytes, as bitmaps of all encodings but 0/1 text are.
    fn whole_bytes(&self) -> Vec<bool> {
        let mut bits = self.0.clone();
        bits.resize(bits.len().next_multiple_of(8), false);
        bits
    }

    /// The first block in the most significant bit.
    pub(crate) fn msb0(&self) -> Vec<u8> {
        let byte = |bits: &[bool]| (0..8).map(|i| u8::from(bits[i]) << (7 - i)).sum();
        self.whole_bytes().chunks(8).map(byte).collect()
    }

    /// The first block in the least significant bit.
    pub(crate) fn lsb0(&self) -> Vec<u8> {
        let byte = |bits: &[bool]| (0..8).map(|i| u8::from(bits[i]) << i).sum();
        self.whole_bytes().chunks(8).map(byte).collect()
    }

    /// As the call answers.
    pub(crate) fn base64(&self) -> String {
        base64_of(&self.msb0())
    }

    /// One character a block.
    pub(crate) fn text(&self) -> String {
        self.0.iter().map(|&bit| if bit { '1' } else { '0' }).collect()
    }

    /// A `.cbtlog` of a disk of that many bytes, with that consistent flag, and rubbish in the padding.
    pub(crate) fn cbtlog(&self, virtual_size: u64, consistent: i32) -> Vec<u8> {
        let mut file = vec![0x11; 16];
        file.extend([0x22; 16]);
        file.extend(consistent.to_le_bytes());
        file.extend([0xab, 0xcd, 0xef, 0x99]);
        file.extend(virtual_size.to_le_bytes());
        assert_eq!(file.len(), 48);
        file.extend(self.lsb0());
        file
    }

    /// Offset and length of each extent in bytes, where the disk ends at `end`.
    pub(crate) fn ranges(&self, block_size: u64, end: u64) -> Vec<(u64, u64)> {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for (block, _) in (0u64..).zip(&self.0).filter(|&(_, &bit)| bit) {
            let start = block * block_size;
            assert!(start < end, "the test has a bit beyond the end");
            let len = block_size.min(end - start);
            match ranges.last_mut() {
                Some(last) if last.0 + last.1 == start => last.1 += len,
                _ => ranges.push((start, len)),
            }
        }
        ranges
    }

    /// The list that `cbt extents` is to print for blocks of 64 KiB of a disk without partial blocks.
    pub(crate) fn list(&self) -> String {
        ranges_as_text(&self.ranges(65_536, u64::MAX))
    }
}

/// `OFFSET LENGTH` a line.
pub(crate) fn ranges_as_text(ranges: &[(u64, u64)]) -> String {
    ranges.iter().map(|(offset, length)| format!("{offset} {length}\n")).collect()
}

/// Base64 as RFC 4648 has it.
fn base64_of(bytes: &[u8]) -> String {
    const SYMBOLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let number = (0..3).fold(0, |number, i| number << 8 | usize::from(*group.get(i).unwrap_or(&0)));
        for symbol in 0..4 {
            let value = number >> (18 - 6 * symbol) & 63;
            text.push(if symbol <= group.len() { char::from(SYMBOLS[value]) } else { '=' });
        }
    }
    text
}
