//! The subcommands over a folder of `.cbtlog` files.

use std::path::PathBuf;

use changed_blocks::cbtlog::Uuid;
use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use super::{FileArgs, Format, WindowArgs};

pub(crate) const LIST_EXAMPLES: &str = "\
Examples:
  cbt list-changed-blocks --store logs \\
    0f0e4c6a-52b1-4c7e-9d3a-1f6f0c1d2e3f 7c1d9a02-3e4f-4a5b-8c6d-2b7e8f901a2b
      The answer of the call VDI.list_changed_blocks, as xe prints it
  cbt list-changed-blocks --store logs --output human \\
    vdi-from-uuid=0f0e4c6a-52b1-4c7e-9d3a-1f6f0c1d2e3f \\
    vdi-to-uuid=7c1d9a02-3e4f-4a5b-8c6d-2b7e8f901a2b
      The byte ranges that changed between the two, straight away

The size of the disk comes from the logs. Warnings about them go to standard error.";

pub(crate) const CHAIN_EXAMPLES: &str = "\
Examples:
  cbt chain logs
      All chains of a folder of .cbtlog files, with what is wrong with them and what to do
  cbt chain logs 0f0e4c6a-52b1-4c7e-9d3a-1f6f0c1d2e3f
      The chain that this disk is part of

Exit codes: 0 all is well, 3 something is wrong: what it says needs a full backup or a repair";

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The older disk: a UUID, or either of vdi-from-uuid=UUID and vdi-to-uuid=UUID, as xe takes them
    #[arg(value_parser = disk)]
    pub(crate) from: Disk,

    /// The newer one
    #[arg(value_parser = disk)]
    pub(crate) to: Disk,

    /// The folder of UUID.cbtlog files
    #[arg(long, value_name = "DIR", help_heading = "Input")]
    pub(crate) store: PathBuf,

    /// Accept a newer disk that is attached for writing, or was when its host failed: changes may be missing
    #[arg(long, help_heading = "Input")]
    pub(crate) allow_in_use: bool,

    /// How many threads to use [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Input")]
    pub(crate) threads: Option<u16>,

    #[command(flatten)]
    pub(crate) window: WindowArgs,

    /// How to write the answer; a part of the disk can be had of lists only
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Answer::Base64, help_heading = "Output")]
    pub(crate) output: Answer,

    #[command(flatten)]
    pub(crate) file: FileArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ChainArgs {
    /// The folder of UUID.cbtlog files
    #[arg(value_name = "DIR")]
    pub(crate) store: PathBuf,

    /// Only the chain that this disk is part of
    #[arg(value_name = "UUID", value_parser = uuid)]
    pub(crate) uuid: Option<Uuid>,
}

/// A disk, and which one it is said to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Disk {
    From(Uuid),
    To(Uuid),
    ByPlace(Uuid),
}

/// The answer of the call, or a list made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Base64,
    List(Format),
}

impl ValueEnum for Answer {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: &[Answer] = &[
            Answer::Base64,
            Answer::List(Format::Text),
            Answer::List(Format::Human),
            Answer::List(Format::Json),
            Answer::List(Format::Ndjson),
            Answer::List(Format::Csv),
        ];
        ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Base64 => Some(PossibleValue::new("base64").help("As the call answers, with a newline")),
            Self::List(format) => format.to_possible_value(),
        }
    }
}

impl ListArgs {
    /// The older and the newer disk, if there is one of each.
    pub(crate) fn ends(&self) -> Option<(Uuid, Uuid)> {
        match (self.from, self.to) {
            (Disk::ByPlace(from) | Disk::From(from), Disk::ByPlace(to) | Disk::To(to))
            | (Disk::To(to), Disk::From(from)) => Some((from, to)),
            _ => None,
        }
    }
}

fn disk(text: &str) -> Result<Disk, String> {
    match text.split_once('=') {
        Some(("vdi-from-uuid", text)) => uuid(text).map(Disk::From),
        Some(("vdi-to-uuid", text)) => uuid(text).map(Disk::To),
        Some((name, _)) => Err(format!("{name}= is neither vdi-from-uuid= nor vdi-to-uuid=")),
        None => uuid(text).map(Disk::ByPlace),
    }
}

pub(super) fn uuid(text: &str) -> Result<Uuid, String> {
    Uuid::parse_str(text).map_err(|error| error.to_string())
}
