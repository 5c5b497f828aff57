//! Stretches of input that need not be decoded, since they only repeat the last bit.

use crate::Tier;
use crate::tier::Verified;

#[cfg(target_arch = "aarch64")]
use super::neon;
use super::portable;
#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512};

/// Bytes that are looked at together: enough for vectors to pay, few enough for most to hold nothing where one block in
/// a thousand has changed.
pub(crate) const STEP: usize = 256;

/// How many tiles are not looked at behind one in which a quarter is not uniform.
const BLIND: u8 = 7;

/// A stretch of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stretch<'t> {
    /// So many bytes, in whole steps, that only repeat the last bit.
    Uniform(usize),
    /// Bytes that may hold anything.
    Varied(&'t [u8]),
}

/// Splits tiles into stretches, as long as that pays.
pub(crate) struct Splitter {
    tier: Verified,
    /// The bytes that hold nothing but zeros, and nothing but ones.
    values: [u8; 2],
    /// How many tiles are not to be looked at.
    blind: u8,
}

impl Splitter {
    /// A splitter of an input in which `values` are the bytes that hold nothing but zeros, and nothing but ones.
    pub(crate) const fn new(tier: Verified, values: [u8; 2]) -> Self {
        Self { tier, values, blind: 0 }
    }

    /// Hands over the stretches of a tile, of which `last` is the bit before, until `take` wants no more. `take` returns
    /// the last bit of a stretch. Returns how many bytes it took.
    pub(crate) fn split<'t>(
        &mut self,
        tile: &'t [u8],
        last: bool,
        mut take: impl FnMut(Stretch<'t>) -> Option<bool>,
    ) -> usize {
        if let Some(blind) = self.blind.checked_sub(1) {
            self.blind = blind;
            return take(Stretch::Varied(tile)).map_or(0, |_| tile.len());
        }
        let (mut rest, mut last, mut uniform) = (tile, last, 0);
        while !rest.is_empty() {
            let stretch = self.first_stretch(rest, last);
            let Some(behind) = take(stretch) else { break };
            last = behind;
            match stretch {
                Stretch::Uniform(len) => {
                    uniform += len;
                    rest = &rest[len..];
                }
                Stretch::Varied(bytes) => rest = &rest[bytes.len()..],
            }
        }
        if uniform < tile.len() / 4 {
            self.blind = BLIND;
        }
        tile.len() - rest.len()
    }

    /// The stretch at the start of `bytes`: as many steps as only repeat the last bit, or what lies before the next step
    /// that is nothing but zeros or nothing but ones.
    fn first_stretch<'t>(&self, bytes: &'t [u8], last: bool) -> Stretch<'t> {
        let steps = bytes.as_chunks().0;
        let count = count_steps(self.tier, steps, [self.values[usize::from(last)]; 2], true);
        if count > 0 {
            return Stretch::Uniform(count * STEP);
        }
        let steps = steps.get(1..).unwrap_or_default();
        let count = count_steps(self.tier, steps, self.values, false);
        let varied = if count == steps.len() { bytes.len() } else { (1 + count) * STEP };
        Stretch::Varied(&bytes[..varied])
    }
}

/// How many steps at the start are, or are not, `uniform`: one of the two values throughout. Contract of every kernel of
/// this name.
fn count_steps(tier: Verified, steps: &[[u8; STEP]], values: [u8; 2], uniform: bool) -> usize {
    match tier.tier() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a verified tier's instructions are there.
        #[expect(unsafe_code)]
        Tier::Avx512 => unsafe { avx512::count_steps(steps, values, uniform) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a verified tier's instructions are there.
        #[expect(unsafe_code)]
        Tier::Avx2 => unsafe { avx2::count_steps(steps, values, uniform) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: a verified tier's instructions are there.
        #[expect(unsafe_code)]
        Tier::Neon => unsafe { neon::count_steps(steps, values, uniform) },
        _ => portable::count_steps(steps, values, uniform),
    }
}

/// The value that a step would have to consist of.
#[inline]
pub(super) const fn expected(step: &[u8; STEP], values: [u8; 2]) -> u8 {
    values[if step[0] == values[1] { 1 } else { 0 }]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the definition, byte by byte.
    fn naive(bytes: &[u8], values: [u8; 2], last: bool) -> Stretch<'_> {
        let all = |step: &[u8], value| step.len() == STEP && step.iter().all(|&byte| byte == value);
        let repeats = |step: &&[u8]| all(step, values[usize::from(last)]);
        let uniform: usize = bytes.chunks(STEP).take_while(repeats).map(<[u8]>::len).sum();
        if uniform > 0 {
            return Stretch::Uniform(uniform);
        }
        let varied = |step: &&[u8]| !all(step, values[0]) && !all(step, values[1]);
        let first = bytes.len().min(STEP);
        let behind: usize = bytes[first..].chunks(STEP).take_while(varied).map(<[u8]>::len).sum();
        Stretch::Varied(&bytes[..first + behind])
    }

    #[test]
    fn stretches_are_what_they_are_defined_to_be_on_every_tier() {
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
                for last in [false, true] {
                    let found = Splitter::new(tier, *b"A/").first_stretch(&bytes, last);
                    assert_eq!(found, naive(&bytes, *b"A/", last), "{shape} {last} {tier:?}");
                }
            }
        }
    }

    /// The stretches of a tile, of which `take` takes so many, and how many bytes were taken.
    fn split<'t>(splitter: &mut Splitter, tile: &'t [u8], take: usize) -> (Vec<Stretch<'t>>, usize) {
        let mut stretches = Vec::new();
        let taken = splitter.split(tile, false, |stretch| {
            stretches.push(stretch);
            (stretches.len() <= take).then_some(false)
        });
        (stretches, taken)
    }

    #[test]
    fn a_tile_is_split_until_no_more_is_wanted() {
        let tile = [[b'B'; STEP], [b'A'; STEP], [b'A'; STEP], [b'C'; STEP]].concat();
        let all = [Stretch::Varied(&tile[..STEP]), Stretch::Uniform(2 * STEP), Stretch::Varied(&tile[3 * STEP..])];
        for (take, taken) in [(0, 0), (1, STEP), (2, 3 * STEP), (3, 4 * STEP), (4, 4 * STEP)] {
            let mut splitter = Splitter::new(Verified::PORTABLE, *b"A/");
            assert_eq!(split(&mut splitter, &tile, take), (all[..all.len().min(take + 1)].to_vec(), taken));
        }
    }

    #[test]
    fn dense_tiles_are_not_looked_at_for_a_while() {
        let (dense, empty) = ([b'B'; 4 * STEP], [b'A'; 4 * STEP]);
        let mut splitter = Splitter::new(Verified::PORTABLE, *b"A/");
        assert_eq!(split(&mut splitter, &empty, 9), (vec![Stretch::Uniform(4 * STEP)], 4 * STEP));
        assert_eq!(split(&mut splitter, &dense, 9), (vec![Stretch::Varied(&dense)], 4 * STEP));
        for _ in 0..BLIND {
            assert_eq!(split(&mut splitter, &empty, 9), (vec![Stretch::Varied(&empty)], 4 * STEP));
        }
        assert_eq!(split(&mut splitter, &empty, 9), (vec![Stretch::Uniform(4 * STEP)], 4 * STEP));
    }
}
