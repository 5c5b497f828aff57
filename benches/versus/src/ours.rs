//! This library: on each tier, to a visitor that only counts, on two threads, and on two threads that have nothing to do
//! with each other.

use std::convert::Infallible;
use std::ops::ControlFlow;

use changed_blocks::{Encoding, Extent, Scanner, Tier};

use crate::measure::{Candidate, Yields};

/// The kinds of candidates here, as they stand in the results.
pub(crate) const OURS: &str = "ours";
pub(crate) const VISIT: &str = "ours, counting";
pub(crate) const THREADS: &str = "ours, two threads";
/// The best that two threads could do: each half of the text onto a list of its own, which nobody puts together.
pub(crate) const APART: &str = "ours, two halves";

/// The fastest tier is the last of its kind: the one that users get, who ask for none.
pub(crate) fn candidates() -> Result<Vec<Candidate>, String> {
    let mut all: Vec<Candidate> = Tier::available()
        .map(|tier| {
            let scanner = Scanner::new(Encoding::Base64).parallel(false).tier(tier);
            Candidate::new(OURS, format!("changed-blocks, {tier}"), Yields::Extents, move |text, buffers| {
                scanner.extents_into(text, &mut buffers.extents).expect("good text");
                0
            })
        })
        .collect();
    let Some(fastest) = Tier::available().last() else { return Err("no tier runs here".to_owned()) };

    let scanner = Scanner::new(Encoding::Base64).parallel(false).tier(fastest);
    all.push(Candidate::new(VISIT, format!("changed-blocks, {fastest}, counting"), Yields::Count, move |text, _| {
        let mut count = 0;
        let outcome = scanner.visit(text, |batch: &[Extent]| {
            count += batch.len() as u64;
            ControlFlow::<Infallible>::Continue(())
        });
        assert!(outcome.expect("good text").is_continue());
        count
    }));

    if std::thread::available_parallelism().is_ok_and(|threads| threads.get() >= 2) {
        let scanner = Scanner::new(Encoding::Base64).parallel(true).tier(fastest);
        let name = format!("changed-blocks, {fastest}, two threads");
        all.push(Candidate::new(THREADS, name, Yields::Extents, move |text, buffers| {
            scanner.extents_into(text, &mut buffers.extents).expect("good text");
            0
        }));

        let scanner = Scanner::new(Encoding::Base64).parallel(false).tier(fastest);
        let mut lists = [Vec::new(), Vec::new()];
        all.push(Candidate::new(
            APART,
            format!("changed-blocks, {fastest}, two halves"),
            Yields::Nothing,
            move |text, _| {
                // Each half is a text of its own; where the run lies that both have a part of does not matter here.
                let (first, second) = text.split_at(text.len() / 8 * 4);
                let [a, b] = &mut lists;
                let scan = |text: &[u8], list: &mut Vec<Extent>| scanner.extents_into(text, list).expect("good text");
                rayon::join(|| scan(first, a), || scan(second, b));
                0
            },
        ));
    }
    Ok(all)
}

/// Makes this thread one of the two that measure together: handing a job over to a pool takes longer than many of them.
/// To be called once.
pub(crate) fn two_threads() -> Result<(), String> {
    let two = rayon::ThreadPoolBuilder::new().num_threads(2).use_current_thread();
    two.build_global().map_err(|error| error.to_string())
}

/// Says which parts of this library are left out on this machine.
pub(crate) fn skipped() -> Vec<String> {
    let mut lines: Vec<String> = Tier::ALL
        .iter()
        .filter(|tier| !tier.is_available())
        .map(|tier| format!("skipped: {tier} (this processor cannot run it)"))
        .collect();
    if !std::thread::available_parallelism().is_ok_and(|threads| threads.get() >= 2) {
        lines.push("skipped: two threads (this machine has one)".to_owned());
    }
    lines
}
