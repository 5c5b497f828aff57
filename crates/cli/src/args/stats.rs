//! The subcommand that counts what changed, and what reads of it cost.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use changed_blocks::shape::CostModel;
use clap::{Args, ValueEnum};

use super::combine::InputsArgs;
use super::options::FileArgs;
use super::shape::{bandwidth, latency};
use super::size;

pub(crate) const STATS_EXAMPLES: &str = "\
Examples:
  cbt stats --virtual-size 100G bitmap.b64
      How much changed, in runs and gaps of which lengths, and what readers of larger blocks or across gaps read
  cbt stats --latency 10ms --bandwidth 100M --merge-gap 64k bitmap.b64
      For a pool that is farther away, with the gaps of your choice
  cbt stats --virtual-size 100G monday.b64 tuesday.b64 wednesday.b64
      Each day, all of them, and what a backup every second or third day would have read
  cbt stats --from cbtlog *.cbtlog --output csv -o changed.csv
      One row an input, for a spreadsheet; --output json has all figures

Runs and gaps are counted for lengths up to each power of two. A gap lies between two runs. REQUESTS are those of a reader \
that reads neighbouring blocks at once; READ is what it reads, and x how often that is what changed. TIME is an estimate by the \
cost model that --merge-gap auto of other commands rests on. CSV has the columns input, \
block_size, virtual_size, blocks, changed_blocks, changed_bytes, extents, longest_bytes; then blocks_N, requests_N, bytes_N \
and seconds_N for readers with blocks of N bytes; then gap_requests_N, gap_bytes_N and gap_seconds_N for gaps of up to N \
bytes that are read through.";

#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    #[command(flatten)]
    pub(crate) inputs: InputsArgs,

    #[command(flatten)]
    pub(crate) reads: ReadsArgs,

    /// List so many of the longest runs
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(..=10_000))]
    #[arg(help_heading = "Output")]
    pub(crate) largest: u16,

    /// How to write the figures
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = StatsFormat::Human, help_heading = "Output")]
    pub(crate) output: StatsFormat,

    #[command(flatten)]
    pub(crate) file: FileArgs,
}

/// How readers read, and the costs of requests and bytes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reads")]
pub(crate) struct ReadsArgs {
    /// Also count the reads if unchanged gaps of up to this many bytes are read through; as often as you like [default: 64k,
    /// 128k and so on to 4M]
    #[arg(long, value_name = "SIZE", value_parser = size::parse, allow_hyphen_values = true)]
    pub(crate) merge_gap: Vec<u64>,

    /// How long a request waits (500us, 2ms, 1s)
    #[arg(long, value_name = "DURATION", default_value = "2ms", value_parser = latency)]
    pub(crate) latency: Duration,

    /// How many bytes come in a second, over all connections (1GiB/s, 100M)
    #[arg(long, value_name = "SIZE/s", default_value = "1GiB/s", value_parser = bandwidth)]
    pub(crate) bandwidth: NonZeroU64,

    /// How many connections there are
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) connections: NonZeroU32,

    /// How many requests are under way on each connection
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) in_flight: NonZeroU32,
}

impl ReadsArgs {
    pub(crate) const fn cost_model(&self) -> CostModel {
        CostModel {
            latency: self.latency,
            bandwidth_bytes_per_second: self.bandwidth,
            connections: self.connections,
            in_flight: self.in_flight,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatsFormat {
    /// Tables, and bars in a terminal, for people
    Human,
    /// One object with all figures
    Json,
    /// One row an input, under a header line
    Csv,
}
