//! The figures: one row for each candidate of each cell, as CSV and back.

use std::fmt::Write as _;

use crate::ceiling::READ;
use crate::inputs::{Cell, LARGEST};
use crate::measure::Spread;
use crate::ours::OURS;
use crate::peers::decode::{DECODE, TURBO};

const HEADER: &str = "size,input,kind,candidate,text_bytes,runs,median_gbps,q1_gbps,q3_gbps,samples";

/// One row. Rates are in GB/s of text, whatever the candidate reads or writes.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) size: String,
    pub(crate) input: String,
    pub(crate) kind: String,
    pub(crate) candidate: String,
    text_bytes: u64,
    pub(crate) runs: u64,
    pub(crate) median: f64,
    pub(crate) q1: f64,
    pub(crate) q3: f64,
    samples: usize,
}

impl Row {
    pub(crate) fn new(cell: &Cell, kind: &str, candidate: &str, spread: Spread) -> Self {
        let rate = |seconds: f64| cell.text.len() as f64 / seconds / 1e9;
        Self {
            size: cell.size.clone(),
            input: cell.input.clone(),
            kind: kind.to_owned(),
            candidate: candidate.to_owned(),
            text_bytes: cell.text.len() as u64,
            runs: cell.truth.runs,
            median: rate(spread.median),
            q1: rate(spread.upper_quartile),
            q3: rate(spread.lower_quartile),
            samples: spread.samples,
        }
    }

    /// How far the middle half of the samples lies apart, as a share of the median.
    pub(crate) fn spread(&self) -> f64 {
        (self.q3 - self.q1) / self.median
    }
}

/// All rows, in the order in which they were measured.
#[derive(Debug, Default)]
pub(crate) struct Results(pub(crate) Vec<Row>);

/// The rows of one input at one size.
pub(crate) struct Group<'a> {
    pub(crate) size: &'a str,
    pub(crate) input: &'a str,
    rows: Vec<&'a Row>,
}

impl Results {
    pub(crate) fn to_csv(&self) -> String {
        let mut text = format!("{HEADER}\n");
        for row in &self.0 {
            // Names hold commas, but never quotes.
            let _ = writeln!(
                text,
                "{},{},\"{}\",\"{}\",{},{},{:.5},{:.5},{:.5},{}",
                row.size,
                row.input,
                row.kind,
                row.candidate,
                row.text_bytes,
                row.runs,
                row.median,
                row.q1,
                row.q3,
                row.samples
            );
        }
        text
    }

    pub(crate) fn from_csv(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        if lines.next() != Some(HEADER) {
            return Err(format!("the first line is not {HEADER:?}"));
        }
        let rows = lines.zip(2..).map(|(line, number)| row(line).ok_or_else(|| format!("line {number}: {line:?}")));
        rows.collect::<Result<Vec<Row>, String>>().map(Self)
    }

    /// The sizes, in order, but for that of whole commands.
    pub(crate) fn sizes(&self) -> Vec<&str> {
        let mut sizes: Vec<&str> = Vec::new();
        for row in &self.0 {
            if row.size != LARGEST && !sizes.contains(&row.size.as_str()) {
                sizes.push(&row.size);
            }
        }
        sizes
    }

    /// The inputs of a size, in order.
    pub(crate) fn groups<'a>(&'a self, size: &str) -> Vec<Group<'a>> {
        let mut groups: Vec<Group<'a>> = Vec::new();
        for row in self.0.iter().filter(|row| row.size == size) {
            match groups.iter_mut().find(|group| group.input == row.input) {
                Some(group) => group.rows.push(row),
                None => groups.push(Group { size: &row.size, input: &row.input, rows: vec![row] }),
            }
        }
        groups
    }
}

impl<'a> Group<'a> {
    pub(crate) fn rows(&self) -> impl Iterator<Item = &'a Row> {
        self.rows.iter().copied()
    }

    pub(crate) fn of_kind(&self, kind: &str) -> impl DoubleEndedIterator<Item = &'a Row> {
        self.rows.iter().copied().filter(move |row| row.kind == kind)
    }

    pub(crate) fn first(&self, kind: &str) -> Option<&'a Row> {
        self.of_kind(kind).next()
    }

    pub(crate) fn named(&self, candidate: &str) -> Option<&'a Row> {
        self.rows.iter().copied().find(|row| row.candidate == candidate)
    }

    pub(crate) fn best(&self, kind: &str) -> Option<&'a Row> {
        self.of_kind(kind).max_by(|a, b| a.median.total_cmp(&b.median))
    }

    /// This library on the tier that users get who ask for none.
    pub(crate) fn ours(&self) -> Option<&'a Row> {
        self.of_kind(OURS).next_back()
    }

    pub(crate) fn reading(&self) -> Option<&'a Row> {
        self.best(READ)
    }

    pub(crate) fn turbo(&self) -> Option<&'a Row> {
        self.of_kind(DECODE).find(|row| row.candidate == TURBO)
    }
}

/// How many times as fast one is as another.
pub(crate) fn ratio(a: Option<&Row>, b: Option<&Row>) -> Option<f64> {
    Some(a?.median / b?.median)
}

fn row(line: &str) -> Option<Row> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_at(rest.find(',').unwrap_or(rest.len())),
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => break,
            None => return None,
        }
    }
    let [size, input, kind, candidate, text_bytes, runs, median, q1, q3, samples] = fields[..] else { return None };
    Some(Row {
        size: size.to_owned(),
        input: input.to_owned(),
        kind: kind.to_owned(),
        candidate: candidate.to_owned(),
        text_bytes: text_bytes.parse().ok()?,
        runs: runs.parse().ok()?,
        median: median.parse().ok()?,
        q1: q1.parse().ok()?,
        q3: q3.parse().ok()?,
        samples: samples.parse().ok()?,
    })
}
