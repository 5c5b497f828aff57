//! The judgement of a store: why [`Store::list_changed_blocks`] would refuse answers over its chains, or warn of them.
//!
//! It uses the same tests of a link, of a flag and of what stands beside a chain as the call does.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use uuid::Uuid;

use super::chain::Warning;
use super::chains::{Chain, ChainEnd};
use super::error::{ChainError, UnrelatedReason};
use super::store::Linked;
use super::store::{LogEntry, Store};
use crate::Error;

/// The faults for which [`Store::list_changed_blocks`] refuses answers over a chain, and its warnings. Logs that cannot be
/// read stand in the chain itself; whether the bitmaps are good is known only once they are read.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Judgement {
    /// Faults, each with the disk of the log that has it: answers that need that log are refused.
    pub refusals: Vec<(Uuid, ChainError)>,
    /// Warnings of answers that need a log, each with the disk of that log.
    pub warnings: Vec<(Uuid, Warning)>,
    /// Disks beside the chain whose logs are part of its answers.
    pub strays: Vec<Uuid>,
}

impl Store {
    /// Judges each of these chains, which are those of the store. That a chain's last log is not consistent is no fault of
    /// it: the disk may be attached now.
    ///
    /// # Errors
    ///
    /// If one of the logs cannot be read just now, or is not as it was when the chains were read.
    pub fn judge(&self, chains: &[Chain]) -> Result<Vec<Judgement>, ChainError> {
        let all = self.links()?;
        for log in chains.iter().flat_map(|chain| &chain.logs).flatten() {
            if !matches!(all.get(&log.uuid), Some((_, Ok(now))) if now == log) {
                let (uuid, path) = (log.uuid, log.path.clone());
                return Err(ChainError::Log { uuid, path, source: Error::Changed });
            }
        }
        Ok(chains.iter().map(|chain| judge(chain, &all)).collect())
    }
}

fn judge(chain: &Chain, all: &BTreeMap<Uuid, Linked>) -> Judgement {
    let mut judgement = Judgement::default();
    let logs: Vec<&LogEntry> = chain.logs.iter().flatten().collect();
    let Some(last) = logs.last() else { return judgement };
    // Beside each link. What stands beside a longer part of the chain stands beside one of its links.
    let mut strays = BTreeSet::new();
    let mut add_strays = |from, to| strays.extend(Store::stray(all, from, to, &HashSet::from([to])));
    // The oldest log is not part of any answer over the chain.
    for (number, (before, log)) in (1..).zip(logs.iter().zip(&logs[1..])) {
        if before.header.leads_to(before.uuid, &log.header) {
            let warnings = log.warnings(Some(before.uuid));
            let odd = warnings.filter(|warning| !matches!(warning, Warning::NotConsistent { .. }));
            judgement.warnings.extend(odd.map(|warning| (log.uuid, warning)));
            add_strays(before.uuid, log.uuid);
        } else {
            judgement.refuse_link(before, log.uuid, log.header.parent);
        }
        if number > 1 && log.header.virtual_size < before.header.virtual_size {
            judgement.refuse(log, log.shrunk(before));
        }
        if !log.header.consistent && number + 1 < chain.logs.len() {
            judgement.refuse_flag(log);
        }
    }
    if let ChainEnd::Joins { child } = chain.end
        && let Some((_, joined)) =
            all.get(&child).filter(|(links, _)| last.header.leads_to_one_of(last.uuid, links.parent))
    {
        add_strays(last.uuid, child);
        if logs.len() > 1 {
            judgement.add_joined(last, joined.as_ref().ok());
        }
    }
    judgement.add_strays(&strays, all);
    judgement.add_end(chain.end, last, all);
    judgement
}

impl Judgement {
    fn refuse(&mut self, log: &LogEntry, error: ChainError) {
        self.refusals.push((log.uuid, error));
    }

    fn refuse_flag(&mut self, log: &LogEntry) {
        self.refuse(log, ChainError::NotConsistent { uuid: log.uuid, path: log.path.clone() });
    }

    fn refuse_link(&mut self, log: &LogEntry, child: Uuid, parent: Option<Uuid>) {
        let reason = UnrelatedReason::OtherParent { uuid: log.uuid, child, parent };
        self.refusals.push((child, ChainError::Unrelated { from: log.uuid, to: child, reason }));
    }

    /// Those that are damaged stand in chains of their own.
    fn add_strays(&mut self, strays: &BTreeSet<Uuid>, all: &BTreeMap<Uuid, Linked>) {
        for (&uuid, (_, log)) in all.iter().filter(|(uuid, _)| strays.contains(uuid)) {
            self.strays.push(uuid);
            self.warnings.push((uuid, Warning::Stray { uuid }));
            if let Ok(log) = log
                && !log.header.consistent
            {
                self.refuse_flag(log);
            }
        }
    }

    /// A last log that is an inner one of the chain that it joins.
    fn add_joined(&mut self, last: &LogEntry, child: Option<&LogEntry>) {
        if !last.header.consistent {
            self.refuse_flag(last);
        }
        if let Some(child) = child.filter(|child| child.header.virtual_size < last.header.virtual_size) {
            self.refuse(child, child.shrunk(last));
        }
    }

    fn add_end(&mut self, end: ChainEnd, last: &LogEntry, all: &BTreeMap<Uuid, Linked>) {
        let uuid = last.uuid;
        match end {
            ChainEnd::Complete | ChainEnd::Unreadable => {}
            ChainEnd::Broken { child } => {
                let reason = UnrelatedReason::Broken { uuid, child };
                self.refuse(last, ChainError::Unrelated { from: uuid, to: child, reason });
            }
            ChainEnd::Circle { child } => {
                self.refuse(last, ChainError::Circle { uuid, path: last.path.clone(), child });
            }
            ChainEnd::Joins { child } => {
                let parent = all.get(&child).and_then(|(links, _)| links.parent);
                if !last.header.leads_to_one_of(uuid, parent) {
                    let reason = UnrelatedReason::OtherParent { uuid, child, parent };
                    self.refuse(last, ChainError::Unrelated { from: uuid, to: child, reason });
                }
            }
        }
    }
}
