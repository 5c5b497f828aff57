//! A server in a process of its own, whose memory can be told from that of its attackers.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use changed_blocks_xapi::server::{Options, Server};

use crate::server::wire::PASSWORD;

/// Names the folder to serve. Without it, this process only tests.
const FOLDER: &str = "CHANGED_BLOCKS_ATTACKED_FOLDER";

/// Serves a folder with the default limits until it is dropped. The user is `root`.
pub(crate) struct Process {
    pub(crate) address: SocketAddr,
    _folder: tempfile::TempDir,
    child: Child,
}

impl Process {
    pub(crate) fn new(folder: tempfile::TempDir) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command
            .args(["--exact", "attack::process::serves_if_it_is_told_to", "--nocapture", "--quiet"])
            .env(FOLDER, folder.path());
        Self::start(command, "address ", folder)
    }

    /// The server of a program `cbt`.
    pub(crate) fn of_cbt(program: &OsStr, folder: tempfile::TempDir) -> Self {
        let mut command = Command::new(program);
        command.args(["serve", "--listen", "127.0.0.1:0", "--store"]).arg(folder.path()).env("CBT_PASSWORD", PASSWORD);
        Self::start(command, "url http://", folder)
    }

    /// Starts a server, which says its address after some words.
    fn start(mut command: Command, words: &str, folder: tempfile::TempDir) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program can be run");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.split_once(words)?.1.trim().parse().ok())
            .expect("it tells its address");
        // After a minute, it says that it takes long. It must not meet a closed pipe.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { address, _folder: folder, child }
    }

    /// The most memory that it has had at a time, in bytes, where the system tells.
    pub(crate) fn peak(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?;
        Some(kib.parse::<u64>().ok()? << 10)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program that [`Process::new`] runs.
#[test]
#[expect(clippy::print_stdout, reason = "the one who runs it reads the address")]
fn serves_if_it_is_told_to() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let options = Options::new(Path::new(&folder), "root", PASSWORD);
        let server = Server::bind("127.0.0.1:0".parse().expect("an address"), options).await.expect("a port");
        println!("address {}", server.address());
        server.run(std::future::pending()).await;
    });
}
