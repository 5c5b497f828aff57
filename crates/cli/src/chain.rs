//! `cbt chain`: the chains of a folder of logs, drawn, with what is wrong with them and what to do.

use std::fs::File;
use std::io::Write;
use std::ops::ControlFlow;

use changed_blocks::cbtlog::{Chain, ChainEnd, ChainError, Log, Store, Uuid};
use changed_blocks::{Encoding, Error, Extent, Scanner};
use indicatif::{BinaryBytes, HumanCount};
use rayon::prelude::*;

use crate::args::ChainArgs;
use crate::failure::Failure;
use crate::plan::prepare_threads;
use crate::sink::Target;

pub(crate) fn chain(args: &ChainArgs) -> Result<(), Failure> {
    let name = args.store.display().to_string();
    let store = Store::open(&args.store).map_err(|error| Failure::Open { input: name.clone(), error })?;
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
    let changed: Vec<_> = chain.logs.par_iter().map(|log| log.as_ref().ok().map(changed)).collect();
    let mut problems = Vec::new();
    let mut before: Option<&Log> = None;
    let last = chain.logs.len() - 1;
    for (i, (log, changed)) in chain.logs.iter().zip(changed).enumerate() {
        let branch = match (i, last) {
            (0, 0) => "──",
            (0, _) => "┌─",
            _ if i == last => "└─",
            _ => "├─",
        };
        let line = match (log, changed) {
            (Ok(log), Some(Ok((blocks, bytes)))) => {
                look_at(log, before, i == last, &mut problems);
                let header = &log.header;
                let size = BinaryBytes(header.virtual_size.bytes()).to_string();
                let flag = if header.consistent { "" } else { ", not consistent" };
                let (bytes, blocks) = (BinaryBytes(bytes).to_string(), HumanCount(blocks));
                format!("{size:>12} {bytes:>12} changed in {blocks} blocks{flag}")
            }
            (Ok(log), Some(Err(error))) => {
                problems.push(format!("{}: {error}: {}", log.path.display(), error.hint().unwrap_or("try again")));
                "cannot be used".to_owned()
            }
            (Err(error), _) => {
                problems.push(format!("{error}: {}", error.hint().unwrap_or("try again")));
                "cannot be used".to_owned()
            }
            (Ok(_), None) => String::new(),
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
    // The last one may be attached just now, which is as it should be.
    if !header.consistent && !last {
        problems
            .push(format!("{uuid} is not marked as consistent: changes may be missing from it; take a full backup"));
    }
    let Some(before) = before else { return };
    if header.parent != Some(before.uuid) {
        let found = header.parent.map_or("none".to_owned(), |parent| parent.to_string());
        problems.push(format!("{uuid} names {found} as its parent, not {}: take a full backup", before.uuid));
    }
    if header.virtual_size < before.header.virtual_size {
        problems.push(format!("{uuid} is smaller than the one before it, which no disk ever is: take a full backup"));
    }
}

/// How many blocks and bytes a log has as changed.
fn changed(log: &Log) -> Result<(u64, u64), Error> {
    let file = File::open(&log.path).map_err(|source| Error::Read { offset: 0, source })?;
    let geometry = changed_blocks::Geometry {
        block_size: changed_blocks::cbtlog::Header::BLOCK_SIZE,
        virtual_size: Some(log.header.virtual_size),
    };
    let (mut blocks, mut bytes) = (0, 0);
    let scanner = Scanner::new(Encoding::CbtLog).allow_inconsistent(true).parallel(false);
    let outcome = scanner.virtual_size(log.header.virtual_size).visit(&file, |extents: &[Extent]| {
        for &extent in extents {
            match geometry.byte_range(extent) {
                Ok(range) => (blocks, bytes) = (blocks + extent.len_blocks(), bytes + range.len_bytes),
                Err(error) => return ControlFlow::Break(error),
            }
        }
        ControlFlow::Continue(())
    })?;
    match outcome {
        ControlFlow::Continue(_) => Ok((blocks, bytes)),
        ControlFlow::Break(error) => Err(error),
    }
}
