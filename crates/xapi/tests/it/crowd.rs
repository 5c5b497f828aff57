//! Clients that do as they should, beside ten thousand that say nothing and others that guess passwords.
//!
//! All of them and the server share the processors, so nothing else must run meanwhile. The server must be optimised: it is
//! that of the program `cbt` that `CBT_UNDER_TEST` names, as in `.ci/run`, or of this one.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use changed_blocks::VirtualSize;
use changed_blocks::cbtlog::{Uuid, WritableStore};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;

use crate::attack::process::Process;
use crate::server::wire::{PASSWORD, post};
use crate::skip::skip;

const DISK: Uuid = Uuid::from_u128(1);

/// Clients that do as they should.
const CLIENTS: usize = 64;

/// Connections that say nothing, if this process may have so many.
const SILENT: usize = 10_000;

/// How often they connect again once they were closed, all together, a second.
const RECONNECTS: usize = 1000;

/// Wrong passwords a second.
const GUESSES: usize = 1000;

/// How long each client waits between two calls. All of them and the server share the processors.
const PAUSE: Duration = Duration::from_millis(100);

/// How long is measured, alone and under attack. There are fewer guesses in that time than an address has.
const TIME: Duration = Duration::from_secs(5);

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn say(text: &str) {
    writeln!(std::io::stderr(), "{text}").expect("standard error is there");
}

/// Files that this process may have open, as many as the system allows.
fn files() -> usize {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
        let files = getrlimit(Resource::Nofile).current;
        files.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX)
    }
    #[cfg(not(unix))]
    1000
}

async fn connect(from: Ipv4Addr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if from != Ipv4Addr::LOCALHOST {
        socket.bind((from, 0).into())?;
    }
    socket.connect(to).await
}

/// A connection that is broken off in the end. Its port is free again at once; there are too few for all of them else.
async fn connect_roughly(from: Ipv4Addr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = connect(from, to).await?;
    stream.set_zero_linger()?;
    Ok(stream)
}

/// Sends a call, and reads the answer. Nothing is left of it then.
async fn call(stream: &mut TcpStream, method: &str, params: Value) -> Result<Value> {
    let request = json!({"jsonrpc": "2.0", "method": method, "params": params, "id": 1});
    stream.write_all(post("/jsonrpc", &request.to_string()).as_bytes()).await?;
    let mut answer = Vec::new();
    loop {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
        }
        let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = std::str::from_utf8(&answer[..end])?.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).ok_or("no length")?;
        if answer.len() == end + 4 + length.parse::<usize>()? {
            let mut answer: Value = serde_json::from_slice(&answer[end + 4..])?;
            return match answer.get_mut("result") {
                Some(result) => Ok(result.take()),
                None => Err(answer.to_string().into()),
            };
        }
    }
}

/// The answers that the clients have seen.
#[derive(Debug, Default)]
struct Seen {
    calls: AtomicU64,
    logins: AtomicU64,
    /// In microseconds.
    worst_login: AtomicU64,
    worst_call: AtomicU64,
    /// Connections that were closed before it was known that they have a session: so many came from their address.
    closed: AtomicU64,
}

/// Logs in, calls for some time, logs out, and so on; each second client with a new connection for each call.
async fn client(address: SocketAddr, number: usize, end: Instant, pause: Duration, seen: Arc<Seen>) -> Result<()> {
    let micros = |since: Instant| u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
    let mut session = Value::Null;
    let mut stream = None;
    for turn in number.. {
        if Instant::now() >= end {
            return Ok(());
        }
        if turn % 20 == 0 || session.is_null() {
            stream = None;
        }
        let start = Instant::now();
        let (method, params) = match &session {
            Value::Null => ("session.login_with_password", json!(["root", PASSWORD])),
            session if turn % 20 == 0 => ("session.logout", json!([session])),
            session => ("VDI.get_by_uuid", json!([session, DISK.to_string()])),
        };
        let (connection, result) = loop {
            let mut connection = match stream.take() {
                Some(stream) => stream,
                None => connect(Ipv4Addr::LOCALHOST, address).await?,
            };
            match call(&mut connection, method, params.clone()).await {
                Ok(result) => break (connection, result),
                Err(error) if error.is::<std::io::Error>() && Instant::now() < end => {
                    seen.closed.fetch_add(1, Relaxed);
                }
                Err(error) => return Err(error),
            }
        };
        match method {
            "session.login_with_password" => {
                session = result;
                seen.logins.fetch_add(1, Relaxed);
                seen.worst_login.fetch_max(micros(start), Relaxed);
            }
            "session.logout" => session = Value::Null,
            _ => {
                if !result.as_str().is_some_and(|text| text.starts_with("OpaqueRef:")) {
                    return Err(result.to_string().into());
                }
                seen.worst_call.fetch_max(micros(start), Relaxed);
            }
        }
        seen.calls.fetch_add(1, Relaxed);
        stream = Some(connection).filter(|_| number.is_multiple_of(2));
        tokio::time::sleep(pause).await;
    }
    Ok(())
}

async fn clients(address: SocketAddr, pause: Duration) -> Arc<Seen> {
    let seen = Arc::<Seen>::default();
    let end = Instant::now() + TIME;
    let all = (0..CLIENTS).map(|number| tokio::spawn(client(address, number, end, pause, Arc::clone(&seen))));
    for client in all.collect::<Vec<_>>() {
        client.await.expect("it runs").expect("each call is answered, and rightly");
    }
    seen
}

/// So many permits a second.
fn pace(a_second: usize) -> Arc<Semaphore> {
    let permits = Arc::new(Semaphore::new(0));
    let more = Arc::downgrade(&permits);
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(Duration::from_millis(10));
        loop {
            tick.tick().await;
            let Some(permits) = more.upgrade() else { return };
            if permits.available_permits() < a_second {
                permits.add_permits(a_second / 100);
            }
        }
    });
    permits
}

/// Holds connections and says nothing, or only the beginning of something.
async fn silent(from: Ipv4Addr, address: SocketAddr, number: usize, pace: Arc<Semaphore>, open: Arc<AtomicU64>) {
    loop {
        pace.acquire().await.expect("it is not closed").forget();
        let Ok(mut stream) = connect_roughly(from, address).await else { continue };
        open.fetch_add(1, Relaxed);
        if number.is_multiple_of(4) {
            let _ = stream.write_all(b"POST /jsonrpc HT").await;
        }
        let _ = stream.read(&mut [0]).await;
        open.fetch_sub(1, Relaxed);
    }
}

/// Sends wrong passwords. One half of the connections is closed at once.
async fn guesses(from: Ipv4Addr, address: SocketAddr, stop: Arc<AtomicBool>, count: Arc<AtomicU64>) {
    let request = json!({"method": "session.login_with_password", "params": ["root", "wrong"], "id": 1});
    let request: Arc<str> = post("/jsonrpc", &request.to_string()).into();
    let pace = pace(GUESSES);
    for number in 0_u64.. {
        pace.acquire().await.expect("it is not closed").forget();
        if stop.load(Relaxed) {
            return;
        }
        let (request, count) = (Arc::clone(&request), Arc::clone(&count));
        tokio::spawn(async move {
            let stays = number.is_multiple_of(2);
            let stream = if stays { connect_roughly(from, address).await } else { connect(from, address).await };
            let Ok(mut stream) = stream else { return };
            if stream.write_all(request.as_bytes()).await.is_ok() {
                count.fetch_add(1, Relaxed);
                if stays {
                    let _ = stream.read(&mut [0; 1000]).await;
                }
            }
        });
    }
}

/// Measures alone and beside attackers from an address. Says what is not as it should be.
fn beside_attackers(from: Ipv4Addr, silent_ones: usize) -> Result<()> {
    // For measuring how far it goes: 0 for no pause.
    let pause = std::env::var("CROWD_PAUSE_MS").ok().and_then(|text| text.parse().ok());
    let pause = pause.map_or(PAUSE, Duration::from_millis);
    let folder = tempfile::tempdir()?;
    let writable = WritableStore::open(folder.path())?;
    writable.create(DISK, VirtualSize::new(1 << 30)?)?;
    let process = match std::env::var_os("CBT_UNDER_TEST") {
        Some(program) => Process::of_cbt(&program, folder),
        None => Process::new(folder),
    };
    let address = process.address;

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (alone, attacked, guessed, open) = runtime.block_on(async {
        let alone = clients(address, pause).await;
        let (open, guessed, stop) = (Arc::default(), Arc::default(), Arc::default());
        let (first, again) = (pace(3000), pace(RECONNECTS));
        for number in 0..silent_ones {
            let (first, again, open) = (Arc::clone(&first), Arc::clone(&again), Arc::clone(&open));
            tokio::spawn(async move {
                first.acquire().await.expect("it is not closed").forget();
                silent(from, address, number, again, open).await;
            });
        }
        // Until they have come once.
        tokio::time::sleep(Duration::from_millis(silent_ones as u64 / 3)).await;
        let guessing = tokio::spawn(guesses(from, address, Arc::clone(&stop), Arc::clone(&guessed)));
        let attacked = clients(address, pause).await;
        stop.store(true, Relaxed);
        guessing.await.expect("it ends");
        (alone, attacked, guessed.load(Relaxed), open.load(Relaxed))
    });
    let peak = process.peak();
    let (before, calls) = (alone.calls.load(Relaxed), attacked.calls.load(Relaxed));
    say(&format!("alone: {alone:?}"));
    say(&format!(
        "beside {silent_ones} silent ones of {from}, {open} of them open, and {guessed} guesses: {attacked:?}"
    ));
    say(&format!("{}%, {peak:?} bytes at the server's peak", calls * 100 / before.max(1)));
    if calls * 10 < before * 9 {
        return Err(format!("{calls} calls, and {before} alone").into());
    }
    if attacked.worst_login.load(Relaxed) >= 1_000_000 {
        return Err("a login took more than a second".into());
    }
    match peak {
        Some(bytes) => assert!(bytes < 128 << 20, "{bytes}"),
        None => skip("the server's memory (this system does not tell)"),
    }
    Ok(())
}

#[test]
#[ignore = "it needs the processors for itself"]
fn clients_keep_their_pace_beside_attackers() {
    let silent_ones = SILENT.min(files().saturating_sub(2000));
    if silent_ones < SILENT {
        skip(&format!("more than {silent_ones} silent connections (this process may have no more files)"));
    }
    let mut addresses = vec![Ipv4Addr::LOCALHOST];
    if cfg!(target_os = "linux") {
        addresses.push(Ipv4Addr::new(127, 0, 0, 2));
    } else {
        skip("attackers from another address (this machine may have no other one)");
    }
    for from in addresses {
        // Other programs may need the processors meanwhile: what counts is what it can do.
        let mut tries = (0..3).map(|_| beside_attackers(from, silent_ones));
        let outcome = tries.by_ref().find(Result::is_ok);
        assert!(outcome.is_some(), "three times, clients were kept from what they do alone");
    }
}
