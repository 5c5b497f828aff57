//! The one list of tiers: implementations of the hot path, each for one kind of processor.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use crate::{Error, Result};

/// The environment variable that forces a tier, by its name.
pub const TIER_VARIABLE: &str = "CHANGED_BLOCKS_TIER";

/// One implementation of the hot path, for one kind of processor. All tiers give the same results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Tier {
    /// Runs everywhere, and is the measure of the others.
    Portable,
    /// 64-bit Arm, where every processor has it.
    Neon,
    /// x86-64 with AVX2, BMI1, BMI2, LZCNT and POPCNT (Haswell, Zen and later).
    Avx2,
    /// x86-64 with AVX-512 F, BW, CD, DQ, VL, VBMI, VBMI2 and VPOPCNTDQ (Ice Lake, Zen 4 and later).
    Avx512,
}

impl Tier {
    /// All tiers of this build, the fastest last. Not each of them runs on every processor.
    pub const ALL: &'static [Self] = &[Self::Portable, Self::Neon, Self::Avx2, Self::Avx512];

    /// The name that [`TIER_VARIABLE`] takes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Neon => "neon",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Whether this processor has what the tier needs.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "aarch64")]
            Self::Neon => cfg!(target_endian = "little") && std::arch::is_aarch64_feature_detected!("neon"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("bmi1")
                    && is_x86_feature_detected!("bmi2")
                    && is_x86_feature_detected!("lzcnt")
                    && is_x86_feature_detected!("popcnt")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                Self::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512cd")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vbmi")
                    && is_x86_feature_detected!("avx512vbmi2")
                    && is_x86_feature_detected!("avx512vpopcntdq")
            }
            #[allow(unreachable_patterns, reason = "which tiers are another architecture's depends on this one")]
            _ => false,
        }
    }

    /// The tiers that this processor can run, the fastest last.
    #[must_use = "this only lists them"]
    pub fn available() -> impl DoubleEndedIterator<Item = Self> {
        Self::ALL.iter().copied().filter(|tier| tier.is_available())
    }

    /// The tier to use where none is asked for: the one that [`TIER_VARIABLE`] names, else the fastest. The variable
    /// and the processor are looked at once.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTier`] and [`Error::UnavailableTier`] if the variable names a tier that cannot be had.
    pub fn detect() -> Result<Self> {
        static CHOICE: OnceLock<(Option<String>, Tier)> = OnceLock::new();
        let (forced, fastest) = CHOICE.get_or_init(|| {
            let forced = std::env::var_os(TIER_VARIABLE).filter(|name| !name.is_empty());
            let forced = forced.map(|name| name.to_string_lossy().into_owned());
            (forced, Self::available().next_back().unwrap_or(Self::Portable))
        });
        match forced {
            Some(name) => name.parse::<Self>()?.verify().map(Verified::tier),
            None => Ok(*fastest),
        }
    }

    /// The proof that this processor can run the tier.
    pub(crate) fn verify(self) -> Result<Verified> {
        if self.is_available() {
            Ok(Verified(self))
        } else {
            Err(Error::UnavailableTier { tier: self, available: names(Self::available()) })
        }
    }
}

/// A tier that this processor can run. Only [`Tier::verify`] makes one, which is what makes it safe to call kernels
/// that need more than every processor has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verified(Tier);

impl Verified {
    /// The tier that runs everywhere.
    pub(crate) const PORTABLE: Self = Self(Tier::Portable);

    pub(crate) const fn tier(self) -> Tier {
        self.0
    }
}

fn names(tiers: impl Iterator<Item = Tier>) -> String {
    tiers.map(Tier::name).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Tier {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let known = || names(Self::ALL.iter().copied());
        let tier = Self::ALL.iter().copied().find(|tier| tier.name() == name);
        tier.ok_or_else(|| Error::UnknownTier { name: name.to_owned(), known: known() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tier_is_known_by_its_name() {
        for &tier in Tier::ALL {
            assert_eq!(tier.name().parse::<Tier>().expect("known"), tier);
        }
        assert!(Tier::available().any(|tier| tier == Tier::Portable));
        let error = "sse1".parse::<Tier>().expect_err("unknown").to_string();
        assert_eq!(error, format!("\"sse1\" is no tier; known are: {}", names(Tier::ALL.iter().copied())));
    }
}
