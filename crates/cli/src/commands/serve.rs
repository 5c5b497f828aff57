//! `cbt serve`: a folder of logs, for XAPI clients.

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
    if tls.is_none() && !args.listen.ip().is_loopback() && !args.allow_plain_http {
        let message =
            format!("{} can be reached by other machines, and without TLS they could read the password", args.listen);
        return Err(Failure::Usage { message, hint: "say --tls, or --allow-plain-http if that is as it should be" });
    }
    if tls.is_some() && args.allow_plain_http {
        let message = "with TLS, nothing is served over plain HTTP".to_owned();
        return Err(Failure::Usage { message, hint: "leave out --allow-plain-http, or the options for TLS" });
    }
    let given = password::given(args.password_file.as_deref())?;
    // As hard to guess as a reference: 122 random bits.
    let password = given.clone().unwrap_or_else(|| Uuid::new_v4().simple().to_string());
    let mut options = Options::new(&args.store, &args.user, password.as_str()).read_only(args.read_only);
    options = options.pad_like_vhd(args.pad_like_vhd);
    if let Some(storage) = args.sizes_after_scan {
        options = options.sizes_after_scan(match storage {
            Storage::File => SizesAfterScan::File,
            Storage::Lvm => SizesAfterScan::Lvm,
        });
    }
    let scheme = if tls.is_some() { "https" } else { "http" };
    let fingerprint = tls.as_ref().map(|tls| Fingerprint::of(tls.certificate()));
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
    raise_limit_of_files();
    let runtime = runtime().map_err(Failure::Serve)?;
    let outcome = runtime.block_on(async {
        let server = Server::bind(args.listen, options).await.map_err(Failure::Serve)?;
        let mut stop = StopSignal::new().map_err(Failure::Serve)?;
        let mut lines = format!("url {scheme}://{}\nuser {}\n", server.address(), args.user);
        if given.is_none() {
            lines.push_str(&format!("password {password}\n"));
        }
        if let Some(fingerprint) = fingerprint {
            lines.push_str(&format!("fingerprint {fingerprint}\n"));
        }
        let mut target = Target::open(None)?;
        target.write_all(lines.as_bytes()).map_err(|error| target.failure(error))?;
        let (tell, told) = tokio::sync::oneshot::channel::<()>();
        let mut running = pin!(server.run(async { drop(told.await) }));
        tokio::select! {
            () = running.as_mut() => return Ok(()),
            () = stop.received() => drop(tell),
        }
        // Told once more, it does not wait for what is under way.
        tokio::select! {
            () = running => {}
            () = stop.received() => {}
        }
        Ok(())
    });
    // A call whose client has gone meanwhile is not waited for. Files are replaced as a whole.
    runtime.shutdown_background();
    outcome
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
