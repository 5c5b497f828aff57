//! Figures for people: aligned tables, with bars where they go to a terminal.

use std::fmt::Write;
use std::time::Duration;

use changed_blocks::shape::CostModel;
use changed_blocks::stats::{Bucket, Reads};
use indicatif::{BinaryBytes, HumanCount};

use super::stats_report::{InputStats, Series, StatsReport};
use crate::sanitize::sanitize;

/// The widest bar that is drawn.
const MAX_BAR: usize = 40;

/// The figures as text. In a terminal there are bars, as wide as its columns allow.
pub(crate) fn text(report: &StatsReport, columns: Option<usize>) -> String {
    let mut text = String::new();
    match &report.series {
        None => report.inputs.iter().for_each(|input| describe(input, &mut text)),
        Some(series) => describe_series(&report.inputs, series, columns, &mut text),
    }
    let whole = report.series.as_ref().map(|series| &series.union).or(report.inputs.first());
    if let Some(input) = whole {
        details(input, &report.model, columns, &mut text);
    }
    text
}

/// The sums of an input.
fn describe(input: &InputStats, text: &mut String) {
    let totals = input.stats.totals();
    let disk = match (input.virtual_size, input.blocks()) {
        (Some(size), Some(blocks)) => format!("{}, {} blocks of", BinaryBytes(size.bytes()), HumanCount(blocks)),
        (None, Some(blocks)) => format!("size not known, a bitmap of {} blocks of", HumanCount(blocks)),
        _ => "size not known, blocks of".to_owned(),
    };
    let share = input.share().map(|share| format!(" ({})", percent(share))).unwrap_or_default();
    // Writing to a String does not fail.
    let _ = writeln!(text, "{}", sanitize(&input.name));
    let _ = writeln!(text, "disk:    {disk} {}", BinaryBytes(input.block_size.bytes()));
    let _ = writeln!(
        text,
        "changed: {}{share}, {} blocks in {} extents, longest {}",
        BinaryBytes(totals.changed_bytes),
        HumanCount(totals.changed_blocks),
        HumanCount(totals.extents),
        BinaryBytes(totals.longest_bytes)
    );
}

/// A row for each input, their sum and their union; and what backups at longer intervals would read.
fn describe_series(inputs: &[InputStats], series: &Series, columns: Option<usize>, text: &mut String) {
    let heads = ["INPUT", "CHANGED", "SHARE", "BLOCKS", "OF", "EXTENTS", "LONGEST"];
    let row = |input: &InputStats| {
        let totals = input.stats.totals();
        vec![
            sanitize(&input.name),
            BinaryBytes(totals.changed_bytes).to_string(),
            input.share().map_or_else(|| "-".to_owned(), percent),
            HumanCount(totals.changed_blocks).to_string(),
            BinaryBytes(input.block_size.bytes()).to_string(),
            HumanCount(totals.extents).to_string(),
            BinaryBytes(totals.longest_bytes).to_string(),
        ]
    };
    let mut rows: Vec<Vec<String>> = inputs.iter().map(row).collect();
    let all = || inputs.iter().map(|input| input.stats.totals());
    let no = || "-".to_owned();
    rows.push(vec![
        "sum".to_owned(),
        BinaryBytes(all().map(|totals| totals.changed_bytes).fold(0, u64::saturating_add)).to_string(),
        no(),
        HumanCount(all().map(|totals| totals.changed_blocks).sum()).to_string(),
        no(),
        HumanCount(all().map(|totals| totals.extents).sum()).to_string(),
        BinaryBytes(all().map(|totals| totals.longest_bytes).max().unwrap_or(0)).to_string(),
    ]);
    rows.push(row(&series.union));
    table(&heads, rows, &[], None, text);

    text.push_str("\nA backup every so many inputs would read:\n");
    let rows = series.intervals.iter().map(|interval| {
        vec![
            interval.every.to_string(),
            HumanCount(interval.backups as u64).to_string(),
            BinaryBytes(interval.mean_bytes()).to_string(),
            BinaryBytes(interval.bytes).to_string(),
        ]
    });
    let bars: Vec<u64> = series.intervals.iter().map(|interval| interval.bytes).collect();
    table(&["EVERY", "BACKUPS", "EACH, MEAN", "IN ALL"], rows.collect(), &bars, columns, text);
    text.push_str("\nOf the union:\n");
}

/// The lengths, the longest runs and the reads of an input.
fn details(input: &InputStats, model: &CostModel, columns: Option<usize>, text: &mut String) {
    let stats = &input.stats;
    for (head, buckets) in [("RUNS UP TO", stats.runs()), ("GAPS UP TO", stats.gaps())] {
        lengths(head, &buckets, columns, text);
    }
    let largest = stats.largest();
    if !largest.is_empty() {
        text.push('\n');
        let rows = largest.iter().map(|run| vec![BinaryBytes(run.len_bytes).to_string(), run.offset_bytes.to_string()]);
        table(&["LONGEST RUNS", "AT BYTE"], rows.collect(), &[], None, text);
    }
    let changed = stats.totals().changed_bytes;
    if changed == 0 {
        return;
    }
    let cost = |reads: Reads| {
        let times = reads.amplification(changed).unwrap_or_default();
        [
            HumanCount(reads.requests).to_string(),
            BinaryBytes(reads.bytes).to_string(),
            format!("{times:.2}"),
            seconds(reads.time(model)),
        ]
    };
    text.push('\n');
    let rows = stats.block_reads(input.covered).map(|found| {
        let size = BinaryBytes(found.block_size.bytes()).to_string();
        [size, HumanCount(found.blocks).to_string()].into_iter().chain(cost(found.reads)).collect()
    });
    table(&["BLOCKS OF", "BLOCKS", "REQUESTS", "READ", "x", "TIME"], rows.collect(), &[], None, text);
    text.push('\n');
    let rows = stats
        .merged_reads()
        .map(|(gap, reads)| std::iter::once(BinaryBytes(gap).to_string()).chain(cost(reads)).collect());
    table(&["GAPS MERGED UP TO", "REQUESTS", "READ", "x", "TIME"], rows.collect(), &[], None, text);
    let _ = writeln!(text, "\n{}", recommendation(input, model));
}

/// Counts and bytes for lengths up to each power of two.
fn lengths(head: &str, buckets: &[Bucket], columns: Option<usize>, text: &mut String) {
    if buckets.is_empty() {
        return;
    }
    text.push('\n');
    let row = |bucket: &Bucket| {
        vec![
            BinaryBytes(bucket.max_bytes).to_string(),
            HumanCount(bucket.count).to_string(),
            BinaryBytes(bucket.bytes).to_string(),
        ]
    };
    let counts: Vec<u64> = buckets.iter().map(|bucket| bucket.count).collect();
    table(&[head, "COUNT", "BYTES"], buckets.iter().map(row).collect(), &counts, columns, text);
}

/// The merge gap that the cost model recommends, what it saves, and what that rests on.
fn recommendation(input: &InputStats, model: &CostModel) -> String {
    let gap = model.merge_gap();
    let reads_at = |wanted| input.stats.merged_reads().find(|&(gap, _)| gap == wanted).map(|(_, reads)| reads);
    let (Some(plain), Some(merged)) = (reads_at(0), reads_at(gap)) else { return String::new() };
    let advice = if merged.requests == plain.requests {
        format!("No gap is worth reading through: none is as short as {} ({gap} bytes).", BinaryBytes(gap))
    } else {
        format!(
            "Read through gaps of up to {} (--merge-gap {gap}): {} requests in {}, in place of {} in {}.",
            BinaryBytes(gap),
            HumanCount(merged.requests),
            seconds(merged.time(model)),
            HumanCount(plain.requests),
            seconds(plain.time(model))
        )
    };
    format!(
        "{advice}\nThis assumes --latency {}us, --bandwidth {}, --connections {} and --in-flight {}.",
        model.latency.as_micros(),
        model.bandwidth_bytes_per_second,
        model.connections,
        model.in_flight
    )
}

/// A share as a percentage, with two significant digits, or so, of a small one.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let decimals = if percent > 0.0 && percent < 0.1 { 4 } else { 2 };
    format!("{percent:.decimals$} %")
}

fn seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let decimals = match seconds {
        ..10.0 => 3,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{seconds:.decimals$} s")
}

/// Appends columns: the first of names to the left, all others to the right. In a terminal, bars follow.
fn table(heads: &[&str], mut rows: Vec<Vec<String>>, bars: &[u64], columns: Option<usize>, text: &mut String) {
    rows.insert(0, heads.iter().map(|&head| head.to_owned()).collect());
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let used: usize = widths.iter().sum::<usize>() + 2 * widths.len();
    let room = columns.map_or(0, |columns| columns.saturating_sub(used).min(MAX_BAR));
    let most = bars.iter().copied().max().unwrap_or(0);
    for (number, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column == 0 && heads[0] == "INPUT" { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        let value = number.checked_sub(1).and_then(|number| bars.get(number)).copied().unwrap_or(0);
        let _ = writeln!(text, "{}", format!("{line}  {}", bar(value, most, room)).trim_end());
    }
}

/// A bar of up to `room` columns, at least one for all that is not 0.
fn bar(value: u64, most: u64, room: usize) -> String {
    let width = (u128::from(value) * room as u128).div_ceil(u128::from(most.max(1)));
    "█".repeat(usize::try_from(width).unwrap_or(room))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_wide_as_their_share_of_the_largest() {
        let widths = |room| [0, 1, 50, 100].map(|value| bar(value, 100, room).chars().count());
        assert_eq!(widths(10), [0, 1, 5, 10]);
        assert_eq!(widths(0), [0; 4]);
        assert_eq!(bar(u64::MAX, u64::MAX, 40).chars().count(), 40);
        assert_eq!(bar(0, 0, 40), "");
    }

    #[test]
    fn bars_fill_what_a_terminal_has_room_for() {
        let rows = || vec![vec!["1".to_owned(), "20".to_owned()], vec!["300".to_owned(), "4".to_owned()]];
        let lines = |columns| {
            let mut text = String::new();
            table(&["A", "B"], rows(), &[5, 10], columns, &mut text);
            text
        };
        assert_eq!(lines(None), "  A   B\n  1  20\n300   4\n");
        assert_eq!(lines(Some(13)), "  A   B\n  1  20  ██\n300   4  ████\n");
        assert_eq!(lines(Some(5)), lines(None));
    }
}
