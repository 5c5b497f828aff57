//! A pool that does as it is told, over HTTP that is written by hand, so that it can be wrong.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use changed_blocks_xapi::client::{Client, Error, Options, Secret, VdiRef};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;
use uuid::Uuid;

/// The secrets that no error may ever say.
pub(crate) const PASSWORD: &str = "open sesame";

/// A call that came.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Counted from 0 in the order in which they were made.
    pub(crate) connection: usize,
    /// The headers, in lower case.
    pub(crate) head: String,
    pub(crate) method: String,
    pub(crate) params: Vec<Value>,
    pub(crate) id: Value,
    /// How many calls of this method came before.
    pub(crate) earlier: usize,
}

/// The pool's reaction to a call.
pub(crate) enum Act {
    /// These bytes are sent, and the connection stays open.
    Send(Vec<u8>),
    /// These bytes are sent after a while, and the connection stays open.
    SendLate(Duration, Vec<u8>),
    /// These bytes are sent, and the connection is closed.
    SendAndClose(Vec<u8>),
    /// Nothing is sent, and the connection stays open.
    Silence,
    /// The connection is reset.
    Reset,
    /// These bytes are sent, and then others again and again, with a pause before each time, until nobody reads them.
    Endless { first: Vec<u8>, again: Vec<u8>, pause: Duration },
}

impl Call {
    /// The answer that is a result.
    pub(crate) fn result(&self, result: impl Into<Value>) -> Act {
        self.body(&json!({"jsonrpc": "2.0", "result": result.into(), "id": self.id}).to_string())
    }

    /// The answer that is an error, as JSON-RPC 2.0 has it.
    pub(crate) fn error(&self, code: &str, params: &[&str]) -> Act {
        let error = json!({"code": 1, "message": code, "data": params});
        self.body(&json!({"jsonrpc": "2.0", "error": error, "id": self.id}).to_string())
    }

    /// The answer that is an error, as JSON-RPC 1.0 has it.
    pub(crate) fn old_error(&self, code: &str, params: &[&str]) -> Act {
        let mut error = vec![code];
        error.extend(params);
        self.body(&json!({"result": null, "error": error, "id": self.id}).to_string())
    }

    /// The record of a disk, as far as sizes go.
    pub(crate) fn record(&self, kind: &str, virtual_size: impl Into<Value>, snapshot_of: &str) -> Act {
        let snapshot_of = if snapshot_of.is_empty() { "OpaqueRef:NULL" } else { snapshot_of };
        self.result(json!({"type": kind, "virtual_size": virtual_size.into(), "snapshot_of": snapshot_of}))
    }

    /// An answer of any kind.
    pub(crate) fn body(&self, body: &str) -> Act {
        Act::Send(ok(body))
    }

    /// The answer of a pool of good will.
    fn usual(&self) -> Act {
        match self.method.as_str() {
            "session.login_with_password" => self.result(format!("OpaqueRef:session-{}", self.earlier)),
            "VDI.get_by_uuid" => self.result(format!("OpaqueRef:{}", self.params[1].as_str().unwrap())),
            "VDI.list_changed_blocks" => self.result("AAAA"),
            "VDI.get_record" => self.record("user", 24 << 16, ""),
            "Async.VDI.list_changed_blocks" => self.result(format!("OpaqueRef:task-{}", self.earlier)),
            "task.get_record" => {
                self.result(json!({"status": "success", "result": "<value>AAAA</value>", "error_info": []}))
            }
            "session.logout" | "task.cancel" | "task.destroy" => self.result(""),
            _ => self.error("MESSAGE_METHOD_UNKNOWN", &[&self.method]),
        }
    }
}

/// A whole answer with that body.
pub(crate) fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

pub(crate) struct Mock {
    pub(crate) port: u16,
    calls: Arc<Mutex<Vec<Call>>>,
}

type Script = Arc<dyn Fn(&Call) -> Option<Act> + Send + Sync>;

impl Mock {
    /// A pool that follows a script, and does the usual where the script says nothing.
    pub(crate) async fn start(script: impl Fn(&Call) -> Option<Act> + Send + Sync + 'static) -> Self {
        Self::listen(None, Arc::new(script)).await
    }

    /// A pool that does the usual, over TLS.
    pub(crate) async fn start_tls(config: ServerConfig) -> Self {
        Self::listen(Some(TlsAcceptor::from(Arc::new(config))), Arc::new(|_| None)).await
    }

    /// As above, with a script.
    pub(crate) async fn start_tls_with(
        config: ServerConfig,
        script: impl Fn(&Call) -> Option<Act> + Send + Sync + 'static,
    ) -> Self {
        Self::listen(Some(TlsAcceptor::from(Arc::new(config))), Arc::new(script)).await
    }

    async fn listen(tls: Option<TlsAcceptor>, script: Script) -> Self {
        // On all addresses of the machine: 127.0.0.2 and the like are other hosts then.
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&calls);
        tokio::spawn(async move {
            for connection in 0.. {
                let Ok((tcp, _)) = listener.accept().await else { return };
                let (all, script, tls) = (Arc::clone(&all), Arc::clone(&script), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(tcp, connection, &all, &script).await,
                        Some(tls) => {
                            let Ok(stream) = tls.accept(tcp).await else { return };
                            serve(stream, connection, &all, &script).await;
                        }
                    }
                });
            }
        });
        Self { port, calls }
    }

    /// A pool that does the usual behind a program that speaks TLS in its place: what comes decrypted is read from one of
    /// its streams, and what is to be encrypted is written to the other.
    pub(crate) fn start_behind<R, W>(port: u16, from: R, to: W) -> Self
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&calls);
        tokio::spawn(async move {
            let script: Script = Arc::new(|_| None);
            serve(tokio::io::join(from, to), 0, &all, &script).await;
        });
        Self { port, calls }
    }

    pub(crate) fn options(&self) -> Options {
        self.options_at(&format!("http://127.0.0.1:{}", self.port))
    }

    pub(crate) fn options_at(&self, url: &str) -> Options {
        Options::new(url, "backup", Secret::from(PASSWORD.to_owned())).unwrap()
    }

    pub(crate) async fn login(&self) -> Client {
        Client::login(self.options()).await.unwrap()
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// The calls of a method.
    pub(crate) fn calls_of(&self, method: &str) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.method == method).collect()
    }

    /// The methods that were called, in order.
    pub(crate) fn methods(&self) -> Vec<String> {
        self.calls().into_iter().map(|call| call.method).collect()
    }

    /// Waits until a method was called.
    pub(crate) async fn wait_for(&self, method: &str) {
        for _ in 0..500 {
            if !self.calls_of(method).is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{method} was not called within 5 s, but {:?}", self.methods());
    }
}

/// A connection that can be ended rudely.
pub(crate) trait Reset {
    fn reset(&mut self);
}

impl Reset for TcpStream {
    fn reset(&mut self) {
        self.set_zero_linger().unwrap();
    }
}

impl<R, W> Reset for tokio::io::Join<R, W> {
    fn reset(&mut self) {
        unreachable!("the connection is another program's");
    }
}

impl Reset for TlsStream<TcpStream> {
    fn reset(&mut self) {
        self.get_mut().0.reset();
    }
}

async fn serve<S>(mut stream: S, connection: usize, all: &Mutex<Vec<Call>>, script: &Script)
where
    S: AsyncRead + AsyncWrite + Reset + Unpin,
{
    while let Some((head, body)) = request(&mut stream).await {
        let body: Value = serde_json::from_slice(&body).unwrap();
        let method = body["method"].as_str().unwrap().to_owned();
        let call = {
            let mut all = all.lock().unwrap();
            let call = Call {
                connection,
                head,
                params: body["params"].as_array().unwrap().clone(),
                id: body["id"].clone(),
                earlier: all.iter().filter(|call| call.method == method).count(),
                method,
            };
            all.push(call.clone());
            call
        };
        match script(&call).unwrap_or_else(|| call.usual()) {
            Act::Send(bytes) => {
                if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
            }
            Act::SendLate(pause, bytes) => {
                tokio::time::sleep(pause).await;
                if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
            }
            Act::SendAndClose(bytes) => {
                drop(stream.write_all(&bytes).await);
                drop(stream.shutdown().await);
                return;
            }
            Act::Silence => {}
            Act::Reset => return stream.reset(),
            Act::Endless { first, again, pause } => {
                let mut next = &first;
                while stream.write_all(next).await.is_ok() && stream.flush().await.is_ok() {
                    next = &again;
                    tokio::time::sleep(pause).await;
                }
                return;
            }
        }
    }
}

/// The next request: its head, in lower case, and its body.
async fn request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length is required");
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, body))
}

/// The references of two disks.
pub(crate) async fn disks(client: &mut Client) -> (VdiRef, VdiRef) {
    (client.vdi(Uuid::from_u128(1)).await.unwrap(), client.vdi(Uuid::from_u128(2)).await.unwrap())
}

/// Looks for the password in everything that an error says.
pub(crate) fn assert_discreet(error: &Error) {
    let mut texts = format!("{error} {error:?} {error:#?} {:?}", error.hint());
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        texts.push_str(&format!(" {error} {error:?}"));
        source = error.source();
    }
    assert!(!texts.contains(PASSWORD) && !texts.contains("OpaqueRef:session"), "{texts}");
}
