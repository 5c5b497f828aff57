//! The options of a server: the folder, the user, and the limits of what clients may take up.

use std::path::PathBuf;
use std::time::Duration;

use super::nbd::DataServer;
use super::tls::Tls;
use crate::Secret;

/// The options of a server: the folder that it serves, and the user whom it answers.
#[derive(Debug)]
pub struct Options {
    pub(super) store: PathBuf,
    pub(super) user: String,
    pub(super) password: Secret,
    pub(super) read_only: bool,
    pub(super) sizes_after_scan: Option<SizesAfterScan>,
    pub(super) pad_like_vhd: bool,
    pub(super) tls: Option<Tls>,
    pub(super) nbd: Option<DataServer>,
    pub(super) limits: Limits,
}

/// The size that storage reports after a scan of a snapshot of which only the metadata is left, instead of the disk's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizesAfterScan {
    /// That of the log's file: 48 bytes and the bitmap, as on file storage.
    File,
    /// 0, as on LVM.
    Lvm,
}

/// The limits of what clients may take up.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Connections at a time, from 1 to 65,536, and at most half of the files that the process may have open. If one
    /// more comes, another is closed: of those whose last call had no session, or which have not called yet, from the
    /// address that has the most of them the one that has been so for the longest time; then the one that is idle the
    /// longest. A call with a session is never cut off: if all connections have one under way, others wait. A quarter
    /// of the connections is kept for those with sessions, and a quarter for those who have none yet: if they have
    /// fewer, the idle go first.
    pub connections: usize,
    /// The longest request, in bytes.
    pub request_bytes: usize,
    /// Bytes of requests at a time of which it is not known yet whether they have a session. If more come, connections
    /// are closed in the same order.
    pub reading_bytes: u64,
    /// Wrong passwords that may come from an address (with IPv6, from a network of 64 bits) one after the other. Then its
    /// logins are refused unseen, until some time has passed. No one else's are.
    pub wrong_passwords: u32,
    /// Wrong passwords more that an address may send, each second.
    pub wrong_passwords_a_second: u32,
    /// How long a client may take to send a request, and its head before that. An idle connection is closed after the
    /// same time.
    pub request_time: Duration,
    /// How long a client may leave an answer lying without reading any of it.
    pub stall_time: Duration,
    /// Bytes a second that a client has to take of an answer, on average, after a first [`stall_time`](Self::stall_time).
    pub answer_rate: u64,
    /// Bytes of bitmaps that are held at a time: being sent, or waiting in a task. Further calls wait. A disk of 16 TiB
    /// has 32 MiB of them.
    pub bitmap_bytes: u64,
    /// How long calls that are under way may take once the server is told to stop.
    pub stop_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2048,
            request_bytes: 300 << 10,
            reading_bytes: 32 << 20,
            wrong_passwords: 10_000,
            wrong_passwords_a_second: 3,
            request_time: Duration::from_secs(30),
            stall_time: Duration::from_secs(30),
            answer_rate: 64 << 10,
            bitmap_bytes: 256 << 20,
            stop_time: Duration::from_secs(10),
        }
    }
}

impl Options {
    /// A folder of logs, for one user.
    pub fn new(store: impl Into<PathBuf>, user: impl Into<String>, password: impl Into<Secret>) -> Self {
        Self {
            store: store.into(),
            user: user.into(),
            password: password.into(),
            read_only: false,
            sizes_after_scan: None,
            pad_like_vhd: false,
            tls: None,
            nbd: None,
            limits: Limits::default(),
        }
    }

    /// Whether calls that change something are refused.
    #[must_use]
    pub const fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Reports metadata-only snapshots (`cbt_metadata`) with the size that storage reports after a scan, as pools do.
    /// Tools must not take it for the disk's. Listings go by the log.
    #[must_use]
    pub const fn sizes_after_scan(mut self, storage: SizesAfterScan) -> Self {
        self.sizes_after_scan = Some(storage);
        self
    }

    /// Whether bitmaps are filled up with zeros to a multiple of four bytes, as VHD storage does it.
    #[must_use]
    pub const fn pad_like_vhd(mut self, pad: bool) -> Self {
        self.pad_like_vhd = pad;
        self
    }

    /// Serves HTTPS, not HTTP.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// The server that has the data of the disks, for `VDI.get_nbd_info` to name.
    #[must_use]
    pub fn nbd(mut self, server: DataServer) -> Self {
        self.nbd = Some(server);
        self
    }

    /// Other limits than the default ones.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}
