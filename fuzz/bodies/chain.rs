//! Chains of logs: what a store answers is what walking them by hand gives.

// Sizes are small here.
#![allow(clippy::cast_possible_truncation)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use changed_blocks::cbtlog::{ChainError, Store, Uuid};

use super::cursor::Cursor;

const BLOCK: u64 = 65_536;
/// Disks are numbered from 1; those beyond the last have no log.
const NUMBERS: u8 = 6;

/// A log as it was written, and whether it can be used.
struct Log {
    parent: u8,
    child: u8,
    consistent: i32,
    size: u64,
    bytes: Vec<u8>,
}

impl Log {
    fn new(cursor: &mut Cursor<'_>) -> Self {
        let (parent, child) = (cursor.choose(&[0, 1, 2, 3, 4, 5, 6]), cursor.choose(&[0, 1, 2, 3, 4, 5, 6]));
        let consistent = cursor.choose(&[1, 1, 1, 1, 1, 0, 2]);
        let (blocks, partial) =
            (cursor.choose(&[1, 7, 8, 9, 64, 65, 200, 200, 200, 201, 0]), cursor.choose(&[0, 0, 1, 65_535]));
        let size = (blocks * BLOCK).saturating_sub(partial);
        let mut bytes = [[parent; 16], [child; 16]].concat();
        bytes.extend(i32::to_le_bytes(consistent));
        bytes.extend([0xcd; 4]);
        bytes.extend(size.to_le_bytes());
        let needed = size.div_ceil(BLOCK).div_ceil(8) as usize;
        let there = (needed + cursor.choose(&[1, 1, 1, 0, 2, 40])).saturating_sub(1);
        bytes.extend((0..there).map(|_| cursor.choose(&[0u8, 0, 0, 1, 0x80, 0xff])));
        let cut =
            if cursor.choose(&[0, 0, 0, 0, 0, 0, 0, 1]) == 1 { cursor.choose(&[0, 1, 47, 48]) } else { bytes.len() };
        bytes.truncate(cut);
        Self { parent, child, consistent, size, bytes }
    }

    fn has_header(&self) -> bool {
        self.bytes.len() >= 48 && self.size > 0 && self.consistent != 2
    }

    /// The changed blocks, if the bitmap is as long as it has to be and has none beyond the disk.
    fn changed(&self) -> Option<BTreeSet<u64>> {
        let blocks = self.size.div_ceil(BLOCK);
        let bitmap = self.bytes[48..].get(..blocks.div_ceil(8) as usize)?;
        let bits = bitmap
            .iter()
            .enumerate()
            .flat_map(|(i, byte)| (0..8).filter(move |bit| byte >> bit & 1 == 1).map(move |bit| i as u64 * 8 + bit));
        let changed: BTreeSet<u64> = bits.collect();
        changed.iter().all(|&block| block < blocks).then_some(changed)
    }
}

/// Follows children from one disk to another. The logs on the way, or the kind of error; `None` in it is any that a
/// damaged header gives.
fn follow(logs: &[Option<Log>], from: u8, to: u8) -> Result<Vec<u8>, Option<&'static str>> {
    let (mut at, mut way) = (from, Vec::new());
    while at != to {
        let child = logs[usize::from(at)].as_ref().map_or(0, |log| log.child);
        if child == 0 {
            return Err(Some("unrelated"));
        }
        if child == from || way.contains(&child) {
            return Err(Some("circle"));
        }
        match &logs[usize::from(child)] {
            None => return Err(Some("unrelated")),
            Some(log) if !log.has_header() => return Err(None),
            Some(log) => {
                // The child has to know; or else both have the same parent.
                let before = logs[usize::from(at)].as_ref().map_or(0, |before| before.parent);
                if log.parent == 0 || log.parent != at && log.parent != before {
                    return Err(Some("unrelated"));
                }
                way.push(child);
            }
        }
        at = child;
    }
    Ok(way)
}

/// The answer found by hand.
fn by_hand(logs: &[Option<Log>], from: u8, to: u8) -> Result<(BTreeSet<u64>, u64), Option<&'static str>> {
    if from == to {
        return Err(Some("same"));
    }
    for end in [from, to] {
        match &logs[usize::from(end)] {
            None => return Err(Some("missing")),
            Some(log) if !log.has_header() => return Err(None),
            Some(_) => {}
        }
    }
    let way = follow(logs, from, to)?;
    // The logs that say that they stand next to one of them, and those after these.
    let mut strays: Vec<u8> = Vec::new();
    loop {
        let more = (1..=NUMBERS).find(|&number| {
            let known = |other: u8| way.contains(&other) || strays.contains(&other);
            let Some(log) = logs[usize::from(number)].as_ref().filter(|log| log.bytes.len() >= 32) else {
                return false;
            };
            if number == from || known(number) || log.parent == 0 {
                return false;
            }
            let parent = logs[usize::from(log.parent)].as_ref().filter(|parent| parent.bytes.len() >= 32);
            let led_to = parent.is_some_and(|parent| parent.child == number);
            let next_to = known(log.child) || log.parent == from || log.parent != to && way.contains(&log.parent);
            strays.contains(&log.parent) || !led_to && next_to
        });
        let Some(number) = more else { break };
        strays.push(number);
    }
    let strays: Vec<&Log> = strays.into_iter().filter_map(|number| logs[usize::from(number)].as_ref()).collect();
    if strays.iter().any(|log| !log.has_header()) {
        return Err(None);
    }
    let way: Vec<&Log> = way.into_iter().filter_map(|number| logs[usize::from(number)].as_ref()).collect();
    if way.windows(2).any(|pair| pair[1].size < pair[0].size) {
        return Err(Some("chain-shrunk"));
    }
    let (last, inner) = way.split_last().expect("`to` at the least");
    if inner.iter().chain(&strays).any(|log| log.consistent == 0) {
        return Err(Some("not-consistent"));
    }
    if last.consistent == 0 {
        return Err(Some("in-use"));
    }
    let mut changed = BTreeSet::new();
    for log in way.iter().chain(&strays) {
        changed.append(&mut log.changed().ok_or(None)?);
    }
    let blocks = last.size.div_ceil(BLOCK);
    Ok((changed.into_iter().filter(|&block| block < blocks).collect(), last.size))
}

/// Where files are kept in memory, if the system has such a place.
fn memory_folder() -> PathBuf {
    let shared_memory = PathBuf::from("/dev/shm");
    if shared_memory.is_dir() { shared_memory } else { std::env::temp_dir() }
}

/// A folder of logs, and a question about it.
pub(crate) fn chain(data: &[u8]) {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    let folder = memory_folder().join(format!("changed-blocks-chain-{}-{run}", std::process::id()));
    fs::create_dir_all(&folder).expect("room");
    let mut cursor = Cursor::new(data);
    let (from, to) = (cursor.choose(&[1, 2, 3, 4, 5, 6]), cursor.choose(&[1, 2, 3, 4, 5, 6]));
    let id = |number: u8| Uuid::from_bytes([number; 16]);
    let mut logs: Vec<Option<Log>> = vec![None];
    for number in 1..=NUMBERS {
        let log = (cursor.choose(&[1, 1, 1, 1, 0]) == 1).then(|| Log::new(&mut cursor));
        if let Some(log) = &log {
            fs::write(folder.join(format!("{}.cbtlog", id(number))), &log.bytes).expect("room");
        }
        logs.push(log);
    }
    let store = Store::open(&folder).expect("a folder");
    let found = store.list_changed_blocks(id(from), id(to));
    let chains = store.chains();
    fs::remove_dir_all(&folder).expect("its owner may");

    match (found, by_hand(&logs, from, to)) {
        (Ok(answer), Ok((changed, size))) => {
            let blocks = answer.bitmap.extents();
            assert!(blocks.iter().flat_map(|extent| extent.start_block..extent.end_block).eq(changed));
            assert_eq!((answer.virtual_size.bytes(), answer.bitmap.blocks()), (size, size.div_ceil(BLOCK)));
        }
        (Err(ChainError::Log { .. }), Err(None)) => {}
        (Err(error), Err(Some(kind))) => assert_eq!(error.kind(), kind, "{error}"),
        (found, expected) => panic!("{found:?}, not {expected:?}"),
    }
    // Every log is in one chain.
    assert_eq!(chains.iter().map(|chain| chain.logs.len()).sum::<usize>(), logs.iter().flatten().count());
}
