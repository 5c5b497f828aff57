//! The choice of a tier, and the proof that this processor can run it.

use std::str::FromStr;
use std::sync::OnceLock;

use crate::{Error, Result, Tier};

/// The environment variable that forces a tier, by its name.
pub const TIER_VARIABLE: &str = "CHANGED_BLOCKS_TIER";

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

impl Tier {
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

fn names(tiers: impl Iterator<Item = Tier>) -> String {
    tiers.map(Tier::name).collect::<Vec<_>>().join(", ")
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
