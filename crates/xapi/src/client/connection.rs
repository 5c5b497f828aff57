//! One connection, and one exchange on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{HeaderMap, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::body;
use super::error::Error;
use super::meter::{Limits, Meter};
use super::options::{Address, Options};
use super::stream::{self, Tls};
use super::trust::Trust;

/// How long a connection may still be busy with the last request when the next one is to be sent.
const READY: Duration = Duration::from_secs(1);

/// How long a look at a task may be without an answer: the pool has it at hand, so a connection that is silent for so
/// long is most likely dead, and another is made.
const LOOK: Duration = Duration::from_secs(30);

/// How many interim answers (HTTP 1xx) may come before an answer. None is asked for.
const MOST_INTERIM: usize = 16;

/// How connections are made.
#[derive(Clone)]
pub(super) struct Connector {
    tls: Tls,
    insecure: bool,
    connect_timeout: Duration,
    answer_timeout: Duration,
    limits: Limits,
}

impl Connector {
    pub(super) fn new(options: &Options) -> Result<Self, Error> {
        let insecure = matches!(options.trust, Trust::Insecure);
        // Without TLS, there is nothing to be trusted, and a file or the system is not looked at.
        let trust = if options.address.tls { &options.trust } else { &Trust::Insecure };
        Ok(Self {
            tls: Tls::new(trust)?,
            insecure,
            connect_timeout: options.connect_timeout,
            answer_timeout: options.answer_timeout,
            limits: Limits { bitmap: options.answer_limit, text: options.text_limit },
        })
    }

    /// Makes a connection. `via` is who named this host, if it was not asked for itself.
    pub(super) async fn open(&self, address: &Address, via: Option<&str>) -> Result<Connection, Error> {
        if !address.tls && !self.insecure && !address.is_loopback() {
            let reason = "http:// to another machine would show the password to everyone on the way";
            return Err(Error::Url { reason });
        }
        let opened = timeout(self.connect_timeout, self.connect(address, via)).await;
        opened.unwrap_or_else(|_| Err(self.too_slow(address, "connecting", self.connect_timeout)))
    }

    async fn connect(&self, address: &Address, via: Option<&str>) -> Result<Connection, Error> {
        if address.tls {
            Connection::start(self.tls.connect(address, via).await?, self.clone(), address).await
        } else {
            Connection::start(stream::tcp(address).await?, self.clone(), address).await
        }
    }

    /// The longest wait for the next bytes of the answer to a call.
    fn answer_timeout(&self, method: &str) -> Duration {
        let looks = method.starts_with("task.get_");
        if looks { self.answer_timeout.min(LOOK) } else { self.answer_timeout }
    }

    fn too_slow(&self, address: &Address, waited_for: &'static str, limit: Duration) -> Error {
        Error::Timeout { address: address.to_string(), waited_for, limit }
    }
}

/// An open connection on which nothing is under way. It is closed when it is dropped.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: Driver,
    connector: Connector,
    address: Address,
}

/// The task that moves the bytes. If it went on after its connection was dropped, it would read an answer that nobody
/// wants.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Why an exchange came to nothing.
pub(super) struct Broken {
    pub(super) error: Error,
    pub(super) sent: Sent,
}

/// How far an exchange came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// The other side has seen nothing of it.
    Nothing,
    /// The other side may have seen it, and closed the connection without a word.
    Perhaps,
    /// Something else went wrong.
    Yes,
}

impl Connection {
    async fn start<S>(stream: S, connector: Connector, address: &Address) -> Result<Self, Error>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| transport(address, error, 0, None))?;
        // Errors in there are told to the one who waits for the answer.
        let driver = Driver(tokio::spawn(async move { drop(connection.await) }));
        Ok(Self { sender, driver, connector, address: address.clone() })
    }

    /// Sends the request of a call and gives the body of the answer, and the connection for the next exchange.
    ///
    /// A future of this that is dropped takes the connection with it.
    pub(super) async fn exchange(mut self, method: &str, request: Bytes) -> Result<(Vec<u8>, Self), Broken> {
        let address = &self.address;
        let wait = self.connector.answer_timeout(method);
        // Lets the driver notice that the other side has closed the connection since it was last used.
        tokio::task::yield_now().await;
        let ready = match timeout(READY, self.sender.ready()).await {
            Ok(ready) => ready.map_err(|error| transport(address, error, 0, None)),
            Err(_) => Err(self.connector.too_slow(address, "the end of what was sent before", READY)),
        };
        ready.map_err(|error| Broken { error, sent: Sent::Nothing })?;
        let mut request = Request::post("/jsonrpc")
            .header(header::HOST, address.to_string())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, concat!("changed-blocks/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(request))
            .map_err(|_| Error::Url { reason: "the host cannot be put into a request" })
            .map_err(|error| Broken { error, sent: Sent::Nothing })?;
        let interim = self.end_after_interim_answers(&mut request);
        let response = match timeout(wait, self.sender.try_send_request(request)).await {
            Err(_) => Err(Broken { error: self.connector.too_slow(address, "the answer", wait), sent: Sent::Yes }),
            Ok(Err(mut failed)) => {
                let unsent = failed.take_message().is_some();
                let error = failed.into_error();
                Err(if interim.load(Ordering::Relaxed) > MOST_INTERIM {
                    let problem = format!("there were {MOST_INTERIM} interim answers of HTTP, and no answer");
                    Broken { error: wrong(address, &problem), sent: Sent::Yes }
                } else if error.is_parse() {
                    Broken { error: not_http(address, &error), sent: Sent::Yes }
                } else {
                    let sent = if unsent { Sent::Nothing } else { Sent::Perhaps };
                    Broken { error: transport(address, error, 0, None), sent }
                })
            }
            Ok(Ok(response)) => Ok(response),
        }?;
        let body = self.receive(method, response, wait).await.map_err(|error| Broken { error, sent: Sent::Yes })?;
        Ok((body, self))
    }

    /// Ends the connection if a request has too many interim answers. Gives how many there were.
    fn end_after_interim_answers(&self, request: &mut Request<Full<Bytes>>) -> Arc<AtomicUsize> {
        let count = Arc::new(AtomicUsize::new(0));
        let (counted, driver) = (Arc::clone(&count), self.driver.0.abort_handle());
        hyper::ext::on_informational(request, move |_| {
            if counted.fetch_add(1, Ordering::Relaxed) >= MOST_INTERIM {
                driver.abort();
            }
        });
        count
    }

    async fn receive(&self, method: &str, response: Response<Incoming>, wait: Duration) -> Result<Vec<u8>, Error> {
        let address = &self.address;
        if response.status() != StatusCode::OK {
            return Err(Error::Http { address: address.to_string(), status: response.status().as_u16() });
        }
        if is_packed(response.headers()) {
            return Err(wrong(address, "the answer is compressed, which was not asked for"));
        }
        let mut meter = Meter::new(method, self.connector.limits);
        let mut incoming = response.into_body();
        let expected = incoming.size_hint().exact();
        let too_long = |found, more, limit| Error::TooLong { address: address.to_string(), found, more, limit };
        if let Some(expected) = expected.filter(|&expected| expected > meter.longest()) {
            return Err(too_long(expected, false, meter.longest()));
        }
        let mut buffer = body::Buffer::new(expected);
        loop {
            let frame = timeout(wait, incoming.frame()).await;
            let Some(frame) = frame.map_err(|_| self.connector.too_slow(address, "the rest of the answer", wait))?
            else {
                break;
            };
            let frame = frame.map_err(|error| transport(address, error, buffer.len(), expected))?;
            // The other kind of frame has trailers.
            if let Ok(data) = frame.into_data() {
                meter.take(&data).map_err(|limit| too_long(limit, true, limit))?;
                buffer.push(&data);
            }
        }
        // An HTTP library that took a short body for a whole one would hide a change.
        if let Some(expected) = expected.filter(|&expected| expected != buffer.len()) {
            return Err(transport(
                address,
                "the body has another length than its header says",
                buffer.len(),
                Some(expected),
            ));
        }
        Ok(buffer.finish())
    }

    /// Closes the connection in good order, if the other side lets that happen soon.
    pub(super) async fn finish(self) {
        let Self { sender, mut driver, .. } = self;
        drop(sender);
        drop(timeout(Duration::from_millis(500), &mut driver.0).await);
    }
}

/// Whether the body is something else than what was meant.
fn is_packed(headers: &HeaderMap) -> bool {
    let other =
        |name, plain: &[u8]| headers.get_all(name).iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(plain));
    other(header::CONTENT_ENCODING, b"identity") || other(header::TRANSFER_ENCODING, b"chunked")
}

fn not_http(address: &Address, error: &hyper::Error) -> Error {
    let reason = error.to_string();
    // The library tells this one apart only by its words.
    if reason.contains("head is too large") {
        return wrong(address, "the head of the answer is too long");
    }
    let instead = if address.tls { "" } else { "; a host with TLS is reached by https://" };
    wrong(address, &format!("it is not HTTP ({reason}){instead}"))
}

fn wrong(address: &Address, problem: &str) -> Error {
    let problem = format!("{address}: {problem}");
    Error::Protocol { method: "POST /jsonrpc".to_owned(), problem, offset: None }
}

fn transport(
    address: &Address,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    received: u64,
    expected: Option<u64>,
) -> Error {
    Error::Transport { address: address.to_string(), received, expected, source: source.into() }
}
