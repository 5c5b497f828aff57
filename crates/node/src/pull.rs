//! A reader of pieces that are asked for one after the other.
//!
//! Invariant: every byte of every piece is given once, in order; after an empty piece there is nothing more.

use std::io::{self, Read};

/// Reads what `next` gives.
pub(crate) struct Pull<'a, 'p> {
    next: &'a mut dyn FnMut() -> io::Result<&'p [u8]>,
    /// The rest of a piece that was longer than what was asked for: the piece itself is the caller's again.
    rest: Vec<u8>,
    /// How much of the rest was given.
    given: usize,
    ended: bool,
}

impl<'a, 'p> Pull<'a, 'p> {
    pub(crate) fn new(next: &'a mut dyn FnMut() -> io::Result<&'p [u8]>) -> Self {
        Self { next, rest: Vec::new(), given: 0, ended: false }
    }
}

impl Read for Pull<'_, '_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if to.is_empty() {
            return Ok(0);
        }
        if self.given < self.rest.len() {
            let read = (&self.rest[self.given..]).read(to)?;
            self.given += read;
            return Ok(read);
        }
        if self.ended {
            return Ok(0);
        }
        let mut piece = (self.next)()?;
        self.ended = piece.is_empty();
        let read = piece.read(to)?;
        self.rest.clear();
        self.rest.extend_from_slice(piece);
        self.given = 0;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_given_once_whatever_the_lengths() {
        let expected: Vec<u8> = (0..=250).cycle().take(1000).collect();
        for piece in [1, 3, 64, 999, 1000] {
            for asked in [1, 2, 63, 64, 65, 2000] {
                let mut pieces = expected.chunks(piece);
                let mut next = || Ok(pieces.next().unwrap_or_default());
                let mut reader = Pull::new(&mut next);
                let (mut all, mut buffer) = (Vec::new(), vec![0; asked]);
                loop {
                    let read = reader.read(&mut buffer).expect("memory");
                    if read == 0 {
                        break;
                    }
                    all.extend_from_slice(&buffer[..read]);
                }
                assert_eq!(all, expected, "pieces of {piece}, {asked} at a time");
            }
        }
    }
}
