//! Lengths and holes of files, without moving a position that somebody else relies on.

use std::fs::{File, Metadata};
use std::io::{self, Seek, SeekFrom};
use std::ops::Range;

/// Holes shorter than this are read like data. That they are zeros is then seen and not only said (file systems have
/// been known to call data a hole while it was on its way to the disk), and many small pieces cost more than they
/// save. What remains are the holes of files that were made sparse by their size.
const SHORTEST_HOLE: u64 = 16 << 20;

/// A file opened once more, so that seeking in it moves no position but its own.
#[derive(Debug)]
pub(super) struct Prober(Option<File>);

impl Prober {
    pub(super) fn new(file: &File) -> Self {
        Self(reopen(file))
    }

    /// The number of bytes in the file, from its start.
    pub(super) fn len(&self, file: &File) -> io::Result<u64> {
        let metadata = file.metadata()?;
        if metadata.is_file() {
            return Ok(metadata.len());
        }
        if !is_block_device(&metadata) {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "only files and block devices have a length"));
        }
        // The metadata of a block device say 0, so its length is found by seeking.
        match &self.0 {
            Some(prober) => { prober }.seek(SeekFrom::End(0)),
            None => {
                let mut file = file;
                let position = file.stream_position()?;
                let end = file.seek(SeekFrom::End(0))?;
                file.seek(SeekFrom::Start(position))?;
                Ok(end)
            }
        }
    }

    /// The next range of data at or after `from`, in an input that begins at `start` of the file and has `len` bytes;
    /// `from` and the answer count from there. Empty, at the end, if there is none. Where holes cannot be told from
    /// data, all is data.
    pub(super) fn next_data(&self, start: u64, from: u64, len: u64) -> Range<u64> {
        let input = Probed { prober: self, start, len };
        input.next_data(from).unwrap_or(from..len)
    }
}

/// A part of a file.
struct Probed<'p> {
    prober: &'p Prober,
    start: u64,
    len: u64,
}

impl Probed<'_> {
    /// Nothing if the file system's answers make no sense.
    fn next_data(&self, from: u64) -> Option<Range<u64>> {
        let data = self.data(from)?;
        let begin = if data - from < SHORTEST_HOLE { from } else { data };
        let mut end = data;
        // Goes on over short holes, until there is enough for a call to be worth it.
        while end < self.len && end - begin < SHORTEST_HOLE {
            let hole = self.hole(end)?;
            let data = self.data(hole)?;
            if data - hole >= SHORTEST_HOLE {
                return Some(begin..hole);
            }
            // Else this would never end.
            end = Some(data).filter(|&data| data > end)?;
        }
        Some(begin..end)
    }

    /// The first place at or after `from` that holds data, or the end.
    #[cfg(target_os = "linux")]
    fn data(&self, from: u64) -> Option<u64> {
        use rustix::fs::{SeekFrom, seek};
        let prober = self.prober.0.as_ref()?;
        match seek(prober, SeekFrom::Data(self.start + from)) {
            Ok(place) => self.place(place, from),
            // Nothing but a hole up to the end of the file. If the file has become shorter than the input, the end of
            // the input is no hole; calling it data makes the reading find that out.
            Err(rustix::io::Errno::NXIO) => {
                let end = seek(prober, SeekFrom::End(0)).ok()?;
                (end >= self.start + self.len).then_some(self.len)
            }
            Err(_) => None,
        }
    }

    /// The first place at or after `from` that is in a hole, or the end.
    #[cfg(target_os = "linux")]
    fn hole(&self, from: u64) -> Option<u64> {
        use rustix::fs::{SeekFrom, seek};
        let place = seek(self.prober.0.as_ref()?, SeekFrom::Hole(self.start + from)).ok()?;
        self.place(place, from)
    }

    /// A place of the file as one of the input, if it is not before what was asked for.
    #[cfg(target_os = "linux")]
    fn place(&self, place: u64, from: u64) -> Option<u64> {
        place.checked_sub(self.start).filter(|&place| place >= from).map(|place| place.min(self.len))
    }

    #[cfg(not(target_os = "linux"))]
    fn data(&self, from: u64) -> Option<u64> {
        let _ = (self.prober, self.start, self.len, from);
        None
    }

    #[cfg(not(target_os = "linux"))]
    fn hole(&self, from: u64) -> Option<u64> {
        self.data(from)
    }
}

#[cfg(unix)]
pub(super) fn is_block_device(metadata: &Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_block_device(&metadata.file_type())
}

#[cfg(not(unix))]
pub(super) fn is_block_device(_metadata: &Metadata) -> bool {
    false
}

/// Opens the same file once more, so that it has a position of its own; nothing where that cannot be had.
#[cfg(unix)]
fn reopen(file: &File) -> Option<File> {
    use std::os::fd::AsRawFd;
    File::open(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()
}

#[cfg(not(unix))]
fn reopen(_file: &File) -> Option<File> {
    None
}
