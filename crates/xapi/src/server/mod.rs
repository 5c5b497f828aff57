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

mod answers;
mod api;
mod body;
mod budgets;
mod change;
mod empty;
mod events;
mod failure;
mod filter;
#[cfg(any(test, feature = "fuzzing"))]
mod fuzz;
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

use hyper::rt::{Read, Write};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_io_timeout::TimeoutStream;

use crate::Secret;
use api::Api;
use body::Deadline;
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
    /// Connections at a time, from 1 to 65,536. More of them wait.
    pub connections: usize,
    /// The longest request, in bytes.
    pub request_bytes: usize,
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
            connections: 256,
            request_bytes: 300 << 10,
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
    api: Arc<Api>,
    tls: Option<Tls>,
    limits: Limits,
}

impl Server {
    /// Opens the store, and takes an address. With port 0, the system chooses one.
    ///
    /// # Errors
    ///
    /// What the system says of the folder or of the address.
    pub async fn bind(address: SocketAddr, options: Options) -> io::Result<Self> {
        let Options { store, user, password, read_only, sizes_after_scan, pad_like_vhd, tls, nbd, limits } = options;
        let vdis = Vdis::open(&store, read_only, sizes_after_scan)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", store.display())))?;
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
        let address = listener.local_addr()?;
        let sessions = Sessions::new(user, password);
        let api = Arc::new(Api::new(vdis, sessions, nbd, read_only, limits).pad_like_vhd(pad_like_vhd));
        Ok(Self { listener, address, api, tls, limits })
    }

    /// Where it is reachable.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until it is told to stop. Calls that are under way then are answered, within
    /// [`Limits::stop_time`].
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let connections = self.limits.connections.clamp(1, MOST_CONNECTIONS);
        let places = Arc::new(Semaphore::new(connections));
        let stopping = &self.api.stopping;
        let mut stop = pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = accept(&self.listener, &places) => accepted,
            };
            let Ok((stream, place)) = accepted else {
                // The process has no more files, or the client has gone: either passes.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let (api, tls, limits, stopping) = (self.api.clone(), self.tls.clone(), self.limits, stopping.subscribe());
            tokio::spawn(async move {
                connection(stream, api, tls, limits, stopping).await;
                drop(place);
            });
        }
        drop(self.listener);
        stopping.send_replace(true);
        let all = u32::try_from(connections).unwrap_or(u32::MAX);
        // Whoever is not done by then never will be.
        let _ = tokio::time::timeout(self.limits.stop_time, places.acquire_many(all)).await;
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

/// Serves a connection. Whatever breaks it off is the client's to notice.
async fn connection(
    stream: TcpStream,
    api: Arc<Api>,
    tls: Option<Tls>,
    limits: Limits,
    stopping: watch::Receiver<bool>,
) {
    // Answers are written in one go; the last piece of one must not wait for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limits.stall_time));
    let stream = Box::pin(stream);
    match tls {
        None => serve(TokioIo::new(stream), api, limits, stopping).await,
        Some(tls) => {
            let handshake = tls.acceptor.accept(stream);
            if let Ok(Ok(stream)) = tokio::time::timeout(limits.request_time, handshake).await {
                serve(TokioIo::new(stream), api, limits, stopping).await;
            }
        }
    }
}

async fn serve(io: impl Read + Write + Unpin, api: Arc<Api>, limits: Limits, mut stopping: watch::Receiver<bool>) {
    let deadline = Deadline::default();
    let service = service_fn(|request| http::respond(api.clone(), limits, deadline.clone(), request));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.request_time)
        // Clients may close their side once they have asked.
        .half_close(true)
        .max_buf_size(64 << 10)
        .serve_connection(io, service);
    let mut connection = pin!(connection);
    let told_to_stop = async { drop(stopping.wait_for(|&stopping| stopping).await) };
    tokio::select! {
        _ = connection.as_mut() => return,
        () = deadline.missed() => return,
        () = told_to_stop => connection.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        _ = connection => {}
        () = deadline.missed() => {}
    }
}
