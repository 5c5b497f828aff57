//! `cbt`: changed-block bitmaps of XenServer and XCP-ng at the command line.

#![deny(unsafe_code)]

mod args;
mod commands;
mod comparison;
mod digest;
mod failure;
mod image;
mod input;
mod input_options;
mod list_plan;
mod map;
mod memory;
mod operation;
mod output;
mod password;
mod pool;
mod range_input;
mod range_run;
mod remove_on_signal;
mod run;
mod sanitize;
mod scan_options;
mod shape_plan;
mod standard_streams;
mod stop_signal;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use changed_blocks::Consequence;

use args::{ChainFormat, CheckFormat, Cli, Command, CompareFormat, StatsFormat};
use commands::combine::combine;
use commands::compare::compare;
use commands::{bits, blocks, chain, check, convert, extents, list_changed_blocks, serve, stats, store};
use failure::Failure;
use operation::Operation;
use output::target::Target;

fn main() -> ExitCode {
    memory::exit_instead_of_abort();
    remove_on_signal::make_file_size_limit_an_error();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return print_help_or_error(error),
    };
    let (outcome, json) = match &cli.command {
        Command::Extents(args) => (extents::extents(args), args.output.is_json()),
        Command::Blocks(args) => (blocks::blocks(args), false),
        Command::Bits(args) => (bits::bits(args), false),
        Command::Convert(args) => (convert::convert(args), args.output.is_json()),
        Command::Union(args) => (combine(Operation::Union, args), args.output.is_json()),
        Command::Intersect(args) => (combine(Operation::Intersect, args), args.output.is_json()),
        Command::Subtract(args) => (combine(Operation::Subtract, args), args.output.is_json()),
        Command::Xor(args) => (combine(Operation::Xor, args), args.output.is_json()),
        Command::Compare(args) => {
            memory::set_exit_code(TROUBLE.into());
            return end_comparison(compare(args), args.output == CompareFormat::Json);
        }
        Command::Check(args) => {
            memory::set_exit_code(TROUBLE.into());
            return end_comparison(check::check(args), args.output == CheckFormat::Json);
        }
        Command::Stats(args) => (stats::stats(args), args.output == StatsFormat::Json),
        Command::Map(args) => (commands::map::map(args), false),
        Command::ListChangedBlocks(args) => {
            let json = args.output.is_json();
            (list_changed_blocks::list_changed_blocks(args, json).map_err(Failure::of_answer), json)
        }
        Command::Chain(args) => (chain::chain(args), args.output == ChainFormat::Json),
        Command::Store(args) => (store::store(args), false),
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

/// The exit code of a comparison that failed, where other commands have 1.
const TROUBLE: u8 = 2;

/// The exit code of a comparison: 1 says that there is a difference, so trouble has another one.
fn end_comparison(outcome: Result<bool, Failure>, json: bool) -> ExitCode {
    match outcome {
        Ok(is_different) => ExitCode::from(u8::from(is_different)),
        Err(failure) => {
            failure.report(json);
            ExitCode::from(if failure.code() == 1 { TROUBLE } else { failure.code() })
        }
    }
}

/// Prints help, or the error of a command line, which is a JSON object if the command line asks for JSON.
fn print_help_or_error(mut error: clap::Error) -> ExitCode {
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
            let text = sanitize::sanitize_usage(&mut error);
            let message = text.trim().trim_start_matches("error: ").split("\n\n").next().unwrap_or_default();
            failure::report("usage", message, Some("see cbt --help"), Consequence::WrongUsage, true);
            ExitCode::from(2)
        }
        _ => {
            if sanitize::are_arguments_clean() {
                // In colour, in which an argument would have its own.
                let _ = error.print();
            } else {
                failure::write_to_stderr(&format!("{}\n", sanitize::sanitize_usage(&mut error)));
            }
            ExitCode::from(2)
        }
    }
}
