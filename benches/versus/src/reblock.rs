//! From text to a bitmap of blocks of 2 MiB, as a consumer of such blocks needs it: this library on all threads, on each
//! tier, beside its own list of extents; and a decoder with one pass over what it gives.

use changed_blocks::{BlockSize, Encoding, Scanner, Tier};

use crate::measure::{Buffers, Candidate, Yields};
use crate::peers::decode;

/// The kinds of candidates here, as they stand in the results.
pub(crate) const REBLOCK: &str = "re-block";
pub(crate) const EXTENTS: &str = "re-block, extents";
pub(crate) const PASS: &str = "re-block, peer";

/// Blocks of 64 KiB of which one of 2 MiB consists: those of 4 bytes of the bitmap.
pub(crate) const RATIO: u64 = 32;

pub(crate) fn candidates() -> Vec<Candidate> {
    let block_size = BlockSize::new(RATIO * BlockSize::DEFAULT.bytes()).expect("a power of two");
    let mut all = Vec::new();
    for tier in Tier::available() {
        let scanner = Scanner::new(Encoding::Base64).tier(tier);
        let extents = scanner.clone();
        all.push(Candidate::new(REBLOCK, format!("changed-blocks, {tier}"), Yields::Bitmap, move |text, buffers| {
            buffers.bitmap = scanner.bitmap_at(text, block_size).expect("good text");
            buffers.bitmap.blocks()
        }));
        all.push(Candidate::new(EXTENTS, format!("changed-blocks, {tier}"), Yields::Extents, move |text, buffers| {
            extents.extents_into(text, &mut buffers.extents).expect("good text");
            0
        }));
    }
    all.push(Candidate::new(PASS, "base64-simd + one pass", Yields::Blocks, |text, buffers| {
        let bytes = decode::base64_simd(text, buffers.decoded_bytes());
        one_pass(bytes, buffers)
    }));
    all
}

/// Without branches: a bit for each 32-bit word that is not zero, whatever the order of its bits is.
fn one_pass(bytes: usize, buffers: &mut Buffers) -> u64 {
    let Buffers { decoded, blocks, .. } = buffers;
    let halves: &[u32] = &bytemuck::cast_slice(decoded)[..bytes / 4];
    blocks.clear();
    blocks.extend(
        halves
            .chunks(64)
            .map(|halves| halves.iter().zip(0..).fold(0, |word, (&half, place)| word | u64::from(half != 0) << place)),
    );
    halves.len() as u64
}

/// The words of the right result, and how many blocks they have: the oracle.
pub(crate) fn byte_by_byte(bitmap: &[u8]) -> (Vec<u64>, u64) {
    let mut words = vec![0; bitmap.len().div_ceil(256)];
    for (place, byte) in bitmap.iter().enumerate() {
        if *byte != 0 {
            words[place / 256] |= 1 << (place / 4 % 64);
        }
    }
    (words, bitmap.len().div_ceil(4) as u64)
}
