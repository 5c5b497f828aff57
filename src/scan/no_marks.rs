//! What stands for marks where no tier can mark.

use std::mem::MaybeUninit;

use crate::decode::Sink;
use crate::tier::Verified;

#[derive(Default)]
pub(crate) struct Marks;

impl Marks {
    pub(crate) fn are_for(_tier: Verified) -> bool {
        false
    }

    pub(crate) fn bytes(&self) -> usize {
        0
    }

    pub(crate) fn clear(&mut self) {}

    pub(crate) fn len(&self) -> usize {
        0
    }

    pub(crate) fn ends(&self) -> Option<(u64, u64)> {
        None
    }

    pub(crate) fn fill(&mut self, _: usize, _: u64, _: bool, _: &mut [MaybeUninit<u64>]) {
        unreachable!("nothing was marked");
    }
}

pub(crate) struct Marker;

impl Marker {
    pub(crate) fn new(_: Verified, _: &mut Marks, _: u64, _: bool, _: usize) -> Self {
        unreachable!("nothing is marked")
    }

    pub(crate) fn end(&self) -> (u64, bool) {
        (0, false)
    }
}

impl Sink for Marker {
    fn last_bit(&self) -> bool {
        false
    }

    fn uniform(&mut self, _: u64) {}

    fn words(&mut self, _: &[u64], _: u64) {}
}
