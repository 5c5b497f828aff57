//! The changes of objects, for clients to catch up with since they last asked.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use tokio::sync::watch;

use super::budgets::EVENTS;
use super::util::lock;

/// The kind of a change of an object.
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
    /// The number of the event with which it came, if that is known.
    pub(super) added: u64,
}

/// The changes since the server began, the last of each object, counted from 1.
#[derive(Debug)]
pub(super) struct Events {
    last: Mutex<Last>,
    number: watch::Sender<u64>,
    /// Tells the events of this server from those of another before it.
    run: u64,
}

#[derive(Debug, Default)]
struct Last {
    /// By number.
    events: BTreeMap<u64, Event>,
    /// The numbers, by reference.
    numbers: HashMap<String, u64>,
    /// The number up to which not all events are known any more.
    forgotten: u64,
}

impl Default for Events {
    fn default() -> Self {
        let (run, _) = uuid::Uuid::new_v4().as_u64_pair();
        Self { last: Mutex::default(), number: watch::Sender::new(0), run }
    }
}

impl Events {
    /// Something has happened to an object. Returns the number of that. A change of one that is gone comes too late.
    pub(super) fn add(&self, class: &'static str, reference: &str, operation: Operation) -> u64 {
        let mut last = lock(&self.last);
        let before = *self.number.borrow();
        let known = last.numbers.get(reference).copied();
        let earlier = known.and_then(|number| last.events.get(&number));
        if operation == Operation::Modify && earlier.is_some_and(|event| event.operation == Operation::Delete) {
            return before;
        }
        let number = before + 1;
        let added = match operation {
            Operation::Add => number,
            _ => earlier.map_or(0, |event| event.added),
        };
        if let Some(known) = known {
            last.events.remove(&known);
        }
        last.events.insert(number, Event { number, class, reference: reference.to_owned(), operation, added });
        last.numbers.insert(reference.to_owned(), number);
        // Those that changed the longest ago are forgotten, one for one that comes.
        while last.events.len() > EVENTS
            && let Some((forgotten, event)) = last.events.pop_first()
        {
            last.forgotten = forgotten;
            last.numbers.remove(&event.reference);
        }
        self.number.send_replace(number);
        number
    }

    pub(super) const fn run(&self) -> u64 {
        self.run
    }

    /// The token with which a client that has seen all up to an event asks again.
    pub(super) fn token(&self, number: u64) -> String {
        format!("{},{number}", self.run)
    }

    /// The number of the last event.
    pub(super) fn number(&self) -> u64 {
        *self.number.borrow()
    }

    /// The changes after an event of objects that are wanted, in order; nothing if they are not known: the event is too
    /// long ago, or was before this server began. Up to `looked_at`, nothing has: it is not looked at again.
    pub(super) fn since(&self, number: u64, looked_at: u64, wanted: impl Fn(&Event) -> bool) -> Option<Vec<Event>> {
        let last = lock(&self.last);
        if number < last.forgotten || number > self.number() {
            return None;
        }
        let later = last.events.range(number.max(looked_at) + 1..);
        let mut events: Vec<Event> = later.map(|(_, event)| event).filter(|&event| wanted(event)).cloned().collect();
        for event in &mut events {
            if event.operation == Operation::Modify && event.added > number {
                // To one who has not heard of it yet.
                event.operation = Operation::Add;
            }
        }
        Some(events)
    }

    /// Tells when more happens from now on.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.number.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_that_comes_too_late_does_not_hide_that_an_object_is_gone() {
        let events = Events::default();
        let operations = |since| {
            let events: Vec<Event> = events.since(since, 0, |_| true).expect("known");
            events.into_iter().map(|event| event.operation).collect::<Vec<_>>()
        };
        events.add("task", "a", Operation::Add);
        let deleted = events.add("task", "a", Operation::Delete);
        // As by a call that goes on when its task has been destroyed.
        assert_eq!(events.add("task", "a", Operation::Modify), deleted);
        assert_eq!(operations(1), [Operation::Delete]);
        assert_eq!(operations(deleted), []);
        events.add("task", "a", Operation::Add);
        events.add("task", "a", Operation::Modify);
        assert_eq!(operations(deleted), [Operation::Add]);
    }
}
