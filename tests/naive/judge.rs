//! The judgement of the oracle on an input, of which more may be expected than its encoding.

use changed_blocks::{BitOrder, BlockSize, Encoding, Scanner, VirtualSize};

use super::{Runs, Verdict, decode_base64, decode_bits, decode_raw_lsb0, decode_raw_msb0, extents};

/// The expectations of a user about an input before it is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expect {
    pub(crate) encoding: Encoding,
    pub(crate) block_size: u64,
    pub(crate) virtual_size: Option<u64>,
    pub(crate) allow_inconsistent: bool,
}

/// The content of a good input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) blocks: u64,
    pub(crate) runs: Runs,
}

impl Expect {
    /// Nothing is known but the encoding.
    pub(crate) const fn new(encoding: Encoding) -> Self {
        Self { encoding, block_size: 65_536, virtual_size: None, allow_inconsistent: false }
    }

    /// The disk has that many bytes.
    pub(crate) const fn size(self, bytes: u64) -> Self {
        Self { virtual_size: Some(bytes), ..self }
    }

    /// The disk has just that many whole blocks.
    pub(crate) const fn blocks(self, blocks: u64) -> Self {
        self.size(blocks * self.block_size)
    }

    /// The scanner of the library that expects the same.
    pub(crate) fn scanner(&self) -> Scanner {
        let scanner = Scanner::new(self.encoding)
            .block_size(BlockSize::new(self.block_size).expect("a block size"))
            .allow_inconsistent(self.allow_inconsistent);
        match self.virtual_size {
            Some(bytes) => scanner.virtual_size(VirtualSize::new(bytes).expect("not 0")),
            None => scanner,
        }
    }

    /// The content of the input, or its fault.
    pub(crate) fn scan(&self, input: &[u8]) -> Result<Found, Verdict> {
        match self.encoding {
            Encoding::Base64 if is_word(input) => Err(Verdict::kind("not-a-bitmap")),
            Encoding::Base64 => self.judge(&decode_base64(input)?),
            Encoding::Bits => self.judge(&decode_bits(input)?),
            Encoding::Raw(BitOrder::Msb0) => self.judge(&decode_raw_msb0(input)?),
            Encoding::Raw(BitOrder::Lsb0) => self.judge(&decode_raw_lsb0(input)?),
            Encoding::CbtLog => self.scan_cbtlog(input),
            other => panic!("the oracle does not know {other}"),
        }
    }

    fn scan_cbtlog(&self, input: &[u8]) -> Result<Found, Verdict> {
        let len = input.len() as u64;
        if len < 48 {
            return Err(Verdict::kind("header-too-short").figures(len, 48));
        }
        match input[32..36] {
            [0 | 1, 0, 0, 0] => {}
            _ => return Err(Verdict::at("consistent-flag", 32)),
        }
        let mut size = 0u64;
        for place in (40..48).rev() {
            size = size * 256 + u64::from(input[place]);
        }
        if size == 0 {
            return Err(Verdict::at("header-virtual-size", 40));
        }
        if self.block_size != 65_536 {
            return Err(Verdict::kind("block-size-mismatch").figures(self.block_size, 65_536));
        }
        if input[32] == 0 && !self.allow_inconsistent {
            return Err(Verdict::at("inconsistent", 32));
        }
        if let Some(expected) = self.virtual_size.filter(|&expected| expected != size) {
            return Err(Verdict::kind("virtual-size-mismatch").figures(size, expected));
        }
        // Bytes after the bitmap are not part of it: the file may be a whole volume.
        let bitmap_bytes = size.div_ceil(65_536).div_ceil(8);
        let end = (bitmap_bytes.saturating_add(48)).min(len);
        let end = usize::try_from(end).expect("no more than the input");
        // The header tells how much is missing, even if all of it is.
        let bits = if end == 48 { Vec::new() } else { decode_raw_lsb0(&input[48..end])? };
        self.size(size).judge(&bits)
    }

    /// Whether the bits can be the disk's.
    fn judge(&self, bits: &[bool]) -> Result<Found, Verdict> {
        let found = bits.len() as u64;
        let Some(size) = self.virtual_size else {
            return Ok(Found { blocks: found, runs: extents(bits) });
        };
        let blocks = size.div_ceil(self.block_size);
        let whole_bytes = blocks.div_ceil(8) * 8;
        // VHD storage, whose blocks have 64 KiB, fills up to four bytes.
        let filled = if self.block_size == 65_536 { blocks.div_ceil(32) * 32 } else { whole_bytes };
        // A bitmap that was printed bit by bit may end with the last block.
        let printed = self.encoding == Encoding::Bits && found == blocks;
        if !printed && found != whole_bytes && found != filled {
            let (found, expected) =
                if self.encoding == Encoding::Bits { (found, blocks) } else { (found / 8, whole_bytes / 8) };
            let kind = if found < expected { "too-short" } else { "too-long" };
            return Err(Verdict::kind(kind).figures(found, expected));
        }
        // As many as there are blocks, or a few more, that fill up the bitmap.
        let beyond = bits.iter().skip(usize::try_from(blocks).expect("fewer than bits"));
        if let Some((block, _)) = (blocks..).zip(beyond).find(|&(_, &bit)| bit) {
            return Err(Verdict::kind("block-beyond-end").figures(block, blocks));
        }
        Ok(Found { blocks, runs: extents(bits) })
    }
}

/// Whether a program printed this because it had no answer.
fn is_word(input: &[u8]) -> bool {
    input.len() <= 64
        && ["null", "Null", "NULL", "none", "None", "NONE", "true", "True", "TRUE", "void"]
            .iter()
            .any(|word| input.trim_ascii() == word.as_bytes())
}
