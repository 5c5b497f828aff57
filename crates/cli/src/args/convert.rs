//! The subcommand that writes a bitmap or a list in another format.

use clap::Args;

use super::formats::{OutputFormat, list_of_formats, output_format};
use super::identity::IdentityArgs;
use super::options::{FileArgs, InputArgs};

pub(crate) const CONVERT_EXAMPLES: &str = "\
Examples:
  cbt convert --from cbtlog 0f0e4c6a-….cbtlog
      The bitmap of a .cbtlog as the call would print it
  cbt convert --from text --virtual-size 100G changed.txt
      A list as the call would have answered: each block that it touches is changed
  cbt convert --output raw-msb0 bitmap.b64 -o bitmap.raw
      The bytes of the bitmap
  cbt bits bitmap.b64 | cbt convert --from bits
      There and back";

/// The long help also says what each format is.
pub(crate) fn convert_help() -> String {
    format!("{CONVERT_EXAMPLES}\n\n{}", list_of_formats())
}

#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,

    /// The format of the output: docs/formats.md says how other programs take each
    #[arg(long, value_name = "FORMAT", default_value = "base64", value_parser = output_format(), help_heading = "Output")]
    pub(crate) output: OutputFormat,

    #[command(flatten)]
    pub(crate) identity: IdentityArgs,

    #[command(flatten)]
    pub(crate) file: FileArgs,
}
