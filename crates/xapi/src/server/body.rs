//! The body of an answer: bitmaps become base64 only as they are sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use hyper::body::{Body, Frame, SizeHint};

use super::sync::lock;
use super::value::{Bitmap, Piece};

/// Bytes of text that are sent at once.
const TEXT_BYTES: usize = 64 << 10;

/// Words of a bitmap that are encoded at once: a multiple of three, so that only the last ones need padding.
const TILE_WORDS: usize = 6 << 10;

/// When the answer of a connection has to be sent, while there is one. It holds memory that others wait for.
#[derive(Clone, Debug, Default)]
pub(super) struct Deadline(Arc<Mutex<Option<Instant>>>);

impl Deadline {
    fn set(&self, end: Option<Instant>) {
        *lock(&self.0) = end;
    }

    /// Ends once an answer is late.
    pub(super) async fn missed(&self) {
        loop {
            let end = *lock(&self.0);
            let now = Instant::now();
            if end.is_some_and(|end| end < now) {
                return;
            }
            // An answer may begin meanwhile; to find out late that it is late costs nothing.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// An answer on its way.
#[derive(Debug)]
pub(super) struct AnswerBody {
    pieces: std::vec::IntoIter<Piece>,
    now: Option<(Piece, usize)>,
    left: u64,
    deadline: Option<Deadline>,
}

impl AnswerBody {
    pub(super) fn new(pieces: Vec<Piece>) -> Self {
        let left = pieces.iter().map(len).sum();
        let mut pieces = pieces.into_iter();
        let now = pieces.next().map(|piece| (piece, 0));
        Self { pieces, now, left, deadline: None }
    }

    /// An answer that has to be taken at that many bytes a second, after some time to begin with.
    pub(super) fn within(mut self, deadline: Deadline, bytes_per_second: u64, grace: Duration) -> Self {
        let time = Duration::from_secs(self.left / bytes_per_second.max(1));
        deadline.set(Instant::now().checked_add(time.saturating_add(grace)));
        self.deadline = Some(deadline);
        self
    }

    pub(super) fn text(text: impl Into<Bytes>) -> Self {
        Self::new(vec![Piece::text(text)])
    }

    fn next(&mut self) -> Option<Bytes> {
        loop {
            let (piece, at) = self.now.as_mut()?;
            let bytes = match piece {
                // In pieces, too: as soon as the last one is taken, the answer counts as sent.
                Piece::Text { text, .. } => text.split_to(text.len().min(TEXT_BYTES)),
                Piece::Bitmap(bitmap) => {
                    let tile = encode(bitmap, *at);
                    *at += TILE_WORDS;
                    tile
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

impl Drop for AnswerBody {
    fn drop(&mut self) {
        if let Some(deadline) = &self.deadline {
            deadline.set(None);
        }
    }
}

fn len(piece: &Piece) -> u64 {
    match piece {
        Piece::Text { text, .. } => text.remaining() as u64,
        Piece::Bitmap(bitmap) => bitmap.bytes().div_ceil(3) * 4,
    }
}

/// The base64 text of a tile of a bitmap, first block in the most significant bit; empty after the last tile.
fn encode(bitmap: &Bitmap, first_word: usize) -> Bytes {
    let words = bitmap.bitmap.as_words().get(first_word..).unwrap_or_default();
    let words = &words[..words.len().min(TILE_WORDS)];
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.reverse_bits().to_be_bytes()).collect();
    let left = bitmap.bytes().saturating_sub(first_word as u64 * 8);
    bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
    base64_simd::STANDARD.encode_type::<Vec<u8>>(&bytes).into()
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.next().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use changed_blocks::{Bitmap, Extent};
    use tokio::sync::Semaphore;

    use super::*;
    use crate::server::value;

    #[test]
    fn a_bitmap_is_sent_as_the_library_writes_it_whatever_its_length() {
        let tile = TILE_WORDS as u64 * 64;
        let sizes = [1, 8, 9, 63, 64, 65, 191, 192, 193, tile - 1, tile, tile + 1, tile * 2, tile * 3 + 77];
        for blocks in sizes {
            let changed = [Extent::new(0, 1), Extent::new(blocks / 3, blocks / 2), Extent::new(blocks - 1, blocks)];
            let bitmap = Bitmap::from_extents(
                blocks,
                &changed.map(|e| Extent::new(e.start_block, e.end_block.max(e.start_block))),
            );
            let plain = bitmap.to_base64();
            let bytes = bitmap.to_raw(changed_blocks::BitOrder::Msb0);
            let filled_up = [&*bytes, &[0; 3][..bytes.len().next_multiple_of(4) - bytes.len()]].concat();
            let filled_up = base64_simd::STANDARD.encode_to_string(filled_up);
            for (padded, expected) in [(false, plain), (true, filled_up)] {
                let room = Arc::new(Semaphore::new(1)).try_acquire_owned().expect("there is room");
                let bitmap = Arc::new(value::Bitmap { bitmap: bitmap.clone(), padded, _room: room });
                let mut body = AnswerBody::new(vec![Piece::text("<"), Piece::Bitmap(bitmap), Piece::text(">")]);
                assert_eq!(body.size_hint().exact(), Some(expected.len() as u64 + 2), "{blocks}");
                let mut sent = Vec::new();
                while let Some(bytes) = body.next() {
                    sent.extend_from_slice(&bytes);
                }
                assert!(sent == format!("<{expected}>").into_bytes(), "{blocks}");
                assert!(body.is_end_stream());
            }
        }
    }
}
