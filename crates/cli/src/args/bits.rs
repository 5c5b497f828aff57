//! The subcommand that prints 0 and 1.

use clap::Args;

use super::options::{FileArgs, InputArgs};

pub(crate) const BITS_EXAMPLES: &str = "\
Examples:
  cbt bits bitmap.b64
      One 0 or 1 a block
  cbt bits --first-block 1600 --count 160 bitmap.b64
      The blocks 1600 to 1759";

#[derive(Debug, Args)]
pub(crate) struct BitsArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,

    /// The first block to print
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) first_block: u64,

    /// How many blocks to print [default: all from the first on]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    #[command(flatten)]
    pub(crate) file: FileArgs,
}
