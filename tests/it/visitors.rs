//! Visitors that have part of their work done on all threads: what they get, in which order, and how they stop.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use changed_blocks::parallel::ParallelVisitor;
use changed_blocks::{Encoding, Extent, Geometry, Scanner};

use crate::common::cases;

/// A run of one block in every eight symbols: 8,192 runs.
fn text() -> String {
    "AAAAAAAB".repeat(8192)
}

fn extents() -> Vec<Extent> {
    (0..8192).map(|i| Extent::new(48 * i + 47, 48 * i + 48)).collect()
}

/// Takes longer for some extents than for others, so that many are ready before their turn.
#[derive(Default)]
struct Uneven {
    calls: AtomicU64,
    /// The start of the extent at which it panics.
    panics_at: Option<u64>,
}

impl Uneven {
    fn map(&self, extents: &[Extent]) -> Vec<Extent> {
        if self.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(7) {
            std::thread::sleep(Duration::from_micros(300));
        }
        assert!(!extents.iter().any(|extent| Some(extent.start_block) == self.panics_at), "on purpose");
        extents.to_vec()
    }
}

/// Collects what it gets.
#[derive(Default)]
struct Collects {
    extents: Vec<Extent>,
    input_bytes: u64,
    map_panics_at: Option<u64>,
    map: Uneven,
    /// How many extents it takes before it stops, or panics.
    stops_after: Option<usize>,
    panics_after: Option<usize>,
}

impl ParallelVisitor for &mut Collects {
    type Mapped = Vec<Extent>;
    type Break = usize;

    fn begin(&mut self, _geometry: &Geometry) {
        self.map = Uneven { panics_at: self.map_panics_at, ..Uneven::default() };
    }

    fn map(&self, extents: &[Extent]) -> Vec<Extent> {
        self.map.map(extents)
    }

    fn extents(&mut self, extents: &[Extent], mapped: Vec<Extent>) -> ControlFlow<usize> {
        assert_eq!(extents, mapped, "made of just these");
        self.extents.extend(mapped);
        let len = self.extents.len();
        assert!(self.panics_after.is_none_or(|after| len < after), "on purpose");
        if self.stops_after.is_some_and(|after| len >= after) {
            return ControlFlow::Break(len);
        }
        ControlFlow::Continue(())
    }

    fn progress(&mut self, input_bytes: u64) {
        assert!(input_bytes >= self.input_bytes, "never backwards");
        self.input_bytes = input_bytes;
    }
}

/// Scans on four threads, in chunks of a few extents each.
fn visit(visitor: &mut Collects, chunk_bytes: usize) -> ControlFlow<usize> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().expect("threads are to be had");
    let scanner = Scanner::new(Encoding::Base64).chunk_bytes(chunk_bytes);
    pool.install(|| scanner.visit_parallel(&text(), visitor).expect("good text").map_continue(|_| ()))
}

#[test]
fn parts_come_in_order_however_long_some_take() {
    for chunk_bytes in [8, 40, 1000, 4096].into_iter().skip(cases(1, 0)) {
        let mut visitor = Collects::default();
        assert_eq!(visit(&mut visitor, chunk_bytes), ControlFlow::Continue(()));
        assert_eq!(visitor.extents, extents(), "{chunk_bytes}");
        assert_eq!(visitor.input_bytes, text().len() as u64);
    }
}

#[test]
fn no_parts_come_after_a_stop() {
    for after in [1, 100, 5000] {
        let mut visitor = Collects { stops_after: Some(after), ..Collects::default() };
        let ControlFlow::Break(len) = visit(&mut visitor, 40) else { panic!("it stops after {after}") };
        assert_eq!(len, visitor.extents.len());
        assert_eq!(visitor.extents, extents()[..len]);
    }
}

#[test]
fn a_panic_ends_the_scan_for_all_threads() {
    for after in [1, 100, 5000] {
        let start = Some(extents()[after].start_block);
        for mut visitor in [
            Collects { panics_after: Some(after), ..Collects::default() },
            Collects { map_panics_at: start, ..Collects::default() },
        ] {
            assert!(catch_unwind(AssertUnwindSafe(|| visit(&mut visitor, 40))).is_err());
            let len = visitor.extents.len();
            assert!(len < extents().len());
            assert_eq!(visitor.extents, extents()[..len], "none after the panic, and none left out before");
        }
    }
}
