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
}

impl Tier {
    /// All tiers of this build, the fastest last. Not each of them runs on every processor.
    pub const ALL: &'static [Self] = &[Self::Portable];

    /// The name that [`TIER_VARIABLE`] takes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
        }
    }

    /// Whether this processor has what the tier needs.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
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
            Some(name) => name.parse::<Self>()?.require(),
            None => Ok(*fastest),
        }
    }

    /// The tier itself, if this processor can run it.
    ///
    /// # Errors
    ///
    /// [`Error::UnavailableTier`] if not.
    pub fn require(self) -> Result<Self> {
        if self.is_available() {
            Ok(self)
        } else {
            Err(Error::UnavailableTier { tier: self, available: names(Self::available()) })
        }
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
