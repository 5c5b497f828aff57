//! A scan of a stream, by a thread of its own: it waits for the network, which a thread of the pool must not do.

use std::io::Read;
use std::sync::Arc;
use std::thread;

use changed_blocks::{Consequence, Source};
use napi::bindgen_prelude::{Env, Object};
use napi_derive::napi;

use crate::failure::Failure;
use crate::native::{Reply, finish};
use crate::operation::{contained, scan};
use crate::queue::{Queue, QueueReader};

type Resolver = Box<dyn FnOnce(Env) -> napi::Result<Reply>>;

/// The pieces of a stream, pushed by the event loop as they come.
#[napi]
#[derive(Default)]
pub struct Feed(Arc<Queue>);

#[napi]
impl Feed {
    /// Nothing was pushed yet.
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts an operation on the bitmap that is pushed, and returns the promise of its reply.
    #[napi]
    pub fn scan<'env>(&self, env: &'env Env, operation: String, options: String) -> napi::Result<Object<'env>> {
        let (deferred, promise) = env.create_deferred::<Reply, Resolver>()?;
        let refused = deferred.clone();
        let mut reader = QueueReader::new(self.0.clone());
        let work = move || {
            let finished = contained(|| {
                let source = Source::reader(&mut reader as &mut dyn Read);
                Ok(scan(&operation, &options, source).and_then(finish))
            });
            drop(reader);
            let reply = finished.flatten();
            deferred.resolve(Box::new(move |_| Ok(Reply::from(reply))));
        };
        if let Err(error) = thread::Builder::new().name("changed-blocks".to_owned()).spawn(work) {
            let failure = Failure::of_system(Consequence::of_io(&error), format!("there is no thread: {error}"));
            refused.resolve(Box::new(move |_| Ok(Reply::from(Err(failure)))));
        }
        Ok(promise)
    }

    /// Adds a piece. Where the queue is full, returns a promise of room for more.
    #[napi]
    pub fn push<'env>(&self, env: &'env Env, piece: &[u8]) -> napi::Result<Option<Object<'env>>> {
        if self.0.push(piece) {
            return Ok(None);
        }
        let (deferred, promise) = env.create_deferred()?;
        self.0.when_there_is_room(Box::new(move || deferred.resolve(|_| Ok(()))));
        Ok(Some(promise))
    }

    /// Says that all was pushed.
    #[napi]
    pub fn end(&self) {
        self.0.end();
    }

    /// Says that there is nothing more, although the stream is not at its end.
    #[napi]
    pub fn stop(&self) {
        self.0.stop();
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        // Its thread would wait for ever.
        self.0.stop();
    }
}
