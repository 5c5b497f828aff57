//! Answers are made a few at a time, and their text takes up room until it is sent.
//!
//! A client may ask for much and not read it, and many may. So text is counted as it is written; one that finds no room
//! is let go, and made again once there is. What it is made of, such as all disks, takes up room as well: this is bounded
//! by how many are made at a time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::budgets::{ANSWERS, AT_A_TIME, CALLS, SHORT_CALL};
use super::call::{Call, Malformed};
use super::caller::while_there;
use super::failure::Failure;
use super::jsonrpc::Envelope;
use super::util::{blocking, there_is_memory_for};
use super::value::{Piece, Pieces, ROOM_UNIT, TooMuch, Value};
use super::{jsonrpc, xmlrpc};

/// How long a call waits for its turn, or a listing for the memory for its bitmap.
pub(super) const QUEUE_TIMEOUT: Duration = Duration::from_secs(120);

/// How long a call or its answer waits for room: several times as long as those may who do not read while others wait.
const ROOM_TIMEOUT: Duration = Duration::from_secs(30);

/// Makes the value of an answer. It may be made again.
pub(super) type Read = Arc<dyn Fn() -> Result<Value, Failure> + Send + Sync>;

/// The outcome of a call.
pub(super) enum Outcome {
    /// Little text.
    Value(Value),
    /// Something that is read, of any length.
    Read(Lane, Read),
}

/// The subject of a call. Tasks can be asked about while a change keeps the disks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lane {
    /// All records at once, which takes long.
    Records,
    Disks,
    Tasks,
    /// Reading a long call.
    Call,
}

impl Lane {
    pub(super) fn of(method: &str) -> Self {
        match method {
            _ if method.starts_with("task.") => Self::Tasks,
            _ if method.contains(".get_all_records") || method.ends_with("_where") => Self::Records,
            _ => Self::Disks,
        }
    }
}

/// How an answer is written.
#[derive(Clone, Debug)]
pub(super) enum Notation {
    Xml,
    /// XML-RPC, without the struct that tells success from failure.
    Bare,
    Json(Arc<Envelope>),
}

impl Notation {
    fn write(&self, result: Result<Value, Failure>, mut to: Pieces) -> Result<Vec<Piece>, TooMuch> {
        match (self, result) {
            (Self::Bare, Ok(value)) => xmlrpc::bare(&mut to, value),
            (Self::Xml | Self::Bare, result) => xmlrpc::answer(&mut to, result),
            (Self::Json(envelope), result) => jsonrpc::answer(&mut to, result, envelope),
        }
        to.finish()
    }

    /// An answer that is short.
    pub(super) fn short(&self, result: Result<Value, Failure>) -> Vec<Piece> {
        self.write(result, Pieces::default()).unwrap_or_default()
    }
}

/// The turns of those who make answers, and the memory for their texts.
#[derive(Debug)]
pub(super) struct Answers {
    room: Arc<Semaphore>,
    /// Each answer that waits for room has one more of it.
    waiting: Arc<()>,
    records: Arc<Semaphore>,
    disks: Arc<Semaphore>,
    tasks: Arc<Semaphore>,
    calls: Arc<Semaphore>,
    room_for_calls: Arc<Semaphore>,
}

impl Default for Answers {
    fn default() -> Self {
        let [records, disks, tasks, calls] = [AT_A_TIME; 4].map(|most| Arc::new(Semaphore::new(most)));
        let [room, room_for_calls] = [ANSWERS, CALLS].map(|bytes| Arc::new(Semaphore::new(bytes / ROOM_UNIT)));
        Self { room, waiting: Arc::default(), records, disks, tasks, calls, room_for_calls }
    }
}

impl Answers {
    /// Whether there are answers that wait for room.
    pub(super) fn are_waited_for(&self) -> bool {
        Arc::strong_count(&self.waiting) > 1
    }

    async fn turn(&self, lane: Lane) -> Result<OwnedSemaphorePermit, Failure> {
        let lane = match lane {
            Lane::Records => &self.records,
            Lane::Disks => &self.disks,
            Lane::Tasks => &self.tasks,
            Lane::Call => &self.calls,
        };
        let turn = while_there(tokio::time::timeout(QUEUE_TIMEOUT, Arc::clone(lane).acquire_owned())).await;
        turn.ok().and_then(Result::ok).ok_or_else(Failure::too_much)
    }

    /// Does work when it is its turn. It keeps that to the end, even if no one waits for it any more.
    pub(super) async fn in_turn<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let turn = self.turn(lane).await?;
        blocking(move || {
            let _turn = turn;
            there_is_memory_for(0)?;
            work()
        })
        .await
    }

    /// Reads a call. A long one keeps a thread busy for some time.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        body: Bytes,
        parse: impl FnOnce(&[u8]) -> Result<T, Malformed> + Send + 'static,
    ) -> Result<T, Malformed> {
        if body.len() <= SHORT_CALL {
            return parse(&body);
        }
        let read = self.in_turn(Lane::Call, move || Ok(parse(&body))).await;
        read.unwrap_or_else(|failure| Err(Malformed::new(failure.code)))
    }

    /// The part of the memory for calls that a call takes up, until it is answered.
    pub(super) async fn room_for_call(&self, call: &Call) -> Result<Option<OwnedSemaphorePermit>, Failure> {
        let bytes: usize = call.params.iter().map(Value::bytes).sum();
        if bytes <= SHORT_CALL {
            return Ok(None);
        }
        let units = u32::try_from(bytes.min(CALLS).div_ceil(ROOM_UNIT)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room_for_calls).acquire_many_owned(units);
        let room = while_there(tokio::time::timeout(ROOM_TIMEOUT, room)).await.ok().and_then(Result::ok);
        room.map(Some).ok_or_else(Failure::too_much)
    }

    /// Makes an answer of any length.
    pub(super) async fn make(&self, lane: Lane, read: Read, notation: &Notation) -> Vec<Piece> {
        let made = self.try_to_make(lane, read, notation).await;
        made.unwrap_or_else(|failure| notation.short(Err(failure)))
    }

    async fn try_to_make(&self, lane: Lane, read: Read, notation: &Notation) -> Result<Vec<Piece>, Failure> {
        let mut held = None;
        loop {
            let waited = held.is_some();
            let to = Pieces::within(Arc::clone(&self.room), held.take());
            let (read, notation) = (Arc::clone(&read), notation.clone());
            let made = self.in_turn(lane, move || Ok(notation.write(read(), to))).await?;
            let bytes = match made {
                Ok(pieces) => return Ok(pieces),
                Err(TooMuch::Memory) => return Err(Failure::no_memory()),
                Err(TooMuch::Bytes(_)) if waited => return Err(Failure::too_much()),
                Err(TooMuch::Bytes(bytes)) => bytes,
            };
            // It may have grown until it is made again.
            let units = u32::try_from((bytes + bytes / 16).div_ceil(ROOM_UNIT)).unwrap_or(u32::MAX);
            if bytes > ANSWERS {
                return Err(Failure::internal(format!("an answer of {bytes} bytes is more than there is room for")));
            }
            let units = units.min(u32::try_from(ANSWERS / ROOM_UNIT).unwrap_or(u32::MAX));
            let room = tokio::time::timeout(ROOM_TIMEOUT, Arc::clone(&self.room).acquire_many_owned(units));
            let waits = Arc::clone(&self.waiting);
            let room = while_there(room).await;
            drop(waits);
            held = Some(room.ok().and_then(Result::ok).ok_or_else(Failure::too_much)?);
        }
    }
}
