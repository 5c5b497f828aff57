//! What is held back, in memory that costs little to get.
//!
//! Every 4 KiB of fresh memory is a fault that costs as much as formatting what fits in, or more in a virtual machine.
//! What is long is therefore kept in memory that asks for huge pages.

use bytemuck::Pod;
use memmap2::MmapMut;

/// Up to here, memory is what the allocator gives: a huge page costs as much as some fifty others.
const SMALL_BYTES: usize = 128 << 10;

/// A list of numbers that grows.
pub(crate) struct Held<T> {
    /// All of them, unless they are mapped.
    owned: Vec<T>,
    /// Where they are if they are many, and how many there are.
    mapped: Option<(MmapMut, usize)>,
    /// For how many bytes there is room in a map. None is asked for before it is needed.
    most_bytes: usize,
}

impl<T: Pod> Held<T> {
    /// An empty list, which takes no more than so many bytes in the end, or is slower.
    pub(crate) const fn new(most_bytes: usize) -> Self {
        Self { owned: Vec::new(), mapped: None, most_bytes }
    }

    pub(crate) fn all(&self) -> &[T] {
        match &self.mapped {
            Some((map, len)) => &bytemuck::cast_slice(map)[..*len],
            None => &self.owned,
        }
    }

    /// Puts some behind those before.
    pub(crate) fn push(&mut self, some: &[T]) {
        if self.mapped.is_none() && size_of_val(&*self.owned) + size_of_val(some) > SMALL_BYTES {
            self.map();
        }
        if let Some((map, len)) = &mut self.mapped {
            let room = &mut bytemuck::cast_slice_mut::<u8, T>(map)[*len..];
            if let Some(place) = room.get_mut(..some.len()) {
                place.copy_from_slice(some);
                *len += some.len();
                return;
            }
            self.owned = self.all().to_vec();
            self.mapped = None;
        }
        if self.owned.len() + some.len() > self.owned.capacity() {
            // Memory that is not used yet costs nothing, but moving what there is does.
            self.owned.reserve((SMALL_BYTES / size_of::<T>()).saturating_sub(self.owned.len()).max(some.len()));
        }
        self.owned.extend_from_slice(some);
    }

    /// Moves all to a map, if they fit in and there is such memory.
    fn map(&mut self) {
        if size_of_val(&*self.owned) >= self.most_bytes {
            return;
        }
        let Ok(mut map) = MmapMut::map_anon(self.most_bytes) else { return };
        // Advice: where it is not taken, all goes on as well as before.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        bytemuck::cast_slice_mut(&mut map)[..self.owned.len()].copy_from_slice(&self.owned);
        self.mapped = Some((map, self.owned.len()));
        self.owned = Vec::new();
    }

    /// Forgets them, but keeps the place of a few.
    pub(crate) fn clear(&mut self) {
        self.owned.clear();
        self.mapped = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_kept_in_order_however_many_they_are() {
        for most_bytes in [0, 2, SMALL_BYTES, SMALL_BYTES + 2, 1 << 20, 3 << 20] {
            for piece in [1000, 70_001, SMALL_BYTES + 5, 1 << 20] {
                let (mut held, mut expected) = (Held::<u16>::new(most_bytes), Vec::new());
                let some: Vec<u16> = (0..=60_000).cycle().take(piece).collect();
                for _ in 0..2 {
                    while expected.len() < 2 << 20 {
                        held.push(&some);
                        expected.extend_from_slice(&some);
                        assert_eq!(held.all().len(), expected.len());
                    }
                    assert!(held.all() == expected, "{most_bytes} {piece}");
                    held.clear();
                    expected.clear();
                    assert!(held.all().is_empty());
                }
            }
        }
    }
}
