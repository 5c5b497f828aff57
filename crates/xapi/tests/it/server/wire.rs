//! A server in this process, and a client that speaks to it byte by byte.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use changed_blocks::cbtlog::{Uuid, WritableStore};
use changed_blocks_xapi::server::{Limits, Options, Server};
use serde_json::{Value, json};
use tokio::sync::oneshot;

pub(crate) const PASSWORD: &str = "a password";

/// Serves a folder until it is dropped.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) folder: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Served {
    pub(crate) fn new() -> Self {
        Self::with(|options| options)
    }

    pub(crate) fn limited(change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        change(&mut limits);
        Self::with(|options| options.limits(limits))
    }

    pub(crate) fn with(options: impl FnOnce(Options) -> Options) -> Self {
        let folder = tempfile::tempdir().expect("room");
        Self::of(folder, options)
    }

    pub(crate) fn of(folder: tempfile::TempDir, options: impl FnOnce(Options) -> Options) -> Self {
        let options = options(Options::new(folder.path(), "root", PASSWORD));
        Self::start(folder, options)
    }

    /// One more server of the same folder, which only reads.
    pub(crate) fn beside(&self) -> Self {
        let options = Options::new(self.folder.path(), "root", PASSWORD).read_only(true);
        Self::start(tempfile::tempdir().expect("room"), options)
    }

    fn start(folder: tempfile::TempDir, options: Options) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let server = Server::bind("127.0.0.1:0".parse().expect("an address"), options).await.expect("a port");
                tell.send(server.address()).expect("someone waits");
                server.run(async { drop(stopped.await) }).await;
            });
        });
        let address = told.recv().expect("the server begins");
        Self { address, folder, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn writable(&self) -> WritableStore {
        WritableStore::open(self.folder.path()).expect("the folder is there")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Stops the server, and waits until it has.
    pub(crate) fn stop(mut self) -> tempfile::TempDir {
        self.end();
        std::mem::replace(&mut self.folder, tempfile::tempdir().expect("room"))
    }

    pub(crate) fn tell_to_stop(&mut self) {
        drop(self.stop.take());
    }

    fn end(&mut self) {
        self.tell_to_stop();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server ends well");
        }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("possible");
        stream
    }

    /// Sends bytes, closes that side, and reads all that comes.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Reply {
        let mut stream = self.connect();
        // It may have been refused before all was sent.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(Shutdown::Write);
        Reply::read(stream)
    }

    /// Sends a request, and stays until it is answered.
    pub(crate) fn post(&self, path: &str, body: &str) -> Reply {
        let mut stream = self.connect();
        let request = post(path, body).replacen("\r\n", "\r\nConnection: close\r\n", 1);
        let _ = stream.write_all(request.as_bytes());
        Reply::read(stream)
    }

    /// Calls over JSON-RPC 2.0, with what was answered, or the code and parameters of the error.
    pub(crate) fn call(&self, method: &str, params: &[Value]) -> Result<Value, Vec<String>> {
        let request = json!({"jsonrpc": "2.0", "method": method, "params": params, "id": 7});
        let reply = self.post("/jsonrpc", &request.to_string());
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")), "{reply:?}");
        let mut answer: Value = serde_json::from_slice(&reply.body).expect("JSON");
        assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!(7)));
        match answer.get("error") {
            None => Ok(answer["result"].take()),
            Some(error) => {
                assert_eq!(error["code"], json!(1));
                let params = error["data"].as_array().expect("a list").iter();
                let all = std::iter::once(&error["message"]).chain(params);
                Err(all.map(|text| text.as_str().expect("text").to_owned()).collect())
            }
        }
    }

    pub(crate) fn login(&self) -> Session<'_> {
        let reference = self.call("session.login_with_password", &[json!("root"), json!(PASSWORD)]).expect("right");
        Session { served: self, reference }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.end();
    }
}

/// One that has logged in.
pub(crate) struct Session<'s> {
    served: &'s Served,
    pub(crate) reference: Value,
}

impl Session<'_> {
    pub(crate) fn folder(&self) -> &Path {
        self.served.folder()
    }

    pub(crate) fn call(&self, method: &str, params: &[Value]) -> Result<Value, Vec<String>> {
        let with_session: Vec<Value> = std::iter::once(&self.reference).chain(params).cloned().collect();
        self.served.call(method, &with_session)
    }

    /// A call that has to succeed.
    #[track_caller]
    pub(crate) fn get(&self, method: &str, params: &[&Value]) -> Value {
        let params: Vec<Value> = params.iter().copied().cloned().collect();
        self.call(method, &params).unwrap_or_else(|error| panic!("{method}: {error:?}"))
    }

    /// A call that has to fail, with the code and parameters.
    #[track_caller]
    pub(crate) fn error(&self, method: &str, params: &[&Value]) -> Vec<String> {
        let params: Vec<Value> = params.iter().copied().cloned().collect();
        self.call(method, &params).expect_err("there is nothing to answer")
    }

    pub(crate) fn vdi(&self, uuid: Uuid) -> Value {
        self.get("VDI.get_by_uuid", &[&json!(uuid.to_string())])
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// All that comes.
    fn read(mut stream: TcpStream) -> Self {
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all);
        Self::parse(&all)
    }

    /// Status 0 is no answer at all.
    fn parse(bytes: &[u8]) -> Self {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            return Self { status: 0, head: String::new(), body: bytes.to_vec() };
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        headers.find_map(|(found, value)| found.eq_ignore_ascii_case(name).then_some(value))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

pub(crate) fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}
