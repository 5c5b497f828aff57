//! The fourth way: the caller pushes pieces of the input as they come, and takes ranges out as they are found.
//!
//! Invariant: nothing says that the list is whole but a scan that has met the end that the caller has told. An input that is
//! given up without that ends the scan with an error, as one does that breaks off.
//!
//! ```text
//! caller   write ── pieces of 256 KiB, at most four wait ──▶ scanner, a thread of its own
//!          read  ◀─ ranges that were found ─────────────────┘
//! ```

use std::collections::VecDeque;
use std::ffi::c_void;
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use changed_blocks::{ByteRange, Geometry, Scanner, Source};

use crate::code::cbt_code;
use crate::error::{Failure, cbt_error};
use crate::guard::{Outcome, buffer, bytes, count_place, free, guarded, hand_out, handle_place, only_one, value};
use crate::options::{cbt_options, filled};
use crate::process::Home;
use crate::ranges::cbt_range;
use crate::visit::InBytes;

/// How much is handed to the scanner at a time: a hand-over takes some microseconds.
const PIECE_BYTES: usize = 256 << 10;
/// How many pieces may wait for the scanner.
const WAITING_PIECES: usize = 4;

/// A bitmap that comes in pieces, as from a network. A thread of the library's own scans it meanwhile. Memory is bounded, but
/// for the ranges that were found and not read yet.
///
/// Threads: one at a time, which may be another one each time. A second one gets CBT_ERROR_HANDLE_IN_USE, and a child after
/// fork() gets CBT_ERROR_FORKED.
pub struct cbt_push {
    home: Home,
    push: Mutex<Push>,
}

impl cbt_push {
    /// The push for the one thread that uses it.
    fn only_one(&self) -> Outcome<MutexGuard<'_, Push>> {
        self.home.require("the push")?;
        only_one(&self.push)
    }
}

struct Push {
    /// Bytes that are too few to be handed over.
    piece: Vec<u8>,
    /// The way to the scanner, until the end was told.
    to_scanner: Option<SyncSender<Piece>>,
    scanner: Option<JoinHandle<Outcome<()>>>,
    found: Arc<Mutex<VecDeque<ByteRange>>>,
    /// How the scan ended, once it has.
    outcome: Option<Outcome<()>>,
}

enum Piece {
    Bytes(Vec<u8>),
    /// The caller has told the end.
    End,
}

impl Push {
    fn start(scanner: Scanner) -> Outcome<Self> {
        let (to_scanner, pieces) = sync_channel(WAITING_PIECES);
        let found = Arc::new(Mutex::new(VecDeque::new()));
        let for_scanner = Arc::clone(&found);
        let thread = thread::Builder::new().name("changed-blocks".to_owned());
        let scan = move || scan(&scanner, Pieces { pieces, piece: Vec::new(), taken: 0, ended: false }, &for_scanner);
        let scanner = thread.spawn(scan).map_err(|error| Failure::no_thread(&error))?;
        let (to_scanner, scanner) = (Some(to_scanner), Some(scanner));
        Ok(Self { piece: new_piece()?, to_scanner, scanner, found, outcome: None })
    }

    fn write(&mut self, mut bytes: &[u8]) -> Outcome<()> {
        self.look()?;
        if self.to_scanner.is_none() {
            return Err(Failure::argument("the input was finished already"));
        }
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PIECE_BYTES - self.piece.len()));
            self.piece.extend_from_slice(now);
            bytes = later;
            if self.piece.len() == PIECE_BYTES {
                self.send_piece()?;
            }
        }
        Ok(())
    }

    /// Hands the piece over, which may wait for the scanner.
    fn send_piece(&mut self) -> Outcome<()> {
        let piece = std::mem::replace(&mut self.piece, new_piece()?);
        let sent = self.to_scanner.as_ref().is_none_or(|to_scanner| to_scanner.send(Piece::Bytes(piece)).is_ok());
        if sent { Ok(()) } else { self.wait() }
    }

    fn finish(&mut self) -> Outcome<()> {
        if self.to_scanner.is_some() {
            self.send_piece()?;
            if let Some(to_scanner) = self.to_scanner.take() {
                // A scanner that has ended needs no end: a log may be followed by bytes that are none of its own.
                let _ = to_scanner.send(Piece::End);
            }
        }
        self.wait()
    }

    /// Reads ranges that were found. The code says whether they are all that there are.
    fn read(&mut self, to: &mut [MaybeUninit<cbt_range>]) -> Outcome<(cbt_code, usize)> {
        self.look()?;
        let finished = self.to_scanner.is_none() && self.outcome.is_some();
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let count = to.len().min(found.len());
        for (to, range) in to.iter_mut().zip(found.drain(..count)) {
            to.write(range.into());
        }
        Ok((if finished { cbt_code::CBT_OK } else { cbt_code::CBT_UNFINISHED }, count))
    }

    /// The failure of the scanner, if it has ended with one.
    fn look(&mut self) -> Outcome<()> {
        match &self.scanner {
            Some(scanner) if !scanner.is_finished() => Ok(()),
            _ => self.wait(),
        }
    }

    /// Waits for the scanner's end.
    fn wait(&mut self) -> Outcome<()> {
        if let Some(scanner) = self.scanner.take() {
            self.outcome = Some(scanner.join().unwrap_or_else(|panic| Err(Failure::panic(&*panic))));
        }
        self.outcome.clone().unwrap_or(Ok(()))
    }
}

fn new_piece() -> Outcome<Vec<u8>> {
    let mut piece = Vec::new();
    piece.try_reserve_exact(PIECE_BYTES).map_err(|_| Failure::no_memory(0, READ_THEM))?;
    Ok(piece)
}

/// The advice where there is no memory for ranges that wait to be read.
const READ_THEM: &str = "call cbt_push_read after each cbt_push_write, until it gives none";

impl Drop for Push {
    fn drop(&mut self) {
        // Without the way to it, the scanner ends.
        self.to_scanner = None;
        let _ = self.wait();
    }
}

/// Scans the pieces to their end.
fn scan(scanner: &Scanner, mut pieces: Pieces, found: &Mutex<VecDeque<ByteRange>>) -> Outcome<()> {
    let take = |ranges: &[ByteRange]| {
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = found.try_reserve(ranges.len()).is_ok();
        if has_room {
            found.extend(ranges);
        }
        has_room
    };
    let visitor = InBytes { geometry: Geometry::default(), ranges: Vec::new(), take };
    match scanner.visit(Source::reader(&mut pieces), visitor)? {
        ControlFlow::Continue(_) => Ok(()),
        ControlFlow::Break(Ok(())) => {
            let waiting = found.lock().unwrap_or_else(PoisonError::into_inner).len();
            Err(Failure::no_memory(waiting, READ_THEM))
        }
        ControlFlow::Break(Err(error)) => Err(error.into()),
    }
}

/// The pieces as one input.
struct Pieces {
    pieces: Receiver<Piece>,
    piece: Vec<u8>,
    /// How much of the piece was read.
    taken: usize,
    ended: bool,
}

impl Read for Pieces {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.piece.len() && !self.ended {
            match self.pieces.recv() {
                Ok(Piece::Bytes(piece)) => (self.piece, self.taken) = (piece, 0),
                Ok(Piece::End) => self.ended = true,
                Err(_) => return Err(io::Error::other("the input was given up before its end")),
            }
        }
        let count = (&self.piece[self.taken..]).read(to)?;
        self.taken += count;
        Ok(count)
    }
}

/// Starts an input that comes in pieces. It is freed with cbt_push_free.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn cbt_push_new(
    options: *const cbt_options,
    push: *mut *mut cbt_push,
    error: *mut cbt_error,
) -> cbt_code {
    guarded(error, || {
        // SAFETY: the header asks for good pointers; these look at them first.
        let (to, options) = unsafe { (handle_place(push, "push")?, filled(options, "options")?) };
        let push = Mutex::new(Push::start(options.scanner()?)?);
        hand_out(cbt_push { home: Home::here(), push }, to)
    })
}

/// Pushes the next piece, of any length, which is not used after the call. This waits where the scanner is behind. An error
/// may be that of an earlier piece; the input is then of no use.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn cbt_push_write(
    push: *mut cbt_push,
    piece: *const c_void,
    len: usize,
    error: *mut cbt_error,
) -> cbt_code {
    guarded(error, || {
        // SAFETY: the header asks for good pointers; these look at them first.
        let (push, piece) = unsafe { (value(push, "push")?, bytes(piece, len, "piece")?) };
        push.only_one()?.write(piece).map(|()| cbt_code::CBT_OK)
    })
}

/// Tells that the last piece was pushed, and waits until all was judged. Only after CBT_OK is the list whole, with what
/// cbt_push_read still gives. After an error, the ranges of all calls before must not be used.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn cbt_push_finish(push: *mut cbt_push, error: *mut cbt_error) -> cbt_code {
    guarded(error, || {
        // SAFETY: the header asks for good pointers; these look at them first.
        let push = unsafe { value(push, "push") }?;
        push.only_one()?.finish().map(|()| cbt_code::CBT_OK)
    })
}

/// Writes the next ranges to a buffer that has room for `capacity` of them, and their number to `count`; it never waits.
/// Before cbt_push_finish the code is CBT_UNFINISHED, also if there are none at the moment. After it, a count of 0 with CBT_OK
/// is the end.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn cbt_push_read(
    push: *mut cbt_push,
    ranges: *mut cbt_range,
    capacity: usize,
    count: *mut usize,
    error: *mut cbt_error,
) -> cbt_code {
    guarded(error, || {
        // SAFETY: the header asks for good pointers; these look at them first.
        let (count, push, ranges) =
            unsafe { (count_place(count, "count")?, value(push, "push")?, buffer(ranges, capacity, "ranges")?) };
        let (code, read) = push.only_one()?.read(ranges)?;
        *count = read;
        Ok(code)
    })
}

/// Frees an input, finished or not. NULL is left alone. In a child after fork(), an input of the parent's keeps its memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cbt_push_free(push: *mut cbt_push) {
    // SAFETY: the header asks for NULL or a handle that is not freed yet.
    if unsafe { push.as_ref() }.is_some_and(|push| push.home.is_elsewhere()) {
        // Its end would be waited for, and its thread is not here.
        return;
    }
    // SAFETY: likewise.
    unsafe { free(push) }
}
