//! The state of the server: the disks, the sessions, the tasks, and what calls have to wait for.
//!
//! The methods are `impl Api` blocks in files of their own. [`catalogue`](super::catalogue) names them, and
//! [`dispatch`](super::dispatch) calls them; this file knows neither.

use std::sync::{Arc, Mutex, RwLock};

use tokio::sync::{Semaphore, watch};

use super::answers::Answers;
use super::budgets;
use super::events::Events;
use super::failure::Failure;
use super::folder::Folder;
use super::guesses::Guesses;
use super::nbd::DataServer;
use super::notes::Notes;
use super::options::Limits;
use super::seen::Seen;
use super::sessions::Sessions;
use super::tasks::Tasks;
use super::vdis::Vdis;

/// Clients that wait for events at a time.
const MOST_WAITING: usize = 256;

/// Bytes of bitmaps that are counted as one.
pub(super) const BITMAP_UNIT: u64 = 1 << 20;

/// The server behind the wire.
#[derive(Debug)]
pub(super) struct Api {
    /// The disks. They are reached by the methods in [`access`](super::access), which keep the order of locks.
    pub(super) vdis: RwLock<Vdis>,
    pub(super) folder: Folder,
    pub(super) tasks: Mutex<Tasks>,
    pub(super) answers: Answers,
    pub(super) events: Events,
    pub(super) read_only: bool,
    /// Whether bitmaps are filled up to a multiple of four bytes.
    pub(super) pad_like_vhd: bool,
    /// Where the data of the disks is, if it is anywhere.
    pub(super) nbd: Option<DataServer>,
    /// The notes of clients at the pool, by which the npm client learns that its events have come. They are not kept.
    pub(super) pool_notes: Mutex<Notes>,
    /// Clients that wait for events. They keep their connection for minutes, which others need too.
    pub(super) waiting: Semaphore,
    /// Whether the server is to stop. Then no call waits any longer.
    pub(super) stopping: watch::Sender<bool>,
    /// The disks as they were when clients were last told of changes.
    pub(super) seen: Mutex<Seen>,
    pub(super) sessions: Mutex<Sessions>,
    /// Listings come one after the other, as on a host.
    pub(super) listing: Arc<Semaphore>,
    /// Calls that change something, too. They and listings wait for each other.
    pub(super) changing: Arc<tokio::sync::RwLock<()>>,
    pub(super) guesses: Mutex<Guesses>,
    /// A permit for each call that goes on in a task, also once the task was destroyed: that stops only some of them.
    pub(super) in_tasks: Arc<Semaphore>,
    /// The memory for bitmaps that are being sent, or wait in a task, in units of [`BITMAP_UNIT`].
    pub(super) bitmap_memory: Arc<Semaphore>,
    bitmap_units: u32,
}

impl Api {
    pub(super) fn new(
        vdis: Vdis,
        sessions: Sessions,
        nbd: Option<DataServer>,
        read_only: bool,
        limits: Limits,
    ) -> Result<Self, Failure> {
        let units = u32::try_from(limits.bitmap_bytes.div_ceil(BITMAP_UNIT).max(1)).unwrap_or(u32::MAX >> 3);
        let seen = Seen::new(vdis.all()?);
        Ok(Self {
            folder: vdis.folder(),
            vdis: RwLock::new(vdis),
            tasks: Mutex::default(),
            answers: Answers::default(),
            events: Events::default(),
            read_only,
            pad_like_vhd: false,
            nbd,
            pool_notes: Mutex::default(),
            waiting: Semaphore::new(limits.connections.div_ceil(2).min(MOST_WAITING)),
            stopping: watch::Sender::new(false),
            seen: Mutex::new(seen),
            sessions: Mutex::new(sessions),
            listing: Arc::new(Semaphore::new(1)),
            changing: Arc::default(),
            guesses: Mutex::new(Guesses::new(limits.wrong_passwords, limits.wrong_passwords_a_second)),
            in_tasks: Arc::new(Semaphore::new(budgets::TASKS)),
            bitmap_memory: Arc::new(Semaphore::new(units as usize)),
            bitmap_units: units,
        })
    }

    /// Whether bitmaps are filled up as VHD storage does it.
    pub(super) const fn pad_like_vhd(mut self, pad: bool) -> Self {
        self.pad_like_vhd = pad;
        self
    }

    /// The units of memory that a bitmap takes up. A bitmap that needs more than all of them is refused.
    pub(super) fn units_of(&self, bytes: u64) -> Result<u32, Failure> {
        let units = u32::try_from(bytes.div_ceil(BITMAP_UNIT).max(1)).unwrap_or(u32::MAX);
        if units > self.bitmap_units {
            return Err(Failure::internal(format!("a bitmap of {bytes} bytes is more than this server has room for")));
        }
        Ok(units)
    }
}
