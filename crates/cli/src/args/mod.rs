//! The command line.

mod chain;
mod list_changed_blocks;
mod serve;
mod size;
mod store;

use std::path::PathBuf;

use chain::CHAIN_EXAMPLES;
pub(crate) use chain::{ChainArgs, ChainFormat};
use list_changed_blocks::LIST_EXAMPLES;
pub(crate) use list_changed_blocks::{Answer, ListArgs, PoolArgs};
use serve::SERVE_EXAMPLES;
pub(crate) use serve::{ServeArgs, Storage};
use store::STORE_EXAMPLES;
pub(crate) use store::{Change, LogArgs, StoreArgs};

use changed_blocks::{BlockSize, Encoding, VirtualSize};
use clap::{Args, Parser, Subcommand, ValueEnum};

const MAIN_EXAMPLES: &str = "\
Examples:
  xe vdi-list-changed-blocks vdi-from-uuid=A vdi-to-uuid=B | cbt extents --virtual-size 1T
      The byte ranges that changed between two snapshots, one OFFSET LENGTH a line
  cbt extents --output human bitmap.b64
      The same for people
  cbt bits --first-block 0 --count 64 bitmap.b64
      The first 64 blocks as 0 and 1
  cbt list-changed-blocks --store logs \\
    0f0e4c6a-52b1-4c7e-9d3a-1f6f0c1d2e3f 7c1d9a02-3e4f-4a5b-8c6d-2b7e8f901a2b
      The call itself, over a folder of .cbtlog files
  cbt list-changed-blocks --url https://pool.example --output json A B
      The same asked of a pool, as one JSON object

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 this bitmap cannot be used: take a full backup, 4 busy: try again later";

const EXTENTS_EXAMPLES: &str = "\
Examples:
  cbt extents bitmap.b64
      One OFFSET LENGTH a line, in bytes
  cbt extents --virtual-size 100G --output json bitmap.b64
      Checks that the bitmap is that disk's, and writes one JSON object
  cbt extents --from cbtlog 0f0e4c6a-….cbtlog --output human
      What one .cbtlog file has recorded
  cbt extents --offset 1G --length 512M bitmap.b64
      Only what changed in that part of the disk
  xe vdi-list-changed-blocks vdi-from-uuid=A vdi-to-uuid=B | \\
    cbt extents --virtual-size 100G -o changed.txt
      changed.txt appears once it is complete, or not at all

The list names changed ranges only; a gap means \"unchanged\", never \"zeros\". Other tools may read it otherwise: see \
docs/recipes.md before you hand it to one.

Give --virtual-size wherever you know it: a base64 text that was cut short may look whole without.";

const BITS_EXAMPLES: &str = "\
Examples:
  cbt bits bitmap.b64
      One 0 or 1 a block
  cbt bits --first-block 1600 --count 160 bitmap.b64
      The blocks 1600 to 1759";

const ENCODE_EXAMPLES: &str = "\
Examples:
  cbt encode --from cbtlog 0f0e4c6a-….cbtlog
      The bitmap of a .cbtlog as the call would print it
  cbt encode --to raw-msb0 bitmap.b64 -o bitmap.raw
      The bytes of the bitmap
  cbt bits bitmap.b64 | cbt encode --from bits
      There and back";

/// Turns changed-block bitmaps of XenServer and XCP-ng into extents.
#[derive(Debug, Parser)]
#[command(name = "cbt", version, propagate_version = true, after_help = MAIN_EXAMPLES, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the byte ranges that changed
    #[command(after_help = EXTENTS_EXAMPLES)]
    Extents(ExtentsArgs),
    /// Print one 0 or 1 for each block
    #[command(after_help = BITS_EXAMPLES)]
    Bits(BitsArgs),
    /// Write the bitmap in another encoding
    #[command(after_help = ENCODE_EXAMPLES)]
    Encode(EncodeArgs),
    /// Ask a pool, or a folder of .cbtlog files, which blocks changed between two disks
    #[command(after_help = LIST_EXAMPLES)]
    ListChangedBlocks(ListArgs),
    /// Draw the chains of a folder of .cbtlog files
    #[command(after_help = CHAIN_EXAMPLES)]
    Chain(ChainArgs),
    /// Make and change .cbtlog files: for tests, simulation and repair
    #[command(after_help = STORE_EXAMPLES)]
    Store(StoreArgs),
    /// Answer XAPI clients from a folder of .cbtlog files: for developing and testing backup tools
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(ServeArgs),
}

/// What to read, and what to expect of it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct InputArgs {
    /// The bitmap; standard input if it is left out or is -
    pub(crate) input: Option<PathBuf>,

    /// How the bitmap is written down
    #[arg(long, value_enum, value_name = "ENCODING", default_value_t = From::Base64)]
    pub(crate) from: From,

    /// The bytes of the disk that one bit stands for; auto takes the size that fits the length of the bitmap (one that was
    /// cut to a half fits blocks of twice the size)
    #[arg(long, value_name = "SIZE", default_value = "64k", value_parser = block_size, allow_hyphen_values = true)]
    pub(crate) block_size: BlockSizeArg,

    /// The size of the disk: the bitmap must be as long as that needs (or filled up to four bytes, as VHD storage does),
    /// and the last extent ends there
    #[arg(long, value_name = "SIZE", value_parser = virtual_size, allow_hyphen_values = true)]
    pub(crate) virtual_size: Option<VirtualSize>,

    /// With --from cbtlog, accept a log that is not marked as consistent: changes may be missing from it
    #[arg(long)]
    pub(crate) allow_inconsistent: bool,

    /// How many threads to use [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct ExtentsArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,

    #[command(flatten)]
    pub(crate) window: WindowArgs,

    /// How to write the list
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text, help_heading = "Output")]
    pub(crate) output: Format,

    #[command(flatten)]
    pub(crate) file: FileArgs,
}

/// A part of the disk.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct WindowArgs {
    /// List only what lies at or after this byte, which must be on the disk
    #[arg(long, value_name = "SIZE", value_parser = size::parse, allow_hyphen_values = true)]
    pub(crate) offset: Option<u64>,

    /// List only what lies in this many bytes from --offset on, at least 1
    #[arg(long, value_name = "SIZE", value_parser = size::parse, allow_hyphen_values = true)]
    pub(crate) length: Option<u64>,
}

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

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct FileArgs {
    /// Write to a file, which appears or is replaced once all is written; - is standard output [default: -]
    #[arg(short = 'o', long, value_name = "FILE")]
    pub(crate) output_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum From {
    /// The answer of the call: base64, first block in the most significant bit
    Base64,
    /// Bytes, first block in the most significant bit
    RawMsb0,
    /// Bytes, first block in the least significant bit
    RawLsb0,
    /// A .cbtlog file
    Cbtlog,
    /// One 0 or 1 for each block
    Bits,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// OFFSET LENGTH, in bytes, one extent a line
    Text,
    /// Aligned columns and a summary, for people
    Human,
    /// One object with the sizes, the totals and all extents
    Json,
    /// One object a line
    Ndjson,
    /// offset,length under a header line
    Csv,
}

impl std::convert::From<From> for Encoding {
    fn from(from: From) -> Self {
        match from {
            From::Base64 => Self::Base64,
            From::RawMsb0 => Self::Raw(changed_blocks::BitOrder::Msb0),
            From::RawLsb0 => Self::Raw(changed_blocks::BitOrder::Lsb0),
            From::Cbtlog => Self::CbtLog,
            From::Bits => Self::Bits,
        }
    }
}

impl std::convert::From<To> for Encoding {
    fn from(to: To) -> Self {
        match to {
            To::Base64 => Self::Base64,
            To::RawMsb0 => Self::Raw(changed_blocks::BitOrder::Msb0),
            To::RawLsb0 => Self::Raw(changed_blocks::BitOrder::Lsb0),
            To::Bits => Self::Bits,
        }
    }
}

/// A block size, or that it is to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockSizeArg {
    Auto,
    Size(BlockSize),
}

fn block_size(text: &str) -> Result<BlockSizeArg, String> {
    if text == "auto" {
        return Ok(BlockSizeArg::Auto);
    }
    let bytes = size::parse(text)?;
    BlockSize::new(bytes).map(BlockSizeArg::Size).map_err(|error| error.to_string())
}

fn virtual_size(text: &str) -> Result<VirtualSize, String> {
    size::parse(text).and_then(|bytes| VirtualSize::new(bytes).map_err(|error| error.to_string()))
}
