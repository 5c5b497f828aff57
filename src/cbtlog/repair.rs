//! The repair of a snapshot or a deletion that a kill cut short.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::error::ChainError;
use super::locked_store::LockedStore;
use crate::encoding::Header;

impl LockedStore {
    /// Brings to an end what a kill has cut short: a log that was written between two others, or was to be removed from
    /// between them, while only one of its neighbours knows. Once more in its place, it hides nothing; left there, it
    /// would lead past what is moved out of its child later.
    pub(super) fn repair(&self) -> Result<(), ChainError> {
        let store = self.store()?;
        // A damaged log leads nowhere.
        let headers = store.links()?.into_iter().filter_map(|(uuid, (_, log))| Some((uuid, log.ok()?.header)));
        let mut headers: BTreeMap<Uuid, Header> = headers.collect();
        let uuids: Vec<Uuid> = headers.keys().copied().collect();
        // A log that was repaired may be the one that another needed. Each time, one log fewer is astray.
        let mut again = true;
        while std::mem::take(&mut again) {
            for &uuid in &uuids {
                again |= self.repair_one(uuid, &mut headers)?;
            }
        }
        Ok(())
    }

    /// Puts a log in its place, if it is astray.
    fn repair_one(&self, uuid: Uuid, headers: &mut BTreeMap<Uuid, Header>) -> Result<bool, ChainError> {
        let Header { parent, child: Some(child), .. } = headers[&uuid] else { return Ok(false) };
        // The child is not its own yet, or not any more. A disk that is tracked anew has no parent either, and lacks what
        // its snapshots have: those without a parent are left alone.
        let astray = |header: &Header| header.parent == parent && parent.is_some_and(|parent| parent != uuid);
        if child == uuid || !headers.get(&child).is_some_and(astray) {
            return Ok(false);
        }
        if let Some((parent, header)) = parent.and_then(|parent| Some((parent, headers.get_mut(&parent)?)))
            && header.child == Some(child)
        {
            header.child = Some(uuid);
            self.set(parent, |header| header.child = Some(uuid))?;
        }
        if let Some(header) = headers.get_mut(&child) {
            header.parent = Some(uuid);
            self.set(child, |header| header.parent = Some(uuid))?;
        }
        Ok(true)
    }
}
