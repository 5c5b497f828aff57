//! The subcommands that combine several inputs.

use std::path::PathBuf;

use changed_blocks::VirtualSize;
use clap::Args;

use super::formats::{InputFormat, OutputFormat, input_format, output_format};
use super::options::{BlockSizeArg, FileArgs, MeaningArgs, WindowArgs, block_size, virtual_size};
use super::shape::ShapeArgs;

pub(crate) const UNION_EXAMPLES: &str = "\
Examples:
  cbt union --virtual-size 100G monday.b64 tuesday.b64
      What changed on either day: the reads of a backup that was not taken on Monday
  cbt union --from cbtlog *.cbtlog --output json -o changed.json
      The same of .cbtlog files, which know the size of the disk
  cbt union --from base64 --from text bitmap.b64 list.txt
      A bitmap and a list: --from, --block-size and --virtual-size are given once for all inputs, or once for each

The list names changed ranges only; a gap means \"unchanged\", never \"zeros\". See docs/recipes.md before you hand it to \
another tool.

Disks of different sizes are taken as one disk that has grown: what one input does not reach has not changed there. Of \
different block sizes the finest counts.";

pub(crate) const INTERSECT_EXAMPLES: &str = "\
Examples:
  cbt intersect --virtual-size 100G monday.b64 tuesday.b64
      What changed on both days

It is no list of what to back up: what changed in one input only is not in it.";

pub(crate) const SUBTRACT_EXAMPLES: &str = "\
Examples:
  cbt subtract --from base64 --from text bitmap.b64 copied.txt
      What changed and is not copied yet
  cbt subtract a.b64 b.b64 c.b64
      What is in the first, and in none of the others";

pub(crate) const XOR_EXAMPLES: &str = "\
Examples:
  cbt xor --virtual-size 100G a.b64 b.b64
      What is in exactly one of the two; of more inputs, in an odd number of them";

pub(crate) const COMPARE_EXAMPLES: &str = "\
Examples:
  cbt compare --virtual-size 100G ours.b64 theirs.b64
      Says how they differ, and ends with exit code 1, or with 0 if they have the same bytes
  cbt compare --from base64 --from text bitmap.b64 list.txt
      Whether a list is that of a bitmap

Exit codes: 0 the same · 1 different · 2 trouble: wrong usage, or an input that cannot be read · 3 an input that is damaged \
or another disk's · 4 busy.";

/// Inputs, and what is expected of each.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct InputsArgs {
    /// Bitmaps or lists; one of them may be -, standard input
    #[arg(required = true, value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,

    /// The format of the inputs, once for all, or once for each, in order: cbt convert --help says what each is,
    /// docs/formats.md what it needs
    #[arg(long, value_name = "FORMAT", default_value = "base64", value_parser = input_format())]
    pub(crate) from: Vec<InputFormat>,

    /// The bytes of the disk that one bit of a bitmap stands for, or in which a list is counted, once or for each; auto takes the
    /// size that fits the length of a bitmap (one that was cut to a half fits blocks of twice the size) [default: that of the
    /// list, or 64k]
    #[arg(long, value_name = "SIZE", value_parser = block_size, allow_hyphen_values = true)]
    pub(crate) block_size: Vec<BlockSizeArg>,

    /// The size of the disk, once or for each input: a bitmap must be as long as that needs, and a list end before it does
    #[arg(long, value_name = "SIZE", value_parser = virtual_size, allow_hyphen_values = true)]
    pub(crate) virtual_size: Vec<VirtualSize>,

    #[command(flatten)]
    pub(crate) meaning: MeaningArgs,

    /// How many threads to use, at the most [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct CombineArgs {
    #[command(flatten)]
    pub(crate) inputs: InputsArgs,

    #[command(flatten)]
    pub(crate) window: WindowArgs,

    #[command(flatten)]
    pub(crate) shape: ShapeArgs,

    /// The format of the list: cbt convert --help says what each is, docs/formats.md how other programs take it
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = output_format(), help_heading = "Output")]
    pub(crate) output: OutputFormat,

    #[command(flatten)]
    pub(crate) file: FileArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    #[command(flatten)]
    pub(crate) inputs: InputsArgs,

    /// How to say it
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = CompareFormat::Human, help_heading = "Output")]
    pub(crate) output: CompareFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum CompareFormat {
    /// A few lines, or none if there is no difference
    Human,
    /// One object
    Json,
}
