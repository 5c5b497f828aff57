//! Visitors that have a part of their work done by all threads: formatting, hashing, asking an index.
//!
//! ```
//! use std::ops::ControlFlow;
//!
//! use changed_blocks::parallel::ParallelVisitor;
//! use changed_blocks::{Encoding, Extent, Scanner};
//!
//! /// Formats extents on all threads, and joins the lines in order.
//! struct Lines<'a>(&'a mut String);
//!
//! impl ParallelVisitor for Lines<'_> {
//!     type Mapped = String;
//!     type Break = ();
//!
//!     fn map(&self, extents: &[Extent]) -> String {
//!         extents.iter().map(|extent| format!("{}+{} ", extent.start_block, extent.len_blocks())).collect()
//!     }
//!
//!     fn extents(&mut self, _extents: &[Extent], mapped: String) -> ControlFlow<()> {
//!         self.0.push_str(&mapped);
//!         ControlFlow::Continue(())
//!     }
//! }
//!
//! let mut all = String::new();
//! let outcome = Scanner::new(Encoding::Base64).visit_parallel("YAAAAQ==", Lines(&mut all))?;
//! assert!(outcome.is_continue());
//! assert_eq!(all, "1+2 31+1 ");
//! # Ok::<(), changed_blocks::Error>(())
//! ```

use std::ops::ControlFlow;

use rayon::prelude::*;

use crate::{Extent, Geometry, Visitor, threads};

/// How many extents are mapped at a time: enough to be worth a thread's while, few enough to stay in its cache.
const PIECE: usize = 4096;

/// Takes extents as they are found, each piece along with a value that was made of it on some thread.
///
/// Used by [`Scanner::visit_parallel`](crate::Scanner::visit_parallel).
pub trait ParallelVisitor: Sync {
    /// The value that is made of some extents.
    type Mapped: Send;
    /// The value with which the visitor stops early.
    type Break;

    /// Is told, before the first extents, how blocks become bytes.
    fn begin(&mut self, _geometry: &Geometry) {}

    /// Makes a value of some extents, on any thread of the present rayon pool. Those before may not have been mapped yet.
    fn map(&self, extents: &[Extent]) -> Self::Mapped;

    /// Takes the next extents, as [`Visitor::extents`] does, and the value that was made of just these. Called on the
    /// caller's thread.
    fn extents(&mut self, extents: &[Extent], mapped: Self::Mapped) -> ControlFlow<Self::Break>;

    /// Is told now and then how many bytes of the input have been dealt with.
    fn progress(&mut self, _input_bytes: u64) {}
}

/// Maps each batch in waves, with as many pieces at a time as there are threads.
pub(crate) struct InWaves<V> {
    visitor: V,
    threads: usize,
}

impl<V: ParallelVisitor> InWaves<V> {
    pub(crate) fn new(visitor: V, parallel: bool) -> Self {
        Self { visitor, threads: if parallel { threads::count() } else { 1 } }
    }
}

impl<V: ParallelVisitor> Visitor for InWaves<V> {
    type Break = V::Break;

    fn begin(&mut self, geometry: &Geometry) {
        self.visitor.begin(geometry);
    }

    fn extents(&mut self, extents: &[Extent]) -> ControlFlow<V::Break> {
        for wave in extents.chunks(PIECE * self.threads) {
            let visitor = &self.visitor;
            let mapped: Vec<_> = if wave.len() <= PIECE {
                vec![visitor.map(wave)]
            } else {
                wave.par_chunks(PIECE).map(|piece| visitor.map(piece)).collect()
            };
            for (piece, mapped) in wave.chunks(PIECE).zip(mapped) {
                self.visitor.extents(piece, mapped)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn progress(&mut self, input_bytes: u64) {
        self.visitor.progress(input_bytes);
    }
}
