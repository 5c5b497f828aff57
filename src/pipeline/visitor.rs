//! The visitor: takes extents as they are found.

use std::ops::ControlFlow;

use crate::{Extent, Geometry};

/// Takes extents as they are found.
pub trait Visitor {
    /// The value with which the visitor stops early.
    type Break;

    /// Is told, before the first extents, how blocks become bytes. The virtual size of a `.cbtlog` is known here, since its
    /// header was read.
    fn begin(&mut self, _geometry: &Geometry) {}

    /// Takes the next extents: in ascending order, never adjacent to those before, and not empty.
    fn extents(&mut self, extents: &[Extent]) -> ControlFlow<Self::Break>;

    /// Is told now and then how many bytes of the input have been dealt with.
    fn progress(&mut self, _input_bytes: u64) {}
}

impl<B, F: FnMut(&[Extent]) -> ControlFlow<B>> Visitor for F {
    type Break = B;

    fn extents(&mut self, extents: &[Extent]) -> ControlFlow<B> {
        self(extents)
    }
}
