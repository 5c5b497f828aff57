//! Bitmaps at other block sizes are the oracle's, whichever way they are made.

use changed_blocks::{BitOrder, Bitmap, BlockSize, Encoding, Extent, Geometry, Lengths, VirtualSize};

use super::cursor::Cursor;
use super::setup::Setup;
use crate::naive::{self, Expect};

/// A tile of text and a bit, and no more blocks at a smaller block size.
const MAX_BLOCKS: usize = 4096 * 6 + 1000;

/// A bitmap is brought to another block size, in memory and as it is read, and back again.
pub(crate) fn reblock(data: &[u8]) {
    let mut cursor = Cursor::new(data);
    let setups = Setup::chosen(&mut cursor);
    let encoding = cursor.choose(Encoding::ALL);
    let from = if encoding == Encoding::CbtLog { BlockSize::DEFAULT } else { block_size(cursor.byte()) };
    let mut to = block_size(cursor.byte());
    let (choice, short_by) = (cursor.byte(), cursor.number() % from.bytes());
    let mut bits = cursor.bits();
    bits.truncate(MAX_BLOCKS);
    let sized = choice & 1 == 1 || encoding == Encoding::CbtLog;
    if !sized && encoding != Encoding::Bits {
        // All there is to know of the length are whole bytes.
        bits.resize(bits.len().next_multiple_of(8), false);
    }
    if bits.is_empty() {
        return;
    }
    if to < from && (bits.len() as u64) << (from.log2() - to.log2()) > MAX_BLOCKS as u64 {
        to = from;
    }
    let virtual_size = sized.then(|| bits.len() as u64 * from.bytes() - short_by);
    let size = virtual_size.map(|bytes| VirtualSize::new(bytes).expect("less than a block is missing"));
    let bitmap = made_of(&bits, Geometry { block_size: from, virtual_size: size });
    let expected = naive::reblock(&bits, from.bytes(), to.bytes(), virtual_size);
    let expected = made_of(&expected, Geometry { block_size: to, virtual_size: size });

    let reblocked = bitmap.reblock(to).expect("memory");
    assert!(is_same(&reblocked, &expected), "{from} to {to}");
    check_back_again(&bitmap, &reblocked);
    check_union(&bitmap, &reblocked, usize::from(choice));

    let bytes = encoded(encoding, &bits, virtual_size, choice);
    let expect = Expect { block_size: from.bytes(), virtual_size, ..Expect::new(encoding) };
    for setup in setups {
        let found = setup.apply(expect.scanner(), bytes.len()).bitmap_at(&bytes, to).expect("a good bitmap");
        assert!(is_same(&found, &expected), "{from} to {to}, {encoding}, {setup:?}");
    }
}

fn block_size(byte: u8) -> BlockSize {
    BlockSize::new(512 << (byte % 22)).expect("a power of two")
}

fn made_of(bits: &[bool], geometry: Geometry) -> Bitmap {
    let extents: Vec<Extent> = naive::extents(bits).into_iter().map(|(start, end)| Extent::new(start, end)).collect();
    Bitmap::from_extents(bits.len() as u64, &extents).with_geometry(geometry).expect("its own length")
}

fn is_same(a: &Bitmap, b: &Bitmap) -> bool {
    a == b && a.geometry() == b.geometry()
}

/// Smaller blocks lose nothing and add nothing, larger ones lose nothing.
fn check_back_again(bitmap: &Bitmap, reblocked: &Bitmap) {
    let back = reblocked.reblock(bitmap.geometry().block_size).expect("memory");
    if reblocked.geometry().block_size <= bitmap.geometry().block_size {
        assert!(is_same(&back, bitmap));
    } else {
        assert!(!bitmap.difference(&back, Lengths::Extend).expect("the same block size").any());
    }
}

/// The union of larger or smaller blocks is that of the blocks.
fn check_union(bitmap: &Bitmap, reblocked: &Bitmap, shift: usize) {
    let to = reblocked.geometry().block_size;
    let moved = bitmap.iter().map(|block| (block + shift as u64).min(bitmap.blocks() - 1));
    let moved: Vec<Extent> = moved.map(|block| Extent::new(block, block + 1)).collect();
    let other = Bitmap::from_extents(bitmap.blocks(), &moved).with_geometry(*bitmap.geometry()).expect("as long");
    let mut union = bitmap.clone();
    union.union_with(&other, Lengths::Equal).expect("the same block size");
    let mut expected = reblocked.clone();
    expected.union_with(&other.reblock(to).expect("memory"), Lengths::Equal).expect("the same block size");
    assert!(is_same(&union.reblock(to).expect("memory"), &expected));
}

/// The bitmap in an encoding; of a text, perhaps in lines.
fn encoded(encoding: Encoding, bits: &[bool], virtual_size: Option<u64>, choice: u8) -> Vec<u8> {
    let text = match encoding {
        Encoding::Base64 => naive::encode_base64(bits),
        Encoding::Bits => naive::encode_bits(bits),
        Encoding::Raw(BitOrder::Msb0) => return naive::encode_raw_msb0(bits),
        Encoding::Raw(BitOrder::Lsb0) => return naive::encode_raw_lsb0(bits),
        _ => return naive::encode_cbtlog(bits, virtual_size.expect("that of the header")),
    };
    if choice < 192 { text.into_bytes() } else { naive::wrap(&text, usize::from(choice) * 5, "\n").into_bytes() }
}
