//! Access to the disks: many read them, or one changes something.
//!
//! Other programs may keep the folder locked for as long as they like. So the folder is waited for first, for a bounded
//! time, and by nobody who has a lock of the server: waiting for it holds up nobody else.

use std::ops::{Deref, DerefMut};
use std::sync::{PoisonError, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use changed_blocks::cbtlog::LockedStore;

use super::api::Api;
use super::failure::Failure;
use super::folder::Kept;
use super::vdis::Vdis;

/// The disks while others are kept from changing the folder.
pub(super) struct Still<G> {
    vdis: G,
    _folder: Option<Kept>,
}

impl<G: Deref<Target = Vdis>> Deref for Still<G> {
    type Target = Vdis;

    fn deref(&self) -> &Vdis {
        &self.vdis
    }
}

impl<G: DerefMut<Target = Vdis>> DerefMut for Still<G> {
    fn deref_mut(&mut self) -> &mut Vdis {
        &mut self.vdis
    }
}

impl Api {
    /// The disks, to be read. A holder must not ask for them again: a change may be waiting for them, and both would wait
    /// for ever.
    pub(super) fn vdis(&self) -> Result<Still<RwLockReadGuard<'_, Vdis>>, Failure> {
        let folder = self.folder.wait_until_still();
        let new_notes = self.vdis_as_read().new_notes()?;
        if let Some(text) = new_notes {
            self.vdis_to_write().take_notes(text)?;
        }
        let vdis = self.vdis_as_read();
        // A change of this server may have had it until now.
        let folder = folder.or_else(|| self.folder.keep_still(Duration::ZERO));
        Ok(Still { vdis, _folder: folder })
    }

    /// The disks for one who has read the folder before, and only writes down what was found.
    pub(super) fn vdis_as_read(&self) -> RwLockReadGuard<'_, Vdis> {
        self.vdis.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn vdis_to_write(&self) -> RwLockWriteGuard<'_, Vdis> {
        self.vdis.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The disks, to change what is noted of them, and no log.
    pub(super) fn vdis_to_note(&self) -> Still<RwLockWriteGuard<'_, Vdis>> {
        let folder = self.folder.wait_until_still();
        Still { vdis: self.vdis_to_write(), _folder: folder }
    }

    /// The disks and their logs, to change both.
    pub(super) fn vdis_to_change(&self) -> Result<(RwLockWriteGuard<'_, Vdis>, LockedStore), Failure> {
        let logs = self.folder.lock()?;
        Ok((self.vdis_to_write(), logs))
    }
}
