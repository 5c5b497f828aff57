//! A connection, from the first byte to the last. Nothing is set up for one who says nothing.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::ready;

use hyper::rt::{Read, Write};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;

use super::admission::{Admission, Origin, Standing};
use super::api::Api;
use super::body::Deadline;
use super::caller::{Caller, Stream};
use super::http;
use super::options::Limits;
use super::tls::Tls;

/// The longest head of a request, in bytes.
const LONGEST_HEAD: usize = 8 << 10;

/// The state that all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) api: Arc<Api>,
    pub(super) limits: Limits,
    tls: Option<Tls>,
    /// The budget of connections.
    pub(super) places: Arc<Admission>,
    /// The budget of bytes of requests that are being read.
    requests: Arc<Admission>,
    /// The budget of handshakes that are worked at: they take time of the processor, before anything is known of a client.
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
                return Caller::new(stream, origin, place, leave, requests);
            }
            self.places.freed().await;
        }
    }
}

/// Serves a connection. Whatever breaks it off is the client's to notice.
pub(super) async fn connection(caller: Caller, shared: Arc<Shared>) {
    let leave = Arc::clone(caller.leave());
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
        said = timeout(time, caller.stream().peek(&mut first)) => matches!(said, Ok(Ok(1..))),
        _ = stopping.wait_for(|&stopping| stopping) => false,
    };
    if !said {
        return;
    }
    // Answers are written in one go; the last piece of one must not wait for an acknowledgement.
    let _ = caller.stream().set_nodelay(true);
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
