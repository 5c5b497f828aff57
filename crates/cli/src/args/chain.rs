//! The subcommand that draws a folder of `.cbtlog` files.

use std::path::PathBuf;

use changed_blocks::cbtlog::Uuid;
use clap::{Args, ValueEnum};

use super::options::uuid;

pub(crate) const CHAIN_EXAMPLES: &str = "\
Examples:
  cbt chain logs
      All chains of a folder of .cbtlog files, with what is wrong with them and what to do
  cbt chain logs 0f0e4c6a-52b1-4c7e-9d3a-1f6f0c1d2e3f
      The chain that this disk is part of
  cbt chain --output json logs
      One JSON object: of every log its path, uuid, parent, child, flag, size, what changed, and what is wrong

Exit codes: 0 all is well, 3 something is wrong that list-changed-blocks refuses: take a full backup";

#[derive(Debug, Args)]
pub(crate) struct ChainArgs {
    /// The folder of UUID.cbtlog files
    #[arg(value_name = "DIR")]
    pub(crate) store: PathBuf,

    /// Only the chain that this disk is part of
    #[arg(value_name = "UUID", value_parser = uuid)]
    pub(crate) uuid: Option<Uuid>,

    /// How to write them
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = ChainFormat::Human)]
    pub(crate) output: ChainFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ChainFormat {
    /// A drawing, for people
    Human,
    /// One object
    Json,
}
