//! Owned bitmaps: what they are written as is read back, and their set algebra is that of truth values.

use changed_blocks::{Bitmap, Encoding, Error, Extent, Lengths, Result};

use super::cursor::Cursor;
use super::setup::{Setup, pairs};
use crate::naive::{self, Expect};

/// A bitmap is read back from the encoding that the input chooses, or from every one, unless this is a fuzzer.
pub(crate) fn roundtrip(data: &[u8]) {
    let mut cursor = Cursor::new(data);
    let setups = Setup::chosen(&mut cursor);
    let chosen = cursor.choose(Encoding::ALL);
    let mut bits = cursor.bits();
    // A tile of text and a bit: other targets look at more tiles.
    bits.truncate(4096 * 6 + 1000);
    if bits.is_empty() {
        return;
    }
    let bitmap = made_of(&bits);
    let blocks = bitmap.blocks();
    let extents = bitmap.extents();
    assert_eq!(pairs(&extents), naive::extents(&bits));
    let encodings = if cfg!(fuzzing) { vec![chosen] } else { Encoding::ALL.to_vec() };
    for encoding in encodings {
        let bytes = written(&bitmap, &bits, encoding);
        let expect = Expect::new(encoding).blocks(blocks);
        for setup in &setups {
            let scanner = setup.apply(expect.scanner(), bytes.len());
            assert_eq!(scanner.bitmap(&bytes).expect("a good bitmap"), bitmap, "{setup:?} {encoding}");
            assert_eq!(scanner.extents(&bytes).expect("a good bitmap"), extents, "{setup:?} {encoding}");
        }
    }
}

/// A bitmap in an encoding. Texts are those of the oracle.
fn written(bitmap: &Bitmap, bits: &[bool], encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Base64 => {
            let text = bitmap.to_base64();
            assert_eq!(text, naive::encode_base64(bits));
            text.into_bytes()
        }
        Encoding::Bits => {
            let text = bitmap.to_bits();
            assert_eq!(text, naive::encode_bits(bits));
            text.into_bytes()
        }
        Encoding::Raw(order) => bitmap.to_raw(order),
        Encoding::CbtLog => naive::encode_cbtlog(bits, bitmap.blocks() * 65_536),
        other => panic!("{other} has no encoder here"),
    }
}

/// Set algebra is that of truth values, block by block.
pub(crate) fn algebra(data: &[u8]) {
    type Operation = fn(&Bitmap, &Bitmap, Lengths) -> Result<Bitmap>;
    type OfOneBlock = fn(bool, bool) -> bool;
    const OPERATIONS: [(Operation, OfOneBlock); 4] = [
        (Bitmap::union, |a, b| a || b),
        (Bitmap::intersection, |a, b| a && b),
        (Bitmap::difference, |a, b| a && !b),
        (Bitmap::symmetric_difference, |a, b| a != b),
    ];
    let mut cursor = Cursor::new(data);
    let mut bits = Vec::new();
    let mut bitmap = Bitmap::new(0);
    // A program of operations on one bitmap, held against the plain list after every step.
    for _ in 0..20 {
        let step = cursor.byte();
        let other_bits = cursor.few_bits();
        let other = made_of(&other_bits);
        match step % 8 {
            0..=3 => {
                let (operation, of_one_block) = OPERATIONS[usize::from(step % 4)];
                let lengths = if step & 0x80 == 0 { Lengths::Extend } else { Lengths::Equal };
                match operation(&bitmap, &other, lengths) {
                    Ok(result) => {
                        let at = |bits: &[bool], block: usize| bits.get(block).copied().unwrap_or(false);
                        bits = (0..bits.len().max(other_bits.len()))
                            .map(|block| of_one_block(at(&bits, block), at(&other_bits, block)))
                            .collect();
                        bitmap = result;
                    }
                    Err(Error::LengthMismatch { left, right }) => {
                        assert_eq!(lengths, Lengths::Equal);
                        assert_eq!((left, right), (bits.len() as u64, other_bits.len() as u64));
                        assert_ne!(left, right);
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            4 => {
                bits.iter_mut().for_each(|bit| *bit = !*bit);
                bitmap = bitmap.complement();
            }
            5 => {
                bits.resize(other_bits.len(), false);
                bitmap.resize(other.blocks());
            }
            6 => {
                let (a, b) = (usize::from(cursor.byte()) * 3, usize::from(cursor.byte()) * 3);
                let (start, end) = (a.min(bits.len()), b.min(bits.len()));
                if start <= end {
                    bits[start..end].fill(true);
                }
                bitmap.set(Extent::new(start as u64, end as u64));
            }
            _ => (bits, bitmap) = (other_bits, other),
        }
        assert_eq!(bitmap, made_of(&bits), "step {step}");
        assert_eq!(pairs(&bitmap.extents()), naive::extents(&bits));
        assert_eq!(bitmap.count(), bits.iter().filter(|&&bit| bit).count() as u64);
    }
}

fn made_of(bits: &[bool]) -> Bitmap {
    let extents: Vec<Extent> = naive::extents(bits).into_iter().map(|(start, end)| Extent::new(start, end)).collect();
    Bitmap::from_extents(bits.len() as u64, &extents)
}
