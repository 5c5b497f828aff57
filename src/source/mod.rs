//! Where the bytes of a bitmap come from: memory, a mapped file, a file, or a stream.

mod buffer;
mod file;
mod input;
mod kinds;
mod mmap;
mod opened;
mod prober;
mod stamp;

pub(crate) use buffer::Buffer;
pub(crate) use file::FileInput;
pub(crate) use input::{Input, Scratch, Slice};
pub use kinds::Source;
pub use mmap::Mapped;
pub(crate) use opened::Opened;
pub use stamp::Stamp;
