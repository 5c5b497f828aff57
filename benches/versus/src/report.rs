//! The report that is printed: ratios, rates, and where this library loses.

use std::fmt::Write as _;
use std::slice;

use crate::ceiling::{COPY, FILL, READ};
use crate::commands::{CAT, CBT, COMMAND};
use crate::inputs::{LARGEST, REAL};
use crate::ours::{APART, OURS, THREADS, VISIT};
use crate::peers::decode::DECODE;
use crate::peers::processes::PROCESS;
use crate::peers::runs::ASSEMBLED;
use crate::reblock::{EXTENTS, PASS, REBLOCK};
use crate::results::{Group, Results, Row, ratio};

/// The order in which kinds are listed.
const KINDS: [&str; 14] =
    [READ, COPY, FILL, DECODE, OURS, VISIT, THREADS, APART, ASSEMBLED, REBLOCK, EXTENTS, PASS, PROCESS, COMMAND];

/// Cells of text, the first row being the head.
type Table = Vec<Vec<String>>;

/// Everything, for a person at a terminal.
pub(crate) fn text(results: &Results) -> String {
    let mut text = String::new();
    for size in results.sizes() {
        let _ = write!(text, "\n== {}: ratios\n\n{}", title(size), aligned(&ratios(&results.groups(size))));
    }
    text.push_str(EXPLANATION);
    for size in results.sizes() {
        let title = title(size);
        let _ = write!(text, "\n== {title}: to a bitmap of blocks of 2 MiB, all threads\n\n");
        text.push_str(&aligned(&reblocking(&results.groups(size))));
    }
    text.push_str(REBLOCKING);
    for size in results.sizes() {
        let _ = write!(text, "\n== {}: GB/s of text, median ± half the interquartile range\n\n", title(size));
        text.push_str(&aligned(&rates(&results.groups(size))));
    }
    for group in results.groups(LARGEST) {
        text.push_str("\n== Whole commands: GB/s of text, from the page cache to /dev/null, on all threads\n\n");
        text.push_str(&aligned(&rates(slice::from_ref(&group))));
        let ratio = ratio(group.named(CBT), group.named(CAT));
        let _ = writeln!(text, "\n{CBT} against {CAT}: {}", times(ratio));
    }
    let _ = write!(text, "\n== Where this library is behind\n\n{}", losses(results));
    text
}

const EXPLANATION: &str = "
ours             text in memory to a reused list of extents, one thread, the tier that users get; GB/s of text
/reading         against reading the text and doing nothing (the fastest of several ways)
/memset          against filling a buffer of the list's size: bytes of list in the same time
/turbo           against base64-turbo, which only decodes
/decode          against the fastest of all bare decoders
/assembled       against the fastest decoder-and-run-finder that was assembled from peers, and which one that is
limit            what memory allows of that: the slower of reading the text and filling the list, neither with the other
TIER /assembled  the same for each other tier
counting         handed to a visitor that counts: GB/s of text, and against reading, and filling such a buffer
two threads      against one
two halves       two threads with half of the text each, and a list each, against one: what memory lets two threads do
/processes       against the fastest of Python and Node
";

const REBLOCKING: &str = "
/extents         the rate against that of the list of extents, on the same threads and tier
/pass            the time against that of base64-simd and one pass over 32-bit words
/turbo           the time against that of base64-turbo, which only decodes
";

/// The name of the texts of a size.
pub(crate) fn title(size: &str) -> String {
    if size == REAL { "Real bitmaps, 2.67 MiB of text".to_owned() } else { format!("{size} of text") }
}

/// One row an input, one column a comparison.
fn ratios(groups: &[Group<'_>]) -> Table {
    let mut tiers: Vec<&str> = Vec::new();
    for group in groups {
        let fastest = group.ours().map(|row| row.candidate.as_str());
        for row in group.of_kind(OURS).filter(|row| Some(row.candidate.as_str()) != fastest) {
            if !tiers.contains(&row.candidate.as_str()) {
                tiers.push(&row.candidate);
            }
        }
    }
    let mut head: Vec<String> =
        ["input", "ours", "/reading", "/memset", "/turbo", "/decode", "/assembled", "limit", ""]
            .map(str::to_owned)
            .to_vec();
    head.extend(tiers.iter().map(|tier| format!("{} /assembled", tier_name(tier))));
    head.extend(["counting", "/reading", "/memset", "two threads", "two halves", "/processes"].map(str::to_owned));
    let mut table = vec![head];
    for group in groups {
        let ours = group.ours();
        let best = group.best(ASSEMBLED);
        let fill = group.first(FILL);
        let limit = group.reading().into_iter().chain(fill).min_by(|a, b| a.median.total_cmp(&b.median));
        let mut line = vec![
            group.input.to_owned(),
            ours.map_or_else(String::new, |row| rate(row.median)),
            times(ratio(ours, group.reading())),
            times(ratio(ours, fill)),
            times(ratio(ours, group.turbo())),
            times(ratio(ours, group.best(DECODE))),
            times(ratio(ours, best)),
            times(ratio(limit, best)),
            best.map_or_else(String::new, |row| row.candidate.clone()),
        ];
        for tier in &tiers {
            let row = group.of_kind(OURS).find(|row| row.candidate == *tier);
            line.push(times(ratio(row, best)));
        }
        let counting = group.first(VISIT);
        line.push(counting.map_or_else(String::new, |row| rate(row.median)));
        line.push(times(ratio(counting, group.reading())));
        line.push(times(ratio(counting, fill)));
        line.push(times(ratio(group.first(THREADS), ours)));
        line.push(times(ratio(group.first(APART), ours)));
        line.push(times(ratio(ours, group.best(PROCESS))));
        table.push(line);
    }
    table
}

/// One row for each input and tier.
fn reblocking(groups: &[Group<'_>]) -> Table {
    let mut table = vec![["input", "tier", "GB/s", "/extents", "/pass", "/turbo"].map(str::to_owned).to_vec()];
    for group in groups {
        for row in group.of_kind(REBLOCK) {
            let extents = group.of_kind(EXTENTS).find(|extents| extents.candidate == row.candidate);
            table.push(vec![
                group.input.to_owned(),
                tier_name(&row.candidate).to_owned(),
                rate(row.median),
                times(ratio(Some(row), extents)),
                times(ratio(group.first(PASS), Some(row))),
                times(ratio(group.turbo(), Some(row))),
            ]);
        }
    }
    table
}

/// One row a candidate, one column an input.
fn rates(groups: &[Group<'_>]) -> Table {
    let mut names: Vec<(&str, &str)> = Vec::new();
    for row in groups.iter().flat_map(Group::rows) {
        if !names.contains(&(&row.kind, &row.candidate)) {
            names.push((&row.kind, &row.candidate));
        }
    }
    // Inputs may have further kinds in the middle.
    names.sort_by_key(|(kind, _)| KINDS.iter().position(|known| known == kind));
    let mut head = vec!["kind".to_owned(), "candidate".to_owned()];
    head.extend(groups.iter().map(|group| group.input.to_owned()));
    let mut table = vec![head];
    for (kind, name) in names {
        let mut line = vec![kind.to_owned(), name.to_owned()];
        for group in groups {
            let row = group.of_kind(kind).find(|row| row.candidate == name);
            line.push(
                row.map_or_else(String::new, |row| format!("{} ±{:>2.0}%", rate(row.median), row.spread() * 50.0)),
            );
        }
        table.push(line);
    }
    table
}

/// The candidates that are faster than this library: first at the same work, then at less. Of several, the fastest.
fn losses(results: &Results) -> String {
    let head = ["size", "input", "of ours", "is only", "as fast as"].map(str::to_owned).to_vec();
    let (mut same, mut less) = (vec![head.clone()], vec![head]);
    for size in results.sizes() {
        for group in results.groups(size) {
            let peers = group.best(ASSEMBLED).into_iter().chain(group.best(PROCESS));
            let peer = peers.max_by(|a, b| a.median.total_cmp(&b.median));
            for ours in group.of_kind(OURS) {
                same.extend(loss(&group, Some(ours), peer));
            }
            same.extend(loss(&group, group.first(THREADS), group.ours()));
            less.extend(loss(&group, group.ours(), group.best(DECODE)));
        }
    }
    let or_none = |table: Table| if table.len() == 1 { "nothing\n".to_owned() } else { aligned(&table) };
    format!(
        "To what does the same:\n\n{}\nTo what only decodes, and finds no runs:\n\n{}",
        or_none(same),
        or_none(less)
    )
}

fn loss(group: &Group<'_>, ours: Option<&Row>, peer: Option<&Row>) -> Option<Vec<String>> {
    let (ours, peer) = (ours?, peer?);
    let ratio = ours.median / peer.median;
    let names = [group.size.to_owned(), group.input.to_owned(), ours.candidate.clone()];
    (ratio < 1.0).then(|| names.into_iter().chain([times(Some(ratio)), peer.candidate.clone()]).collect())
}

/// For docs/performance.md: one row an input, the rate and three ratios for each size, and the losses below.
pub(crate) fn markdown(results: &Results) -> String {
    let mut text = String::from(
        "| size of text | input | runs | GB/s | ÷ reading alone | ÷ base64-turbo, which only decodes | ÷ best assembled \
         from peers | the best assembled |\n|---|---|--:|--:|--:|--:|--:|---|\n",
    );
    for size in results.sizes() {
        for group in results.groups(size) {
            let Some(ours) = group.ours() else { continue };
            let best = group.best(ASSEMBLED);
            let _ = writeln!(
                text,
                "| {size} | {} | {} | {} | {} | {} | {} | {} |",
                group.input,
                thousands(ours.runs),
                rate(ours.median),
                times(ratio(Some(ours), group.reading())),
                times(ratio(Some(ours), group.turbo())),
                times(ratio(Some(ours), best)),
                best.map_or("", |row| &row.candidate)
            );
        }
    }
    let _ = write!(text, "\nWhere this library is behind\n\n```text\n{}```\n", losses(results));
    text
}

/// The tier in the name of a candidate of ours.
fn tier_name(candidate: &str) -> &str {
    candidate.rsplit(' ').next().unwrap_or(candidate)
}

/// Three figures, as far as that goes.
fn rate(gbps: f64) -> String {
    match gbps {
        10.0.. => format!("{gbps:.1}"),
        0.1.. => format!("{gbps:.2}"),
        _ => format!("{gbps:.4}"),
    }
}

fn times(ratio: Option<f64>) -> String {
    match ratio {
        Some(ratio @ 10.0..) => format!("{ratio:.1}"),
        Some(ratio) => format!("{ratio:.2}"),
        None => "–".to_owned(),
    }
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Names to the left, figures to the right.
fn aligned(table: &Table) -> String {
    let columns = table.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |line: &Vec<String>, i: usize| line.get(i).cloned().unwrap_or_default();
    let width = |i| table.iter().map(|line| cell(line, i).chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let is_name = |i| table.iter().skip(1).any(|line| cell(line, i).starts_with(|first: char| first.is_alphabetic()));
    let mut text = String::new();
    for line in table {
        let mut out = String::new();
        for (i, &width) in widths.iter().enumerate() {
            let cell = cell(line, i);
            let _ =
                if i == 0 || is_name(i) { write!(out, "{cell:<width$}  ") } else { write!(out, "{cell:>width$}  ") };
        }
        text.push_str(out.trim_end());
        text.push('\n');
    }
    text
}
