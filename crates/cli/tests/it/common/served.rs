//! `cbt serve`, running.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

use super::{cbt, wait_at_most};

pub(crate) const PASSWORD: &str = "a password of its own";

/// A server that is gone along with this.
#[derive(Debug)]
pub(crate) struct Served {
    child: Child,
    pub(crate) url: String,
    pub(crate) user: String,
    /// If it made one up.
    pub(crate) password: Option<String>,
    pub(crate) fingerprint: Option<String>,
}

impl Served {
    /// Serves a folder with [`PASSWORD`], at a port that the system chooses.
    pub(crate) fn new(store: &Path, options: &[&str]) -> Self {
        Self::start(store, options, Some(PASSWORD))
    }

    pub(crate) fn start(store: &Path, options: &[&str], password: Option<&str>) -> Self {
        let mut command = cbt(["serve", "--listen", "127.0.0.1:0", "--store"]);
        command.arg(store).args(options).env_remove("CBT_PASSWORD").stdout(Stdio::piped());
        if let Some(password) = password {
            command.env("CBT_PASSWORD", password);
        }
        let mut child = command.spawn().expect("the command starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = |name: &str| {
            let mut line = String::new();
            lines.read_line(&mut line).expect("text");
            line.trim_end().strip_prefix(name).unwrap_or_else(|| panic!("no {name}in {line:?}")).to_owned()
        };
        let url = line("url ");
        let user = line("user ");
        let password = password.is_none().then(|| line("password "));
        let fingerprint = url.starts_with("https").then(|| line("fingerprint "));
        Self { child, url, user, password, fingerprint }
    }

    /// Stops it as an operator does.
    #[cfg(unix)]
    pub(crate) fn terminate(mut self) -> ExitStatus {
        signal(&self.child, "TERM");
        wait_at_most(&mut self.child, Duration::from_secs(20)).expect("it stops")
    }

    /// Stops it at once, in the middle of whatever it does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it was killed");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a child.
#[cfg(unix)]
pub(crate) fn signal(child: &Child, name: &str) {
    let status = std::process::Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status();
    assert!(status.expect("there is kill").success());
}
