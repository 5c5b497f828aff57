//! The time that reads take, and the widest gap that is worth reading through.
//!
//! ```text
//! share = latency / (connections × in_flight)      of a round trip, which the other requests do not hide
//! time  = latency + (requests - 1) × share + bytes / bandwidth
//! ```
//!
//! To read through a gap saves one request, which is one share, and costs the bytes of the gap. So a gap is worth it up to
//! `share × bandwidth` bytes, and by this time no other limit is better, on any list.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// A server of data, as seen by the one who reads from it.
///
/// The time of reads is `latency + (requests - 1) × latency / (connections × in_flight) + bytes / bandwidth`. It assumes:
///
/// * Each request waits one latency, however long it is, and so many requests wait at once as may be under way. Where there
///   are fewer requests than that, they wait together, and merging saves less than the model says.
/// * Bytes pass at one rate, which all connections share, and none pass meanwhile. Bytes do pass while other requests wait,
///   so with many requests under way this is up to twice the time that passes; for one at a time it is exact.
/// * A server that cuts reads into pieces of its own and waits for each is no faster than
///   `connections × in_flight × piece / latency`. Give that as the bandwidth if it is less than that of the way.
/// * Connecting takes no time, and reading next to what was read before is no faster than elsewhere.
///
/// ```
/// use std::num::{NonZeroU32, NonZeroU64};
/// use std::time::Duration;
///
/// use changed_blocks::shape::CostModel;
///
/// let one = NonZeroU32::MIN;
/// let gigabyte = NonZeroU64::new(1_000_000_000).expect("not 0");
/// let latency = Duration::from_millis(2);
/// let one_at_a_time = CostModel { latency, bandwidth_bytes_per_second: gigabyte, connections: one, in_flight: one };
/// assert_eq!(one_at_a_time.merge_gap(), 2_000_000);
/// assert_eq!(one_at_a_time.time(100, 50_000_000), Duration::from_millis(250));
///
/// // With 128 under way, a gap has to be short to be worth its bytes.
/// let many = CostModel { connections: one.saturating_add(7), in_flight: one.saturating_add(15), ..one_at_a_time };
/// assert_eq!(many.merge_gap(), 15_625);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CostModel {
    /// The time from a request to the first byte of its answer.
    pub latency: Duration,
    /// The bytes that pass in a second, over all connections together.
    pub bandwidth_bytes_per_second: NonZeroU64,
    /// The number of connections.
    pub connections: NonZeroU32,
    /// The number of requests that are under way at a time on each connection.
    pub in_flight: NonZeroU32,
}

impl CostModel {
    /// The break-even gap in bytes: to read a gap of this length takes as long as the share of a round trip that it saves.
    #[must_use]
    pub fn merge_gap(&self) -> u64 {
        let bandwidth = u128::from(self.bandwidth_bytes_per_second.get());
        let bytes = self.latency.as_nanos().saturating_mul(bandwidth) / (self.under_way() * NANOS_PER_SECOND);
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// An estimate of the time in which so many requests read so many bytes in all.
    #[must_use]
    pub fn time(&self, requests: u64, bytes: u64) -> Duration {
        let Some(further) = requests.checked_sub(1) else { return Duration::ZERO };
        let latency = self.latency.as_nanos();
        let waiting = latency.saturating_add(latency.saturating_mul(u128::from(further)) / self.under_way());
        let passing = u128::from(bytes) * NANOS_PER_SECOND / u128::from(self.bandwidth_bytes_per_second.get());
        let nanos = waiting.saturating_add(passing);
        match (u64::try_from(nanos / NANOS_PER_SECOND), u32::try_from(nanos % NANOS_PER_SECOND)) {
            (Ok(seconds), Ok(rest)) => Duration::new(seconds, rest),
            _ => Duration::MAX,
        }
    }

    /// The number of requests that are under way at a time.
    fn under_way(&self) -> u128 {
        u128::from(self.connections.get()) * u128::from(self.in_flight.get())
    }
}
