//! The calls of the native module. Those of `lib/native.js` are around them.
//!
//! Results of calls that JavaScript waits for are written to memory that JavaScript has allocated: what a native module
//! allocates is freed by a later turn of the event loop only, and a loop without one would fill the memory. Other results
//! are handed over without a copy, so that they hold the event loop for no longer than a call takes.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use changed_blocks::Source;
use napi::bindgen_prelude::{AsyncTask, BigUint64Array, Env, Function, Task, Uint8Array};
use napi_derive::napi;

use crate::failure::Failure;
use crate::operation::{self, combine, contained, scan};
use crate::outcome::Outcome;
use crate::pull::Pull;

/// Gives memory for so many words.
type Allocate<'a> = Function<'a, f64, &'a mut [u64]>;

/// The reply to a call: a failure, or facts and numbers.
#[napi(object, object_from_js = false)]
pub struct Reply {
    /// As `Failure::to_lines` has it.
    pub failure: Option<String>,
    /// As `Outcome::facts` has it.
    pub facts: Option<String>,
    /// Numbers, unless they were written to memory of the caller's.
    pub words: Option<BigUint64Array>,
}

/// A result that is whole, and on its way to JavaScript.
pub(crate) type Finished = Result<(String, Vec<u64>), Failure>;

impl Reply {
    fn failed(failure: &Failure) -> Self {
        Self { failure: Some(failure.to_lines()), facts: None, words: None }
    }

    /// Writes an outcome to memory that JavaScript allocates.
    fn written(outcome: Result<Outcome, Failure>, allocate: &Allocate<'_>) -> napi::Result<Self> {
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(failure) => return Ok(Self::failed(&failure)),
        };
        if outcome.words() > 0 {
            // No memory holds so many words that a number of JavaScript's does not.
            let words = allocate.call(outcome.words() as f64)?;
            if let Err(failure) = outcome.write(words) {
                return Ok(Self::failed(&failure));
            }
        }
        Ok(Self { failure: None, facts: Some(outcome.facts()), words: None })
    }
}

impl From<Finished> for Reply {
    fn from(finished: Finished) -> Self {
        match finished {
            Ok((facts, words)) => Self { failure: None, facts: Some(facts), words: Some(BigUint64Array::new(words)) },
            Err(failure) => Self::failed(&failure),
        }
    }
}

/// Makes of an outcome what can go from one thread to another.
pub(crate) fn finish(outcome: Outcome) -> Finished {
    let facts = outcome.facts();
    Ok((facts, outcome.into_words()?))
}

/// The version of the package that this module was built for.
#[napi]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// An operation on a bitmap in memory.
#[napi]
pub fn scan_bytes(operation: String, options: String, input: &[u8], allocate: Allocate<'_>) -> napi::Result<Reply> {
    Reply::written(contained(|| scan(&operation, &options, input)), &allocate)
}

/// An operation on a bitmap of which `pull` gives the next piece, and an empty one at its end.
#[napi]
pub fn scan_pulled(
    operation: String,
    options: String,
    pull: Function<'_, (), &[u8]>,
    allocate: Allocate<'_>,
) -> napi::Result<Reply> {
    let mut next = || pull.call(()).map_err(|error| io::Error::other(error.to_string()));
    let mut reader = Pull::new(&mut next);
    let outcome = contained(|| scan(&operation, &options, Source::reader(&mut reader as &mut dyn Read)));
    Reply::written(outcome, &allocate)
}

/// Writes the numbers of so many changed blocks to memory that `allocate` gives.
#[napi]
pub fn write_indexes(bitmap: &[u32], count: f64, allocate: Function<'_, f64, &mut [u32]>) -> napi::Result<()> {
    let indexes = allocate.call(count)?;
    contained(|| operation::write_indexes(bitmap, indexes))
        .map_err(|failure| napi::Error::from_reason(failure.to_lines()))
}

/// An operation on lists.
#[napi]
pub fn combine_lists(
    operation: String,
    options: String,
    a: &[u64],
    b: &[u64],
    allocate: Allocate<'_>,
) -> napi::Result<Reply> {
    Reply::written(contained(|| combine(&operation, &options, a, b)), &allocate)
}

/// Stops work of the thread pool that has not begun.
#[napi]
#[derive(Default)]
pub struct Stop(Arc<AtomicBool>);

#[napi]
impl Stop {
    /// Nothing is stopped yet.
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops it.
    #[napi]
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Work of the thread pool. Its input is a copy that JavaScript has made for it, and gives to nothing else.
pub struct Work {
    operation: String,
    options: String,
    input: Input,
    stopped: Arc<AtomicBool>,
}

enum Input {
    Bitmap(Uint8Array),
    Lists(BigUint64Array, BigUint64Array),
}

impl Work {
    fn run(&self) -> Finished {
        if self.stopped.load(Ordering::Relaxed) {
            return Err(Failure::stopped());
        }
        let Self { operation, options, .. } = self;
        finish(match &self.input {
            Input::Bitmap(bytes) => scan(operation, options, &bytes[..])?,
            Input::Lists(a, b) => combine(operation, options, a, b)?,
        })
    }
}

impl Task for Work {
    type Output = Finished;
    type JsValue = Reply;

    fn compute(&mut self) -> napi::Result<Finished> {
        Ok(contained(|| Ok(self.run())).flatten())
    }

    fn resolve(&mut self, _env: Env, finished: Finished) -> napi::Result<Reply> {
        Ok(finished.into())
    }
}

/// As `scan_bytes`, by the thread pool.
#[napi]
pub fn scan_later(operation: String, options: String, input: Uint8Array, stop: &Stop) -> AsyncTask<Work> {
    AsyncTask::new(Work { operation, options, input: Input::Bitmap(input), stopped: stop.0.clone() })
}

/// As `combine_lists`, by the thread pool.
#[napi]
pub fn combine_later(
    operation: String,
    options: String,
    a: BigUint64Array,
    b: BigUint64Array,
    stop: &Stop,
) -> AsyncTask<Work> {
    AsyncTask::new(Work { operation, options, input: Input::Lists(a, b), stopped: stop.0.clone() })
}
