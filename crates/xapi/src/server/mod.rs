//! A server that answers XAPI clients from a folder of logs.
//!
//! It is for developing and testing backup tools, and for reading stores. It is no host: there are no virtual machines,
//! no data, and one storage repository.
//!
//! XML-RPC is spoken at `/` and `/RPC2`, JSON-RPC 1.0 and 2.0 at `/jsonrpc`.
//!
//! ```no_run
//! use changed_blocks_xapi::server::{Options, Server};
//!
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let options = Options::new("/var/backups/logs", "root", "correct horse battery staple");
//! let server = Server::bind("127.0.0.1:0".parse()?, options).await?;
//! println!("http://{}", server.address());
//! server.run(std::future::pending()).await;
//! # Ok(())
//! # }
//! ```

mod access;
mod admission;
mod answers;
mod api;
mod body;
mod budgets;
mod change;
mod connection;
mod empty;
mod events;
mod failure;
mod filter;
#[cfg(any(test, feature = "fuzzing"))]
mod fuzz;
mod guesses;
mod http;
mod inventory;
mod jsonrpc;
mod look;
mod methods;
mod nbd;
mod notes;
mod operations;
mod plugin;
mod pool_methods;
mod records;
mod session_methods;
mod sessions;
mod snapshot_times;
mod state;
mod subscribe;
mod sync;
mod table;
mod task_methods;
mod tasks;
mod tls;
mod value;
mod vdi_methods;
mod vdis;
mod xmlrpc;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};

use crate::Secret;
use admission::Origin;
use api::Api;
use connection::{Shared, connection};
use failure::Failure;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use fuzz::{expression as fuzz_expression, json as fuzz_json, xml as fuzz_xml};
pub use nbd::{DataServer, DataServerError};
use sessions::Sessions;
pub use tls::{Tls, TlsError};
use value::Value;
use vdis::Vdis;

/// The reference to nothing.
const NULL: &str = "OpaqueRef:NULL";

/// How deeply values of a call may be nested.
const DEPTH: usize = 32;

/// The highest limit of connections.
const MOST_CONNECTIONS: usize = 1 << 16;

/// Connections that the system keeps until they are accepted, if it allows so many.
const BACKLOG: u32 = 4096;

/// A call, whatever its notation.
#[derive(Debug)]
struct Call {
    method: String,
    params: Vec<Value>,
    /// The session of the one who calls, once that is known. It is no parameter any more then.
    session: String,
    /// What it takes up of the memory for calls.
    room: Option<tokio::sync::OwnedSemaphorePermit>,
}

impl Call {
    const fn new(method: String, params: Vec<Value>) -> Self {
        Self { method, params, session: String::new(), room: None }
    }
}

/// What is no call.
#[derive(Debug)]
struct Malformed(String);

impl Malformed {
    fn new(why: impl Into<String>) -> Self {
        Self(budgets::echo(why.into()))
    }
}

/// What to serve, and to whom.
#[derive(Debug)]
pub struct Options {
    store: PathBuf,
    user: String,
    password: Secret,
    read_only: bool,
    sizes_after_scan: Option<SizesAfterScan>,
    pad_like_vhd: bool,
    tls: Option<Tls>,
    nbd: Option<DataServer>,
    limits: Limits,
}

/// The size that storage reports after a scan of a snapshot of which only the metadata is left, instead of the disk's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizesAfterScan {
    /// That of the log's file: 48 bytes and the bitmap, as on file storage.
    File,
    /// 0, as on LVM.
    Lvm,
}

/// What a client may take up.
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

/// A server that is reachable.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    /// Opens the store, and takes an address. With port 0, the system chooses one.
    ///
    /// # Errors
    ///
    /// What the system says of the folder or of the address.
    #[expect(clippy::unused_async, reason = "it needs a runtime")]
    pub async fn bind(address: SocketAddr, options: Options) -> io::Result<Self> {
        let Options { store, user, password, read_only, sizes_after_scan, pad_like_vhd, tls, nbd, mut limits } =
            options;
        limits.connections = limits.connections.clamp(1, MOST_CONNECTIONS).min(connections_possible());
        let vdis = Vdis::open(&store, read_only, sizes_after_scan)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", store.display())))?;
        let listener = listen(address).map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
        let address = listener.local_addr()?;
        let sessions = Sessions::new(user, password);
        let api = Api::new(vdis, sessions, nbd, read_only, limits)
            .map_err(|failure| io::Error::other(failure.description().collect::<Vec<_>>().join(": ")))?;
        Ok(Self { listener, address, shared: Shared::new(api.pad_like_vhd(pad_like_vhd), tls, limits) })
    }

    /// Where it is reachable.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until it is told to stop. Calls that are under way then are answered, within
    /// [`Limits::stop_time`].
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { listener, shared, .. } = self;
        let mut stop = pin!(stop);
        loop {
            let come = async {
                let (stream, address) = listener.accept().await?;
                Ok::<_, io::Error>(shared.admit(stream, Origin::of(address.ip())).await)
            };
            let come = tokio::select! {
                () = &mut stop => break,
                come = come => come,
            };
            match come {
                Ok(caller) => drop(tokio::spawn(connection(caller, Arc::clone(&shared)))),
                // The process has no more files, or the client has gone: either passes.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        drop(listener);
        shared.api.stopping.send_replace(true);
        // Whoever is not done by then never will be.
        let _ = tokio::time::timeout(shared.limits.stop_time, shared.places.emptied()).await;
    }
}

/// Listens, with room for many who come at the same moment: who finds none tries again after a second only.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Connections for which the process has files, half of which are for other things: the logs above all.
fn connections_possible() -> usize {
    #[cfg(unix)]
    if let Some(files) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
        return usize::try_from(files / 2).unwrap_or(usize::MAX).max(1);
    }
    MOST_CONNECTIONS
}
