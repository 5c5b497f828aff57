//! The subcommand that holds a list against a bitmap.

use std::path::PathBuf;

use changed_blocks::VirtualSize;
use changed_blocks::cbtlog::Uuid;
use clap::{Args, ValueEnum};

use super::formats::{InputFormat, input_format};
use super::options::{BlockSizeArg, InputArgs, MeaningArgs, block_size, uuid, virtual_size};

pub(crate) const CHECK_EXAMPLES: &str = "\
Examples:
  cbt extents --virtual-size 100G --output json --digest --merge-gap 256k bitmap.b64 -o reads.json
  cbt check reads.json --bitmap bitmap.b64
      Whether these reads were made of that bitmap: exit code 0 if they were
  cbt check changed.txt --from text --bitmap bitmap.b64 --virtual-size 100G
      Whether a list without a digest has just the changes of the bitmap

A list belongs to the bitmap if it has all changes of the bitmap, and nothing else or the bitmap's digest; and if it has \
the UUIDs that are given. A list that was shaped has more than the changes, so it needs a digest: see --digest of \
cbt extents.

Exit codes: 0 they belong together · 1 they do not, and why · 2 trouble: wrong usage, or an input that cannot be read · 3 an \
input that is damaged or another disk's · 4 busy.";

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The list; standard input if it is -
    #[arg(value_name = "LIST")]
    pub(crate) list: PathBuf,

    /// The bitmap; standard input if it is -
    #[arg(long, value_name = "FILE")]
    pub(crate) bitmap: PathBuf,

    /// The format of the list: cbt convert --help says what each is, docs/formats.md what it needs
    #[arg(long, value_name = "FORMAT", default_value = "json", value_parser = input_format(), help_heading = "Input")]
    pub(crate) from: InputFormat,

    /// The format of the bitmap
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "base64",
        value_parser = input_format(),
        help_heading = "Input"
    )]
    pub(crate) bitmap_from: InputFormat,

    /// The bytes of the disk that one bit of the bitmap stands for [default: that of the list, or 64k]
    #[arg(long, value_name = "SIZE", value_parser = block_size, allow_hyphen_values = true, help_heading = "Input")]
    pub(crate) block_size: Option<BlockSizeArg>,

    /// The size of the disk [default: that of the list]
    #[arg(long, value_name = "SIZE", value_parser = virtual_size, allow_hyphen_values = true, help_heading = "Input")]
    pub(crate) virtual_size: Option<VirtualSize>,

    /// The UUID of the older disk, which the list has to name
    #[arg(long, value_name = "UUID", value_parser = uuid, help_heading = "Input")]
    pub(crate) uuid_from: Option<Uuid>,

    /// The UUID of the newer disk, which the list has to name
    #[arg(long, value_name = "UUID", value_parser = uuid, help_heading = "Input")]
    pub(crate) uuid_to: Option<Uuid>,

    #[command(flatten)]
    pub(crate) meaning: MeaningArgs,

    /// How to say it
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = CheckFormat::Human, help_heading = "Output")]
    pub(crate) output: CheckFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// A line for each fault, for people; nothing if they belong together
    Human,
    /// One object
    Json,
}

impl CheckArgs {
    pub(crate) fn list_args(&self) -> InputArgs {
        InputArgs {
            input: Some(self.list.clone()),
            from: self.from,
            block_size: self.block_size.filter(|_| !self.from.is_list()),
            virtual_size: self.virtual_size,
            meaning: self.meaning.clone(),
            threads: None,
        }
    }

    /// The bitmap, of which the list may know the sizes.
    pub(crate) fn bitmap_args(&self, list_size: Option<VirtualSize>, list_blocks: BlockSizeArg) -> InputArgs {
        InputArgs {
            input: Some(self.bitmap.clone()),
            from: self.bitmap_from,
            block_size: self.block_size.or(Some(list_blocks)),
            virtual_size: self.virtual_size.or(list_size),
            meaning: self.meaning.clone(),
            threads: None,
        }
    }
}
