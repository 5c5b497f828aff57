//! Output that is held back, in memory that costs little to get.
//!
//! Every 4 KiB of fresh memory is a fault that costs as much as formatting what fits in. Long output is therefore kept in
//! a map that asks for huge pages.

use std::io;

use memmap2::MmapMut;

/// How much is held at the most.
pub(crate) const HOLD: usize = 32 << 20;
/// Up to here, memory is what the allocator gives.
const SMALL: usize = 1 << 20;

/// Bytes held back.
#[derive(Default)]
pub(crate) struct Held {
    small: Vec<u8>,
    large: Option<MmapMut>,
    /// How much of the large one is in use.
    len: usize,
}

impl Held {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match &self.large {
            Some(map) => &map[..self.len],
            None => &self.small,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Holds these, too: no more than [`HOLD`] in total.
    pub(crate) fn push(&mut self, pieces: &[&[u8]]) -> io::Result<()> {
        let added = pieces.iter().map(|piece| piece.len()).sum::<usize>();
        let len = self.len() + added;
        debug_assert!(len <= HOLD, "more than can be held");
        if self.large.is_none() && len <= SMALL {
            pieces.iter().for_each(|piece| self.small.extend_from_slice(piece));
            return Ok(());
        }
        let map = match &mut self.large {
            Some(map) => map,
            None => {
                let mut map = MmapMut::map_anon(HOLD)?;
                // Advice: where it is not taken, all goes on as well as before.
                #[cfg(target_os = "linux")]
                let _ = map.advise(memmap2::Advice::HugePage);
                self.len = self.small.len();
                map[..self.len].copy_from_slice(&self.small);
                self.small = Vec::new();
                self.large.insert(map)
            }
        };
        let mut room = &mut map[self.len..len];
        for piece in pieces {
            let here;
            (here, room) = room.split_at_mut(piece.len());
            here.copy_from_slice(piece);
        }
        self.len = len;
        Ok(())
    }

    /// Lets go of everything, and of the memory if it is much.
    pub(crate) fn clear(&mut self) {
        self.small.clear();
        self.large = None;
    }
}
