//! The encodings: the ways in which a bitmap is written down.

mod header;

use std::fmt;
use std::str::FromStr;

pub(crate) use header::LARGEST_DISK;
pub use header::{HEADER_BYTES, Header};

use crate::{BitOrder, Error, Result};

/// How a bitmap is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// The answer of `VDI.list_changed_blocks`: standard base64, padded, of an `Msb0` bitmap. White space around it
    /// and line breaks inside it are accepted.
    Base64,
    /// The bytes of a bitmap themselves, in either bit order.
    Raw(BitOrder),
    /// A `.cbtlog` file: a header, which gives the virtual size, and an `Lsb0` bitmap.
    CbtLog,
    /// One character a block, `0` or `1`. White space around it and line breaks inside it are accepted.
    Bits,
}

impl Encoding {
    /// All encodings.
    pub const ALL: &'static [Self] =
        &[Self::Base64, Self::Raw(BitOrder::Msb0), Self::Raw(BitOrder::Lsb0), Self::CbtLog, Self::Bits];

    /// The name, as the command takes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::Raw(BitOrder::Msb0) => "raw-msb0",
            Self::Raw(BitOrder::Lsb0) => "raw-lsb0",
            Self::CbtLog => "cbtlog",
            Self::Bits => "bits",
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Encoding {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.iter().copied().find(|encoding| encoding.name() == name);
        found.ok_or_else(|| Error::UnknownEncoding {
            name: name.to_owned(),
            known: Self::ALL.iter().map(|encoding| encoding.name()).collect::<Vec<_>>().join(", "),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_is_known_by_its_name() {
        for &encoding in Encoding::ALL {
            assert_eq!(encoding.name().parse::<Encoding>().expect("known"), encoding);
        }
        let error = "raw".parse::<Encoding>().expect_err("unknown").to_string();
        assert_eq!(error, "\"raw\" is no encoding; known are: base64, raw-msb0, raw-lsb0, cbtlog, bits");
    }
}
