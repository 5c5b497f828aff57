//! A chain as `cbt chain` reports it: the header, the totals and the problems of each log.

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::Path;

use changed_blocks::Consequence;
use changed_blocks::cbtlog::{Chain, ChainError, Header, Judgement, LogEntry, UnrelatedReason, Uuid};
use changed_blocks::format::Totals;

use crate::sanitize::sanitize;

pub(crate) struct ChainReport<'c> {
    pub(crate) logs: Vec<LogReport<'c>>,
    /// Problems of logs beside the chain that its answers need.
    pub(crate) beside: Vec<Problem>,
    pub(crate) warnings_beside: Vec<String>,
}

pub(crate) struct LogReport<'c> {
    pub(crate) uuid: Uuid,
    pub(crate) path: Option<&'c Path>,
    /// Nothing if the log cannot be read.
    pub(crate) header: Option<&'c Header>,
    /// Nothing if its bitmap cannot be read.
    pub(crate) totals: Option<Totals>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<String>,
}

/// Why answers that need a log are refused.
pub(crate) struct Problem {
    pub(crate) kind: &'static str,
    pub(crate) message: String,
    pub(crate) hint: Option<Cow<'static, str>>,
    pub(crate) consequence: Consequence,
}

/// The disk of a log, which is known even if the log cannot be read.
pub(crate) fn uuid_of(log: &Result<LogEntry, ChainError>) -> Uuid {
    match log {
        Ok(log) => log.uuid,
        Err(ChainError::Log { uuid, .. }) => *uuid,
        // No other error is one of a single log.
        Err(_) => Uuid::nil(),
    }
}

impl<'c> ChainReport<'c> {
    /// `totals` are those of each log that can be read; `needed` are the logs that the answers of other chains need.
    pub(crate) fn new(
        chain: &'c Chain,
        judgement: &Judgement,
        totals: Vec<Option<Result<Totals, ChainError>>>,
        needed: &HashSet<Uuid>,
    ) -> Self {
        let mut logs: Vec<LogReport<'c>> = chain.logs.iter().map(LogReport::new).collect();
        let last = logs.len() - 1;
        for (place, (log, totals)) in logs.iter_mut().zip(totals).enumerate() {
            match totals {
                None => {}
                Some(Ok(totals)) => log.totals = Some(totals),
                // The oldest log of a chain is in no answer over it.
                Some(Err(error)) if place == 0 && last > 0 && !needed.contains(&log.uuid) => {
                    log.warnings.push(sanitize(&format!("{error}; answers over this chain do not need it")));
                }
                Some(Err(error)) => log.problems.push(Problem::new(&error, log.uuid)),
            }
        }
        for place in 1..logs.len().min(2) {
            if let (Some(before), Some(header)) = (logs[place - 1].header, logs[place].header)
                && header.virtual_size < before.virtual_size
            {
                let warning = format!("{} is smaller than the one before it, which no disk ever is", logs[place].uuid);
                logs[place].warnings.push(warning);
            }
        }
        let mut report = Self { logs, beside: Vec::new(), warnings_beside: Vec::new() };
        for (uuid, error) in &judgement.refusals {
            let problem = Problem::new(error, *uuid);
            match report.log(*uuid) {
                Some(log) => log.problems.push(problem),
                None => report.beside.push(problem),
            }
        }
        for (uuid, warning) in &judgement.warnings {
            match report.log(*uuid) {
                Some(log) => log.warnings.push(sanitize(&warning.to_string())),
                None => report.warnings_beside.push(sanitize(&warning.to_string())),
            }
        }
        report
    }

    fn log(&mut self, uuid: Uuid) -> Option<&mut LogReport<'c>> {
        self.logs.iter_mut().find(|log| log.uuid == uuid)
    }

    pub(crate) fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.logs.iter().flat_map(|log| &log.problems).chain(&self.beside)
    }

    pub(crate) fn warnings(&self) -> impl Iterator<Item = &str> {
        self.logs.iter().flat_map(|log| &log.warnings).chain(&self.warnings_beside).map(String::as_str)
    }
}

impl<'c> LogReport<'c> {
    fn new(log: &'c Result<LogEntry, ChainError>) -> Self {
        let (path, header, problems) = match log {
            Ok(log) => (Some(log.path.as_path()), Some(&log.header), Vec::new()),
            Err(error) => {
                let path = if let ChainError::Log { path, .. } = error { Some(path.as_path()) } else { None };
                (path, None, vec![Problem::new(error, uuid_of(log))])
            }
        };
        Self { uuid: uuid_of(log), path, header, totals: None, problems, warnings: Vec::new() }
    }
}

impl Problem {
    /// The problem of a disk's log, in words that fit below a drawing of its chain.
    fn new(error: &ChainError, uuid: Uuid) -> Self {
        let full_backup = Some(Cow::Borrowed("take a full backup"));
        let later = Some(Cow::Borrowed("what comes later needs a full backup first"));
        let child = |child: &Uuid, is: &str| format!("the child of the last one is {child}, which {is}");
        let (message, hint) = match error {
            ChainError::NotConsistent { uuid, .. } => {
                (format!("{uuid} is not marked as consistent: changes may be missing from it"), full_backup)
            }
            ChainError::DiskShrunk { uuid, .. } => {
                (format!("{uuid} is smaller than the one before it, which no disk ever is"), full_backup)
            }
            ChainError::Circle { child: next, .. } => (child(next, "is in this chain already"), later),
            ChainError::Unrelated { reason: UnrelatedReason::Broken { child: next, .. }, .. } => {
                (child(next, "has no log"), later)
            }
            ChainError::Unrelated {
                reason: UnrelatedReason::OtherParent { uuid: before, child: next, .. }, ..
            } if *before == uuid => (child(next, "is another one's child, too"), later),
            ChainError::Unrelated { reason: UnrelatedReason::OtherParent { uuid: before, child, parent }, .. } => {
                let parent = parent.map_or("none".to_owned(), |parent| parent.to_string());
                (format!("{child} names {parent} as its parent, not {before}"), full_backup)
            }
            other => (other.to_string(), other.hint()),
        };
        Self { kind: error.kind(), message: sanitize(&message), hint, consequence: error.consequence() }
    }
}
