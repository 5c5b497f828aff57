//! The call itself: the union of what the logs between two disks say.
//!
//! The log of a disk holds what was written since its parent. So the answer for two disks is the union of the logs of
//! all that come after the older one, up to and including the newer one. Disks only grow; a shorter bitmap says nothing
//! of the blocks that came later.

use std::collections::{BTreeMap, HashSet};

use rayon::prelude::*;
use uuid::Uuid;

use super::error::{ChainError, DiskRole, UnrelatedReason};
use super::store::{Linked, Links};
use super::store::{LogEntry, Store};
use crate::encoding::Header;
use crate::{Bitmap, Geometry, Lengths, VirtualSize, threads};

/// How often a chain may turn out to have been changed while it was read.
const ATTEMPTS: u32 = 5;

/// The answer.
#[derive(Clone, Debug)]
pub struct ChangedBlocks {
    /// Which blocks of 64 KiB changed: one bit for each that the newer disk has.
    pub bitmap: Bitmap,
    /// The size of the newer disk.
    pub virtual_size: VirtualSize,
    /// The disks whose logs the answer is made of, in order. The newer one is the last.
    pub chain: Vec<Uuid>,
    /// The oddities of their logs. To hide these is to hide that changes may be missing.
    pub warnings: Vec<Warning>,
}

/// Something odd about a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// A log was not closed cleanly: what was written before its host failed may be missing.
    #[error("the log of {uuid} is not marked as consistent: changes may be missing from it")]
    NotConsistent {
        /// The disk.
        uuid: Uuid,
    },
    /// A log stands next to one of the chain, and nobody of it leads there: a deletion was cut short. The answer has what
    /// it says, too.
    #[error("the log of {uuid} was left by a deletion that was cut short; its changes are part of the answer")]
    Stray {
        /// The disk.
        uuid: Uuid,
    },
    /// A log names another parent than the one whose child it is.
    #[error("the log of {uuid} names {} as its parent, but it is the child of {expected}", super::error::Named(*found))]
    Parent {
        /// The disk.
        uuid: Uuid,
        /// The parent that it names.
        found: Option<Uuid>,
        /// The parent that names it.
        expected: Uuid,
    },
}

impl Warning {
    /// A stable name of the kind of warning, for programs. Only after `not-consistent` may changes be missing.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NotConsistent { .. } => "not-consistent",
            Self::Stray { .. } => "stray",
            Self::Parent { .. } => "parent",
        }
    }

    /// The disk of the log.
    #[must_use]
    pub const fn uuid(&self) -> Uuid {
        match *self {
            Self::NotConsistent { uuid } | Self::Stray { uuid } | Self::Parent { uuid, .. } => uuid,
        }
    }
}

impl LogEntry {
    /// The error for a log of a smaller disk than the one before it.
    pub(super) fn shrunk(&self, before: &Self) -> ChainError {
        let (found, before) = (self.header.virtual_size.bytes(), before.header.virtual_size.bytes());
        ChainError::DiskShrunk { uuid: self.uuid, path: self.path.clone(), found, before }
    }

    /// The oddities of the log, as the child of that disk, if it is one's.
    pub fn warnings(&self, parent: Option<Uuid>) -> impl Iterator<Item = Warning> + use<> {
        let Self { uuid, header, .. } = *self;
        let not_consistent = (!header.consistent).then_some(Warning::NotConsistent { uuid });
        let expected = parent.filter(|_| header.parent != parent);
        let other_parent = expected.map(|expected| Warning::Parent { uuid, found: header.parent, expected });
        not_consistent.into_iter().chain(other_parent)
    }
}

impl Store {
    /// Which blocks changed between two disks, as the call `VDI.list_changed_blocks` answers it. `from` is the older one
    /// and `to` the newer.
    ///
    /// # Errors
    ///
    /// See [`ChainError`]. A log of the chain that is not consistent is [`ChainError::NotConsistent`], and a newer disk
    /// that is attached for writing [`ChainError::InUse`]; see
    /// [`list_changed_blocks_allow_inconsistent`](Self::list_changed_blocks_allow_inconsistent).
    ///
    /// # Complexity
    ///
    /// Linear in the total length of the logs, which are read by all threads of the present rayon pool, each in bounded
    /// memory beside one bitmap.
    pub fn list_changed_blocks(&self, from: Uuid, to: Uuid) -> Result<ChangedBlocks, ChainError> {
        self.answer(from, to, Walk::require_consistent)
    }

    /// As [`list_changed_blocks`](Self::list_changed_blocks), also from logs that are not consistent: their disks are
    /// attached for writing, or were when their host failed. **Changes may be missing**; a warning names each such log.
    ///
    /// # Errors
    ///
    /// See [`ChainError`].
    pub fn list_changed_blocks_allow_inconsistent(&self, from: Uuid, to: Uuid) -> Result<ChangedBlocks, ChainError> {
        self.answer(from, to, |_| Ok(()))
    }

    /// Walks the chain and merges its logs, unless `refuse` has something against them.
    ///
    /// A snapshot moves the changes of a disk's log into another log. An answer that reads one before and the other after
    /// would miss them. A [`WritableStore`](super::WritableStore) is kept out by a lock; other programs, such as the
    /// storage manager of a host, are found out by walking the chain once more.
    fn answer(
        &self,
        from: Uuid,
        to: Uuid,
        refuse: impl Fn(&Walk) -> Result<(), ChainError>,
    ) -> Result<ChangedBlocks, ChainError> {
        let _lock = self.keep_writers_out()?;
        let walk_now = || self.now()?.walk(from, to);
        let mut walk = walk_now();
        for _ in 0..ATTEMPTS {
            let answer = match &walk {
                // A lasting fault comes before a disk that is in use now.
                Ok(walk) => walk.require_growth().and_then(|()| refuse(walk)).and_then(|()| walk.merge(from)),
                // An error of the walk is told below, once a second walk ends with the same one.
                Err(_) => Err(ChainError::Changing { from, to }),
            };
            #[cfg(test)]
            tests::after_merge();
            match (walk, walk_now()) {
                (Ok(before), Ok(now)) if before == now => return answer,
                (Err(before), Err(now)) if before.to_string() == now.to_string() => return Err(now),
                (_, now) => walk = now,
            }
        }
        Err(ChainError::Changing { from, to })
    }

    fn walk(&self, from: Uuid, to: Uuid) -> Result<Walk, ChainError> {
        if from == to {
            return Err(ChainError::Same { uuid: from });
        }
        let first = self.log(from)?.ok_or(ChainError::Missing { uuid: from, role: DiskRole::From })?;
        let last = self.log(to)?.ok_or(ChainError::Missing { uuid: to, role: DiskRole::To })?;
        match self.follow(first, to)? {
            Ok(logs) => Ok(Walk { strays: self.strays(from, to, &logs)?, logs }),
            Err(reason) => {
                // Whatever is wrong with that chain, it is not the one that was asked for.
                let swapped = matches!(self.follow(last, from), Ok(Ok(_)));
                let reason = if swapped { UnrelatedReason::Swapped { newer: to, older: from } } else { reason };
                Err(ChainError::Unrelated { from, to, reason })
            }
        }
    }

    /// Logs that say themselves that they stand next to one of a chain, and to which their parent does not lead. A host
    /// leaves one that fails in the middle of a deletion, after the neighbours were linked and before what the log says
    /// was given to the newer one. Later on, either neighbour may go in good order; so one is enough.
    fn strays(&self, from: Uuid, to: Uuid, chain: &[LogEntry]) -> Result<Vec<LogEntry>, ChainError> {
        let all = self.links()?;
        let newer = chain.iter().map(|log| log.uuid).collect();
        let strays = Self::stray(&all, from, to, &newer);
        all.into_iter().filter(|(uuid, _)| strays.contains(uuid)).map(|(_, (_, log))| log).collect()
    }

    /// Which of all logs these are, for a chain of logs after that of `from`.
    pub(super) fn stray(all: &BTreeMap<Uuid, Linked>, from: Uuid, to: Uuid, newer: &HashSet<Uuid>) -> HashSet<Uuid> {
        let led_to = |uuid, parent| all.get(&parent).is_some_and(|(links, _)| links.child == Some(uuid));
        let mut strays = HashSet::new();
        loop {
            let found = all.iter().find(|&(&uuid, (links, _))| {
                let Links { parent: Some(parent), child } = *links else { return false };
                let by_child = child.is_some_and(|child| newer.contains(&child) || strays.contains(&child));
                let by_parent = parent == from || parent != to && newer.contains(&parent);
                uuid != from
                    && !newer.contains(&uuid)
                    && !strays.contains(&uuid)
                    && (strays.contains(&parent) || !led_to(uuid, parent) && (by_child || by_parent))
            });
            let Some((&uuid, _)) = found else { break };
            strays.insert(uuid);
        }
        strays
    }

    /// The logs after `first` up to and including that of `to`, or where the chain ends.
    fn follow(&self, first: LogEntry, to: Uuid) -> Result<Result<Vec<LogEntry>, UnrelatedReason>, ChainError> {
        let mut passed = HashSet::from([first.uuid]);
        let mut logs = Vec::new();
        let mut log = first;
        while log.uuid != to {
            let Some(child) = log.header.child else { return Ok(Err(UnrelatedReason::Ends { last: log.uuid })) };
            if !passed.insert(child) {
                return Err(ChainError::Circle { uuid: log.uuid, path: log.path, child });
            }
            let Some(next) = self.log(child)? else {
                return Ok(Err(UnrelatedReason::Broken { uuid: log.uuid, child }));
            };
            if !log.header.leads_to(log.uuid, &next.header) {
                return Ok(Err(UnrelatedReason::OtherParent { uuid: log.uuid, child, parent: next.header.parent }));
            }
            logs.push(next.clone());
            log = next;
        }
        Ok(Ok(logs))
    }
}

/// The logs that an answer is made of.
#[derive(PartialEq)]
struct Walk {
    /// The logs after that of the older disk, up to and including that of the newer one.
    logs: Vec<LogEntry>,
    strays: Vec<LogEntry>,
}

impl Walk {
    /// Refuses a disk that is smaller than the one before it. The oldest is not part of the answer.
    fn require_growth(&self) -> Result<(), ChainError> {
        let shrunk = |pair: &&[LogEntry]| pair[1].header.virtual_size < pair[0].header.virtual_size;
        match self.logs.windows(2).find(shrunk) {
            Some([before, log]) => Err(log.shrunk(before)),
            _ => Ok(()),
        }
    }

    /// Refuses logs that are not consistent. One inside the chain stays so, whereas the newer disk may be detached later.
    fn require_consistent(&self) -> Result<(), ChainError> {
        let Some((last, inner)) = self.logs.split_last() else { return Ok(()) };
        if let Some(log) = inner.iter().chain(&self.strays).find(|log| !log.header.consistent) {
            return Err(ChainError::NotConsistent { uuid: log.uuid, path: log.path.clone() });
        }
        if last.header.consistent {
            return Ok(());
        }
        Err(ChainError::InUse { uuid: last.uuid, path: last.path.clone() })
    }

    /// The union of the logs.
    fn merge(&self, from: Uuid) -> Result<ChangedBlocks, ChainError> {
        merge(from, &self.logs, &self.strays)
    }
}

/// The union of the logs that follow that of `from`.
fn merge(from: Uuid, logs: &[LogEntry], strays: &[LogEntry]) -> Result<ChangedBlocks, ChainError> {
    let mut warnings = Vec::new();
    let mut before = from;
    for log in logs {
        warnings.extend(log.warnings(Some(before)));
        before = log.uuid;
    }
    let last = logs.last().expect("a chain has a log for `to`, which is not `from`");
    let virtual_size = last.header.virtual_size;
    let blocks = virtual_size.blocks(Header::BLOCK_SIZE);
    // As long as it will be: zeros cost nothing before they are touched, and to grow takes twice the memory. But a size
    // that lies must not be believed before it is found out.
    let prepared = if last.is_long_enough() { blocks } else { 0 };
    for log in strays {
        warnings.push(Warning::Stray { uuid: log.uuid });
        warnings.extend(log.warnings(None));
    }
    let no_memory = |source| ChainError::Log { uuid: last.uuid, path: last.path.clone(), source };
    let add_to = |bitmap: Option<Bitmap>, log| {
        let mut bitmap = bitmap.map_or_else(|| Bitmap::try_new(prepared).map_err(no_memory), Ok)?;
        add(&mut bitmap, log).map(|()| Some(bitmap))
    };
    let merged = if threads::count() == 1 {
        logs.iter().chain(strays).try_fold(None, add_to)?
    } else {
        let unite = |a: Option<Bitmap>, b| match (a, b) {
            (Some(mut a), Some(b)) => a.union_with(&b, Lengths::Extend).map(|()| Some(a)).map_err(no_memory),
            (one, None) | (None, one) => Ok(one),
        };
        logs.par_iter().chain(strays).try_fold_with(None, add_to).try_reduce_with(unite).transpose()?.flatten()
    };
    let mut bitmap = merged.unwrap_or_default();
    let geometry = Geometry { block_size: Header::BLOCK_SIZE, virtual_size: Some(virtual_size) };
    bitmap.fit(geometry, blocks).map_err(no_memory)?;
    Ok(ChangedBlocks { bitmap, virtual_size, chain: logs.iter().map(|log| log.uuid).collect(), warnings })
}

/// Adds what a log says to a bitmap.
fn add(bitmap: &mut Bitmap, log: &LogEntry) -> Result<(), ChainError> {
    // Threads are shared out by logs.
    log.scan(|scanner, file| scanner.merge_into(file, bitmap).map(|_| ()))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::ByteRange;
    use crate::cbtlog::WritableStore;

    type Step = Box<dyn FnMut()>;

    thread_local! {
        static AFTER_MERGE: RefCell<Option<Step>> = const { RefCell::new(None) };
    }

    pub(super) fn after_merge() {
        if let Some(step) = AFTER_MERGE.take() {
            let mut step = step;
            step();
            AFTER_MERGE.set(Some(step));
        }
    }

    const DISK: Uuid = Uuid::from_u128(1);
    const OLDER: Uuid = Uuid::from_u128(2);

    /// Another program, which knows nothing of locks, takes snapshots of a disk while its changes are listed.
    fn list_while(times: u128) -> Result<ChangedBlocks, ChainError> {
        let folder = tempfile::tempdir().expect("room");
        let writable = WritableStore::open(folder.path()).expect("there");
        writable.create(DISK, VirtualSize::new(1 << 20).expect("not 0")).expect("new");
        writable.snapshot(DISK, OLDER).expect("possible");
        let newest = Uuid::from_u128(u128::MAX);
        writable.snapshot(DISK, newest).expect("possible");
        writable.mark(DISK, ByteRange::between(0, 1)).expect("on the disk");
        let mut store = Store::open(folder.path()).expect("there");
        // Or else the lock would keep the snapshots out.
        store.unlocked = true;
        let mut taken = 0;
        AFTER_MERGE.set(Some(Box::new(move || {
            if taken < times {
                writable.snapshot(DISK, Uuid::from_u128(100 + taken)).expect("possible");
                taken += 1;
            }
        })));
        let answer = store.list_changed_blocks(OLDER, DISK);
        AFTER_MERGE.set(None);
        answer
    }

    #[test]
    fn a_chain_that_changes_while_it_is_read_is_read_again() {
        for times in [0, 1, 4] {
            let answer = list_while(times).expect("it comes to rest");
            assert_eq!(answer.bitmap.get(0), Some(true), "{times}");
            assert_eq!(answer.chain.len() as u128, 2 + times);
        }
        assert!(matches!(list_while(5), Err(ChainError::Changing { from: OLDER, to: DISK })));
    }
}
