//! What has changed since a client last asked.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

/// Objects whose changes are remembered; beyond, those that changed the longest ago are forgotten.
const MOST: usize = 10_000;

/// What has happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Add,
    Modify,
    Delete,
}

impl Operation {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Modify => "mod",
            Self::Delete => "del",
        }
    }
}

/// One change: the last of each object.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) number: u64,
    pub(super) class: &'static str,
    pub(super) reference: String,
    pub(super) operation: Operation,
}

/// The changes since the server began, the last of each object, counted from 1.
#[derive(Debug)]
pub(super) struct Events {
    last: Mutex<HashMap<String, Event>>,
    number: watch::Sender<u64>,
}

impl Default for Events {
    fn default() -> Self {
        Self { last: Mutex::default(), number: watch::Sender::new(0) }
    }
}

impl Events {
    /// Something has happened to an object. Returns the number of that.
    pub(super) fn add(&self, class: &'static str, reference: &str, operation: Operation) -> u64 {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let number = *self.number.borrow() + 1;
        if last.len() >= MOST && !last.contains_key(reference) {
            let median = number.saturating_sub(MOST as u64 / 2);
            last.retain(|_, event| event.number > median);
        }
        let event = Event { number, class, reference: reference.to_owned(), operation };
        last.insert(reference.to_owned(), event);
        self.number.send_replace(number);
        number
    }

    /// The number of the last event, and what has happened after another, in order.
    pub(super) fn since(&self, number: u64) -> (u64, Vec<Event>) {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let mut events: Vec<Event> = last.values().filter(|event| event.number > number).cloned().collect();
        events.sort_by_key(|event| event.number);
        (*self.number.borrow(), events)
    }

    /// Tells when more happens from now on.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.number.subscribe()
    }
}
