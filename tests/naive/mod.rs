//! The oracle: what a bitmap means, bit by bit and byte by byte. Slow, plain, and made of nothing that the library
//! uses; it is the reading of the format that the fast code is held against.

// The tests and each fuzz target use some of this, none uses all of it.
#![allow(dead_code)]

pub(crate) mod arrays;
pub(crate) mod binary;
pub(crate) mod json;
mod judge;
pub(crate) mod lines;
pub(crate) mod pages;
pub(crate) mod qcow2;
mod region;
mod verdict;
pub(crate) mod xml;

pub(crate) use judge::{Expect, Found};
pub(crate) use region::{Region, Spans};
pub(crate) use verdict::Verdict;

/// Runs of changed blocks: first block, first block after the run.
pub(crate) type Runs = Vec<(u64, u64)>;

const SYMBOLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn is_line_break(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

fn is_space(byte: u8) -> bool {
    byte == b' ' || byte == b'\t' || byte == 0x0b || byte == 0x0c
}

fn value_of(symbol: u8) -> Option<u8> {
    match symbol {
        b'A'..=b'Z' => Some(symbol - b'A'),
        b'a'..=b'z' => Some(symbol - b'a' + 26),
        b'0'..=b'9' => Some(symbol - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

/// The bits of a standard base64 text of an `Msb0` bitmap, whole bytes of them.
pub(crate) fn decode_base64(text: &[u8]) -> Result<Vec<bool>, Verdict> {
    let mut bits = Vec::new();
    let mut symbols = 0u64;
    let mut last_symbol = (0u64, 0u8);
    let mut paddings = 0u64;
    let mut first_padding = 0u64;
    // A space after the first character, which is inside the text if another character follows.
    let mut space: Option<(u64, u8)> = None;

    for (offset, &byte) in (0u64..).zip(text) {
        // How many paddings the symbols so far need at the end.
        let needed = match symbols % 4 {
            2 => 2,
            3 => 1,
            _ => 0,
        };
        if is_line_break(byte) {
            continue;
        }
        if is_space(byte) {
            if symbols + paddings > 0 && space.is_none() {
                space = Some((offset, byte));
            }
            continue;
        }
        if byte == b'=' {
            if let Some((offset, byte)) = space {
                return Err(Verdict::byte("invalid-symbol", offset, byte));
            }
            if paddings == needed {
                return Err(Verdict::at("misplaced-padding", offset));
            }
            if paddings == 0 {
                first_padding = offset;
                let value = value_of(last_symbol.1).expect("a symbol");
                let unused = if needed == 2 { value & 0b1111 } else { value & 0b11 };
                if unused != 0 {
                    return Err(Verdict::byte("trailing-bits", last_symbol.0, last_symbol.1));
                }
            }
            paddings += 1;
            continue;
        }
        let Some(value) = value_of(byte) else {
            return Err(Verdict::byte("invalid-symbol", offset, byte));
        };
        if let Some((offset, byte)) = space {
            return Err(Verdict::byte("invalid-symbol", offset, byte));
        }
        if paddings > 0 {
            return Err(Verdict::at("misplaced-padding", first_padding));
        }
        symbols += 1;
        last_symbol = (offset, byte);
        bits.extend([5, 4, 3, 2, 1, 0].map(|bit| value >> bit & 1 == 1));
    }

    let end = text.len() as u64;
    let expected = match symbols % 4 {
        _ if symbols == 0 => return Err(Verdict::kind("empty")),
        1 => return Err(Verdict::at("incomplete-group", end)),
        2 => 2,
        3 => 1,
        _ => 0,
    };
    if paddings < expected {
        return Err(Verdict::at("missing-padding", end).figures(paddings, expected));
    }
    while !bits.len().is_multiple_of(8) {
        bits.pop();
    }
    Ok(bits)
}

/// The bits of a text of one character a block.
pub(crate) fn decode_bits(text: &[u8]) -> Result<Vec<bool>, Verdict> {
    let mut bits = Vec::new();
    let mut space: Option<(u64, u8)> = None;
    for (offset, &byte) in (0u64..).zip(text) {
        if is_line_break(byte) {
            continue;
        }
        if is_space(byte) {
            if !bits.is_empty() && space.is_none() {
                space = Some((offset, byte));
            }
            continue;
        }
        if byte != b'0' && byte != b'1' {
            return Err(Verdict::byte("invalid-bit", offset, byte));
        }
        if let Some((offset, byte)) = space {
            return Err(Verdict::byte("invalid-bit", offset, byte));
        }
        bits.push(byte == b'1');
    }
    if bits.is_empty() { Err(Verdict::kind("empty")) } else { Ok(bits) }
}

/// The bits of a bitmap with the first block in the most significant bit.
pub(crate) fn decode_raw_msb0(bytes: &[u8]) -> Result<Vec<bool>, Verdict> {
    decode_raw(bytes, |byte, bit| byte >> (7 - bit) & 1 == 1)
}

/// The bits of a bitmap with the first block in the least significant bit.
pub(crate) fn decode_raw_lsb0(bytes: &[u8]) -> Result<Vec<bool>, Verdict> {
    decode_raw(bytes, |byte, bit| byte >> bit & 1 == 1)
}

fn decode_raw(bytes: &[u8], is_set: impl Fn(u8, u32) -> bool) -> Result<Vec<bool>, Verdict> {
    if bytes.is_empty() {
        return Err(Verdict::kind("empty"));
    }
    let mut bits = Vec::with_capacity(bytes.len() * 8);
    for &byte in bytes {
        bits.extend([0, 1, 2, 3, 4, 5, 6, 7].map(|bit| is_set(byte, bit)));
    }
    Ok(bits)
}

/// The runs of set bits.
pub(crate) fn extents(bits: &[bool]) -> Runs {
    let mut runs = Runs::new();
    let mut block = 0;
    while block < bits.len() {
        let end = block + same_bits(&bits[block..]);
        if bits[block] {
            runs.push((block as u64, end as u64));
        }
        block = end;
    }
    runs
}

/// How many bits at the start are like the first one.
fn same_bits(bits: &[bool]) -> usize {
    // Sixteen at a time as long as all of them are, or long runs would take most of a fuzzer's time.
    let sixteens = bits.chunks_exact(16).take_while(|chunk| **chunk == [bits[0]; 16]).count() * 16;
    sixteens + bits[sixteens..].iter().take_while(|&&bit| bit == bits[0]).count()
}

/// The bits at another block size: for each large block whether any small one in it is set, and for each small block whether
/// the large one is. `size` is that of the disk in bytes, where it is known; all sizes are in bytes.
pub(crate) fn reblock(bits: &[bool], from: u64, to: u64, size: Option<u64>) -> Vec<bool> {
    let size = size.unwrap_or(bits.len() as u64 * from);
    let mut blocks = Vec::new();
    for start in (0..size).step_by(usize::try_from(to).expect("a block size")) {
        // The first and the last byte of the block, and all blocks between them.
        let (first, last) = (start / from, (start + to - 1) / from);
        blocks
            .push((first..=last).any(|block| usize::try_from(block).is_ok_and(|block| bits.get(block) == Some(&true))));
    }
    blocks
}

/// The bytes of a bitmap with the first block in the most significant bit, the last byte filled up with zeros.
pub(crate) fn encode_raw_msb0(bits: &[bool]) -> Vec<u8> {
    let mut bytes = vec![0; bits.len().div_ceil(8)];
    for (block, &bit) in bits.iter().enumerate() {
        if bit {
            bytes[block / 8] |= 0b1000_0000 >> (block % 8);
        }
    }
    bytes
}

/// The bytes of a bitmap with the first block in the least significant bit, the last byte filled up with zeros.
pub(crate) fn encode_raw_lsb0(bits: &[bool]) -> Vec<u8> {
    let mut bytes = vec![0; bits.len().div_ceil(8)];
    for (block, &bit) in bits.iter().enumerate() {
        if bit {
            bytes[block / 8] |= 1 << (block % 8);
        }
    }
    bytes
}

/// The answer of the call for a bitmap: its `Msb0` bytes as padded base64.
pub(crate) fn encode_base64(bits: &[bool]) -> String {
    let mut bits = bits.to_vec();
    while !bits.len().is_multiple_of(8) {
        bits.push(false);
    }
    let mut text = String::with_capacity(bits.len() / 6 + 4);
    for symbol in bits.chunks(6) {
        let mut value = 0;
        for place in 0..6 {
            value = value * 2 + usize::from(symbol.get(place) == Some(&true));
        }
        text.push(char::from(SYMBOLS[value]));
    }
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

/// One character a block.
pub(crate) fn encode_bits(bits: &[bool]) -> String {
    bits.iter().map(|&bit| if bit { '1' } else { '0' }).collect()
}

/// A closed `.cbtlog` of a disk of that many bytes, with no parent and no child.
pub(crate) fn encode_cbtlog(bits: &[bool], virtual_size: u64) -> Vec<u8> {
    let mut bytes = vec![0; 48];
    bytes[32] = 1;
    bytes[40..48].copy_from_slice(&virtual_size.to_le_bytes());
    bytes.extend(encode_raw_lsb0(bits));
    bytes
}

/// Breaks a text into lines of that many characters.
pub(crate) fn wrap(text: &str, width: usize, line_break: &str) -> String {
    let mut wrapped = String::new();
    for (place, character) in text.chars().enumerate() {
        if place > 0 && place % width == 0 {
            wrapped.push_str(line_break);
        }
        wrapped.push(character);
    }
    wrapped
}
