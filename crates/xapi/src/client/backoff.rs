//! The pauses between attempts, while a pool is busy or away.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use uuid::Uuid;

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(15);

/// Repeated attempts of one call. One limit bounds all of them together.
pub(super) struct BusyRetry {
    limit: Duration,
    /// Since when the pool has been busy.
    since: Option<Instant>,
    pause: Duration,
}

impl BusyRetry {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, since: None, pause: FIRST }
    }

    /// Waits for a while, longer each time. False, at once, if that has gone on for long enough.
    pub(super) async fn wait(&mut self) -> bool {
        let since = *self.since.get_or_insert_with(Instant::now);
        let left = self.limit.saturating_sub(since.elapsed());
        if left.is_zero() {
            return false;
        }
        // Up to the very end, so that the last attempt is made when there is most hope.
        sleep(jittered(self.pause).min(left)).await;
        self.pause = (self.pause * 2).min(LONGEST);
        true
    }
}

/// A random pause between a half and all of it: clients that were refused together should not come back together.
fn jittered(pause: Duration) -> Duration {
    let [chance, ..] = *Uuid::new_v4().as_bytes();
    pause / 2 + pause / 2 * u32::from(chance) / 255
}
