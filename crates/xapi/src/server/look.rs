//! Looking at the folder for changes: those that this server made, and those of other programs.
//!
//! Each look compares the disks with those of the look before, and tells the difference as events.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::answers::Lane;
use super::api::Api;
use super::events::Operation;
use super::failure::Failure;
use super::seen::{PERIOD, Seen};
use super::util::lock;
use super::vdis::Vdi;

impl Api {
    /// Tells what has become of the disks since the last look. The caller must not have the disks. Returns how long to
    /// wait before the next look.
    pub(super) fn look(&self) -> Result<Duration, Failure> {
        self.look_unless(|_| false)
    }

    /// Looks, unless someone else has just done so. If that fails, the next look may not.
    pub(super) async fn look_now_and_then(self: &Arc<Self>) -> Duration {
        let api = Arc::clone(self);
        let look = self.answers.in_turn(Lane::Disks, move || api.look_unless(|seen| seen.at.elapsed() < PERIOD / 2));
        look.await.unwrap_or(PERIOD)
    }

    fn look_unless(&self, has_been_seen: impl Fn(&Seen) -> bool) -> Result<Duration, Failure> {
        let pause = |seen: &Seen| has_been_seen(seen).then(|| seen.pause());
        if let Some(pause) = pause(&lock(&self.seen)) {
            return Ok(pause);
        }
        // Before anything else is locked: the folder is waited for.
        let vdis = self.vdis()?;
        let mut seen = lock(&self.seen);
        if let Some(pause) = pause(&seen) {
            return Ok(pause);
        }
        let start = Instant::now();
        // A disk that cannot be read has neither gone nor changed.
        let now = vdis.all()?;
        let before: BTreeMap<Uuid, &Vdi> = seen.vdis.iter().map(|vdi| (vdi.uuid, vdi)).collect();
        let uuids: std::collections::BTreeSet<Uuid> = now.iter().map(|vdi| vdi.uuid).collect();
        let added = now.iter().filter(|vdi| !before.contains_key(&vdi.uuid)).map(|vdi| (vdi.uuid, Operation::Add));
        let changed = now.iter().filter(|vdi| before.get(&vdi.uuid).is_some_and(|before| before != vdi));
        let gone = before.keys().filter(|uuid| !uuids.contains(uuid)).map(|&uuid| (uuid, Operation::Delete));
        let events = added.chain(changed.map(|vdi| (vdi.uuid, Operation::Modify))).chain(gone);
        for (uuid, operation) in events {
            self.events.add("VDI", &vdis.reference(uuid), operation);
        }
        if sizes(&now) != sizes(&seen.vdis) {
            self.events.add("SR", &vdis.sr_reference(), Operation::Modify);
        }
        *seen = Seen { vdis: now, at: Instant::now(), took: start.elapsed() };
        Ok(seen.pause())
    }
}

/// The disks in the record of the storage repository.
fn sizes(vdis: &[Vdi]) -> Vec<(Uuid, Option<u64>)> {
    vdis.iter().map(|vdi| (vdi.uuid, vdi.reported_size)).collect()
}
