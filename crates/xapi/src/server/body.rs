//! The body of an answer: bitmaps become base64 only as they are sent.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use hyper::body::{Body, Frame, SizeHint};

use super::value::Piece;

/// Bytes of a bitmap that are encoded at once: a multiple of three, so that only the last ones need padding.
const TILE_BYTES: usize = 48 << 10;

/// A client that reads an answer more slowly than this, in bytes a second, is cut off: it holds memory that others wait
/// for.
const SLOWEST: u64 = 64 << 10;

/// Time on top of that.
const GRACE: Duration = Duration::from_secs(30);

/// An answer on its way.
#[derive(Debug)]
pub(super) struct AnswerBody {
    pieces: std::vec::IntoIter<Piece>,
    now: Option<(Piece, usize)>,
    left: u64,
    end: Instant,
}

impl AnswerBody {
    pub(super) fn new(pieces: Vec<Piece>) -> Self {
        let left: u64 = pieces.iter().map(len).sum();
        let end = Instant::now() + GRACE + Duration::from_secs(left / SLOWEST);
        let mut pieces = pieces.into_iter();
        let now = pieces.next().map(|piece| (piece, 0));
        Self { pieces, now, left, end }
    }

    pub(super) fn text(text: impl Into<Bytes>) -> Self {
        Self::new(vec![Piece::Text(text.into())])
    }

    fn next(&mut self) -> Option<Bytes> {
        loop {
            let (piece, at) = self.now.as_mut()?;
            let bytes = match piece {
                Piece::Text(text) => std::mem::take(text),
                Piece::Bitmap(bitmap) => {
                    let rest = &bitmap.bytes[*at..];
                    let tile = &rest[..rest.len().min(TILE_BYTES)];
                    *at += tile.len();
                    base64_simd::STANDARD.encode_type::<Vec<u8>>(tile).into()
                }
            };
            if !bytes.is_empty() {
                self.left -= bytes.len() as u64;
                return Some(bytes);
            }
            self.now = self.pieces.next().map(|piece| (piece, 0));
        }
    }
}

fn len(piece: &Piece) -> u64 {
    match piece {
        Piece::Text(text) => text.remaining() as u64,
        Piece::Bitmap(bitmap) => base64_simd::STANDARD.encoded_length(bitmap.bytes.len()) as u64,
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if Instant::now() > self.end {
            return Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())));
        }
        Poll::Ready(self.next().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
