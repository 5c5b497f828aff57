//! Segments of input that need not be decoded, since they only repeat the last bit.
//!
//! Invariant: segments cover the input in order, each byte once; a uniform one is whole steps of the byte that holds
//! nothing but the last bit. Where few tiles are uniform, most are not checked, and count as mixed.

use std::mem::MaybeUninit;

use super::contract::{BASE64_UNIFORM, MAX_TILE_BOUNDARIES, STEP, ScanProgress, TILE_SYMBOLS};

/// How many tiles are not checked after one of which less than a quarter is uniform.
const SKIP_CHECKS: usize = 7;

/// Some of the bytes of an input, before they are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByteSegment<'t> {
    /// So many bytes, in whole steps, that only repeat the last bit.
    Uniform(usize),
    /// Bytes that may hold anything.
    Mixed(&'t [u8]),
}

/// Finds the uniform segments of an input, as long as that pays.
pub(crate) struct UniformSkipper {
    /// The bytes that hold nothing but zeros, and nothing but ones.
    uniform_bytes: [u8; 2],
    /// Bytes of a tile.
    tile_bytes: usize,
    /// How many bytes of the present tile were checked, and how many of these were uniform.
    checked: usize,
    uniform: usize,
    /// How many bytes are not to be checked.
    skip_checks_for: usize,
}

impl UniformSkipper {
    /// A skipper for an input in which `uniform_bytes` are the bytes that hold nothing but zeros, and nothing but ones.
    #[inline]
    pub(crate) const fn new(uniform_bytes: [u8; 2], tile_bytes: usize) -> Self {
        Self { uniform_bytes, tile_bytes, checked: 0, uniform: 0, skip_checks_for: 0 }
    }

    /// The segment at the start of `bytes`, which are what is left of a tile and not empty; `carry` is the bit before
    /// them. `count_steps` is [`count_steps`](super::count_steps) of some tier.
    #[inline]
    pub(crate) fn next<'t>(
        &mut self,
        bytes: &'t [u8],
        carry: bool,
        count_steps: impl Fn(&[[u8; STEP]], [u8; 2], bool) -> usize,
    ) -> ByteSegment<'t> {
        if self.skip_checks_for > 0 {
            self.skip_checks_for = self.skip_checks_for.saturating_sub(bytes.len());
            return ByteSegment::Mixed(bytes);
        }
        let segment = self.first_segment(bytes, carry, count_steps);
        match segment {
            ByteSegment::Uniform(len) => {
                self.checked += len;
                self.uniform += len;
            }
            ByteSegment::Mixed(mixed) => self.checked += mixed.len(),
        }
        if self.checked >= self.tile_bytes {
            if self.uniform < self.checked / 4 {
                self.skip_checks_for = SKIP_CHECKS * self.tile_bytes;
            }
            (self.checked, self.uniform) = (0, 0);
        }
        segment
    }

    /// As many steps as only repeat the last bit, or what lies before the next step that is nothing but zeros or
    /// nothing but ones.
    #[inline]
    fn first_segment<'t>(
        &self,
        bytes: &'t [u8],
        carry: bool,
        count_steps: impl Fn(&[[u8; STEP]], [u8; 2], bool) -> usize,
    ) -> ByteSegment<'t> {
        let steps = bytes.as_chunks().0;
        let count = count_steps(steps, [self.uniform_bytes[usize::from(carry)]; 2], true);
        if count > 0 {
            return ByteSegment::Uniform(count * STEP);
        }
        let steps = steps.get(1..).unwrap_or_default();
        let count = count_steps(steps, self.uniform_bytes, false);
        let mixed = if count == steps.len() { bytes.len() } else { (1 + count) * STEP };
        ByteSegment::Mixed(&bytes[..mixed])
    }
}

/// The driver of kernels that decode and then scan, over the mixed segments of tiles.
///
/// `count_steps` is that of the tier. `scan` decodes symbols, a multiple of 256, whose bits follow `carry` and begin at
/// `position`, and writes their boundaries to the start of `out`, which has 64 places for each word of them; it returns
/// how many those are, and the last bit, or nothing if not all bytes are symbols.
#[inline]
pub(super) fn scan_mixed(
    tiles: &[[u8; TILE_SYMBOLS]],
    carry: bool,
    position: u64,
    out: &mut [MaybeUninit<u64>],
    count_steps: impl Fn(&[[u8; STEP]], [u8; 2], bool) -> usize,
    mut scan: impl FnMut(&[u8], bool, u64, &mut [MaybeUninit<u64>]) -> Option<(usize, bool)>,
) -> ScanProgress {
    let mut skipper = UniformSkipper::new(BASE64_UNIFORM, TILE_SYMBOLS);
    let mut progress = ScanProgress { symbols: 0, boundaries: 0, carry };
    for tile in tiles {
        if out.len() - progress.boundaries < MAX_TILE_BOUNDARIES {
            break;
        }
        let mut rest = &tile[..];
        while !rest.is_empty() {
            let taken = match skipper.next(rest, progress.carry, &count_steps) {
                ByteSegment::Uniform(len) => len,
                ByteSegment::Mixed(symbols) => {
                    let position = position + progress.symbols as u64 * 6;
                    let out = &mut out[progress.boundaries..];
                    let Some((count, carry)) = scan(symbols, progress.carry, position, out) else { return progress };
                    progress.boundaries += count;
                    progress.carry = carry;
                    symbols.len()
                }
            };
            progress.symbols += taken;
            rest = &rest[taken..];
        }
    }
    progress
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tier;
    use crate::arch::count_steps;
    use crate::verified::Verified;

    const TILE: usize = 4 * STEP;

    /// The first segment by the definition, byte by byte.
    fn naive(bytes: &[u8], uniform_bytes: [u8; 2], carry: bool) -> ByteSegment<'_> {
        let all = |step: &[u8], value| step.len() == STEP && step.iter().all(|&byte| byte == value);
        let repeats = |step: &&[u8]| all(step, uniform_bytes[usize::from(carry)]);
        let uniform: usize = bytes.chunks(STEP).take_while(repeats).map(<[u8]>::len).sum();
        if uniform > 0 {
            return ByteSegment::Uniform(uniform);
        }
        let mixed = |step: &&[u8]| !all(step, uniform_bytes[0]) && !all(step, uniform_bytes[1]);
        let first = bytes.len().min(STEP);
        let after: usize = bytes[first..].chunks(STEP).take_while(mixed).map(<[u8]>::len).sum();
        ByteSegment::Mixed(&bytes[..first + after])
    }

    #[test]
    fn segments_are_what_they_are_defined_to_be_on_every_tier() {
        let kinds = |kind: usize| match kind {
            0 => [b'A'; STEP].to_vec(),
            1 => [b'/'; STEP].to_vec(),
            2 => [b'B'; STEP].to_vec(),
            // One byte differs: the first, the last, or one between.
            3 => [&b"/"[..], &[b'A'; STEP - 1][..]].concat(),
            4 => [&[b'A'; STEP - 1][..], b"/"].concat(),
            5 => [&[b'/'; 77], &b"A"[..], &[b'/'; STEP - 78]].concat(),
            _ => [b'A'; 64].to_vec(),
        };
        for tier in Tier::available() {
            let tier = tier.verify().expect("available");
            for shape in 0..7usize.pow(4) {
                let bytes: Vec<u8> = (0..4).flat_map(|place| kinds(shape / 7usize.pow(place) % 7)).collect();
                for carry in [false, true] {
                    let skipper = UniformSkipper::new(BASE64_UNIFORM, TILE);
                    let found = skipper.first_segment(&bytes, carry, |steps, uniform_bytes, uniform| {
                        count_steps(tier, steps, uniform_bytes, uniform)
                    });
                    assert_eq!(found, naive(&bytes, BASE64_UNIFORM, carry), "{shape} {carry} {tier:?}");
                }
            }
        }
    }

    /// The segments of a tile that follows a zero, none of whose segments ends with a one.
    fn segments<'t>(skipper: &mut UniformSkipper, tile: &'t [u8]) -> Vec<ByteSegment<'t>> {
        let (mut segments, mut rest) = (Vec::new(), tile);
        while !rest.is_empty() {
            let segment = skipper.next(rest, false, |steps, uniform_bytes, uniform| {
                count_steps(Verified::PORTABLE, steps, uniform_bytes, uniform)
            });
            segments.push(segment);
            rest = &rest[len(&segment)..];
        }
        segments
    }

    fn len(segment: &ByteSegment<'_>) -> usize {
        match segment {
            ByteSegment::Uniform(len) => *len,
            ByteSegment::Mixed(bytes) => bytes.len(),
        }
    }

    #[test]
    fn a_tile_is_split_into_all_of_its_segments() {
        let tile = [[b'B'; STEP], [b'A'; STEP], [b'A'; STEP], [b'C'; STEP]].concat();
        let all =
            [ByteSegment::Mixed(&tile[..STEP]), ByteSegment::Uniform(2 * STEP), ByteSegment::Mixed(&tile[3 * STEP..])];
        let found = segments(&mut UniformSkipper::new(BASE64_UNIFORM, TILE), &tile);
        assert_eq!(found, all);
        for (count, taken) in [(0, 0), (1, STEP), (2, 3 * STEP), (3, 4 * STEP)] {
            assert_eq!(found[..count].iter().map(len).sum::<usize>(), taken);
        }
    }

    #[test]
    fn tiles_are_not_checked_for_a_while_after_a_dense_one() {
        let (dense, empty) = ([b'B'; TILE], [b'A'; TILE]);
        let mut skipper = UniformSkipper::new(BASE64_UNIFORM, TILE);
        assert_eq!(segments(&mut skipper, &empty), [ByteSegment::Uniform(TILE)]);
        assert_eq!(segments(&mut skipper, &dense), [ByteSegment::Mixed(&dense)]);
        for _ in 0..SKIP_CHECKS {
            assert_eq!(segments(&mut skipper, &empty), [ByteSegment::Mixed(&empty)]);
        }
        assert_eq!(segments(&mut skipper, &empty), [ByteSegment::Uniform(TILE)]);
    }
}
