//! Writes the man pages and shell completions of `cbt`, which packages of it have.
//!
//! ```sh
//! cargo run --package changed-blocks-cli --example pages -- FOLDER DATE
//! ```
//!
//! They are made of the command's own arguments and help texts, so that they say the same, and by a program of their own,
//! so that `cbt` does not grow. FOLDER gets `share/`, as it is below `/usr/local`.

use std::error::Error;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use clap::{Arg, Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

// It is not run here.
#[allow(dead_code, unused_imports)]
#[path = "../src/args/mod.rs"]
mod args;

const COMPLETIONS: [(Shell, &str); 3] = [
    (Shell::Bash, "bash-completion/completions/cbt"),
    (Shell::Zsh, "zsh/site-functions/_cbt"),
    (Shell::Fish, "fish/vendor_completions.d/cbt.fish"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(folder), Some(date)) =
        (arguments.next(), arguments.next().and_then(|date| OsString::into_string(date).ok()))
    else {
        return Err("where to, and of which day? pages FOLDER YYYY-MM-DD".into());
    };
    let share = PathBuf::from(folder).join("share");
    for (shell, path) in COMPLETIONS {
        let path = share.join(path);
        fs::create_dir_all(path.parent().expect("it has folders"))?;
        clap_complete::generate(shell, &mut args::Cli::command(), "cbt", &mut File::create(path)?);
    }
    let manuals = share.join("man/man1");
    fs::create_dir_all(&manuals)?;
    // There is no page for each `cbt help COMMAND`.
    let mut cbt = args::Cli::command().disable_help_subcommand(true);
    cbt.build();
    write_pages(&cbt, &date, &manuals)
}

/// Writes the page of a command, and those of its subcommands.
fn write_pages(command: &Command, date: &str, folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::write(folder.join(format!("{}.1", name(command))), page(command, date)?)?;
    command.get_subcommands().try_for_each(|subcommand| write_pages(subcommand, date, folder))
}

fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

fn page(command: &Command, date: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let usage = command.clone().render_usage().to_string();
    let help = command.get_after_long_help().or_else(|| command.get_after_help());
    let help = help.map(ToString::to_string).unwrap_or_default();
    // The rest has sections of its own; the version is at the foot of the page.
    let options = command
        .clone()
        .override_usage(usage.trim_start_matches("Usage:").trim().to_owned())
        .version(None::<&str>)
        .after_help(None::<&str>)
        .after_long_help(None::<&str>)
        .mut_args(list_values_in_line);
    let mut page = Vec::new();
    Man::new(options)
        .date(date)
        .source(concat!("cbt ", env!("CARGO_PKG_VERSION")))
        .manual("User Commands")
        .render(&mut page)?;
    // Without the lines that begin a page.
    let mut rest = Roff::new();
    add_help(&mut rest, &help);
    if name(command) != "cbt" {
        rest.control("SH", ["SEE ALSO"]).text([bold("cbt"), roman("(1)")]);
    }
    let begin = Roff::new().render();
    page.extend_from_slice(rest.render().trim_start_matches(&begin).as_bytes());
    Ok(page)
}

/// Puts values that need no explanation into one line instead of a list.
fn list_values_in_line(arg: Arg) -> Arg {
    let values = arg.get_possible_values();
    if values.is_empty() || values.iter().any(|value| value.get_help().is_some()) {
        return arg;
    }
    let names: Vec<&str> = values.iter().map(|value| value.get_name()).collect();
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    arg.hide_possible_values(true).help(format!("{help} [possible values: {}]", names.join(", ")))
}

/// Adds the text after the options: examples, exit codes, and notes on anything else.
fn add_help(roff: &mut Roff, help: &str) {
    let mut notes = Vec::new();
    for paragraph in help.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
        if let Some(examples) = paragraph.strip_prefix("Examples:\n") {
            roff.control("SH", ["EXAMPLES"]);
            add_examples(roff, examples);
        } else if let Some(codes) = paragraph.strip_prefix("Exit codes: ") {
            roff.control("SH", ["EXIT STATUS"]);
            let separator = if codes.contains(" · ") { " · " } else { ", " };
            for (code, meaning) in codes.split(separator).filter_map(|entry| entry.split_once(' ')) {
                roff.control("TP", []).text([bold(code)]).text([roman(meaning.trim_end_matches('.'))]);
            }
        } else {
            notes.push(paragraph);
        }
    }
    for (index, note) in notes.into_iter().enumerate() {
        let _ = if index == 0 { roff.control("SH", ["NOTES"]) } else { roff.control("PP", []) };
        add_note(roff, note);
    }
}

/// Commands as they are typed, and below each what it is for.
fn add_examples(roff: &mut Roff, examples: &str) {
    let mut lines = examples.lines().peekable();
    let mut is_first = true;
    while let Some(line) = lines.next() {
        if !line.starts_with("   ") {
            if !is_first {
                roff.control("PP", []);
            }
            is_first = false;
            roff.control("nf", []).text([bold(line.trim_start())]);
            let mut goes_on = line.ends_with('\\');
            while let Some(line) = lines.next_if(|_| goes_on) {
                goes_on = line.ends_with('\\');
                roff.text([bold(line.strip_prefix("  ").unwrap_or(line))]);
            }
            roff.control("fi", []);
        } else {
            roff.control("RS", ["4"]).text([roman(line.trim_start())]).control("RE", []);
        }
    }
}

/// A paragraph, of which a table of indented lines keeps its lines.
fn add_note(roff: &mut Roff, note: &str) {
    let (text, table): (Vec<_>, Vec<_>) = note.lines().partition(|line| !line.starts_with("  "));
    roff.text([roman(text.join(" "))]);
    if !table.is_empty() {
        roff.control("PP", []).control("nf", []);
        for line in table {
            roff.text([roman(line)]);
        }
        roff.control("fi", []);
    }
}
