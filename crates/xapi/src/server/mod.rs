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
mod call;
mod caller;
mod catalogue;
mod change;
mod connection;
mod dispatch;
mod empty;
mod events;
mod failure;
mod filter;
mod folder;
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
mod options;
mod plugin;
mod pool_methods;
mod records;
mod seen;
mod session_methods;
mod sessions;
mod snapshot_times;
mod state;
mod subscribe;
mod task;
mod task_methods;
mod tasks;
mod tls;
mod util;
mod value;
mod vdi_methods;
mod vdis;
mod xmlrpc;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};

use admission::Origin;
use api::Api;
use connection::{Shared, connection};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use fuzz::{expression as fuzz_expression, json as fuzz_json, xml as fuzz_xml};
pub use nbd::{DataServer, DataServerError};
pub use options::{Limits, Options, SizesAfterScan};
use sessions::Sessions;
pub use tls::{Tls, TlsError};
use vdis::Vdis;

/// The highest limit of connections.
const MOST_CONNECTIONS: usize = 1 << 16;

/// Connections that the system keeps until they are accepted, if it allows so many.
const BACKLOG: u32 = 4096;

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
    /// The system's error, if the folder cannot be read or the address not be taken.
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
        // A call that is not done by then never will be.
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
