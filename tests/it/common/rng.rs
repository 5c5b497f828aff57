//! Numbers that look random and are the same in every run.

/// A linear congruential generator, from its upper bits.
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0.to_be_bytes()[0]
    }

    pub(crate) fn bits(&mut self, len: usize) -> Vec<bool> {
        (0..len).map(|_| self.byte() & 1 == 1).collect()
    }
}
