//! `cbt serve`: a folder of logs, for XAPI clients.

use std::io::Write;
use std::pin::pin;
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::time::Duration;
use std::{io, thread};

use changed_blocks_xapi::Fingerprint;
use changed_blocks_xapi::server::{DataServer, Options, Server, SizesAfterScan, Tls};
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::args::{ServeArgs, Storage};
use crate::failure::Failure;
use crate::output::target::Target;
use crate::password;
use crate::stop_signal::StopSignal;

pub(crate) fn serve(args: &ServeArgs) -> Result<(), Failure> {
    let tls = tls(args)?;
    check_transport(args, tls.is_some())?;
    let given_password = password::given(args.password_file.as_deref())?;
    // As hard to guess as a reference: 122 random bits.
    let password = given_password.clone().unwrap_or_else(|| Uuid::new_v4().simple().to_string());
    let scheme = if tls.is_some() { "https" } else { "http" };
    let mut login = format!("user {}\n", args.user);
    if given_password.is_none() {
        login.push_str(&format!("password {password}\n"));
    }
    if let Some(tls) = &tls {
        login.push_str(&format!("fingerprint {}\n", Fingerprint::of(tls.certificate())));
    }
    let options = server_options(args, &password, tls)?;
    raise_limit_of_files();
    let runtime = runtime().map_err(Failure::Serve)?;
    let outcome = runtime.block_on(async {
        let server = Server::bind(args.listen, options).await.map_err(Failure::Serve)?;
        let stop = StopSignal::new().map_err(Failure::Serve)?;
        let mut target = Target::open(None)?;
        let lines = format!("url {scheme}://{}\n{login}", server.address());
        target.write_all(lines.as_bytes()).map_err(|error| target.failure(error))?;
        run(server, stop).await;
        Ok(())
    });
    // A call whose client has gone meanwhile is not waited for. Files are replaced as a whole.
    runtime.shutdown_background();
    outcome
}

/// Refuses plain HTTP that other machines can reach, unless it is allowed, and that permission beside TLS.
fn check_transport(args: &ServeArgs, has_tls: bool) -> Result<(), Failure> {
    if !has_tls && !args.listen.ip().is_loopback() && !args.allow_plain_http {
        let message =
            format!("{} can be reached by other machines, and without TLS they could read the password", args.listen);
        let hint = "say --tls; or --allow-plain-http, if everyone on that network may know the password";
        return Err(Failure::Usage { message, hint });
    }
    if has_tls && args.allow_plain_http {
        let message = "with TLS, nothing is served over plain HTTP".to_owned();
        return Err(Failure::Usage { message, hint: "leave out --allow-plain-http, or the options for TLS" });
    }
    Ok(())
}

fn server_options(args: &ServeArgs, password: &str, tls: Option<Tls>) -> Result<Options, Failure> {
    let mut options = Options::new(&args.store, &args.user, password).read_only(args.read_only);
    options = options.pad_like_vhd(args.pad_like_vhd);
    if let Some(storage) = args.sizes_after_scan {
        options = options.sizes_after_scan(match storage {
            Storage::File => SizesAfterScan::File,
            Storage::Lvm => SizesAfterScan::Lvm,
        });
    }
    if let Some(tls) = tls {
        options = options.tls(tls);
    }
    if let (Some(address), Some(certificate)) = (&args.nbd, &args.nbd_certificate) {
        let server = DataServer::new(address, certificate).map_err(|error| Failure::Usage {
            message: error.to_string(),
            hint: "say --nbd HOST:PORT, and the PEM file of that server's certificate",
        })?;
        options = options.nbd(server);
    }
    Ok(options)
}

/// Serves until it is told to stop. Told once more, it does not wait for the calls under way.
async fn run(server: Server, mut stop: StopSignal) {
    let (stop_sender, stop_receiver) = tokio::sync::oneshot::channel::<()>();
    let mut running = pin!(server.run(async { drop(stop_receiver.await) }));
    tokio::select! {
        () = running.as_mut() => return,
        () = stop.received() => drop(stop_sender),
    }
    tokio::select! {
        () = running => {}
        () = stop.received() => {}
    }
}

/// The server has connections for half of the files that it may open. The soft limit is for programs that cannot have
/// many of them.
fn raise_limit_of_files() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        // Where it may not be raised, it is enough for fewer.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    }
}

/// Threads that wait for files and locks.
const BLOCKING_THREADS: usize = 10;

/// A runtime with all of its threads: where none can be had later, calls go on with these.
fn runtime() -> io::Result<Runtime> {
    // The runtime takes it for granted that it gets its threads.
    let workers = thread::available_parallelism().map_or(1, Into::into);
    let gate = Arc::new(Mutex::new(()));
    let closed = gate.lock();
    let wait = || {
        let gate = Arc::clone(&gate);
        thread::Builder::new().spawn(move || drop(gate.lock()))
    };
    let all = (0..workers + BLOCKING_THREADS).map(|_| wait()).collect::<io::Result<Vec<_>>>();
    drop(closed);
    all?.into_iter().for_each(|thread| drop(thread.join()));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(workers)
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_keep_alive(Duration::from_secs(1 << 30))
        .build()?;
    // All begin before one of them ends, or else it would do the work of the others.
    let (tell, told) = mpsc::channel();
    let begun = Arc::new(Barrier::new(BLOCKING_THREADS));
    for _ in 0..BLOCKING_THREADS {
        let (tell, begun) = (tell.clone(), Arc::clone(&begun));
        runtime.spawn_blocking(move || {
            begun.wait();
            let _ = tell.send(());
        });
    }
    if told.recv_timeout(Duration::from_secs(10)).is_err() {
        runtime.shutdown_background();
        return Err(io::Error::other("the system has no more threads"));
    }
    Ok(runtime)
}

fn tls(args: &ServeArgs) -> Result<Option<Tls>, Failure> {
    let tls = match (&args.certificate, &args.key) {
        (Some(certificate), Some(key)) => Tls::from_files(certificate, key),
        _ if args.tls => Tls::self_signed(["localhost".to_owned(), args.listen.ip().to_string()]),
        _ => return Ok(None),
    };
    let refuse = |error: changed_blocks_xapi::server::TlsError| Failure::Usage {
        message: error.to_string(),
        hint: "both are PEM files; --tls makes a certificate of its own",
    };
    tls.map(Some).map_err(refuse)
}
