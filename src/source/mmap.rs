//! Mapped files. The one place where a file is mapped, and why that is sound.

use std::fs::File;
use std::io;

use super::prober::Prober;

/// A file mapped into memory, for reading.
///
/// Lengths are found by seeking, so block devices can be mapped too. What cannot be mapped (a pipe, an empty file) is
/// an error here; hand the [`File`] itself to the scanner instead, which reads it.
///
/// Two things to know before choosing this over handing over the [`File`]: if another process makes the file shorter
/// meanwhile, or a sector cannot be read, the system ends this process with `SIGBUS`, where reading would have given
/// an error; and what another process writes meanwhile shows through, though a scan finds that out at its end, as far as
/// the [`Stamp`](crate::Stamp) of the file tells.
#[derive(Debug)]
pub struct Mapped {
    map: memmap2::Mmap,
    prober: Prober,
    file: File,
}

impl Mapped {
    /// Maps the whole of a file, wherever its position is.
    ///
    /// # Errors
    ///
    /// The system's error: the file has no length, is empty, or cannot be mapped.
    pub fn new(file: &File) -> io::Result<Self> {
        let prober = Prober::new(file);
        let len = prober.len(file)?;
        if len == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "there is nothing to map in an empty file"));
        }
        let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        // SAFETY: the map is private to this type, and its bytes are given only to the drivers of this crate, which
        // keep none of them and give some answer for every content, also for one that changes between two looks at
        // it. That another process might write to the file meanwhile, which no program can prevent, is stated above.
        #[expect(unsafe_code)]
        let map = unsafe { memmap2::MmapOptions::new().len(len).map(file)? };
        let file = file.try_clone()?;
        #[cfg(unix)]
        // Only a hint: without it all the same is read, perhaps more slowly.
        let _ = map.advise(memmap2::Advice::Sequential);
        Ok(Self { map, prober, file })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.map
    }

    pub(super) const fn file(&self) -> &File {
        &self.file
    }

    pub(super) const fn prober(&self) -> &Prober {
        &self.prober
    }
}
