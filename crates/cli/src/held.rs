//! Output that is held back, in memory that costs little to get.
//!
//! Every 4 KiB of fresh memory is a fault that costs as much as formatting what fits in. Long output is therefore kept in
//! room that asks for huge pages, and each thread has a slab of it of its own: nobody waits while another one copies.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use memmap2::MmapMut;

/// How much is held at the most.
pub(crate) const HOLD: usize = 32 << 20;
/// Up to here, memory is what the allocator gives: a huge page costs as much as some fifty others.
pub(crate) const SMALL: usize = 128 << 10;
/// How much a thread takes of the room at a time.
const SLAB: usize = 512 << 10;
/// How much there is beyond what is held, for what threads have taken and not filled.
const BEYOND: usize = 8 * SLAB;
/// Of how many slabs a huge page consists.
const SLABS_A_PAGE: usize = (2 << 20) / SLAB;

/// What was copied into the room.
pub(crate) type Kept = &'static [u8];

/// The room for what one command holds: none by default. It is not asked for before it is needed, nor given back before
/// the process ends.
#[derive(Default)]
pub(crate) struct Room {
    slabs: LazyLock<Mutex<Slabs>>,
}

/// The next comes last.
type Slabs = Vec<&'static mut [u8]>;

impl Room {
    /// Room for all that may be held, or none if there is no such memory.
    pub(crate) fn new() -> Self {
        Self { slabs: LazyLock::new(|| Mutex::new(Self::map())) }
    }

    fn map() -> Slabs {
        let Ok(map) = MmapMut::map_anon(HOLD + BEYOND) else { return Slabs::new() };
        // Advice: where it is not taken, all goes on as well as before.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        let map: &mut MmapMut = Box::leak(Box::new(map));
        let mut slabs: Vec<_> = map.chunks_exact_mut(SLAB).enumerate().collect();
        // From two pages in turn, since two threads that come upon the same fresh page would both clear one.
        slabs.sort_by_key(|(i, _)| (i / (2 * SLABS_A_PAGE), i % SLABS_A_PAGE, i / SLABS_A_PAGE));
        slabs.into_iter().rev().map(|(_, slab)| slab).collect()
    }

    /// The next slab: empty if there is none left.
    fn slab(&self) -> &'static mut [u8] {
        self.slabs.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }
}

/// The part of the room that is a thread's own.
#[derive(Default)]
pub(crate) struct Slab {
    rest: &'static mut [u8],
}

impl Slab {
    /// Copies bytes into the room, in as few pieces as there are slabs, which it appends. Returns whether there was place
    /// for all; if not, it appends none.
    pub(crate) fn keep(&mut self, room: &Room, mut bytes: &[u8], to: &mut Vec<Kept>) -> bool {
        let before = to.len();
        while !bytes.is_empty() {
            if self.rest.is_empty() {
                self.rest = room.slab();
            }
            let len = bytes.len().min(self.rest.len());
            if len == 0 {
                to.truncate(before);
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
    len: usize,
}

impl Held {
    pub(crate) fn new(room: Room) -> Self {
        Self { room: Arc::new(room), slab: Slab::default(), pieces: Vec::new(), len: 0 }
    }

    pub(crate) const fn room(&self) -> &Arc<Room> {
        &self.room
    }

    /// How many bytes are held.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// All that is held, one piece behind the other.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().map(|piece| &**piece)
    }

    /// Holds a copy.
    pub(crate) fn copy(&mut self, bytes: &[u8]) {
        let mut kept = Vec::new();
        if self.len + bytes.len() > SMALL && self.slab.keep(&self.room, bytes, &mut kept) {
            return self.take(&kept);
        }
        self.len += bytes.len();
        match self.pieces.last_mut() {
            Some(Cow::Owned(last)) => last.extend_from_slice(bytes),
            _ => self.pieces.push(Cow::Owned(bytes.to_vec())),
        }
    }

    /// Holds what is in the room already.
    pub(crate) fn take(&mut self, kept: &[Kept]) {
        self.len += kept.iter().map(|piece| piece.len()).sum::<usize>();
        self.pieces.extend(kept.iter().map(|&piece| Cow::Borrowed(piece)));
    }

    /// Lets go of everything, but not of its place.
    pub(crate) fn clear(&mut self) {
        self.pieces = Vec::new();
        self.len = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(seed: u8, len: usize) -> Vec<u8> {
        (0..=250).cycle().map(|byte: u8| byte ^ seed).take(len).collect()
    }

    #[test]
    fn threads_keep_what_they_were_given_until_the_room_is_full() {
        let room = Room::new();
        let kept: Vec<(u8, Vec<Kept>)> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|seed| {
                    let room = &room;
                    scope.spawn(move || {
                        let (mut slab, mut all) = (Slab::default(), Vec::new());
                        loop {
                            let mut kept = Vec::new();
                            if !slab.keep(room, &bytes(seed, 100_003), &mut kept) {
                                return (seed, all);
                            }
                            all.extend(kept);
                        }
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        let mut total = 0;
        for (seed, pieces) in kept {
            let whole = pieces.concat();
            total += whole.len();
            assert!(whole.chunks(100_003).all(|piece| piece == bytes(seed, 100_003)));
        }
        assert!(total >= HOLD, "{total}");
    }

    #[test]
    fn copies_and_what_was_kept_are_held_in_order_with_room_and_without() {
        for room in [Room::new(), Room::default()] {
            let mut held = Held::new(room);
            let (mut slab, mut expected) = (Slab::default(), Vec::new());
            for seed in 0..60 {
                let bytes = bytes(seed, 7001 * usize::from(seed % 5));
                let mut kept = Vec::new();
                if seed % 3 == 0 && slab.keep(&held.room().clone(), &bytes, &mut kept) {
                    held.take(&kept);
                } else {
                    held.copy(&bytes);
                }
                expected.extend(bytes);
                assert_eq!(held.len(), expected.len());
            }
            assert_eq!(held.pieces().flatten().copied().collect::<Vec<_>>(), expected);
            held.clear();
            assert_eq!((held.len(), held.pieces().count()), (0, 0));
        }
    }
}
