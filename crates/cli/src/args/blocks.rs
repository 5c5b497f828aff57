//! The subcommand that lists the changed blocks of a consumer's own size.

use changed_blocks::{BlockSize, Encoding};
use clap::Args;

use super::formats::writable_encoding;
use super::options::{FileArgs, InputArgs};
use super::size;

pub(crate) const BLOCKS_EXAMPLES: &str = "\
Examples:
  cbt blocks --size 2M --virtual-size 100G bitmap.b64
      The numbers of the blocks of 2 MiB that hold a change, counted from 0, one a line
  cbt blocks --size 2M --count bitmap.b64
      How many there are
  cbt blocks --size 2M --bitmap base64 bitmap.b64 -o coarse.b64
      A bitmap of blocks of 2 MiB; cbt reads it with --block-size 2M
  cbt blocks --any bitmap.b64
      Whether anything changed at all: true or false; reads no further than the first change, so a program that writes
      into a pipe may find it closed

A larger block is changed if any part of it is; a smaller one, if it is part of a changed block.";

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("answer").args(["any", "count", "list", "bitmap"])))]
pub(crate) struct BlocksArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,

    /// The size of a block: a power of two from 512 to 1G [default: that of the bitmap]
    #[arg(long, value_name = "SIZE", value_parser = size_of_block, allow_hyphen_values = true, help_heading = "Output")]
    pub(crate) size: Option<BlockSize>,

    /// Print only whether any block is changed, true or false
    #[arg(long, help_heading = "Output")]
    pub(crate) any: bool,

    /// Print only how many are changed
    #[arg(long, help_heading = "Output")]
    pub(crate) count: bool,

    /// Print the number of each changed block, one a line; this is what is done if nothing is said
    #[arg(long, help_heading = "Output")]
    pub(crate) list: bool,

    /// Print the bitmap of these blocks
    #[arg(long, value_name = "ENCODING", value_parser = writable_encoding(), help_heading = "Output")]
    pub(crate) bitmap: Option<Encoding>,

    #[command(flatten)]
    pub(crate) file: FileArgs,
}

fn size_of_block(text: &str) -> Result<BlockSize, String> {
    BlockSize::new(size::parse(text)?).map_err(|error| error.to_string())
}
