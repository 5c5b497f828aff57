//! Histories of a disk, against a model of it.

use std::collections::BTreeSet;

use changed_blocks::Lengths;
use proptest::collection::vec;
use proptest::prelude::*;

use super::logs::*;
use crate::common::cases;

/// A step in the life of a disk.
#[derive(Clone, Debug)]
enum Event {
    Write { start: u64, len: u64 },
    Grow { bytes: u64 },
    Snapshot,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..200u64, 1..20u64).prop_map(|(start, len)| Event::Write { start, len }),
        1 => (1..40 * BLOCK).prop_map(|bytes| Event::Grow { bytes }),
        2 => Just(Event::Snapshot),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2000, ..ProptestConfig::with_cases(cases(16, 256)) })]

    /// Whatever happens to a disk, the answer for each pair of its snapshots has every block that differs, is just what
    /// was written, and is the union of the answers in between.
    #[test]
    fn histories_of_a_disk(events in vec(event(), 1..60), first in 1..150 * BLOCK) {
        // Each block holds the number of its last write.
        let mut size = first;
        let mut disk = vec![0u32; size.div_ceil(BLOCK) as usize];
        let mut written = BTreeSet::new();
        let mut writes = 0;
        let mut snapshots: Vec<(u64, Vec<u32>, BTreeSet<u64>)> = Vec::new();
        for event in events.iter().chain([&Event::Snapshot]) {
            match *event {
                Event::Write { start, len } => {
                    for block in start..(start + len).min(disk.len() as u64) {
                        writes += 1;
                        disk[block as usize] = writes;
                        written.insert(block);
                    }
                }
                Event::Grow { bytes } => {
                    size += bytes;
                    disk.resize(size.div_ceil(BLOCK) as usize, 0);
                }
                Event::Snapshot => snapshots.push((size, disk.clone(), std::mem::take(&mut written))),
            }
        }
        let count = snapshots.len() as u8;
        let folder = Folder::new();
        for (number, (size, _, written)) in (1..).zip(&snapshots) {
            let content = Content {
                parent: (number > 1).then(|| id(number - 1)),
                child: (number < count).then(|| id(number + 1)),
                consistent: 1,
                size: *size,
                changed: written.iter().copied().collect(),
            };
            folder.write(number, content.bytes());
        }
        let store = folder.store();
        for from in 1..count {
            let mut consecutive = changed_blocks::Bitmap::new(0);
            let mut expected = BTreeSet::new();
            for to in from + 1..=count {
                let answer = store.list_changed_blocks(id(from), id(to)).expect("a chain");
                let (old, new) = (&snapshots[usize::from(from) - 1], &snapshots[usize::from(to) - 1]);
                expected.extend(&new.2);
                prop_assert_eq!(changed(&answer), expected.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(answer.bitmap.blocks(), new.0.div_ceil(BLOCK));
                for (block, content) in (0..).zip(&new.1) {
                    // Blocks that were not there before hold zeros until they are written.
                    let before = old.1.get(block as usize).copied().unwrap_or(0);
                    prop_assert!(before == *content || answer.bitmap.get(block) == Some(true), "block {}", block);
                }
                let step = store.list_changed_blocks(id(to - 1), id(to)).expect("a chain");
                consecutive = consecutive.union(&step.bitmap, Lengths::Extend).expect("extended");
                prop_assert_eq!(&answer.bitmap, &consecutive);
            }
        }
    }
}
