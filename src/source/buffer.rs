//! Memory to read into.

use std::io;
use std::ops::Range;

/// To what addresses are aligned.
const ALIGN: usize = 64;

/// Bytes to read into, at an aligned address. The system copies to that as fast as to any other but one, which is what
/// an allocator gives for as much as this: 16 bytes after the start of a page. To there it takes 1.3 times as long.
#[derive(Default)]
pub(crate) struct Buffer {
    memory: Vec<u8>,
    /// Where in that the bytes are.
    place: Range<usize>,
}

impl Buffer {
    /// So many zeros, if there is memory for them.
    pub(crate) fn new(len: usize) -> io::Result<Self> {
        // Not written to, but asked for: most of it may never be used.
        let memory = bytemuck::try_zeroed_vec(len + ALIGN).map_err(|()| io::ErrorKind::OutOfMemory)?;
        // Nothing but a matter of time depends on it.
        let start = <[u8]>::as_ptr(&memory).align_offset(ALIGN).min(ALIGN);
        Ok(Self { memory, place: start..start + len })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.memory[self.place.clone()]
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.place.clone()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_bytes_as_were_asked_for_and_they_are_aligned() {
        assert!(Buffer::default().bytes().is_empty());
        for len in [0, 1, 63, 64, 4096, 128 << 10, 1 << 20] {
            let mut buffer = Buffer::new(len).expect("memory");
            assert_eq!(buffer.bytes(), vec![0; len]);
            assert_eq!(buffer.bytes().as_ptr() as usize % ALIGN, 0);
            buffer.bytes_mut().fill(1);
            assert_eq!(buffer.bytes(), vec![1; len]);
        }
    }
}
