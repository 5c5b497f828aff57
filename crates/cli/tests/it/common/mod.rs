//! Runs the command as its users do, and a bitmap written down by hand: bit by bit, without the library.

mod bitmap;
#[path = "../../../../../tests/it/common/cases.rs"]
mod cases;
mod long;
pub(crate) mod served;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use bitmap::{Bits, MIB, ranges_as_text};
pub(crate) use cases::{cases, is_left_to_ci, one_in};
pub(crate) use long::LongList;

/// The outcome of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Run {
    /// Standard output of a run that must have gone well, and quietly.
    #[track_caller]
    pub(crate) fn bytes(self) -> Vec<u8> {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "the run failed, or said something");
        self.stdout
    }

    /// Standard output as text.
    #[track_caller]
    pub(crate) fn text(self) -> String {
        String::from_utf8(self.bytes()).expect("text")
    }

    /// Standard error of a run that must have failed with that exit code, and have printed nothing.
    #[track_caller]
    pub(crate) fn failure(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        assert!(self.stdout.is_empty(), "output of a failed run: {} bytes", self.stdout.len());
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self.stderr
    }

    /// The JSON object of a run that must have failed with that exit code, and have printed nothing.
    #[track_caller]
    pub(crate) fn json_failure(self, code: i32) -> JsonFailure {
        JsonFailure::parse(&self.failure(code))
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let stderr = String::from_utf8(output.stderr).expect("messages are text");
        Self { code: output.status.code(), stdout: output.stdout, stderr }
    }
}

/// A failure as `--output json` tells it.
#[derive(Debug)]
pub(crate) struct JsonFailure {
    pub(crate) error: String,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) consequence: String,
}

impl JsonFailure {
    /// Standard error must be one line with one object of just these four members.
    #[track_caller]
    pub(crate) fn parse(stderr: &str) -> Self {
        let line = stderr.strip_suffix('\n').expect("a line");
        assert!(!line.contains('\n'), "more than one line: {stderr}");
        let object: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let members = object.as_object().expect("an object");
        let mut keys: Vec<_> = members.keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["consequence", "error", "hint", "message"]);
        let text = |key: &str| members[key].as_str().map(str::to_owned);
        assert!(members["hint"].is_string() || members["hint"].is_null());
        Self {
            error: text("error").expect("text"),
            message: text("message").expect("text"),
            hint: text("hint"),
            consequence: text("consequence").expect("text"),
        }
    }
}

/// The program under test: the one that was built along with the tests, or the one that `CBT_UNDER_TEST` names, which may
/// be for another processor and run by an emulator. The tests themselves then run as fast as ever.
pub(crate) fn program() -> OsString {
    std::env::var_os("CBT_UNDER_TEST").unwrap_or_else(|| env!("CARGO_BIN_EXE_cbt").into())
}

/// The command, not yet run.
pub(crate) fn cbt<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(program());
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs the command without input.
pub(crate) fn run<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Run {
    cbt(args).output().expect("the command starts").into()
}

/// Runs the command with a pipe for standard input.
pub(crate) fn run_piped<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>, input: impl AsRef<[u8]>) -> Run {
    feed(cbt(args), input.as_ref())
}

/// Runs the command with standard input redirected from a file.
pub(crate) fn run_redirected<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>, input: &Path) -> Run {
    let file = File::open(input).expect("the test's own file");
    cbt(args).stdin(file).output().expect("the command starts").into()
}

/// Runs a command that gets its input through a pipe.
pub(crate) fn feed(mut command: Command, input: &[u8]) -> Run {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    let mut pipe = child.stdin.take().expect("piped");
    thread::scope(|scope| {
        // The command may end before it has read everything.
        scope.spawn(move || drop(pipe.write_all(input)));
        child.wait_with_output().expect("the command ends").into()
    })
}

/// Waits for a child, but not forever: one that takes too long is killed, and gives nothing.
pub(crate) fn wait_at_most(child: &mut Child, limit: Duration) -> Option<std::process::ExitStatus> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child of this process") {
            return Some(status);
        }
        if started.elapsed() > limit {
            child.kill().expect("it runs");
            child.wait().expect("it was killed");
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Says what was not tested here. Straight to standard error: what is printed in the usual way is kept from the log of a
/// test that passes.
pub(crate) fn skip(what: &str) {
    writeln!(std::io::stderr(), "skipped: {what}").expect("standard error is there");
}

/// One of the real bitmaps.
pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data").join(name)
}

/// A directory for one test, gone with it.
pub(crate) struct Scratch {
    directory: tempfile::TempDir,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a directory for temporary files") }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file and returns its path.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        std::fs::write(&path, content).expect("room for temporary files");
        path
    }

    /// The names of all files, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).expect("the directory");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}
