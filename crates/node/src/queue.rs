//! Pieces of a stream on their way from the event loop to the thread that scans them.
//!
//! Invariant: the reader gets all pieces in order, and sees the end only after [`Queue::end`]: a stream that was left, or
//! stopped, ends with an error. The event loop never waits: it is told that the queue is full.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// How much may be queued before the event loop is to wait, in bytes.
const FULL: usize = 4 << 20;
/// How much may be queued for there to be room again. It is less, as the event loop should not be woken for each piece.
const ROOM: usize = FULL / 2;

/// Tells the event loop that there is room again.
pub(crate) type Waker = Box<dyn FnOnce() + Send>;

/// The queue.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    pieces: VecDeque<Vec<u8>>,
    bytes: usize,
    end: Option<End>,
    /// Whether the reader is gone.
    closed: bool,
    waiting: Option<Waker>,
}

#[derive(Clone, Copy)]
enum End {
    Whole,
    Stopped,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a piece. Returns whether there is room for another one at once; if the reader is gone, there is none: the event
    /// loop has to have a turn, in which it hears of the result.
    pub(crate) fn push(&self, piece: &[u8]) -> bool {
        let mut state = self.lock();
        if state.closed || piece.is_empty() {
            return !state.closed;
        }
        state.bytes += piece.len();
        state.pieces.push_back(piece.to_vec());
        self.changed.notify_one();
        state.bytes < FULL
    }

    /// Lets `waker` be called once there is room again, which may be at once.
    pub(crate) fn when_there_is_room(&self, waker: Waker) {
        let mut state = self.lock();
        if state.bytes < ROOM || state.closed {
            drop(state);
            waker();
        } else {
            state.waiting = Some(waker);
        }
    }

    /// Says that all pieces were pushed.
    pub(crate) fn end(&self) {
        self.finish(End::Whole);
    }

    /// Says that there is nothing more, although the stream is not at its end.
    pub(crate) fn stop(&self) {
        self.finish(End::Stopped);
    }

    fn finish(&self, end: End) {
        self.lock().end.get_or_insert(end);
        self.changed.notify_one();
    }

    /// The next piece, or nothing at the end.
    fn next(&self) -> io::Result<Option<Vec<u8>>> {
        let mut state = self.lock();
        loop {
            if matches!(state.end, Some(End::Stopped)) {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the stream was stopped before its end"));
            }
            if let Some(piece) = state.pieces.pop_front() {
                state.bytes -= piece.len();
                let waker = if state.bytes < ROOM { state.waiting.take() } else { None };
                drop(state);
                if let Some(waker) = waker {
                    waker();
                }
                return Ok(Some(piece));
            }
            if state.end.is_some() {
                return Ok(None);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.pieces.clear();
        state.bytes = 0;
        let waker = state.waiting.take();
        drop(state);
        if let Some(waker) = waker {
            waker();
        }
    }
}

/// Reads what is pushed. Once it is gone, pieces are dropped, and nobody waits for room.
pub(crate) struct QueueReader {
    queue: Arc<Queue>,
    piece: Vec<u8>,
    given: usize,
}

impl QueueReader {
    pub(crate) fn new(queue: Arc<Queue>) -> Self {
        Self { queue, piece: Vec::new(), given: 0 }
    }
}

impl Read for QueueReader {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if to.is_empty() {
            return Ok(0);
        }
        if self.given == self.piece.len() {
            let Some(piece) = self.queue.next()? else { return Ok(0) };
            (self.piece, self.given) = (piece, 0);
        }
        let read = (&self.piece[self.given..]).read(to)?;
        self.given += read;
        Ok(read)
    }
}

impl Drop for QueueReader {
    fn drop(&mut self) {
        self.queue.close();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn pieces_arrive_in_order_and_whole() {
        let queue = Arc::new(Queue::default());
        let mut reader = QueueReader::new(queue.clone());
        let thread = thread::spawn(move || {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).map(|_| all)
        });
        for piece in [&b"ab"[..], b"", b"c", b"def"] {
            assert!(queue.push(piece));
        }
        queue.end();
        assert_eq!(thread.join().expect("no panic").expect("an end"), b"abcdef");
    }

    #[test]
    fn a_stream_that_was_stopped_has_no_end() {
        let queue = Arc::new(Queue::default());
        let mut reader = QueueReader::new(queue.clone());
        queue.push(b"AAAA");
        queue.stop();
        queue.end();
        let error = reader.read_to_end(&mut Vec::new()).expect_err("stopped");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_full_queue_says_so_and_then_when_there_is_room() {
        let queue = Arc::new(Queue::default());
        let mut reader = QueueReader::new(queue.clone());
        assert!(queue.push(&vec![0; ROOM]));
        assert!(queue.push(&[0; 1]));
        assert!(!queue.push(&vec![0; ROOM]));
        let (sender, receiver) = mpsc::channel();
        let waker = |sender: mpsc::Sender<()>| Box::new(move || sender.send(()).expect("someone waits"));
        queue.when_there_is_room(waker(sender.clone()));
        reader.read_exact(&mut vec![0; ROOM]).expect("bytes");
        assert!(receiver.try_recv().is_err(), "it is still half full");
        reader.read_exact(&mut [0; 2]).expect("bytes");
        receiver.try_recv().expect("there is room");
        queue.when_there_is_room(waker(sender.clone()));
        receiver.try_recv().expect("there still is");

        assert!(!queue.push(&vec![0; FULL]));
        queue.when_there_is_room(waker(sender));
        drop(reader);
        receiver.try_recv().expect("nobody reads any more");
        assert!(!queue.push(b"A"));
    }
}
