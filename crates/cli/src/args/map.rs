//! The subcommand that draws where a disk changed.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::combine::InputsArgs;

pub(crate) const MAP_EXAMPLES: &str = "\
Examples:
  cbt map --virtual-size 100G bitmap.b64
      Where the disk changed, drawn in the terminal
  cbt map --virtual-size 100G bitmap.b64 -o map.png
      The same as a picture; map.svg is one that can be scaled
  cbt map --from cbtlog --title Database --layout rows *.cbtlog -o week.svg
      Several inputs side by side, with one scale for all; in rows, with offsets at their sides

The disk is cut into cells of equal size, a power of two of bytes. The colour of a cell says which share of its bytes \
changed; one byte is enough to tell it from a cell without a change. Neighbours on the disk are neighbours in the picture.

In a terminal there are half blocks, in as many colours as it has, or plain ASCII if NO_COLOR is set. A pipe, or a file \
of which the name ends in .txt, gets plain ASCII.";

#[derive(Debug, Args)]
pub(crate) struct MapArgs {
    #[command(flatten)]
    pub(crate) inputs: InputsArgs,

    /// How cells follow each other
    #[arg(long, value_enum, value_name = "LAYOUT", default_value_t = MapLayout::Hilbert, help_heading = "Output")]
    pub(crate) layout: MapLayout,

    /// A line above the picture
    #[arg(long, value_name = "TEXT", help_heading = "Output")]
    pub(crate) title: Option<String>,

    /// Write a picture, which appears or is replaced once all is written: a PNG or an SVG, by the end of its name; - is
    /// standard output, which gets characters [default: -]
    #[arg(short = 'o', long, value_name = "FILE", help_heading = "Output")]
    pub(crate) output_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MapLayout {
    /// Along a Hilbert curve in a square, from its upper left corner to its upper right one
    Hilbert,
    /// In rows, from left to right and from top to bottom
    Rows,
}
