//! Where passwords come from: a file, the environment, or a person. Never an argument, which others can see.

use std::fs::File;
use std::io::{Error, ErrorKind, Read};
use std::path::Path;

use crate::failure::Failure;
use crate::sanitize::sanitize;
use crate::stop_signal::StopSignal;

/// The environment variable.
const VARIABLE: &str = "CBT_PASSWORD";

/// The longest password.
const MAX_BYTES: u64 = 4096;

/// The password in a file, without the line break at its end; without a file, the one in the environment, if any.
pub(crate) fn given(file: Option<&Path>) -> Result<Option<String>, Failure> {
    let (name, bytes) = match file {
        Some(path) => {
            let name = path.display().to_string();
            let mut bytes = Vec::new();
            let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
            read.map_err(|error| Failure::Open { input: name.clone(), error })?;
            (name, bytes)
        }
        None => match std::env::var_os(VARIABLE) {
            Some(text) => (VARIABLE.to_owned(), text.into_encoded_bytes()),
            None => return Ok(None),
        },
    };
    let refuse = |wrong: &str| unusable(&format!("{name}: {wrong}"));
    if bytes.len() as u64 > MAX_BYTES {
        return Err(refuse("this is too long for a password"));
    }
    refuse_other_encodings(&bytes).map_err(|wrong| refuse(&wrong))?;
    // The error of the conversion would show the text.
    let text = String::from_utf8(bytes).map_err(|_| match file {
        Some(_) => Failure::Open { input: name.clone(), error: Error::new(ErrorKind::InvalidData, "it is not UTF-8") },
        None => refuse("it is not UTF-8"),
    })?;
    let password = text.strip_suffix('\n').map_or(&*text, |line| line.strip_suffix('\r').unwrap_or(line));
    if password.is_empty() {
        return Err(refuse("there is no password in it"));
    }
    if password.contains(['\n', '\r']) {
        return Err(refuse("a password is one line, and there are more"));
    }
    Ok(Some(password.to_owned()))
}

/// Refuses byte order marks and NUL bytes: editors write them and no one sees them, but a pool would take them for a part
/// of the password, and may lock the account after a few tries.
fn refuse_other_encodings(bytes: &[u8]) -> Result<(), String> {
    for (mark, name) in [(&b"\xef\xbb\xbf"[..], "UTF-8"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16")] {
        if bytes.starts_with(mark) {
            return Err(format!("it begins with a byte order mark of {name}; save it as plain UTF-8 without one"));
        }
    }
    match bytes.iter().position(|&byte| byte == 0) {
        Some(offset) => Err(format!("there is a NUL byte at offset {offset}; save it as plain UTF-8")),
        None => Ok(()),
    }
}

/// The password that a person types, unseen. If the process is told to stop meanwhile, the terminal shows typed text
/// again.
pub(crate) async fn ask(user: &str, at: &str, stop: &mut StopSignal) -> Result<String, Failure> {
    let terminal = Terminal::current();
    let prompt = format!("Password of {} at {}: ", sanitize(user), sanitize(at));
    let typed = tokio::select! {
        typed = tokio::task::spawn_blocking(move || rpassword::prompt_password(prompt)) => typed,
        () = stop.received() => {
            terminal.restore();
            return Err(Failure::Interrupted);
        }
    };
    match typed {
        Ok(Ok(password)) if password.is_empty() => Err(unusable("no password was given")),
        Ok(Ok(password)) => Ok(password),
        Ok(Err(error)) if error.kind() == ErrorKind::Interrupted => Err(Failure::Interrupted),
        // There is no terminal.
        _ => Err(unusable("there is no password, and no one to ask for it")),
    }
}

/// How the terminal was set, if there is one.
struct Terminal {
    #[cfg(target_os = "linux")]
    set: Option<(File, rustix::termios::Termios)>,
}

impl Terminal {
    fn current() -> Self {
        Self {
            #[cfg(target_os = "linux")]
            set: File::open("/dev/tty").ok().and_then(|tty| {
                let set = rustix::termios::tcgetattr(&tty).ok()?;
                Some((tty, set))
            }),
        }
    }

    fn restore(self) {
        #[cfg(target_os = "linux")]
        if let Some((tty, set)) = self.set {
            // There is nobody left to tell.
            let _ = rustix::termios::tcsetattr(tty, rustix::termios::OptionalActions::Now, &set);
        }
    }
}

fn unusable(message: &str) -> Failure {
    Failure::Usage { message: message.to_owned(), hint: "give --password-file, or set CBT_PASSWORD" }
}
