//! Shapes and set operations byte by byte.

/// Ranges of bytes: offset, first byte after it.
pub(crate) type Spans = Vec<(u64, u64)>;

/// A part of a disk, byte by byte: which of them changed. Outside of it, nothing did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    /// The offset of the first byte.
    pub(crate) base: u64,
    /// Whether each byte changed. The last of them is at 2^64 - 2 at most.
    pub(crate) bits: Vec<bool>,
}

impl Region {
    fn end(&self) -> u64 {
        self.base + self.bits.len() as u64
    }

    fn changed(&self, byte: u64) -> bool {
        let index = byte.checked_sub(self.base).and_then(|index| usize::try_from(index).ok());
        index.and_then(|index| self.bits.get(index)).copied().unwrap_or(false)
    }

    /// A region that is `margin` bytes longer at both ends, as far as there are such bytes, of the bytes that `changed` says.
    fn map(&self, margin: u64, changed: impl Fn(u64) -> bool) -> Self {
        let base = self.base.saturating_sub(margin);
        let bits = (base..self.end().saturating_add(margin)).map(changed).collect();
        Self { base, bits }
    }

    /// The runs of changed bytes.
    pub(crate) fn spans(&self) -> Spans {
        let runs = super::extents(&self.bits);
        runs.into_iter().map(|(start, end)| (self.base + start, self.base + end)).collect()
    }

    /// The changed bytes from `start` up to `end`.
    pub(crate) fn window(&self, start: u64, end: u64) -> Self {
        self.map(0, |byte| start <= byte && byte < end && self.changed(byte))
    }

    /// With gaps of at most that many bytes filled.
    pub(crate) fn merge_gaps(&self, max_gap: u64) -> Self {
        let mut merged = self.clone();
        for gap in self.spans().windows(2) {
            let (start, end) = (gap[0].1, gap[1].0);
            if end - start <= max_gap {
                merged.fill(start, end);
            }
        }
        merged
    }

    /// Whole multiples of `size`: from their start to a changed byte, and from there to their end or that of the disk.
    pub(crate) fn align(&self, size: u64, disk_end: u64) -> Self {
        self.map(size, |byte| {
            let start = byte - byte % size;
            let before = (start..byte).any(|byte| self.changed(byte));
            let after = (byte..start.saturating_add(size)).any(|byte| self.changed(byte));
            after || before && byte < disk_end
        })
    }

    /// All gaps filled but the `n - 1` widest, of which earlier ones are preferred.
    pub(crate) fn at_most(&self, n: usize) -> Self {
        let spans = self.spans();
        let mut gaps: Vec<(u64, u64)> = spans.windows(2).map(|pair| (pair[0].1, pair[1].0)).collect();
        gaps.sort_by_key(|&(start, end)| (std::cmp::Reverse(end - start), start));
        let mut merged = self.clone();
        for &(start, end) in gaps.iter().skip(n - 1) {
            merged.fill(start, end);
        }
        merged
    }

    fn fill(&mut self, start: u64, end: u64) {
        let index = |byte: u64| usize::try_from(byte - self.base).expect("small");
        let (start, end) = (index(start), index(end));
        self.bits[start..end].fill(true);
    }

    /// The unchanged bytes from `start` up to `end`, which may be outside of this region, but not far.
    pub(crate) fn invert(&self, start: u64, end: u64) -> Self {
        Self { base: start, bits: (start..end).map(|byte| !self.changed(byte)).collect() }
    }

    /// Of each byte that one of two regions has, as `operation` says.
    pub(crate) fn combine(&self, other: &Self, operation: impl Fn(bool, bool) -> bool) -> Self {
        let (base, end) = (self.base.min(other.base), self.end().max(other.end()));
        Self { base, bits: (base..end).map(|byte| operation(self.changed(byte), other.changed(byte))).collect() }
    }

    /// The runs, cut before every multiple of `max_len`.
    pub(crate) fn pieces(&self, max_len: u64) -> Spans {
        let mut pieces = Vec::new();
        for (start, end) in self.spans() {
            let mut at = start;
            for byte in (start + 1)..end {
                if byte % max_len == 0 {
                    pieces.push((at, byte));
                    at = byte;
                }
            }
            pieces.push((at, end));
        }
        pieces
    }
}
