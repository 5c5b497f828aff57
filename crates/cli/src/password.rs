//! Where passwords come from: a file, the environment, or a person. Never an argument, which others can see.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use crate::failure::Failure;
use crate::signal::Stop;

/// The environment variable.
const VARIABLE: &str = "CBT_PASSWORD";

/// Bytes of a password.
const LONGEST: u64 = 4096;

/// The password in a file, without the line break at its end; without a file, the one in the environment, if any.
pub(crate) fn given(file: Option<&Path>) -> Result<Option<String>, Failure> {
    let (name, text) = match file {
        Some(path) => {
            let name = path.display().to_string();
            let mut text = String::new();
            let read = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_string(&mut text));
            read.map_err(|error| Failure::Open { input: name.clone(), error })?;
            (name, text)
        }
        None => match std::env::var(VARIABLE) {
            Ok(text) => (VARIABLE.to_owned(), text),
            Err(std::env::VarError::NotPresent) => return Ok(None),
            // Which would be shown along with the error.
            Err(std::env::VarError::NotUnicode(_)) => return Err(unusable(&format!("{VARIABLE}: it is not UTF-8"))),
        },
    };
    let password = text.strip_suffix('\n').map_or(&*text, |line| line.strip_suffix('\r').unwrap_or(line));
    if text.len() as u64 > LONGEST {
        return Err(unusable(&format!("{name}: this is too long for a password")));
    }
    if password.is_empty() {
        return Err(unusable(&format!("{name}: there is no password in it")));
    }
    if password.contains(['\n', '\r']) {
        return Err(unusable(&format!("{name}: a password is one line, and there are more")));
    }
    Ok(Some(password.to_owned()))
}

/// The password that a person types, unseen. If the process is told to stop meanwhile, what is typed can be seen again.
pub(crate) async fn ask(user: &str, at: &str, stop: &mut Stop) -> Result<String, Failure> {
    let terminal = Terminal::now();
    let prompt = format!("Password of {user} at {at}: ");
    let typed = tokio::select! {
        typed = tokio::task::spawn_blocking(move || rpassword::prompt_password(prompt)) => typed,
        () = stop.told() => {
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
    fn now() -> Self {
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
