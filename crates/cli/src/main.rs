//! `cbt`: changed-block bitmaps of XenServer and XCP-ng at the command line.

#![deny(unsafe_code)]

mod args;
mod chain;
mod chain_report;
mod edit;
mod encode;
mod extents;
mod failure;
mod formatter;
mod held;
mod human;
mod input;
mod list;
mod memory;
mod ordered;
mod packed;
mod password;
mod plan;
mod pool;
mod prepare;
mod progress;
mod run;
mod serve;
mod shown;
mod signal;
mod sink;
mod size;
mod staged;
mod standard;
mod stopped;
mod warned;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use changed_blocks::Consequence;

use args::{Answer, ChainFormat, Cli, Command, Format};
use failure::Failure;
use sink::Target;

fn main() -> ExitCode {
    memory::refuse_to_abort();
    stopped::refuse_to_end_at_file_limit();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(error),
    };
    let (outcome, json) = match &cli.command {
        Command::Extents(args) => (extents::extents(args), matches!(args.output, Format::Json | Format::Ndjson)),
        Command::Bits(args) => (encode::bits(args), false),
        Command::Encode(args) => (encode::encode(args), false),
        Command::ListChangedBlocks(args) => {
            let json = matches!(args.output, Answer::List(Format::Json | Format::Ndjson));
            (list::list_changed_blocks(args, json).map_err(Failure::of_answer), json)
        }
        Command::Chain(args) => (chain::chain(args), args.output == ChainFormat::Json),
        Command::Store(args) => (edit::store(args), false),
        Command::Serve(args) => (serve::serve(args), false),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report(json);
            ExitCode::from(failure.code())
        }
    }
}

/// Help, or what is wrong with the command line: as a JSON object if that asks for JSON.
fn refuse(mut error: clap::Error) -> ExitCode {
    let asked_for_json = || {
        let mut args =
            std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).skip_while(|a| a != "--output");
        let inline = std::env::args_os().any(|arg| arg == "--output=json" || arg == "--output=ndjson");
        inline || args.nth(1).is_some_and(|format| format == "json" || format == "ndjson")
    };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let printed = Target::open(None).and_then(|target| error.print().map_err(|error| target.failure(error)));
            match printed {
                Ok(()) => ExitCode::SUCCESS,
                Err(failure) => {
                    failure.report(false);
                    ExitCode::from(failure.code())
                }
            }
        }
        _ if asked_for_json() => {
            let text = shown::shown_usage(&mut error);
            let message = text.trim().trim_start_matches("error: ").split("\n\n").next().unwrap_or_default();
            failure::report("usage", message, Some("see cbt --help"), Consequence::WrongUsage, true);
            ExitCode::from(2)
        }
        _ => {
            if shown::are_arguments_plain() {
                // In colour, in which an argument would have its own.
                let _ = error.print();
            } else {
                failure::write_to_stderr(&format!("{}\n", shown::shown_usage(&mut error)));
            }
            ExitCode::from(2)
        }
    }
}
