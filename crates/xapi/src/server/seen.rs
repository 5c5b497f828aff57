//! The disks as they were at the last look at the folder, and the time until the next one.

use std::time::{Duration, Instant};

use super::vdis::Vdi;

/// How often the folder is looked at while a client waits.
pub(super) const PERIOD: Duration = Duration::from_millis(500);

/// The disks as they were at the last look.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) vdis: Vec<Vdi>,
    pub(super) at: Instant,
    pub(super) took: Duration,
}

impl Seen {
    pub(super) fn new(vdis: Vec<Vdi>) -> Self {
        Self { vdis, at: Instant::now(), took: Duration::ZERO }
    }

    /// How long to wait before the next look. It must not become all that the server does.
    pub(super) fn pause(&self) -> Duration {
        PERIOD.max(self.took * 4).min(PERIOD * 3)
    }
}
