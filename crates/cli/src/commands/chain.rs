//! `cbt chain`: the chains of a folder of logs, drawn or as JSON, with what is wrong with them and what to do.
//!
//! It fails on what `list-changed-blocks` refuses, and on nothing else: the library judges for both.

use std::collections::HashSet;
use std::io::Write;
use std::ops::ControlFlow;

use changed_blocks::cbtlog::{ChainError, Header, LogEntry, Store, Uuid};
use changed_blocks::format::Totals;
use changed_blocks::{Consequence, Extent, Geometry};
use indicatif::{BinaryBytes, HumanCount};
use rayon::prelude::*;
use serde_json::json;

use crate::args::{ChainArgs, ChainFormat};
use crate::commands::chain_report::{ChainReport, LogReport, Problem, uuid_of};
use crate::failure::Failure;
use crate::output::target::Target;
use crate::scan_options::prepare_threads;

pub(crate) fn chain(args: &ChainArgs) -> Result<(), Failure> {
    let name = args.store.display().to_string();
    let store = Store::open(&args.store).map_err(Failure::Chain)?;
    let chains = store.chains();
    let judgements = store.judge(&chains).map_err(Failure::Chain)?;
    let needed: HashSet<Uuid> = judgements.iter().flat_map(|judgement| judgement.strays.iter().copied()).collect();
    prepare_threads(None);
    let asked_for = |uuid: Uuid| args.uuid.is_none_or(|asked_for| asked_for == uuid);
    let chosen =
        chains.iter().zip(&judgements).filter(|(chain, _)| chain.logs.iter().any(|log| asked_for(uuid_of(log))));
    let reports: Vec<ChainReport<'_>> = chosen
        .map(|(chain, judgement)| {
            let totals: Vec<_> = chain.logs.par_iter().map(|log| log.as_ref().ok().map(changed)).collect();
            ChainReport::new(chain, judgement, totals, &needed)
        })
        .collect();
    if let (Some(uuid), true) = (args.uuid, reports.is_empty()) {
        return Err(Failure::Usage {
            message: format!("{name}: there is no log of {uuid}"),
            hint: "is it the right folder?",
        });
    }
    let text = match args.output {
        ChainFormat::Human => drawn(&reports),
        ChainFormat::Json => as_json(&name, &reports),
    };
    let mut target = Target::open(None)?;
    target.write_all(&text).map_err(|error| target.failure(error))?;
    let problems: Vec<&Problem> = reports.iter().flat_map(ChainReport::problems).collect();
    let Some(first) = problems.first() else { return Ok(()) };
    let full_backup = problems.iter().any(|problem| problem.consequence == Consequence::FullBackup);
    let consequence = if full_backup { Consequence::FullBackup } else { first.consequence };
    Err(Failure::Chains { store: name, count: problems.len(), consequence })
}

fn drawn(reports: &[ChainReport<'_>]) -> Vec<u8> {
    let mut text = Vec::new();
    reports.iter().for_each(|report| draw(report, &mut text));
    if reports.is_empty() {
        text.extend_from_slice(b"no .cbtlog files\n");
    }
    text
}

fn draw(report: &ChainReport<'_>, text: &mut Vec<u8>) {
    let last = report.logs.len() - 1;
    for (i, log) in report.logs.iter().enumerate() {
        let branch = match (i, last) {
            (0, 0) => "──",
            (0, _) => "┌─",
            _ if i == last => "└─",
            _ => "├─",
        };
        let line = match log {
            LogReport { header: Some(header), totals: Some(totals), .. } => {
                let size = BinaryBytes(header.virtual_size.bytes()).to_string();
                let flag = if header.consistent { "" } else { ", not consistent" };
                let (bytes, blocks) =
                    (BinaryBytes(totals.changed_bytes).to_string(), HumanCount(totals.changed_blocks));
                let plural = if totals.changed_blocks == 1 { "" } else { "s" };
                format!("{size:>12} {bytes:>12} changed in {blocks} block{plural}{flag}")
            }
            _ => "cannot be used".to_owned(),
        };
        // Writing to a Vec does not fail.
        let _ = writeln!(text, "{branch} {} {line}", log.uuid);
    }
    for problem in report.problems() {
        let _ = writeln!(text, "   ! {}: {}", problem.message, problem.hint.as_deref().unwrap_or("try again"));
    }
    for warning in report.warnings() {
        let _ = writeln!(text, "   * {warning}");
    }
}

fn as_json(store: &str, reports: &[ChainReport<'_>]) -> Vec<u8> {
    let chains: Vec<_> = reports.iter().map(chain_as_json).collect();
    let mut object = json!({ "store": store, "chains": chains });
    let warnings: Vec<&str> = reports.iter().flat_map(ChainReport::warnings).collect();
    if !warnings.is_empty() {
        object["warnings"] = json!(warnings);
    }
    format!("{object}\n").into_bytes()
}

fn chain_as_json(report: &ChainReport<'_>) -> serde_json::Value {
    let problems = |problems: &[Problem]| -> Vec<_> {
        let as_json = |problem: &Problem| {
            json!({
                "error": problem.kind,
                "message": problem.message,
                "hint": problem.hint,
                "consequence": problem.consequence.name(),
            })
        };
        problems.iter().map(as_json).collect()
    };
    let uuid = |uuid: Option<Uuid>| uuid.map(|uuid| uuid.to_string());
    let logs = report.logs.iter().map(|log| {
        json!({
            "path": log.path.map(|path| path.display().to_string()),
            "uuid": log.uuid.to_string(),
            "parent": log.header.and_then(|header| uuid(header.parent)),
            "child": log.header.and_then(|header| uuid(header.child)),
            "consistent": log.header.map(|header| header.consistent),
            "virtual_size": log.header.map(|header| header.virtual_size.bytes()),
            "changed_blocks": log.totals.map(|totals| totals.changed_blocks),
            "changed_bytes": log.totals.map(|totals| totals.changed_bytes),
            "problems": problems(&log.problems),
            "warnings": log.warnings,
        })
    });
    json!({ "logs": logs.collect::<Vec<_>>(), "problems": problems(&report.beside), "warnings": report.warnings_beside })
}

/// Sums over the extents of a log.
fn changed(log: &LogEntry) -> Result<Totals, ChainError> {
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
