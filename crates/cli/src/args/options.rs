//! Options that several commands have.

use std::path::PathBuf;

use changed_blocks::cbtlog::Uuid;
use changed_blocks::{BitOrder, BlockSize, Encoding, VirtualSize};
use clap::{Args, ValueEnum};

use super::size;
use crate::failure::Failure;

/// The input, and what is expected of it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct InputArgs {
    /// The bitmap or list; standard input if it is left out or is -
    pub(crate) input: Option<PathBuf>,

    /// How it is written down
    #[arg(long, value_enum, value_name = "ENCODING", default_value_t = From::Base64)]
    pub(crate) from: From,

    /// The bytes of the disk that one bit of a bitmap stands for; auto takes the size that fits the length of the bitmap (one that was
    /// cut to a half fits blocks of twice the size)
    #[arg(long, value_name = "SIZE", default_value = "64k", value_parser = block_size, allow_hyphen_values = true)]
    pub(crate) block_size: BlockSizeArg,

    /// The size of the disk: a bitmap must be as long as that needs (or filled up to four bytes, as VHD storage does), and the
    /// last extent ends there
    #[arg(long, value_name = "SIZE", value_parser = virtual_size, allow_hyphen_values = true)]
    pub(crate) virtual_size: Option<VirtualSize>,

    /// With --from cbtlog, accept a log that is not marked as consistent: changes may be missing from it
    #[arg(long)]
    pub(crate) allow_inconsistent: bool,

    /// With --from text, take a list without a line for no changes: a program that failed leaves as much
    #[arg(long)]
    pub(crate) allow_empty: bool,

    /// How many threads to use, at the most [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
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
    /// A list: OFFSET LENGTH, in bytes, one range a line, in order
    Text,
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

impl From {
    /// The encoding of a bitmap; `None` for a list.
    pub(crate) const fn encoding(self) -> Option<Encoding> {
        Some(match self {
            Self::Base64 => Encoding::Base64,
            Self::RawMsb0 => Encoding::Raw(BitOrder::Msb0),
            Self::RawLsb0 => Encoding::Raw(BitOrder::Lsb0),
            Self::Cbtlog => Encoding::CbtLog,
            Self::Bits => Encoding::Bits,
            Self::Text => return None,
        })
    }
}

/// Refuses options that are for inputs of a kind which none of these is.
pub(crate) fn refuse_misplaced(from: &[From], allow_inconsistent: bool, allow_empty: bool) -> Result<(), Failure> {
    if allow_inconsistent && !from.contains(&From::Cbtlog) {
        let message = "--allow-inconsistent is for a .cbtlog: nothing else has a mark of being consistent".to_owned();
        return Err(Failure::Usage { message, hint: "say --from cbtlog, or leave it out" });
    }
    if allow_empty && !from.contains(&From::Text) {
        let message = "--allow-empty is for a list: a bitmap has at least one block".to_owned();
        return Err(Failure::Usage { message, hint: "say --from text, or leave it out" });
    }
    Ok(())
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
