//! Output that is held back, in memory that costs little to get.
//!
//! Every 4 KiB of fresh memory is a fault that costs as much as formatting what fits in. Long output is therefore kept in
//! room that asks for huge pages, and each thread has a slab of it of its own: nobody waits while another one copies.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use memmap2::MmapMut;

/// How much is held at the most: what threads have taken of it and not filled counts as well.
const HOLD: usize = 32 << 20;
/// Up to here, memory is what the allocator gives: a huge page costs as much as some fifty others.
pub(crate) const SMALL: usize = 128 << 10;
/// How much a thread takes of the room at a time: a huge page, lest two threads clear the same one.
const SLAB: usize = 2 << 20;

/// What was copied into the room.
pub(crate) type Kept = &'static [u8];

/// The room for what one command holds: none by default. It is not given back before the process ends.
#[derive(Default)]
pub(crate) struct Room {
    rest: Mutex<&'static mut [u8]>,
}

impl Room {
    /// Room for all that may be held, or none if there is no such memory.
    pub(crate) fn new() -> Self {
        let Ok(map) = MmapMut::map_anon(HOLD) else { return Self::default() };
        // Advice: where it is not taken, all goes on as well as before.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        let map: &mut MmapMut = Box::leak(Box::new(map));
        Self { rest: Mutex::new(map) }
    }

    /// The next slab: empty if there is none left.
    fn slab(&self) -> &'static mut [u8] {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        let len = rest.len().min(SLAB);
        let (slab, behind) = std::mem::take(&mut *rest).split_at_mut(len);
        *rest = behind;
        slab
    }
}

/// The part of the room that is a thread's own.
#[derive(Default)]
pub(crate) struct Slab {
    rest: &'static mut [u8],
}

impl Slab {
    /// Copies bytes into the room, in as few pieces as there are slabs. Returns whether there was place for all.
    pub(crate) fn keep(&mut self, room: &Room, mut bytes: &[u8], to: &mut Vec<Kept>) -> bool {
        while !bytes.is_empty() {
            if self.rest.is_empty() {
                self.rest = room.slab();
            }
            let len = bytes.len().min(self.rest.len());
            if len == 0 {
                return false;
            }
            let (place, rest) = std::mem::take(&mut self.rest).split_at_mut(len);
            place.copy_from_slice(&bytes[..len]);
            to.push(place);
            (self.rest, bytes) = (rest, &bytes[len..]);
        }
        true
    }
}

/// Bytes held back, in order.
pub(crate) struct Held {
    room: Arc<Room>,
    slab: Slab,
    pieces: Vec<Cow<'static, [u8]>>,
    /// How much of that is not in the room.
    small: usize,
}

impl Held {
    pub(crate) fn new(room: Room) -> Self {
        Self { room: Arc::new(room), slab: Slab::default(), pieces: Vec::new(), small: 0 }
    }

    pub(crate) const fn room(&self) -> &Arc<Room> {
        &self.room
    }

    /// All that is held, one piece behind the other.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().map(|piece| &**piece)
    }

    /// Holds a copy. Returns whether there was place for it.
    #[must_use]
    pub(crate) fn copy(&mut self, bytes: &[u8]) -> bool {
        if self.small + bytes.len() > SMALL {
            let mut kept = Vec::new();
            let fits = self.slab.keep(&self.room, bytes, &mut kept);
            if fits {
                self.take(&kept);
            }
            return fits;
        }
        self.small += bytes.len();
        match self.pieces.last_mut() {
            Some(Cow::Owned(last)) => last.extend_from_slice(bytes),
            _ => self.pieces.push(Cow::Owned(bytes.to_vec())),
        }
        true
    }

    /// Holds what is in the room already.
    pub(crate) fn take(&mut self, kept: &[Kept]) {
        self.pieces.extend(kept.iter().map(|&piece| Cow::Borrowed(piece)));
    }

    /// Lets go of everything, but not of its place.
    pub(crate) fn clear(&mut self) {
        self.pieces = Vec::new();
    }
}
