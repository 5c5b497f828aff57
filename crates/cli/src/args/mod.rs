//! The command line.

mod bits;
mod blocks;
mod chain;
mod check;
mod combine;
mod convert;
mod extents;
mod formats;
mod identity;
mod list_changed_blocks;
mod map;
mod options;
mod serve;
mod shape;
mod size;
mod stats;
mod store;

use clap::{Parser, Subcommand};

use bits::BITS_EXAMPLES;
pub(crate) use bits::BitsArgs;
use blocks::BLOCKS_EXAMPLES;
pub(crate) use blocks::BlocksArgs;
use chain::CHAIN_EXAMPLES;
pub(crate) use chain::{ChainArgs, ChainFormat};
use check::CHECK_EXAMPLES;
pub(crate) use check::{CheckArgs, CheckFormat};
use combine::{COMPARE_EXAMPLES, INTERSECT_EXAMPLES, SUBTRACT_EXAMPLES, UNION_EXAMPLES, XOR_EXAMPLES};
pub(crate) use combine::{CombineArgs, CompareArgs, CompareFormat, InputsArgs};
pub(crate) use convert::ConvertArgs;
use convert::{CONVERT_EXAMPLES, convert_help};
use extents::EXTENTS_EXAMPLES;
pub(crate) use extents::ExtentsArgs;
pub(crate) use formats::{InputFormat, OutputFormat};
pub(crate) use identity::IdentityArgs;
use list_changed_blocks::LIST_EXAMPLES;
pub(crate) use list_changed_blocks::{ListArgs, PoolArgs};
use map::MAP_EXAMPLES;
pub(crate) use map::{MapArgs, MapLayout};
pub(crate) use options::{BlockSizeArg, InputArgs, MeaningArgs, WindowArgs};
use serve::SERVE_EXAMPLES;
pub(crate) use serve::{ServeArgs, Storage};
pub(crate) use shape::{MergeGap, ShapeArgs};
use stats::STATS_EXAMPLES;
pub(crate) use stats::{StatsArgs, StatsFormat};
use store::STORE_EXAMPLES;
pub(crate) use store::{Change, LogArgs, StoreArgs};

const MAIN_EXAMPLES: &str = "\
Examples:
  xe vdi-list-changed-blocks vdi-from-uuid=A vdi-to-uuid=B | cbt extents --virtual-size 1T
      The byte ranges that changed between two snapshots, one OFFSET LENGTH a line
  cbt extents --output human bitmap.b64
      The same for people
  cbt bits --first-block 0 --count 64 bitmap.b64
      The first 64 blocks as 0 and 1
  cbt union --virtual-size 1T monday.b64 tuesday.b64
      What changed on either day
  cbt stats --virtual-size 1T bitmap.b64
      How much changed, in which runs and gaps, and what it costs to read
  cbt map --virtual-size 1T bitmap.b64 -o map.png
      A picture of where the disk changed
  cbt list-changed-blocks --store logs \\
    0f0e4c6a-52b1-4c7e-9d3a-1f6f0c1d2e3f 7c1d9a02-3e4f-4a5b-8c6d-2b7e8f901a2b
      The call itself, over a folder of .cbtlog files
  cbt list-changed-blocks --url https://pool.example --output json A B
      The same asked of a pool, as one JSON object

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 this bitmap cannot be used: take a full backup, 4 busy: try again later";

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
    /// List the changed blocks of a size of your own
    #[command(after_help = BLOCKS_EXAMPLES)]
    Blocks(BlocksArgs),
    /// Print one 0 or 1 for each block
    #[command(after_help = BITS_EXAMPLES)]
    Bits(BitsArgs),
    /// Write a bitmap or a list in another format
    #[command(after_help = CONVERT_EXAMPLES, after_long_help = convert_help())]
    Convert(ConvertArgs),
    /// List what changed in any of several inputs
    #[command(after_help = UNION_EXAMPLES)]
    Union(CombineArgs),
    /// List what changed in all of several inputs
    #[command(after_help = INTERSECT_EXAMPLES)]
    Intersect(CombineArgs),
    /// List what changed in the first input and in none of the others
    #[command(after_help = SUBTRACT_EXAMPLES)]
    Subtract(CombineArgs),
    /// List what changed in one of two inputs and not in the other
    #[command(after_help = XOR_EXAMPLES)]
    Xor(CombineArgs),
    /// Say whether two inputs have the same bytes, and how they differ
    #[command(after_help = COMPARE_EXAMPLES)]
    Compare(CompareArgs),
    /// Say whether a list was made of a bitmap
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// Count what changed, and what it costs to read
    #[command(after_help = STATS_EXAMPLES)]
    Stats(StatsArgs),
    /// Draw where the disk changed
    #[command(after_help = MAP_EXAMPLES)]
    Map(MapArgs),
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
