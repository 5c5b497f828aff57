//! The ways to ask the library for the same answer: on which tier, in chunks of which size, on one thread or several, as
//! a list or with a visitor.
//!
//! ```text
//! each execution of a fuzzer:  one chosen way, by a byte of the input, so that it reaches all of them
//! each replay of a seed:       all ways
//! ```

use std::cell::RefCell;
use std::ops::ControlFlow;

use changed_blocks::{Extent, Result, Scanner, Source, Summary, Tier, is_canonical};

use super::cursor::Cursor;
use crate::naive::{self, Expect, Found, Verdict};

/// How to ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) tier: Tier,
    chunk_bytes: usize,
    parallel: bool,
    visit: bool,
}

impl Setup {
    /// The way that the input chooses; all ways with the chunks that it chooses, unless this is a fuzzer.
    pub(crate) fn chosen(cursor: &mut Cursor<'_>) -> Vec<Self> {
        let chunk_bytes = cursor.chunk_bytes();
        let choice = usize::from(cursor.byte());
        let mut all = Vec::new();
        for parallel in [false, true] {
            for tier in Tier::available() {
                all.extend([false, true].map(|visit| Self { tier, chunk_bytes, parallel, visit }));
            }
        }
        if !cfg!(fuzzing) {
            return all;
        }
        // To wake another thread takes longer than to scan most inputs: one byte in four does it.
        let serial = all.len() / 2;
        let first = if choice < 192 { 0 } else { serial };
        vec![all[first + choice % serial]]
    }

    /// The scanner, asked in this way for an input of that length.
    pub(crate) fn apply(&self, scanner: Scanner, len: usize) -> Scanner {
        // More pieces than that take long and show nothing new.
        let most_pieces = if self.parallel { 16 } else { 100 };
        let chunk_bytes = self.chunk_bytes.max(len / most_pieces);
        scanner.tier(self.tier).chunk_bytes(chunk_bytes).parallel(self.parallel)
    }

    /// The answer for an input.
    pub(crate) fn scan(&self, expect: &Expect, input: &[u8]) -> Result<Found, Verdict> {
        self.scan_source(expect, Source::from(input), input.len())
    }

    /// The answer for a source that has that many bytes.
    pub(crate) fn scan_source(&self, expect: &Expect, source: Source<'_>, len: usize) -> Result<Found, Verdict> {
        let scanner = self.apply(expect.scanner(), len);
        if self.visit { visit(&scanner, source) } else { collect(&scanner, source) }
    }
}

/// The answer on one thread in chunks of the usual size.
pub(crate) fn scan_plainly(tier: Tier, expect: &Expect, input: &[u8]) -> Result<Found, Verdict> {
    collect(&expect.scanner().tier(tier).parallel(false), Source::from(input))
}

/// The answer on as many threads, in chunks of such sizes as the library chooses.
pub(crate) fn scan_freely(tier: Tier, expect: &Expect, input: &[u8]) -> Result<Found, Verdict> {
    collect(&expect.scanner().tier(tier), Source::from(input))
}

/// Holds the plain way on every tier, and the chosen ways, against the answer of the oracle.
pub(crate) fn check(expect: &Expect, setups: &[Setup], input: &[u8], expected: &Result<Found, Verdict>) {
    for tier in Tier::available() {
        assert_eq!(scan_plainly(tier, expect, input), *expected, "{tier}");
    }
    for setup in setups {
        assert_eq!(setup.scan(expect, input), *expected, "{setup:?}");
    }
}

thread_local! {
    /// Kept, since an address sanitizer takes longer to give room for a list than the library to fill it.
    static LIST: RefCell<Vec<Extent>> = const { RefCell::new(Vec::new()) };
}

fn collect(scanner: &Scanner, source: Source<'_>) -> Result<Found, Verdict> {
    LIST.with_borrow_mut(|list| {
        let outcome = scanner.extents_into(source, list).inspect_err(|_| assert!(list.is_empty()));
        simplify(outcome, list)
    })
}

fn visit(scanner: &Scanner, source: Source<'_>) -> Result<Found, Verdict> {
    LIST.with_borrow_mut(|list| {
        list.clear();
        let outcome = scanner.visit(source, |batch: &[Extent]| {
            list.extend_from_slice(batch);
            ControlFlow::<std::convert::Infallible>::Continue(())
        });
        simplify(outcome.map(|ControlFlow::Continue(summary)| summary), list)
    })
}

/// An answer in the words of the oracle.
fn simplify(outcome: Result<Summary>, extents: &[Extent]) -> Result<Found, Verdict> {
    let summary = outcome.map_err(|error| Verdict::of(&error))?;
    assert!(is_canonical(extents));
    Ok(Found { blocks: summary.blocks, runs: pairs(extents) })
}

pub(crate) fn pairs(extents: &[Extent]) -> naive::Runs {
    extents.iter().map(|extent| (extent.start_block, extent.end_block)).collect()
}
