//! An owned bitmap in the inner form: `Lsb0` words, block 0 in the lowest bit of the first word.

mod algebra;
mod coarser;
mod cursor;
mod encode;
mod merge;
mod output;
mod query;
mod reblock;
mod words;
mod writer;

pub use algebra::Lengths;
pub use cursor::Cursor;
pub(crate) use output::MergeOutput;
pub use words::Bitmap;
pub use writer::BitmapWriter;
