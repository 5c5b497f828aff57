//! `cbt chain`: the chains of a folder of logs, drawn, with what is wrong with them and what to do.

use std::io::Write;
use std::ops::ControlFlow;

use changed_blocks::cbtlog::{Chain, ChainEnd, ChainError, Header, Log, Store, Uuid, Warning};
use changed_blocks::format::Totals;
use changed_blocks::{Extent, Geometry};
use indicatif::{BinaryBytes, HumanCount};
use rayon::prelude::*;

use crate::args::ChainArgs;
use crate::failure::Failure;
use crate::plan::prepare_threads;
use crate::sink::Target;

pub(crate) fn chain(args: &ChainArgs) -> Result<(), Failure> {
    let name = args.store.display().to_string();
    let store = Store::open(&args.store).map_err(Failure::Chain)?;
    let mut chains = store.chains();
    if let Some(uuid) = args.uuid {
        chains.retain(|chain| chain.logs.iter().any(|log| uuid_of(log) == uuid));
        if chains.is_empty() {
            return Err(Failure::Usage {
                message: format!("{name}: there is no log of {uuid}"),
                hint: "is it the right folder?",
            });
        }
    }
    prepare_threads(None);
    let mut target = Target::open(None)?;
    let (mut text, mut problems) = (Vec::new(), 0);
    for chain in &chains {
        problems += draw(chain, &mut text);
    }
    if chains.is_empty() {
        text.extend_from_slice(b"no .cbtlog files\n");
    }
    target.write_all(&text).map_err(|error| target.failure(error))?;
    match problems {
        0 => Ok(()),
        count => Err(Failure::Chains { store: name, count }),
    }
}

fn uuid_of(log: &Result<Log, ChainError>) -> Uuid {
    match log {
        Ok(log) => log.uuid,
        Err(ChainError::Log { uuid, .. }) => *uuid,
        // No other error is one of a single log.
        Err(_) => Uuid::nil(),
    }
}

/// Draws a chain. Returns how many problems it has.
fn draw(chain: &Chain, text: &mut Vec<u8>) -> usize {
    let problem = |error: &ChainError| format!("{error}: {}", error.hint().unwrap_or("try again".into()));
    let scanned = chain.logs.par_iter().map(|log| {
        let log = log.as_ref().map_err(problem)?;
        changed(log).map(|totals| (log, totals)).map_err(|error| problem(&error))
    });
    let scanned: Vec<_> = scanned.collect();
    let mut problems = Vec::new();
    let mut before: Option<&Log> = None;
    let last = chain.logs.len() - 1;
    for (i, (log, scanned)) in chain.logs.iter().zip(scanned).enumerate() {
        let branch = match (i, last) {
            (0, 0) => "──",
            (0, _) => "┌─",
            _ if i == last => "└─",
            _ => "├─",
        };
        let line = match scanned {
            Ok((log, totals)) => {
                look_at(log, before, i == last, &mut problems);
                let header = &log.header;
                let size = BinaryBytes(header.virtual_size.bytes()).to_string();
                let flag = if header.consistent { "" } else { ", not consistent" };
                let (bytes, blocks) =
                    (BinaryBytes(totals.changed_bytes).to_string(), HumanCount(totals.changed_blocks));
                format!("{size:>12} {bytes:>12} changed in {blocks} blocks{flag}")
            }
            Err(problem) => {
                problems.push(problem);
                "cannot be used".to_owned()
            }
        };
        // Writing to a Vec does not fail.
        let _ = writeln!(text, "{branch} {} {line}", uuid_of(log));
        before = log.as_ref().ok();
    }
    if let Some(problem) = problem_at_end(chain.end) {
        problems.push(format!("{problem}: what comes later needs a full backup first"));
    }
    for problem in &problems {
        let _ = writeln!(text, "   ! {problem}");
    }
    problems.len()
}

fn problem_at_end(end: ChainEnd) -> Option<String> {
    let (child, what) = match end {
        ChainEnd::Broken { child } => (child, "has no log"),
        ChainEnd::Circle { child } => (child, "is in this chain already"),
        ChainEnd::Joins { child } => (child, "is another one's child, too"),
        _ => return None,
    };
    Some(format!("the child of the last one is {child}, which {what}"))
}

/// Notes what is wrong with a log that can be read.
fn look_at(log: &Log, before: Option<&Log>, last: bool, problems: &mut Vec<String>) {
    let Log { uuid, header, .. } = log;
    for warning in log.warnings(before.map(|before| before.uuid)) {
        problems.push(match warning {
            // It may be attached just now, which is as it should be.
            Warning::NotConsistent { .. } if last => continue,
            Warning::NotConsistent { uuid } => {
                format!("{uuid} is not marked as consistent: changes may be missing from it; take a full backup")
            }
            Warning::Parent { uuid, found, expected } => {
                let found = found.map_or("none".to_owned(), |parent| parent.to_string());
                format!("{uuid} names {found} as its parent, not {expected}: take a full backup")
            }
            other => format!("{other}: take a full backup"),
        });
    }
    let Some(before) = before else { return };
    if header.virtual_size < before.header.virtual_size {
        problems.push(format!("{uuid} is smaller than the one before it, which no disk ever is: take a full backup"));
    }
}

/// Sums over what a log has as changed.
fn changed(log: &Log) -> Result<Totals, ChainError> {
    let geometry = Geometry { block_size: Header::BLOCK_SIZE, virtual_size: Some(log.header.virtual_size) };
    let (mut totals, mut ranges) = (Totals::default(), Vec::new());
    let visitor = |extents: &[Extent]| {
        ranges.clear();
        if let Err(error) = geometry.byte_ranges(extents, &mut ranges) {
            return ControlFlow::Break(error);
        }
        totals.add_all(&ranges, &geometry);
        ControlFlow::Continue(())
    };
    log.scan(|scanner, file| match scanner.parallel(false).visit(file, visitor)? {
        ControlFlow::Continue(_) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    })?;
    Ok(totals)
}
