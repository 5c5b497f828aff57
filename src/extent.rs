//! The extent, and what a list of extents promises.

use bytemuck::{Pod, Zeroable};

/// A run of changed blocks, half-open: `start_block` is changed, `end_block` is the first block after the run.
///
/// Unit: blocks from the start of the disk. A list of extents as this library makes it is *canonical*
/// ([`is_canonical`]): sorted, disjoint, never adjacent, none of them empty.
///
/// The layout is that of two `u64`, so a list of ascending boundaries can be viewed as a list of extents without a
/// copy ([`from_boundaries`]), and a list of extents can be handed to C as it is.
///
/// ```
/// use changed_blocks::Extent;
/// let extent = Extent::new(3, 8);
/// assert_eq!(extent.len_blocks(), 5);
/// ```
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
pub struct Extent {
    /// The first changed block.
    pub start_block: u64,
    /// The first block after the run.
    pub end_block: u64,
}

impl Extent {
    /// The extent of the blocks from `start_block` up to, but without, `end_block`.
    #[must_use]
    pub const fn new(start_block: u64, end_block: u64) -> Self {
        Self { start_block, end_block }
    }

    /// The number of blocks; 0 for an extent that ends before it starts.
    #[must_use]
    pub const fn len_blocks(self) -> u64 {
        self.end_block.saturating_sub(self.start_block)
    }

    /// Whether the extent holds no block.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.end_block <= self.start_block
    }
}

/// Whether a list is sorted, disjoint, never adjacent, and without empty extents.
///
/// Complexity: linear.
#[must_use]
pub fn is_canonical(extents: &[Extent]) -> bool {
    bytemuck::cast_slice::<Extent, u64>(extents).is_sorted_by(|a, b| a < b)
}

/// Views ascending boundaries as extents, without a copy. The even-numbered ones start an extent, the odd-numbered
/// ones end it.
///
/// # Panics
///
/// If the number of boundaries is odd, since the last run would have no end.
#[must_use]
pub fn from_boundaries(boundaries: &[u64]) -> &[Extent] {
    bytemuck::cast_slice(boundaries)
}

/// Takes a list of extents apart into boundaries, keeping the allocation.
pub(crate) fn into_boundaries(extents: Vec<Extent>) -> Vec<u64> {
    // The alignment is the same and every size of the one is a multiple of the other's, so this never copies.
    bytemuck::allocation::try_cast_vec(extents).unwrap_or_else(|(_, extents)| bytemuck::cast_slice(&extents).to_vec())
}

/// Puts boundaries together into extents, keeping the allocation where its capacity is even.
///
/// # Panics
///
/// If the number of boundaries is odd.
pub(crate) fn into_extents(mut boundaries: Vec<u64>) -> Vec<Extent> {
    if boundaries.capacity() % 2 == 1 {
        // One more makes the capacity even, so that the allocation can be kept.
        let odd = boundaries.capacity() - boundaries.len();
        boundaries.reserve_exact(odd + 1);
    }
    bytemuck::allocation::try_cast_vec(boundaries)
        .unwrap_or_else(|(_, boundaries)| from_boundaries(&boundaries).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_lists_are_told_from_others() {
        let list = |pairs: &[(u64, u64)]| pairs.iter().map(|&(s, e)| Extent::new(s, e)).collect::<Vec<_>>();
        assert!(is_canonical(&[]));
        assert!(is_canonical(&list(&[(0, 1), (2, 5)])));
        assert!(!is_canonical(&list(&[(0, 2), (2, 5)])), "adjacent");
        assert!(!is_canonical(&list(&[(0, 3), (2, 5)])), "overlapping");
        assert!(!is_canonical(&list(&[(4, 5), (0, 1)])), "unsorted");
        assert!(!is_canonical(&list(&[(3, 3)])), "empty");
    }

    #[test]
    fn boundaries_and_extents_share_one_allocation() {
        let mut boundaries = Vec::with_capacity(8);
        boundaries.extend([1u64, 2, 5, 9]);
        let address = boundaries.as_ptr().addr();
        let extents = into_extents(boundaries);
        assert_eq!(extents, [Extent::new(1, 2), Extent::new(5, 9)]);
        assert_eq!(extents.as_ptr().addr(), address);
        let boundaries = into_boundaries(extents);
        assert_eq!((boundaries.as_ptr().addr(), boundaries.capacity()), (address, 8));
        assert_eq!(boundaries, [1, 2, 5, 9]);
    }

    #[test]
    fn an_odd_capacity_is_no_obstacle() {
        let mut boundaries = Vec::with_capacity(7);
        boundaries.extend([1u64, 2]);
        assert_eq!(into_extents(boundaries), [Extent::new(1, 2)]);
    }

    #[test]
    #[should_panic(expected = "OutputSliceWouldHaveSlop")]
    fn a_run_without_an_end_is_not_a_list() {
        let _ = from_boundaries(&[1, 2, 3]);
    }
}
