//! Where passwords come from: a file, the environment, or a person. Never an argument, which others can see.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::failure::Failure;

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

/// The password that a person types, unseen.
pub(crate) fn ask(user: &str, at: &str) -> Result<String, Failure> {
    match rpassword::prompt_password(format!("Password of {user} at {at}: ")) {
        Ok(password) if password.is_empty() => Err(unusable("no password was given")),
        Ok(password) => Ok(password),
        // There is no terminal.
        Err(_) => Err(unusable("there is no password, and no one to ask for it")),
    }
}

fn unusable(message: &str) -> Failure {
    Failure::Usage { message: message.to_owned(), hint: "give --password-file, or set CBT_PASSWORD" }
}
