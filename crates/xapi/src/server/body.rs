//! The body of an answer: bitmaps become base64 only as they are sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use hyper::body::{Body, Frame, SizeHint};

use super::util::lock;
use super::value::{Bitmap, Piece};

/// Bytes of text that are sent at once.
const TEXT_BYTES: usize = 64 << 10;

/// Words of a bitmap that are encoded at once: a multiple of three, so that only the last ones need padding.
const TILE_WORDS: usize = 6 << 10;

/// How far a reader may fall behind the least rate while others wait for the room that its answer takes up.
const PATIENCE: Duration = Duration::from_secs(5);

/// When the answer of a connection has to be sent, while there is one. It holds memory that others wait for.
#[derive(Clone, Debug, Default)]
pub(super) struct Deadline(Arc<Mutex<Option<Due>>>);

#[derive(Clone, Copy, Debug)]
struct Due {
    /// All of it.
    end: Option<Instant>,
    /// The next bytes, while others wait for room.
    next: Instant,
    bytes_per_second: u64,
    /// Whether its text takes up room for answers.
    takes_room: bool,
}

impl Due {
    /// So many bytes more are taken. Those that the system keeps for the reader do not count for long.
    fn taken(&mut self, bytes: usize, now: Instant) {
        let time = Duration::from_millis(bytes as u64 * 1000 / self.bytes_per_second);
        self.next = (self.next + time).min(now + PATIENCE);
    }

    fn is_missed(&self, now: Instant, others_wait: bool) -> bool {
        self.end.is_some_and(|end| end < now) || (others_wait && self.takes_room && self.next < now)
    }
}

impl Deadline {
    fn set(&self, due: Option<Due>) {
        *lock(&self.0) = due;
    }

    fn taken(&self, bytes: usize) {
        if let Some(due) = &mut *lock(&self.0) {
            due.taken(bytes, Instant::now());
        }
    }

    /// Ends once an answer is late: the whole of it or, while others wait for room, a part.
    pub(super) async fn missed(&self, others_wait: impl Fn() -> bool) {
        loop {
            let due = *lock(&self.0);
            if due.is_some_and(|due| due.is_missed(Instant::now(), others_wait())) {
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
        let (now, bytes_per_second) = (Instant::now(), bytes_per_second.max(1));
        let time = Duration::from_secs(self.left / bytes_per_second);
        let end = now.checked_add(time.saturating_add(grace));
        let mut pieces = self.now.iter().map(|(piece, _)| piece).chain(self.pieces.as_slice());
        let takes_room = pieces.any(|piece| matches!(piece, Piece::Text { _room: Some(_), .. }));
        deadline.set(Some(Due { end, next: now + PATIENCE, bytes_per_second, takes_room }));
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
                if let Some(deadline) = &self.deadline {
                    deadline.taken(bytes.len());
                }
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
    let mut bytes = Vec::with_capacity(words.len() * 8);
    for word in words {
        bytes.extend_from_slice(&word.reverse_bits().to_be_bytes());
    }
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
    fn a_slow_reader_is_cut_off_only_while_others_wait_for_room() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut due = Due { end: Some(at(100)), next: start + PATIENCE, bytes_per_second: 1000, takes_room: true };
        assert!(!due.is_missed(at(5), true) && due.is_missed(at(6), true) && !due.is_missed(at(6), false));
        // Bytes that the system takes at once buy no more time.
        due.taken(1 << 20, start);
        assert!(!due.is_missed(at(5), true) && due.is_missed(at(6), true));
        // Slowly is not enough, the least rate is.
        (1..20).for_each(|second| due.taken(500, at(second)));
        assert!(due.is_missed(at(20), true));
        due.next = start + PATIENCE;
        (1..20).for_each(|second| due.taken(1000, at(second)));
        assert!(!due.is_missed(at(20), true) && due.is_missed(at(101), false));
        due.takes_room = false;
        assert!(!due.is_missed(at(50), true));
    }

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
