//! Failures of a run: how they are told to the user, and the exit code.

use std::borrow::Cow;
use std::io;

use changed_blocks::cbtlog::ChainError;
use changed_blocks::{BlockSize, Consequence, Error};
use changed_blocks_xapi::client;

use crate::remove_on_signal;
use crate::sanitize::sanitize;

/// The failure of a run. Its kind and consequence are in the JSON error, and the consequence gives the exit
/// code:
///
/// | failure | kind | consequence |
/// |---|---|---|
/// | `Bitmap`, `Answer` | that of the library's `Error` | likewise |
/// | `Chain` | that of the library's `ChainError` | likewise |
/// | `Pool` | that of the client's `Error` | likewise |
/// | `Chains` | `chains` | that of the worst problem |
/// | `NotABitmap` | `not-a-bitmap` | `full-backup` |
/// | `Usage` | `usage` | `wrong-usage` |
/// | `Open`, `Write`, `Serve` | `open`, `write`, `serve` | `operator` where the system refuses, else `retry` |
/// | `Closed` | `closed` | `operator` |
/// | `Changed`, `Interrupted` | `changed`, `interrupted` | `retry` |
/// | `BrokenPipe` | none: it is success | |
#[derive(Debug)]
pub(crate) enum Failure {
    /// The library refused the input.
    Bitmap { input: String, error: Error },
    /// The library refused the answer of a pool or a folder, of which no option says how to read it.
    Answer { input: String, error: Error },
    /// There is no answer from a chain of logs.
    Chain(ChainError),
    /// Something is wrong with chains of logs, as the output says.
    Chains { store: String, count: usize, consequence: Consequence },
    /// A pool has not answered, or refused.
    Pool(client::Error),
    /// The user has stopped it.
    Interrupted,
    /// There is nothing to serve, or nowhere to.
    Serve(io::Error),
    /// The input is no bitmap, although it could be decoded as one.
    NotABitmap { message: String, hint: &'static str },
    /// The input could not be opened.
    Open { input: String, error: io::Error },
    /// A standard stream is not there.
    Closed { stream: &'static str, error: Option<io::Error> },
    /// The output could not be written.
    Write { output: String, error: io::Error },
    /// The options make no sense together, or not with this input.
    Usage { message: String, hint: &'static str },
    /// A file gave another list when it was read again.
    Changed { input: String },
    /// The reader of the output has enough.
    BrokenPipe,
}

impl Failure {
    /// Tells the user, and ends the process.
    pub(crate) fn end(&self, json: bool) -> ! {
        self.report(json);
        remove_on_signal::remove();
        std::process::exit(self.code().into())
    }

    /// 0 done · 1 failed · 2 wrong usage · 3 this bitmap or chain cannot be used · 4 busy.
    pub(crate) fn code(&self) -> u8 {
        if matches!(self, Self::BrokenPipe) {
            return 0;
        }
        match self.consequence() {
            Consequence::FullBackup => 3,
            Consequence::WrongUsage => 2,
            Consequence::Busy => 4,
            Consequence::Retry | Consequence::Operator => 1,
        }
    }

    /// The caller's next step.
    fn consequence(&self) -> Consequence {
        match self {
            Self::Bitmap { error, .. } | Self::Answer { error, .. } => error.consequence(),
            Self::Chain(error) => error.consequence(),
            Self::Pool(error) => error.consequence(),
            Self::Chains { consequence, .. } => *consequence,
            Self::NotABitmap { .. } => Consequence::FullBackup,
            Self::Usage { .. } => Consequence::WrongUsage,
            Self::Open { error, .. } | Self::Write { error, .. } | Self::Serve(error) => Consequence::of_io(error),
            Self::Closed { .. } => Consequence::Operator,
            Self::Changed { .. } | Self::Interrupted | Self::BrokenPipe => Consequence::Retry,
        }
    }

    /// A stable name, for programs.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Bitmap { error, .. } | Self::Answer { error, .. } => error.kind(),
            Self::Chain(error) => error.kind(),
            Self::Chains { .. } => "chains",
            Self::Pool(error) => error.kind(),
            Self::Interrupted => "interrupted",
            Self::Serve(_) => "serve",
            Self::NotABitmap { .. } => "not-a-bitmap",
            Self::Open { .. } => "open",
            Self::Closed { .. } => "closed",
            Self::Write { .. } => "write",
            Self::Usage { .. } => "usage",
            Self::Changed { .. } => "changed",
            Self::BrokenPipe => "broken-pipe",
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Bitmap { input, error } | Self::Answer { input, error } => format!("{input}: {error}"),
            Self::Chain(error) => error.to_string(),
            Self::Chains { store, count: 1, .. } => format!("{store}: 1 problem, as listed"),
            Self::Chains { store, count, .. } => format!("{store}: {count} problems, as listed"),
            Self::Pool(error) => error.to_string(),
            Self::Interrupted => "interrupted".to_owned(),
            Self::Serve(error) => error.to_string(),
            Self::Open { input, error } => format!("{input}: {error}"),
            Self::Closed { stream, error: None } => format!("{stream} is closed"),
            Self::Closed { stream, error: Some(error) } => format!("{stream}: {error}"),
            Self::Write { output, error } => format!("writing {output}: {error}"),
            Self::Usage { message, .. } | Self::NotABitmap { message, .. } => message.clone(),
            Self::Changed { input } => format!("{input}: the file was changed while it was read"),
            Self::BrokenPipe => "the output was closed".to_owned(),
        }
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Bitmap { error, .. } => {
                block_size_hint(error).or_else(|| flag_hint(error).map(Cow::Borrowed)).or_else(|| error.hint())
            }
            Self::Answer { error, .. } => block_size_hint(error).or_else(|| error.hint()),
            Self::Chain(error) => error.hint(),
            Self::Pool(error) => pool_hint(error).map(Cow::Borrowed).or_else(|| error.hint()),
            Self::Usage { hint, .. } | Self::NotABitmap { hint, .. } => Some(Cow::Borrowed(hint)),
            Self::Closed { .. } => Some(Cow::Borrowed("redirect it: to a file, a pipe, or /dev/null")),
            Self::Changed { .. } => {
                Some(Cow::Borrowed("what was written so far must not be used; try again with a copy"))
            }
            _ => None,
        }
    }

    /// The failure of a command that asks for an answer and has no options for how to read one.
    pub(crate) fn of_answer(self) -> Self {
        match self {
            Self::Bitmap { input, error } => Self::Answer { input, error },
            other => other,
        }
    }

    /// Tells the user, on standard error: a line or two, or one JSON object.
    pub(crate) fn report(&self, json: bool) {
        if matches!(self, Self::BrokenPipe) {
            return;
        }
        report(self.kind(), &self.message(), self.hint().as_deref(), self.consequence(), json);
    }
}

/// Tells the user of something odd, on standard error: a line, or one JSON object.
pub(crate) fn warn(message: &str, json: bool) {
    let message = sanitize(message);
    let text = if json {
        format!("{}\n", serde_json::json!({ "warning": message }))
    } else {
        format!("cbt: warning: {message}\n")
    };
    write_to_stderr(&text);
}

/// Tells the user of an error, on standard error: a line or two, or one JSON object.
pub(crate) fn report(kind: &str, message: &str, hint: Option<&str>, consequence: Consequence, json: bool) {
    let (message, hint) = (sanitize(message), hint.map(sanitize));
    let text = if json {
        let [kind, message, hint] = [Some(kind), Some(&*message), hint.as_deref()].map(|text| serde_json::json!(text));
        format!("{{\"error\":{kind},\"message\":{message},\"hint\":{hint},\"consequence\":\"{consequence}\"}}\n")
    } else {
        let hint = hint.map(|hint| format!("hint: {hint}\n")).unwrap_or_default();
        format!("cbt: {message}\n{hint}")
    };
    write_to_stderr(&text);
}

/// A closed standard error is no reason to fail in another way than before.
pub(crate) fn write_to_stderr(text: &str) {
    use std::io::Write;
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Hints for errors of a pool that name options of this command.
const fn pool_hint(error: &client::Error) -> Option<&'static str> {
    Some(match error {
        client::Error::Certificate { .. } => {
            "compare the fingerprint with the one that the host shows on its console; if it is the same, give it as \
             --fingerprint"
        }
        client::Error::Trust { .. } => "give a PEM file as --ca, or the fingerprint of the host's own as --fingerprint",
        client::Error::BitmapTooLong { .. } => {
            "it is another disk's, or its blocks are smaller: give --virtual-size SIZE to find out, or take a full backup"
        }
        client::Error::TimeLimit { .. } => "the pool is slow or busy; try again later, or with a longer --timeout",
        _ => return None,
    })
}

/// The library's hint for a length that fits other block sizes, with the options that say these.
fn block_size_hint(error: &Error) -> Option<Cow<'static, str>> {
    let (Error::TooShort { fitting, .. } | Error::TooLong { fitting, .. } | Error::UnknownBlockSize { fitting, .. }) =
        error
    else {
        return None;
    };
    let sizes = fitting.iter().filter_map(|&bytes| BlockSize::new(bytes).ok());
    let options: Vec<String> = sizes.map(|size| format!("--block-size {size}")).collect();
    if options.is_empty() {
        return None;
    }
    Some(Cow::Owned(format!("{} ({})", error.hint()?, options.join(" or "))))
}

/// Hints that name options of this command, which the library does not know.
const fn flag_hint(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::InvalidSymbol { offset: 0, byte: b'{' | b'[' | b'<' } => {
            "this looks like XML or JSON: for the call's answer pass only the string inside it; for a list say which it is, as \
             --from json"
        }
        Error::InvalidSymbol { offset: 1.., byte: b' ' | b',' } => {
            "for a list of OFFSET LENGTH say --from text, or csv; else the text is damaged or is not a bitmap: ask for it again, \
             or take a full backup"
        }
        // The magic number of an image is `QFI` and this byte.
        Error::InvalidSymbol { offset: 3, byte: 0xfb } => "this looks like a qcow2 image: say --from qcow2",
        Error::EmptyList => {
            "a program that failed leaves an empty list, too; only if it is sure that nothing changed, allow an empty list by \
             --allow-empty"
        }
        // The library has a better hint for such a byte at the very start.
        Error::InvalidSymbol { offset: 1.., byte: 0..=8 | 14..=31 | 127..=255 }
        | Error::InvalidSymbol { byte: 0..=8 | 14..=31 | 127..=0xee, .. } => {
            "this looks like binary data: for a .cbtlog say --from cbtlog; for a raw bitmap give its bit order, --from raw-msb0 \
             or raw-lsb0, and the --virtual-size"
        }
        Error::InvalidBit { .. } => {
            "the text is damaged, or is not one 0 or 1 for each block: for the call's answer leave out --from and give the \
             --virtual-size; else take a full backup"
        }
        Error::ConsistentFlag { .. } | Error::HeaderTooShort { .. } => {
            "the file is damaged or is no .cbtlog: for the call's answer leave out --from; else take a full backup"
        }
        Error::NoVirtualSize => "give --virtual-size, or the block size itself",
        Error::OffsetOverflow { .. } => {
            "--block-size is wrong, or the bitmap is another disk's: give the size that the storage tracks, or take a full backup"
        }
        Error::BlockSizeMismatch { .. } => "leave out --block-size: the format has only one",
        Error::VirtualSizeMismatch { .. } => {
            "the log is another disk's, or the disk was resized: take a full backup; or leave out --virtual-size if the log is \
             known to be the right one"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use crate::args::Cli;

    /// Each option that a text names in a line of code, which the hints of that text are for.
    fn options(text: &str) -> impl Iterator<Item = &str> {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let words = code.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-'));
        words.filter(|word| word.starts_with("--") && word.len() > 2)
    }

    #[test]
    fn hints_name_only_options_that_their_commands_have() {
        let this = include_str!("failure.rs");
        let function = |name: &str| this.split(name).nth(1).and_then(|rest| rest.split("\n}\n").next());
        let pool = function("const fn pool_hint").expect("there");
        let block_size = function("fn block_size_hint").expect("there");
        let flags = function("const fn flag_hint").expect("there");
        let (read, list) = (["extents", "bits", "convert"], "list-changed-blocks");
        for (text, commands) in [
            (pool, &[list][..]),
            (block_size, &[list, "extents", "bits", "convert"]),
            (flags, &read),
            (include_str!("input.rs"), &read),
            (include_str!("scan_options.rs"), &read),
            (include_str!("image.rs"), &read),
            (include_str!("commands/blocks.rs"), &["blocks"]),
            (
                include_str!("input_options.rs"),
                &["extents", "bits", "convert", "blocks", "union", "compare", "stats", "map"],
            ),
            (include_str!("list_plan.rs"), &["extents"]),
            (include_str!("output/printer.rs"), &["extents", list, "union"]),
            (include_str!("range_run.rs"), &["extents", list, "union"]),
            (include_str!("shape_plan.rs"), &["extents", list, "union"]),
            (include_str!("range_input.rs"), &["extents", "union", "compare", "stats", "map"]),
            (include_str!("commands/map.rs"), &["map"]),
            (include_str!("commands/list_changed_blocks.rs"), &[list]),
            (include_str!("pool.rs"), &[list]),
            (include_str!("password.rs"), &[list, "serve"]),
            (include_str!("commands/serve.rs"), &["serve"]),
        ] {
            for option in options(text) {
                for command in commands {
                    let cli = Cli::command();
                    let command = cli.find_subcommand(command).expect("a command");
                    let known = command.get_arguments().any(|arg| arg.get_long() == option.strip_prefix("--"));
                    assert!(known, "{} has no {option}", command.get_name());
                }
            }
        }
        assert!(options(pool).count() > 2 && options(flags).count() > 5, "the hints were found");
    }
}
