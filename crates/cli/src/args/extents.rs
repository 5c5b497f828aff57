//! The subcommand that lists byte ranges.

use clap::Args;

use super::formats::{OutputFormat, output_format};
use super::identity::IdentityArgs;
use super::options::{FileArgs, InputArgs, WindowArgs};
use super::shape::ShapeArgs;

pub(crate) const EXTENTS_EXAMPLES: &str = "\
Examples:
  cbt extents bitmap.b64
      One OFFSET LENGTH a line, in bytes
  cbt extents --virtual-size 100G --output json bitmap.b64
      Checks that the bitmap is that disk's, and writes one JSON object
  cbt extents --from cbtlog 0f0e4c6a-….cbtlog --output human
      What one .cbtlog file has recorded
  cbt extents --offset 1G --length 512M bitmap.b64
      Only what changed in that part of the disk
  cbt extents --virtual-size 100G --merge-gap 256k --align 2M --max-extents 1000 bitmap.b64
      At most 1,000 reads of whole blocks of 2 MiB that cover all changes
  xe vdi-list-changed-blocks vdi-from-uuid=A vdi-to-uuid=B | \\
    cbt extents --virtual-size 100G -o changed.txt
      changed.txt appears once it is complete, or not at all

The list names changed ranges only; a gap means \"unchanged\", never \"zeros\". Other tools may read it otherwise: see \
docs/recipes.md before you hand it to one.

Give --virtual-size wherever you know it: a base64 text that was cut short may look whole without.";

#[derive(Debug, Args)]
pub(crate) struct ExtentsArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,

    #[command(flatten)]
    pub(crate) window: WindowArgs,

    #[command(flatten)]
    pub(crate) shape: ShapeArgs,

    /// The format of the list: cbt convert --help says what each is, docs/formats.md how other programs take it
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = output_format(), help_heading = "Output")]
    pub(crate) output: OutputFormat,

    #[command(flatten)]
    pub(crate) identity: IdentityArgs,

    #[command(flatten)]
    pub(crate) file: FileArgs,
}
