//! Facts about a list that its file may not say.

use crate::{BlockSize, VirtualSize};

/// Facts about a list that its file may not say. Each format says which of them it needs; the others are for other formats
/// and change nothing.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ReadOptions {
    /// The size of the disk, beyond which no range may reach. A file that says another is refused.
    pub virtual_size: Option<VirtualSize>,
    /// The block size of the disk, for formats that count in blocks without saying their size.
    pub block_size: BlockSize,
    /// Whether a list without any range is to be taken for no changes. A program that failed leaves as much, so it is refused
    /// otherwise. Formats that say that they are whole need no such leave, and those that name every byte of the disk are never
    /// without any.
    pub allow_empty: bool,
    /// The content of the file, where it does not say so itself: the dirty bitmap that a map is of, as `qemu:dirty-bitmap:backup`,
    /// or a word that the format asks for.
    pub context: Option<String>,
    /// The number of the snapshot since which blocks are taken for changed.
    pub since: Option<u64>,
    /// Whether to take what is allocated for what changed. That is right for a file that holds changes only, as an overlay or
    /// a differencing disk, and loses changes otherwise.
    pub allocation: bool,
}

#[cfg(feature = "formats")]
impl ReadOptions {
    /// Whether a list that looks alike for what changed and for what is allocated is to be taken for changes: the context is
    /// the word that its format has for a list of changes, or there is none and allocation is taken.
    pub(super) fn takes_for_changes(&self, word: &str) -> bool {
        self.context.as_deref().map_or(self.allocation, |context| context == word)
    }
}
