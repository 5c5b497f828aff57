//! The body of an answer, in one piece.

/// The bytes that are reserved on the word of a `Content-Length` alone.
const TRUSTED: u64 = 64 << 20;

/// A body that is being received.
pub(super) struct Buffer {
    bytes: Vec<u8>,
    expected: Option<u64>,
}

impl Buffer {
    /// A buffer for a body of that length, if it is known.
    pub(super) fn new(expected: Option<u64>) -> Self {
        let at_once = usize::try_from(expected.unwrap_or(0).min(TRUSTED)).unwrap_or(0);
        let mut bytes = Vec::new();
        // It saves copying, no more: the length may be a lie, and there may not be as much memory.
        let _ = bytes.try_reserve_exact(at_once);
        Self { bytes, expected }
    }

    pub(super) fn len(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap_or(u64::MAX)
    }

    pub(super) fn push(&mut self, data: &[u8]) {
        if self.bytes.capacity() - self.bytes.len() < data.len()
            && let Some(expected) = self.expected
        {
            // As much again as has come, and no more than is to come: who lies about the length has to send half of it.
            let rest = expected.saturating_sub(self.len()).min(self.len());
            let _ = self.bytes.try_reserve_exact(usize::try_from(rest).unwrap_or(0).max(data.len()));
        }
        self.bytes.extend_from_slice(data);
    }

    /// The body. What was reserved in vain is given back if it is much.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.bytes.capacity() - self.bytes.len() > self.bytes.len() / 16 {
            self.bytes.shrink_to_fit();
        }
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_length_is_reserved_once_and_exactly() {
        let mut buffer = Buffer::new(Some(1_000_000));
        let start = buffer.bytes.as_ptr();
        for _ in 0..1000 {
            buffer.push(&[7; 1000]);
        }
        let body = buffer.finish();
        assert_eq!((body.as_ptr(), body.len()), (start, 1_000_000));
    }

    #[test]
    fn a_length_that_is_not_believed_is_reserved_as_it_comes() {
        let mut buffer = Buffer::new(Some(1 << 40));
        assert_eq!(buffer.bytes.capacity(), 64 << 20);
        buffer.push(&vec![7; (64 << 20) + 1]);
        assert!(buffer.bytes.capacity() <= (128 << 20) + 1);

        let mut buffer = Buffer::new(Some(150 << 20));
        for _ in 0..150 {
            buffer.push(&vec![7; 1 << 20]);
        }
        assert_eq!(buffer.finish().capacity(), 150 << 20);
    }

    #[test]
    fn an_unknown_length_leaves_little_behind() {
        let mut buffer = Buffer::new(None);
        for _ in 0..33 {
            buffer.push(&vec![7; 1 << 20]);
        }
        let body = buffer.finish();
        assert!(body.capacity() <= body.len() / 16 * 17);
    }
}
