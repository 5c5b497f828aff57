//! Files of certificates and keys, read whole. Who names a device or a disk's image by mistake gets an error, and does
//! not wait while all memory is filled.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Bytes of a file. All authorities that systems trust are a quarter of it.
const LONGEST: u64 = 1 << 20;

/// The content of a file, or of a pipe.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut pem = Vec::new();
    File::open(path)?.take(LONGEST + 1).read_to_end(&mut pem)?;
    if pem.len() as u64 > LONGEST {
        let message = format!("it is longer than {LONGEST} bytes, too long for certificates and keys");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok(pem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_whole_or_refused() {
        let file = tempfile::NamedTempFile::new().expect("room");
        for (len, fits) in [(0, true), (LONGEST, true), (LONGEST + 1, false), (1 << 40, false)] {
            file.as_file().set_len(len).expect("a hole");
            assert_eq!(read(file.path()).ok().map(|pem| pem.len() as u64), fits.then_some(len), "{len}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_device_without_an_end_is_refused() {
        let error = read(Path::new("/dev/zero")).expect_err("no end");
        assert!(error.to_string().contains("1048576 bytes"), "{error}");
    }
}
