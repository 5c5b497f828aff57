//! Holes of sparse files, which read as zeros without being stored.

use std::fs::File;
use std::ops::Range;

/// The next range of data at or after `from`, in an input that begins at `start` of the file and has `len` bytes;
/// `from` and the answer count from there. Where holes cannot be told from data, all is data.
#[cfg(target_os = "linux")]
pub(super) fn next_data(file: &File, start: u64, from: u64, len: u64) -> Range<u64> {
    use rustix::fs::{SeekFrom, seek};
    use rustix::io::Errno;

    // Moves the position of the file, which is why it is one that nobody else relies on.
    match seek(file, SeekFrom::Data(start + from)) {
        Ok(data) => {
            let data = (data - start).min(len);
            let hole = seek(file, SeekFrom::Hole(start + data)).map_or(len, |hole| (hole - start).min(len));
            // A file that is changed meanwhile may answer anything; never go backwards.
            data.max(from)..hole.max(data).max(from)
        }
        // Nothing but a hole up to the end of the file. If the file has become shorter than the input, the end of
        // the input is no hole; claiming data makes the reading find that out.
        Err(Errno::NXIO) => match seek(file, SeekFrom::End(0)) {
            Ok(end) if end >= start + len => len..len,
            _ => from..len,
        },
        Err(_) => from..len,
    }
}

/// As on Linux, but holes are not looked for.
#[cfg(not(target_os = "linux"))]
pub(super) fn next_data(_file: &File, _start: u64, from: u64, len: u64) -> Range<u64> {
    from..len
}
