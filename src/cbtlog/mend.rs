//! What a kill has left of a snapshot or of a deletion.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{ChainError, Header, Tracker};
use crate::Error;

impl Tracker {
    /// Brings to an end what a kill has cut short: a log that was written between two others, or was to be removed from
    /// between them, while only one of its neighbours knows. Once more in its place, it hides nothing; left there, it
    /// would lead past what is moved out of its child later.
    pub(super) fn mend(&self) -> Result<(), ChainError> {
        let store = self.store().map_err(|source| ChainError::Write { path: self.folder.clone(), source })?;
        let mut headers = BTreeMap::new();
        for uuid in store.uuids() {
            match store.log(uuid) {
                Ok(log) => headers.extend(log.map(|log| (uuid, log.header))),
                // What cannot be read now may be read later.
                Err(error @ ChainError::Log { source: Error::Read { .. }, .. }) => return Err(error),
                // A damaged log leads nowhere.
                Err(_) => {}
            }
        }
        let uuids: Vec<Uuid> = headers.keys().copied().collect();
        for uuid in uuids {
            let Header { parent, child: Some(child), .. } = headers[&uuid] else { continue };
            // The child is not its own yet, or not any more. A disk that is tracked anew has no parent either, and lacks
            // what its snapshots have: those without a parent are left alone.
            let astray = |header: &Header| header.parent == parent && parent.is_some_and(|parent| parent != uuid);
            if child == uuid || !headers.get(&child).is_some_and(astray) {
                continue;
            }
            if let Some((parent, header)) = parent.and_then(|parent| Some((parent, headers.get_mut(&parent)?)))
                && header.child == Some(child)
            {
                header.child = Some(uuid);
                self.change(parent, |header| header.child = Some(uuid))?;
            }
            if let Some(header) = headers.get_mut(&child) {
                header.parent = Some(uuid);
                self.change(child, |header| header.parent = Some(uuid))?;
            }
        }
        Ok(())
    }
}
