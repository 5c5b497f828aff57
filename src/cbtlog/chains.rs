//! All chains of a store.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::error::ChainError;
use super::store::{LogEntry, Store};

/// Logs that follow each other by their child pointers.
#[derive(Debug)]
#[non_exhaustive]
pub struct Chain {
    /// The logs, each the child of the one before. Only the last may be one that cannot be read.
    pub logs: Vec<Result<LogEntry, ChainError>>,
    /// The reason why it goes no further.
    pub end: ChainEnd,
}

/// The reason why a chain goes no further than its last log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChainEnd {
    /// With a log that has no child.
    Complete,
    /// With a log that cannot be read, so that nobody knows its child.
    Unreadable,
    /// With a log whose child has no log.
    Broken {
        /// The child.
        child: Uuid,
    },
    /// With a log whose child is one of the same chain.
    Circle {
        /// The child.
        child: Uuid,
    },
    /// With a log whose child is part of another chain that comes before.
    Joins {
        /// The child.
        child: Uuid,
    },
}

impl Store {
    /// All chains: every log is in exactly one of them. They come in the order of their first disks' UUIDs, those that
    /// are nothing but a circle last.
    ///
    /// # Complexity
    ///
    /// Each header is read once; bitmaps are not.
    #[must_use]
    pub fn chains(&self) -> Vec<Chain> {
        let mut logs: BTreeMap<Uuid, Result<LogEntry, ChainError>> =
            self.uuids().filter_map(|uuid| Some((uuid, self.log(uuid).transpose()?))).collect();
        let children: BTreeSet<Uuid> = logs.values().flatten().filter_map(|log| log.header.child).collect();
        let roots: Vec<Uuid> = logs.keys().filter(|uuid| !children.contains(uuid)).copied().collect();
        let mut chains: Vec<Chain> = roots.into_iter().map(|root| self.take_chain(&mut logs, root)).collect();
        // The logs that no chain from a root has reached form circles.
        while let Some(&uuid) = logs.keys().next() {
            chains.push(self.take_chain(&mut logs, uuid));
        }
        chains
    }

    /// Takes the chain that begins with a disk off the logs.
    fn take_chain(&self, logs: &mut BTreeMap<Uuid, Result<LogEntry, ChainError>>, first: Uuid) -> Chain {
        let mut chain = Chain { logs: Vec::new(), end: ChainEnd::Complete };
        let mut passed = BTreeSet::new();
        let mut uuid = first;
        while let Some(log) = logs.remove(&uuid) {
            passed.insert(uuid);
            let child = log.as_ref().map(|log| log.header.child);
            chain.end = match child {
                Err(_) => ChainEnd::Unreadable,
                Ok(None) => ChainEnd::Complete,
                Ok(Some(child)) if passed.contains(&child) => ChainEnd::Circle { child },
                Ok(Some(child)) if self.path(child).is_none() => ChainEnd::Broken { child },
                // Unless it is there for the taking, which the next turn finds out.
                Ok(Some(child)) => ChainEnd::Joins { child },
            };
            chain.logs.push(log);
            match chain.end {
                ChainEnd::Joins { child } => uuid = child,
                _ => break,
            }
        }
        chain
    }
}
