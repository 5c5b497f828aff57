//! The plan of a scan, made before the first byte is read.

use crate::decode::Alphabet;
use crate::verified::Verified;
use crate::{BitOrder, Encoding};

/// How the bytes of an input hold bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Text(Alphabet),
    Raw(BitOrder),
}

impl Codec {
    /// How many bits a byte of input has that is not a line break.
    pub(crate) const fn bits_per_byte(self) -> u64 {
        match self {
            Self::Text(alphabet) => alphabet.bits_per_symbol() as u64,
            Self::Raw(_) => 8,
        }
    }
}

impl From<Encoding> for Codec {
    fn from(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Base64 => Self::Text(Alphabet::Base64),
            Encoding::Bits => Self::Text(Alphabet::Bits),
            Encoding::Raw(order) => Self::Raw(order),
            Encoding::CbtLog => Self::Raw(BitOrder::Lsb0),
        }
    }
}

/// How an input is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) codec: Codec,
    pub(crate) tier: Verified,
    pub(crate) parallel: bool,
    /// Bytes of input to a chunk, if the caller says so.
    pub(crate) chunk_bytes: Option<usize>,
}
