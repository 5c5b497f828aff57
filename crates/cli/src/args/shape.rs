//! Options that shape a list of changes into a list of reads.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::Duration;

use clap::Args;

use super::size;

/// The shapes, in the order in which they are applied.
#[derive(Debug, Args)]
#[command(next_help_heading = "Shape, in this order")]
pub(crate) struct ShapeArgs {
    /// Read through unchanged gaps of up to this many bytes; auto takes those that cost less to read than another request,
    /// for a --latency and a --bandwidth (docs/reads.md: how to measure them)
    #[arg(long, value_name = "SIZE", value_parser = merge_gap, allow_hyphen_values = true)]
    pub(crate) merge_gap: Option<MergeGap>,

    /// Extend ranges outward to multiples of this size, up to the end of the disk
    #[arg(long, value_name = "SIZE", value_parser = positive_size, allow_hyphen_values = true)]
    pub(crate) align: Option<NonZeroU64>,

    /// Make at most so many ranges: the widest gaps between them stay. With --limit, that holds for each page by itself
    #[arg(long, value_name = "N")]
    pub(crate) max_extents: Option<NonZeroUsize>,

    /// List all that is not in the ranges so far, up to the end of the disk: none of it has changed (not with intersect,
    /// subtract and xor)
    #[arg(long)]
    pub(crate) invert: bool,

    /// List only the first so many ranges, and say from which --offset to go on
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,

    /// Cut ranges at multiples of this size
    #[arg(long, value_name = "SIZE", value_parser = positive_size, allow_hyphen_values = true)]
    pub(crate) max_extent: Option<NonZeroU64>,

    /// For --merge-gap auto: how long a request waits (500us, 2ms, 1s)
    #[arg(long, value_name = "DURATION", value_parser = latency, allow_hyphen_values = true)]
    pub(crate) latency: Option<Duration>,

    /// For --merge-gap auto: how many bytes come in a second, over all connections (1GiB/s, 100M)
    #[arg(long, value_name = "SIZE/s", value_parser = bandwidth, allow_hyphen_values = true)]
    pub(crate) bandwidth: Option<NonZeroU64>,

    /// For --merge-gap auto: how many connections there are [default: 1]
    #[arg(long, value_name = "N")]
    pub(crate) connections: Option<NonZeroU32>,

    /// For --merge-gap auto: how many requests are under way on each connection [default: 1]
    #[arg(long, value_name = "N")]
    pub(crate) in_flight: Option<NonZeroU32>,
}

/// The widest gap that is read through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MergeGap {
    Auto,
    Bytes(u64),
}

fn merge_gap(text: &str) -> Result<MergeGap, String> {
    if text == "auto" { Ok(MergeGap::Auto) } else { size::parse(text).map(MergeGap::Bytes) }
}

fn positive_size(text: &str) -> Result<NonZeroU64, String> {
    NonZeroU64::new(size::parse(text)?).ok_or_else(|| "it has to be at least 1".to_owned())
}

pub(crate) fn bandwidth(text: &str) -> Result<NonZeroU64, String> {
    positive_size(text.strip_suffix("/s").unwrap_or(text))
}

/// A short time as people write it: `500us`, `2ms`, `1s`.
pub(crate) fn latency(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time; write 500us, 2ms or 1s");
    let (number, unit) = size::number_and_unit(text).ok_or_else(wrong)?;
    let micros = match unit {
        "us" => 1,
        "ms" => 1000,
        "s" => 1_000_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(micros).map(Duration::from_micros).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_and_bandwidths_that_people_write() {
        for (text, micros) in [("0s", 0), ("500us", 500), ("2ms", 2000), ("10s", 10_000_000)] {
            assert_eq!(latency(text), Ok(Duration::from_micros(micros)), "{text}");
        }
        for text in
            ["", "2", "ms", "-2ms", "+2ms", "1.5ms", "2 ms", "2m", "99999999999999999999s", "18446744073709551615s"]
        {
            assert!(latency(text).is_err(), "{text}");
        }
        for (text, bytes) in [("1GiB/s", 1 << 30), ("100M", 100 << 20), ("1/s", 1)] {
            assert_eq!(bandwidth(text).map(NonZeroU64::get), Ok(bytes), "{text}");
        }
        for text in ["", "/s", "0", "1G/m", "0/s"] {
            assert!(bandwidth(text).is_err(), "{text}");
        }
    }
}
