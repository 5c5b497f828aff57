//! Options that several commands have.

use std::path::PathBuf;

use changed_blocks::cbtlog::Uuid;
use changed_blocks::{BlockSize, VirtualSize};
use clap::Args;

use super::formats::{InputFormat, input_format};
use super::size;

/// The input, and what is expected of it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct InputArgs {
    /// The bitmap or list; standard input if it is left out or is -
    pub(crate) input: Option<PathBuf>,

    /// The format of the input: cbt convert --help says what each is, docs/formats.md what it needs
    #[arg(long, value_name = "FORMAT", default_value = "base64", value_parser = input_format())]
    pub(crate) from: InputFormat,

    /// The bytes of the disk that one bit of a bitmap stands for, or in which a list is counted; auto takes the size that fits the
    /// length of the bitmap (one that was cut to a half fits blocks of twice the size) [default: that of the list, or 64k]
    #[arg(long, value_name = "SIZE", value_parser = block_size, allow_hyphen_values = true)]
    pub(crate) block_size: Option<BlockSizeArg>,

    /// The size of the disk: a bitmap must be as long as that needs (or filled up to four bytes, as VHD storage does), and the
    /// last extent ends there
    #[arg(long, value_name = "SIZE", value_parser = virtual_size, allow_hyphen_values = true)]
    pub(crate) virtual_size: Option<VirtualSize>,

    #[command(flatten)]
    pub(crate) meaning: MeaningArgs,

    /// How many threads to use, at the most [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
}

/// Facts about inputs of some formats that change what these say.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct MeaningArgs {
    /// Accept a .cbtlog that is not marked as consistent: changes may be missing from it
    #[arg(long)]
    pub(crate) allow_inconsistent: bool,

    /// Take an empty list for no changes: a program that failed may leave one, too
    #[arg(long)]
    pub(crate) allow_empty: bool,

    /// The content of the file, where it does not say so itself: for qcow2 the name of the bitmap, for nbdinfo
    /// `qemu:dirty-bitmap:NAME`, for ddrescue `mapfile`, for azure `prevsnapshot`, for csi
    /// `GetMetadataDelta`, for rbd `from-snap`, for vmware `changeId`
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,

    /// For blksnap: the number of the snapshot since which blocks count as changed
    #[arg(long, value_name = "N")]
    pub(crate) since: Option<u64>,

    /// Take what is allocated for what changed: right for an overlay or a differencing disk, loses changes of any other
    #[arg(long)]
    pub(crate) allocation: bool,
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
#[command(next_help_heading = "Output")]
pub(crate) struct FileArgs {
    /// Write to a file, which appears or is replaced once all is written; - is standard output [default: -]
    #[arg(short = 'o', long, value_name = "FILE")]
    pub(crate) output_file: Option<PathBuf>,
}

/// A block size, or that it is to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockSizeArg {
    Auto,
    Size(BlockSize),
}

pub(super) fn block_size(text: &str) -> Result<BlockSizeArg, String> {
    if text == "auto" {
        return Ok(BlockSizeArg::Auto);
    }
    let bytes = size::parse(text)?;
    BlockSize::new(bytes).map(BlockSizeArg::Size).map_err(|error| error.to_string())
}

pub(super) fn virtual_size(text: &str) -> Result<VirtualSize, String> {
    size::parse(text).and_then(|bytes| VirtualSize::new(bytes).map_err(|error| error.to_string()))
}

pub(super) fn uuid(text: &str) -> Result<Uuid, String> {
    Uuid::parse_str(text).map_err(|error| error.to_string())
}
