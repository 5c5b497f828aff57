//! What is read: a file or standard input.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::path::Path;

use changed_blocks::Source;

use crate::failure::Failure;

/// An open input.
pub(crate) struct Input {
    /// What messages call it.
    pub(crate) name: String,
    file: File,
    /// Where it starts and how many bytes it has, if it is a file that can be read once more.
    extent: Option<(u64, u64)>,
}

impl Input {
    /// Opens a file, or standard input if no path is given or it is `-`.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let (name, file) = match path {
            Some(path) if path.as_os_str() != "-" => (path.display().to_string(), File::open(path)),
            _ => ("standard input".to_owned(), standard_input()),
        };
        match file {
            Ok(file) => Ok(Self { extent: known_extent(&file), name, file }),
            Err(error) => Err(Failure::Open { input: name, error }),
        }
    }

    /// The number of bytes, if it is known.
    pub(crate) fn len(&self) -> Option<u64> {
        self.extent.map(|(_, len)| len)
    }

    /// The source for one pass.
    pub(crate) const fn source(&self) -> Source<'_> {
        Source::File(&self.file)
    }

    /// Whether there can be another pass.
    pub(crate) const fn is_rereadable(&self) -> bool {
        self.extent.is_some()
    }

    /// Goes back to the start, for another pass.
    pub(crate) fn rewind(&mut self) -> Result<(), Failure> {
        let start = self.extent.map_or(0, |(start, _)| start);
        let sought = self.file.seek(SeekFrom::Start(start));
        sought.map(|_| ()).map_err(|error| Failure::Open { input: self.name.clone(), error })
    }
}

/// Standard input as a file, so that one that was redirected from a file is read like a file.
#[cfg(unix)]
fn standard_input() -> io::Result<File> {
    use std::os::fd::AsFd;
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

#[cfg(windows)]
fn standard_input() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    Ok(File::from(io::stdin().as_handle().try_clone_to_owned()?))
}

fn known_extent(mut file: &File) -> Option<(u64, u64)> {
    let start = file.stream_position().ok()?;
    let end = file.seek(SeekFrom::End(0)).ok()?;
    file.seek(SeekFrom::Start(start)).ok()?;
    (end > start).then(|| (start, end - start))
}
