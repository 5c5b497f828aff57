//! The client at the other end of a connection: its bytes, its place among all others, and whether it is still there.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::admission::{Admission, Origin, Place, Standing};
use super::util::lock;

/// The event of a client that has closed its side. Bytes that nobody reads yet, as those of a next request, do not
/// count as `PRIORITY`; where there is no such event, they make it a look now and then.
#[cfg(target_os = "linux")]
const CLOSED: Interest = Interest::PRIORITY;
#[cfg(not(target_os = "linux"))]
const CLOSED: Interest = Interest::READABLE;

/// How long it takes until the next look.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

tokio::task_local! {
    /// Whose call is answered.
    static CALLER: Caller;
}

/// The other end of a connection.
#[derive(Clone, Debug)]
pub(super) struct Caller(Arc<Peer>);

#[derive(Debug)]
struct Peer {
    stream: TcpStream,
    origin: Origin,
    place: Place,
    /// Tells it to go.
    leave: Arc<Notify>,
    requests: Arc<Admission>,
    /// The memory that its request takes up, as long as it is not known that it has a session.
    request: Mutex<Option<Place>>,
}

impl Caller {
    pub(super) fn new(
        stream: TcpStream,
        origin: Origin,
        place: Place,
        leave: Arc<Notify>,
        requests: Arc<Admission>,
    ) -> Self {
        Self(Arc::new(Peer { stream, origin, place, leave, requests, request: Mutex::default() }))
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.0.stream
    }

    /// The signal that tells the connection to end, so that its place is free.
    pub(super) fn leave(&self) -> &Arc<Notify> {
        &self.0.leave
    }

    pub(super) fn origin(&self) -> Origin {
        self.0.origin
    }

    /// A request of that length comes.
    pub(super) fn sends(&self, bytes: usize) {
        let standing = self.0.place.standing().unwrap_or(Standing::Unknown);
        let room = self.0.requests.enter(self.0.origin, bytes as u64, standing, &self.0.leave);
        *lock(&self.0.request) = room;
    }

    /// Its call has a session.
    pub(super) fn is_known(&self) {
        self.0.place.set(Standing::Busy);
        *lock(&self.0.request) = None;
    }

    /// Its call is answered.
    pub(super) fn is_answered(&self) {
        let known = self.0.place.standing() == Some(Standing::Busy);
        self.0.place.set(if known { Standing::Idle } else { Standing::Unknown });
        *lock(&self.0.request) = None;
    }

    /// Waits until the other end has closed its side: it has gone, or asks nothing any more.
    pub(super) async fn gone(&self) {
        while !self.0.stream.ready(CLOSED).await.is_ok_and(|ready| ready.is_read_closed()) {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Answers a call. What that waits for with [`while_there`] is waited for on behalf of this caller.
    pub(super) async fn calls<T>(&self, answer: impl Future<Output = T>) -> T {
        CALLER.scope(self.clone(), answer).await
    }
}

/// Waits for something that may take long, on behalf of the one whose call is answered. If that one goes meanwhile, the
/// connection ends there, and its place is free at once. Tasks wait on behalf of no one.
pub(super) async fn while_there<T>(waiting: impl Future<Output = T>) -> T {
    let Ok(caller) = CALLER.try_with(Caller::clone) else { return waiting.await };
    tokio::select! {
        biased;
        outcome = waiting => outcome,
        () = caller.gone() => {
            caller.0.leave.notify_one();
            std::future::pending().await
        }
    }
}

/// The bytes of a connection, which is looked at from elsewhere, too.
pub(super) struct Stream(pub(super) Caller);

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let stream = &self.0.0.stream;
        loop {
            ready!(stream.poll_read_ready(context))?;
            match stream.try_read(to.initialize_unfilled()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result.map(|count| to.advance(count))),
            }
        }
    }
}

impl Stream {
    fn poll_send(
        &self,
        context: &mut Context<'_>,
        send: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let stream = &self.0.0.stream;
        loop {
            ready!(stream.poll_write_ready(context))?;
            match send(stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_send(context, |stream| stream.try_write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(context, |stream| stream.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// It is closed when it is dropped, right after this.
    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
