//! A connection, from the first byte to the last. Nothing is set up for one who says nothing.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Read, Write};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;

use super::admission::{Admission, Origin, Place, Standing};
use super::api::Api;
use super::body::Deadline;
use super::sync::lock;
use super::{Limits, Tls, http};

/// The longest head of a request, in bytes.
const LONGEST_HEAD: usize = 8 << 10;

/// What tells that the other end has closed its side. Bytes that nobody reads yet, as those of a next request, do not
/// count as `PRIORITY`; where there is no such thing, they make it a look now and then.
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

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) api: Arc<Api>,
    pub(super) limits: Limits,
    tls: Option<Tls>,
    /// Of connections.
    pub(super) places: Arc<Admission>,
    /// Of bytes of requests that are being read.
    requests: Arc<Admission>,
    /// Of handshakes that are worked at: they take time of the processor, before anything is known of a client.
    handshakes: Semaphore,
}

impl Shared {
    pub(super) fn new(api: Api, tls: Option<Tls>, limits: Limits) -> Arc<Self> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Arc::new(Self {
            api: Arc::new(api),
            tls,
            places: Admission::new(limits.connections as u64),
            requests: Admission::new(limits.reading_bytes),
            handshakes: Semaphore::new(processors.div_ceil(2)),
            limits,
        })
    }

    /// Gives a place to one who has come. If all are busy, it waits.
    pub(super) async fn admit(&self, stream: TcpStream, origin: Origin) -> Caller {
        let leave = Arc::default();
        loop {
            if let Some(place) = self.places.enter(origin, 1, Standing::Unknown, &leave) {
                let requests = Arc::clone(&self.requests);
                return Caller(Arc::new(Peer { stream, origin, place, leave, requests, request: Mutex::default() }));
            }
            self.places.freed().await;
        }
    }
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
    /// What its request takes up, as long as it is not known that it has a session.
    request: Mutex<Option<Place>>,
}

impl Caller {
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

/// Serves a connection. Whatever breaks it off is the client's to notice.
pub(super) async fn connection(caller: Caller, shared: Arc<Shared>) {
    let leave = Arc::clone(&caller.0.leave);
    tokio::select! {
        () = begin(caller, shared) => {}
        () = leave.notified() => {}
    }
}

async fn begin(caller: Caller, shared: Arc<Shared>) {
    let mut stopping = shared.api.stopping.subscribe();
    let time = shared.limits.request_time;
    let mut first = [0];
    let said = tokio::select! {
        said = timeout(time, caller.0.stream.peek(&mut first)) => matches!(said, Ok(Ok(1..))),
        _ = stopping.wait_for(|&stopping| stopping) => false,
    };
    if !said {
        return;
    }
    // Answers are written in one go; the last piece of one must not wait for an acknowledgement.
    let _ = caller.0.stream.set_nodelay(true);
    // On the heap, so that those who say nothing do not take up the memory for it.
    Box::pin(async move {
        let mut stream = TimeoutStream::new(Stream(caller.clone()));
        stream.set_write_timeout(Some(shared.limits.stall_time));
        let stream = Box::pin(stream);
        match &shared.tls {
            None => serve(TokioIo::new(stream), caller, &shared).await,
            Some(tls) => {
                let handshake = in_turn(&shared.handshakes, tls.acceptor.accept(stream));
                if let Ok(Ok(stream)) = timeout(time, handshake).await {
                    serve(TokioIo::new(stream), caller, &shared).await;
                }
            }
        }
    })
    .await;
}

/// Works at something whenever it can go on, but only at so many things at the same time.
async fn in_turn<T>(turns: &Semaphore, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let mut turn = pin!(turns.acquire());
    poll_fn(|context| {
        // The semaphore is never closed.
        let _turn = ready!(turn.as_mut().poll(context));
        let outcome = work.as_mut().poll(context);
        turn.set(turns.acquire());
        outcome
    })
    .await
}

async fn serve(io: impl Read + Write + Unpin, caller: Caller, shared: &Shared) {
    let mut stopping = shared.api.stopping.subscribe();
    let limits = shared.limits;
    let deadline = Deadline::default();
    let others_wait = || shared.api.answers.are_waited_for();
    let service =
        service_fn(|request| http::respond(shared.api.clone(), limits, deadline.clone(), caller.clone(), request));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.request_time)
        // Clients may close their side once they have asked.
        .half_close(true)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(io, service);
    let mut connection = pin!(connection);
    let told_to_stop = async { drop(stopping.wait_for(|&stopping| stopping).await) };
    tokio::select! {
        _ = connection.as_mut() => return,
        () = deadline.missed(others_wait) => return,
        () = told_to_stop => connection.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        _ = connection => {}
        () = deadline.missed(others_wait) => {}
    }
}

/// The bytes of a connection, which is looked at from elsewhere, too.
struct Stream(Caller);

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
