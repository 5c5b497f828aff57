//! Extents that are held back.
//!
//! A fault for 4 KiB of fresh memory takes longer than to format the extents that fit in there, above all in a virtual
//! machine. So a long list is kept in memory that asks for huge pages: in a `Vec`, the command takes 1.3 times as long on
//! the largest disk.

use std::io;

use bytemuck::{cast_slice, cast_slice_mut};
use changed_blocks::Extent;
use memmap2::MmapMut;

use super::buffer::MAX_BUFFERED_BYTES;

/// How many extents are held back at the most.
const MAX_EXTENTS: usize = MAX_BUFFERED_BYTES / size_of::<Extent>();
/// The longest list for which ordinary memory is cheaper: to clear a huge page takes as long as some fifty faults.
const FEW_EXTENTS: usize = (128 << 10) / size_of::<Extent>();

/// A list of extents of bounded length.
#[derive(Default)]
pub(super) struct ExtentBuffer {
    /// All extents, unless they are mapped.
    few: Vec<Extent>,
    /// Room for as many as can be held back, once there are more than a few.
    map: Option<MmapMut>,
    len: usize,
}

impl ExtentBuffer {
    pub(super) fn extents(&self) -> &[Extent] {
        match &self.map {
            Some(map) => &cast_slice(map)[..self.len],
            None => &self.few,
        }
    }

    /// Appends extents, or returns false if they would be too many.
    pub(super) fn push(&mut self, extents: &[Extent]) -> io::Result<bool> {
        let len = self.len + extents.len();
        if len > MAX_EXTENTS {
            return Ok(false);
        }
        if self.map.is_none() && len > FEW_EXTENTS {
            self.map = mapped(&self.few);
        }
        match &mut self.map {
            Some(map) => cast_slice_mut(map)[self.len..len].copy_from_slice(extents),
            None => {
                self.few.try_reserve(extents.len())?;
                self.few.extend_from_slice(extents);
            }
        }
        self.len = len;
        Ok(true)
    }
}

/// A map that starts with these extents, if there is as much memory to be had.
fn mapped(extents: &[Extent]) -> Option<MmapMut> {
    let mut map = MmapMut::map_anon(MAX_BUFFERED_BYTES).ok()?;
    // Advice: where it is not taken, all goes on as well, though slower.
    #[cfg(target_os = "linux")]
    let _ = map.advise(memmap2::Advice::HugePage);
    cast_slice_mut(&mut map)[..extents.len()].copy_from_slice(extents);
    Some(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extents_are_kept_in_order_up_to_the_limit() {
        let all: Vec<Extent> = (0..MAX_EXTENTS as u64 + 1).map(|i| Extent::new(2 * i, 2 * i + 1)).collect();
        for batch in [1000, FEW_EXTENTS, FEW_EXTENTS + 1, 128 << 10, MAX_EXTENTS] {
            let (mut buffer, mut len) = (ExtentBuffer::default(), 0);
            for extents in all.chunks(batch) {
                let has_room = buffer.push(extents).expect("memory");
                assert_eq!(has_room, len + extents.len() <= MAX_EXTENTS, "{batch}");
                len += if has_room { extents.len() } else { 0 };
                assert_eq!(buffer.extents().len(), len);
            }
            assert!(buffer.extents() == &all[..len], "{batch}");
            assert!(len + batch > MAX_EXTENTS, "{batch}");
        }
    }
}
