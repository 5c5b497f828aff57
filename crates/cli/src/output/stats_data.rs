//! Figures for programs: one JSON object, or CSV with a row an input.

use std::fmt::Write;

use changed_blocks::VirtualSize;
use changed_blocks::shape::CostModel;
use changed_blocks::stats::{Bucket, Reads};
use serde_json::{Value, json};

use super::stats_report::{InputStats, StatsReport};
use crate::sanitize::sanitize;

pub(crate) fn json(report: &StatsReport) -> String {
    let StatsReport { model, inputs, series } = report;
    let interval = |interval: &changed_blocks::stats::Interval| {
        json!({
            "every": interval.every,
            "backups": interval.backups,
            "bytes": interval.bytes,
            "mean_bytes": interval.mean_bytes(),
        })
    };
    let object = json!({
        "inputs": inputs.iter().map(|input| figures(input, model)).collect::<Vec<_>>(),
        "union": series.as_ref().map(|series| figures(&series.union, model)),
        "intervals": series.iter().flat_map(|series| &series.intervals).map(interval).collect::<Vec<_>>(),
        "cost_model": {
            "latency_seconds": model.latency.as_secs_f64(),
            "bandwidth_bytes_per_second": model.bandwidth_bytes_per_second,
            "connections": model.connections,
            "in_flight": model.in_flight,
            "merge_gap": model.merge_gap(),
        },
    });
    format!("{object}\n")
}

/// All figures of one input.
fn figures(input: &InputStats, model: &CostModel) -> Value {
    let stats = &input.stats;
    let totals = stats.totals();
    let buckets = |buckets: Vec<Bucket>| -> Vec<Value> {
        let bucket =
            |bucket: Bucket| json!({ "max_bytes": bucket.max_bytes, "count": bucket.count, "bytes": bucket.bytes });
        buckets.into_iter().map(bucket).collect()
    };
    let reads = |key: &str, size: u64, reads: Reads| {
        json!({
            key: size,
            "requests": reads.requests,
            "bytes": reads.bytes,
            "amplification": reads.amplification(totals.changed_bytes),
            "seconds": reads.time(model).as_secs_f64(),
        })
    };
    let block_reads = stats.block_reads(input.covered).map(|found| {
        let mut object = reads("block_size", found.block_size.bytes(), found.reads);
        object["blocks"] = json!(found.blocks);
        object
    });
    let largest = stats.largest().into_iter().map(|run| json!({ "offset": run.offset_bytes, "length": run.len_bytes }));
    json!({
        "input": input.name,
        "block_size": input.block_size.bytes(),
        "virtual_size": input.virtual_size.map(VirtualSize::bytes),
        "blocks": input.blocks(),
        "changed_blocks": totals.changed_blocks,
        "changed_bytes": totals.changed_bytes,
        "share": input.share(),
        "extents": totals.extents,
        "longest_bytes": totals.longest_bytes,
        "runs": buckets(stats.runs()),
        "gaps": buckets(stats.gaps()),
        "largest": largest.collect::<Vec<_>>(),
        "block_reads": block_reads.collect::<Vec<_>>(),
        "merged_reads": stats.merged_reads().map(|(gap, found)| reads("merge_gap", gap, found)).collect::<Vec<_>>(),
    })
}

pub(crate) fn csv(report: &StatsReport) -> String {
    let mut text = String::new();
    for (number, input) in report.inputs.iter().enumerate() {
        let columns = columns(input, &report.model);
        if number == 0 {
            let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
            // Writing to a String does not fail.
            let _ = writeln!(text, "{}", names.join(","));
        }
        let values: Vec<&str> = columns.iter().map(|(_, value)| value.as_str()).collect();
        let _ = writeln!(text, "{}", values.join(","));
    }
    text
}

/// The names and values of a row.
fn columns(input: &InputStats, model: &CostModel) -> Vec<(String, String)> {
    let number = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
    let totals = input.stats.totals();
    let mut columns = vec![("input".to_owned(), quoted(&input.name))];
    let figures = [
        ("block_size", Some(input.block_size.bytes())),
        ("virtual_size", input.virtual_size.map(VirtualSize::bytes)),
        ("blocks", input.blocks()),
        ("changed_blocks", Some(totals.changed_blocks)),
        ("changed_bytes", Some(totals.changed_bytes)),
        ("extents", Some(totals.extents)),
        ("longest_bytes", Some(totals.longest_bytes)),
    ];
    columns.extend(figures.map(|(name, figure)| (name.to_owned(), number(figure))));
    let reads = |prefix: &str, size: u64, reads: Reads| {
        [
            (format!("{prefix}requests_{size}"), reads.requests.to_string()),
            (format!("{prefix}bytes_{size}"), reads.bytes.to_string()),
            (format!("{prefix}seconds_{size}"), reads.time(model).as_secs_f64().to_string()),
        ]
    };
    for found in input.stats.block_reads(input.covered) {
        let size = found.block_size.bytes();
        columns.push((format!("blocks_{size}"), found.blocks.to_string()));
        columns.extend(reads("", size, found.reads));
    }
    columns.extend(input.stats.merged_reads().flat_map(|(gap, found)| reads("gap_", gap, found)));
    columns
}

/// A value in CSV, where names of files may have any character.
fn quoted(value: &str) -> String {
    let value = sanitize(value);
    if value.contains([',', '"']) { format!("\"{}\"", value.replace('"', "\"\"")) } else { value }
}
