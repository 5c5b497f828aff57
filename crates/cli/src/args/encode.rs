//! The subcommand that writes the bitmap in another encoding.

use changed_blocks::Encoding;
use clap::{Args, ValueEnum};

use super::options::{FileArgs, InputArgs};

pub(crate) const ENCODE_EXAMPLES: &str = "\
Examples:
  cbt encode --from cbtlog 0f0e4c6a-….cbtlog
      The bitmap of a .cbtlog as the call would print it
  cbt encode --to raw-msb0 bitmap.b64 -o bitmap.raw
      The bytes of the bitmap
  cbt bits bitmap.b64 | cbt encode --from bits
      There and back";

#[derive(Debug, Args)]
pub(crate) struct EncodeArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,

    /// The encoding to write
    #[arg(long, value_enum, value_name = "ENCODING", default_value_t = To::Base64, help_heading = "Output")]
    pub(crate) to: To,

    #[command(flatten)]
    pub(crate) file: FileArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum To {
    /// As the call answers, with a newline
    Base64,
    /// Bytes, first block in the most significant bit
    RawMsb0,
    /// Bytes, first block in the least significant bit
    RawLsb0,
    /// One 0 or 1 for each block, with a newline
    Bits,
}

impl From<To> for Encoding {
    fn from(to: To) -> Self {
        match to {
            To::Base64 => Self::Base64,
            To::RawMsb0 => Self::Raw(changed_blocks::BitOrder::Msb0),
            To::RawLsb0 => Self::Raw(changed_blocks::BitOrder::Lsb0),
            To::Bits => Self::Bits,
        }
    }
}
