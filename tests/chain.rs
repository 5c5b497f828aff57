//! The call over a store: each case of the reference, histories of a model disk, and logs that are damaged.

// A test's own figures are small.
#![allow(clippy::cast_possible_truncation)]

use std::collections::BTreeSet;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use changed_blocks::cbtlog::{ChainError, ChangedBlocks, End, Store, Unrelated, Uuid, Warning};
use changed_blocks::{Consequence, Error, Lengths, Unit};
use proptest::collection::vec;
use proptest::prelude::*;

const BLOCK: u64 = 65_536;

/// What is in a log, written down by the description of the format alone.
#[derive(Clone)]
struct Content {
    parent: Option<Uuid>,
    child: Option<Uuid>,
    consistent: i32,
    size: u64,
    changed: Vec<u64>,
}

impl Content {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(self.parent.unwrap_or(Uuid::nil()).into_bytes());
        bytes.extend(self.child.unwrap_or(Uuid::nil()).into_bytes());
        bytes.extend(self.consistent.to_le_bytes());
        bytes.extend([0xcd; 4]);
        bytes.extend(self.size.to_le_bytes());
        let mut bitmap = vec![0u8; self.size.div_ceil(BLOCK).div_ceil(8) as usize];
        for block in &self.changed {
            bitmap[(block / 8) as usize] |= 1 << (block % 8);
        }
        bytes.extend(bitmap);
        bytes
    }
}

/// A folder of logs.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("room"))
    }

    fn path(&self, number: u8) -> PathBuf {
        self.0.path().join(format!("{}.cbtlog", id(number)))
    }

    fn write(&self, number: u8, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(number), bytes).expect("room");
    }

    fn store(&self) -> Store {
        Store::open(self.0.path()).expect("a folder")
    }
}

/// The UUID of a test's disk.
fn id(number: u8) -> Uuid {
    Uuid::from_bytes([number; 16])
}

/// A chain of disks numbered from 1: their sizes in blocks, and what changed.
fn chain(disks: &[(u64, &[u64])]) -> Vec<Content> {
    let count = disks.len() as u8;
    let content = |(number, &(blocks, changed)): (u8, &(u64, &[u64]))| Content {
        parent: (number > 1).then(|| id(number - 1)),
        child: (number < count).then(|| id(number + 1)),
        consistent: 1,
        size: blocks * BLOCK,
        changed: changed.to_vec(),
    };
    (1..).zip(disks).map(content).collect()
}

fn folder_of(contents: &[Content]) -> Folder {
    let folder = Folder::new();
    for (number, content) in (1..).zip(contents) {
        folder.write(number, content.bytes());
    }
    folder
}

fn changed(answer: &ChangedBlocks) -> Vec<u64> {
    answer.bitmap.extents().iter().flat_map(|extent| extent.start_block..extent.end_block).collect()
}

fn ask(folder: &Folder, from: u8, to: u8) -> Result<ChangedBlocks, ChainError> {
    folder.store().list_changed_blocks(id(from), id(to))
}

#[test]
fn the_union_of_all_after_the_older_one() {
    let folder = folder_of(&chain(&[(20, &[0, 1]), (20, &[2, 3]), (20, &[3, 19]), (20, &[7])]));
    for (from, to, expected) in [
        (1, 2, &[2, 3][..]),
        (1, 3, &[2, 3, 19]),
        (1, 4, &[2, 3, 7, 19]),
        (2, 3, &[3, 19]),
        (2, 4, &[3, 7, 19]),
        (3, 4, &[7]),
    ] {
        let answer = ask(&folder, from, to).expect("a chain");
        assert_eq!(changed(&answer), expected, "{from} to {to}");
        assert_eq!(answer.bitmap.blocks(), 20);
        assert_eq!(answer.virtual_size.bytes(), 20 * BLOCK);
        assert_eq!(answer.chain, (from + 1..=to).map(id).collect::<Vec<_>>());
        assert_eq!(answer.warnings, []);
    }
    // 0001 0000 0000 0000 0001 and four zeros that fill up the last byte.
    assert_eq!(ask(&folder, 2, 3).expect("a chain").bitmap.to_base64(), "EAAQ");
}

#[test]
fn the_cases_of_the_reference() {
    let good = chain(&[(20, &[0]), (20, &[1]), (20, &[2]), (20, &[3])]);
    let other = Content { parent: None, child: None, ..good[0].clone() };

    let folder = folder_of(&good);
    let error = ask(&folder, 2, 2).expect_err("the same");
    assert!(matches!(error, ChainError::Same { uuid } if uuid == id(2)), "{error}");
    assert_eq!(error.consequence(), Consequence::WrongUsage);

    // The order is swapped.
    let error = ask(&folder, 4, 2).expect_err("swapped");
    let swapped = Unrelated::Swapped { newer: id(2), older: id(4) };
    assert!(matches!(&error, ChainError::Unrelated { reason, .. } if *reason == swapped), "{error}");
    assert_eq!((error.kind(), error.consequence()), ("unrelated", Consequence::WrongUsage));

    // A log is missing: either end's, or one between.
    for (gone, from, to, end) in [(1, 1, 3, End::From), (3, 1, 3, End::To)] {
        let folder = folder_of(&good);
        fs::remove_file(folder.path(gone)).expect("it was there");
        let error = ask(&folder, from, to).expect_err("missing");
        assert!(
            matches!(error, ChainError::Missing { uuid, end: found } if uuid == id(gone) && found == end),
            "{error}"
        );
        assert_eq!(error.consequence(), Consequence::UnusableBitmap);
    }
    let folder = folder_of(&good);
    fs::remove_file(folder.path(3)).expect("it was there");
    let error = ask(&folder, 1, 4).expect_err("broken");
    let broken = Unrelated::Broken { uuid: id(2), child: id(3) };
    assert!(matches!(&error, ChainError::Unrelated { reason, .. } if *reason == broken), "{error}");

    // The chain ends before the newer disk: another set of incrementals.
    let folder = folder_of(&good);
    folder.write(9, other.bytes());
    let error = ask(&folder, 2, 9).expect_err("unrelated");
    assert!(
        matches!(&error, ChainError::Unrelated { reason: Unrelated::Ends { last }, .. } if *last == id(4)),
        "{error}"
    );
    assert!(error.to_string().contains(&id(2).to_string()) && error.hint().is_some());

    // A log is shorter than its disk needs.
    let folder = folder_of(&good);
    let bytes = good[2].bytes();
    folder.write(3, &bytes[..bytes.len() - 1]);
    let error = ask(&folder, 1, 4).expect_err("short");
    let ChainError::Log { uuid, path, source } = &error else { panic!("{error}") };
    assert_eq!((*uuid, path), (id(3), &folder.path(3)));
    assert!(matches!(source, Error::TooShort { found: 2, expected: 3, unit: Unit::Bytes, .. }), "{source}");

    // A later log is for a smaller disk.
    let mut smaller = good.clone();
    smaller[2].size -= 1;
    let error = ask(&folder_of(&smaller), 1, 4).expect_err("smaller");
    let (found, before) = (20 * BLOCK - 1, 20 * BLOCK);
    assert!(
        matches!(error, ChainError::Shrunk { uuid, found: f, before: b, .. } if (uuid, f, b) == (id(3), found, before)),
        "{error}"
    );

    // The disk grew inside the last byte of the bitmap, which the reference cannot answer.
    let grown = folder_of(&chain(&[(17, &[0]), (17, &[1, 16]), (19, &[2, 18])]));
    let answer = ask(&grown, 1, 3).expect("plain to compute");
    assert_eq!((changed(&answer), answer.bitmap.blocks()), (vec![1, 2, 16, 18], 19));
    // It grew by bytes.
    let grown = folder_of(&chain(&[(8, &[]), (8, &[7]), (1000, &[999])]));
    assert_eq!(changed(&ask(&grown, 1, 3).expect("grown")), [7, 999]);

    // The same size, but a longer file: an LVM volume has 4 MiB.
    let folder = folder_of(&good);
    let mut bytes = good[2].bytes();
    bytes.resize(4 << 20, 0xff);
    folder.write(3, bytes);
    assert_eq!(changed(&ask(&folder, 1, 4).expect("cut off")), [1, 2, 3]);

    // Children in a circle.
    for (last, child) in [(4, 2), (4, 4), (2, 1)] {
        let mut circle = good.clone();
        circle[last - 1].child = Some(id(child));
        let folder = folder_of(&circle);
        folder.write(9, other.bytes());
        let error = ask(&folder, 1, 9).expect_err("a circle");
        let expected = (id(last as u8), id(child));
        assert!(matches!(error, ChainError::Circle { uuid, child, .. } if (uuid, child) == expected), "{error}");
        // What comes before the circle closes is as good as ever.
        assert_eq!(changed(&ask(&folder, 1, 2).expect("a chain")), [1]);
    }
}

#[test]
fn flags_are_told_of() {
    let mut contents = chain(&[(20, &[0]), (20, &[1]), (20, &[2])]);
    contents[1].consistent = 0;
    let folder = folder_of(&contents);
    // In the middle it is a warning, at the end the disk is in use.
    let answer = ask(&folder, 1, 3).expect("a chain");
    assert_eq!(answer.warnings, [Warning::NotConsistent { uuid: id(2) }]);
    assert_eq!(changed(&answer), [1, 2]);
    let error = ask(&folder, 1, 2).expect_err("in use");
    assert!(matches!(&error, ChainError::InUse { uuid, path } if (*uuid, path) == (id(2), &folder.path(2))), "{error}");
    let answer = folder.store().list_changed_blocks_in_use(id(1), id(2)).expect("accepted");
    assert_eq!((changed(&answer), &answer.warnings[..]), (vec![1], &[Warning::NotConsistent { uuid: id(2) }][..]));
    // The older one's own flag does not matter: its log is not part of the answer.
    contents[0].consistent = 0;
    contents[1].consistent = 1;
    assert_eq!(ask(&folder_of(&contents), 1, 3).expect("a chain").warnings, []);
    // A flag that is never written is damage.
    contents[1].consistent = 2;
    let error = ask(&folder_of(&contents), 1, 3).expect_err("damaged");
    assert!(
        matches!(error, ChainError::Log { uuid, source: Error::ConsistentFlag { value: 2, .. }, .. } if uuid == id(2))
    );
}

/// What a host leaves that fails in the middle of a snapshot or a deletion, or tracking that was switched off: links that
/// go one way only. The reference follows them, and its answer may lack changes.
#[test]
fn a_link_that_goes_one_way_only_is_not_followed() {
    let refused = |contents: &[Content], from, to| {
        let error = ask(&folder_of(contents), from, to).expect_err("a change would be missing");
        assert_eq!(error.consequence(), Consequence::UnusableBitmap);
        match error {
            ChainError::Unrelated { reason: Unrelated::OtherParent { uuid, child, parent }, .. } => {
                (uuid, child, parent)
            }
            other => panic!("{other}"),
        }
    };
    // Tracking of 3 was switched off and on again, and 2 was not told.
    let mut restarted = chain(&[(20, &[0]), (20, &[1]), (20, &[2])]);
    restarted[2].parent = None;
    assert_eq!(refused(&restarted, 1, 3), (id(2), id(3), None));
    let mut first = chain(&[(20, &[]), (20, &[1])]);
    first[1].parent = None;
    assert_eq!(refused(&first, 1, 2), (id(1), id(2), None));
    // A log between the two was removed by hand.
    restarted[2].parent = Some(id(9));
    assert_eq!(refused(&restarted, 1, 3), (id(2), id(3), Some(id(9))));
    // The deletion of 2 has linked 1 to 3, and 3 does not know.
    let contents = chain(&[(20, &[0]), (20, &[1]), (20, &[2]), (20, &[3])]);
    let mut deletion = contents;
    deletion[0].child = Some(id(3));
    assert_eq!(refused(&deletion, 1, 4), (id(1), id(3), Some(id(2))));
    assert_eq!(changed(&ask(&folder_of(&deletion), 2, 4).expect("a chain")), [2, 3]);
    // The deletion of 2 was never finished, and then 5 was taken of 3.
    let mut snapshot = chain(&[(20, &[0]), (20, &[1]), (20, &[]), (20, &[3]), (20, &[1, 2])]);
    (snapshot[0].child, snapshot[2].parent, snapshot[3].child) = (Some(id(5)), Some(id(5)), None);
    (snapshot[4].parent, snapshot[4].child) = (Some(id(1)), Some(id(3)));
    assert_eq!(refused(&snapshot, 2, 4), (id(2), id(3), Some(id(5))));
    assert_eq!(changed(&ask(&folder_of(&snapshot), 1, 4).expect("a chain")), [1, 2, 3]);
    // 2 was taken of 3, which was not emptied any more: what is there twice hides nothing.
    let mut twice = chain(&[(20, &[0]), (20, &[1]), (20, &[1, 2])]);
    twice[2].parent = Some(id(1));
    let answer = ask(&folder_of(&twice), 1, 3).expect("a chain");
    let expected = [Warning::Parent { uuid: id(3), found: Some(id(1)), expected: id(2) }];
    assert_eq!((&*changed(&answer), &*answer.warnings), (&[1, 2][..], &expected[..]));
}

/// The deletion of 2 has linked its neighbours to each other, and has not come to adding its changes to those of 3.
#[test]
fn a_log_that_nobody_leads_to_is_part_of_the_answer() {
    let mut deletion = chain(&[(20, &[0]), (20, &[1]), (20, &[2]), (20, &[3])]);
    (deletion[0].child, deletion[2].parent) = (Some(id(3)), Some(id(1)));
    let folder = folder_of(&deletion);
    let answer = ask(&folder, 1, 4).expect("a chain");
    assert_eq!((&*changed(&answer), &*answer.warnings), (&[1, 2, 3][..], &[Warning::Stray { uuid: id(2) }][..]));
    assert_eq!(answer.chain, [id(3), id(4)]);
    // Whatever goes in good order afterwards: its older neighbour, its newer one, or both.
    let all = |contents: &[(u8, Content)], from, to| {
        let folder = Folder::new();
        contents.iter().for_each(|(number, content)| folder.write(*number, content.bytes()));
        changed(&ask(&folder, from, to).expect("a chain"))
    };
    let log = |parent: u8, child: u8, blocks: &[u64]| Content {
        parent: (parent != 0).then(|| id(parent)),
        child: (child != 0).then(|| id(child)),
        consistent: 1,
        size: 20 * BLOCK,
        changed: blocks.to_vec(),
    };
    let stray = (2, log(1, 3, &[1]));
    let snapshot_taken = [(1, log(0, 5, &[0])), stray.clone(), (5, log(1, 3, &[2])), (3, log(5, 0, &[]))];
    assert_eq!(all(&snapshot_taken, 1, 5), [1, 2]);
    assert_eq!(all(&snapshot_taken, 1, 3), [1, 2]);
    let newer_gone = [(1, log(0, 4, &[0])), stray.clone(), (4, log(1, 0, &[2, 3]))];
    assert_eq!(all(&newer_gone, 1, 4), [1, 2, 3]);
    let older_gone = [(6, log(0, 3, &[])), stray, (3, log(6, 0, &[0, 2]))];
    assert_eq!(all(&older_gone, 6, 3), [0, 1, 2]);
    for (first, second) in [((1, 3), (2, 3)), ((1, 5), (1, 3))] {
        let two = [
            (1, log(0, 3, &[0])),
            (2, log(first.0, first.1, &[1])),
            (5, log(second.0, second.1, &[4])),
            (3, log(1, 0, &[2])),
        ];
        assert_eq!(all(&two, 1, 3), [1, 2, 4]);
    }
    // If it is damaged, or was not closed cleanly, so is the answer, or so it says.
    let bytes = deletion[1].bytes();
    for length in 32..bytes.len() {
        folder.write(2, &bytes[..length]);
        assert_eq!(ask(&folder, 1, 4).expect_err("damaged").consequence(), Consequence::UnusableBitmap, "{length}");
    }
    deletion[1].consistent = 0;
    let expected = [Warning::Stray { uuid: id(2) }, Warning::NotConsistent { uuid: id(2) }];
    assert_eq!(ask(&folder_of(&deletion), 1, 4).expect("a chain").warnings, expected);
}

/// Cut short and written anew again and again, in place: what is read is all of it, or an error.
#[test]
fn a_log_that_shrinks_while_it_is_read_never_shortens_the_answer() {
    let every_third: Vec<u64> = (0..3_000_000).step_by(3).collect();
    let contents = chain(&[(3_000_000, &[]), (3_000_000, &[1]), (3_000_000, &every_third)]);
    let folder = folder_of(&contents);
    let bytes = contents[2].bytes();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = fs::File::options().write(true).open(folder.path(3)).expect("there");
            while !stop.load(Ordering::Relaxed) {
                file.set_len(1000).expect("possible");
                file.seek(SeekFrom::Start(1000)).and_then(|_| file.write_all(&bytes[1000..])).expect("room");
            }
        });
        let (mut whole, mut refused, mut shortest, mut wrong) = (0, 0, u64::MAX, None);
        let start = Instant::now();
        // The other thread has to be stopped before anything is asserted.
        while wrong.is_none()
            && ((whole == 0 || refused == 0) && start.elapsed() < Duration::from_secs(20) || whole + refused < 50)
        {
            match ask(&folder, 1, 3) {
                Ok(answer) => {
                    shortest = shortest.min(answer.bitmap.count());
                    whole += 1;
                }
                Err(error) => {
                    let named = matches!(&error, ChainError::Log { uuid, .. } if *uuid == id(3));
                    wrong = (!named).then_some(error);
                    refused += 1;
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
        assert!(wrong.is_none(), "{wrong:?}");
        assert!(whole > 0 && refused > 0, "{whole} {refused}");
        assert_eq!(shortest, 1_000_001);
    });
}

/// Otherwise there could be two logs of a disk, and it would be up to chance which one is read.
#[test]
fn a_log_has_one_name() {
    let folder = folder_of(&chain(&[(20, &[0]), (20, &[1])]));
    let lower = folder.path(2);
    let odd = Uuid::from_bytes([0xab; 16]);
    fs::copy(&lower, lower.with_file_name(format!("{}.cbtlog", odd.to_string().to_uppercase()))).expect("room");
    fs::copy(&lower, lower.with_file_name(format!("{}.cbtlog", odd.simple()))).expect("room");
    assert_eq!(folder.store().uuids().collect::<Vec<_>>(), [id(1), id(2)]);
}

#[test]
fn damaged_logs_are_named_at_every_length() {
    let contents = chain(&[(20, &[0]), (20, &[1]), (20, &[2])]);
    let folder = folder_of(&contents);
    let bytes = contents[1].bytes();
    for len in 0..bytes.len() {
        folder.write(2, &bytes[..len]);
        let error = ask(&folder, 1, 3).expect_err("cut short");
        let ChainError::Log { uuid, path, source } = &error else { panic!("{len}: {error}") };
        assert_eq!((*uuid, path), (id(2), &folder.path(2)));
        match source {
            Error::HeaderTooShort { found, expected: 48 } if *found == len as u64 => assert!(len < 48),
            Error::TooShort { found, .. } => assert_eq!(*found, len as u64 - 48),
            _ => panic!("{len}: {source}"),
        }
        assert_eq!(error.consequence(), Consequence::UnusableBitmap, "{len}");
    }
    // A size that lies: no file is that long, and none of it is allocated in advance.
    let mut lying = contents[1].clone();
    lying.changed.clear();
    let mut bytes = lying.bytes();
    bytes[40..48].copy_from_slice(&u64::MAX.to_le_bytes());
    folder.write(2, &bytes);
    let error = ask(&folder, 1, 2).expect_err("lies");
    assert!(matches!(error, ChainError::Log { source: Error::TooShort { found: 3, .. }, .. }), "{error}");
    bytes[40..48].fill(0);
    folder.write(2, &bytes);
    assert!(matches!(ask(&folder, 1, 2), Err(ChainError::Log { source: Error::VirtualSize { bytes: 0 }, .. })));
    // A folder of that name, and a link to nowhere.
    fs::remove_file(folder.path(2)).expect("there");
    fs::create_dir(folder.path(2)).expect("room");
    assert!(matches!(ask(&folder, 1, 2), Err(ChainError::Log { source: Error::Read { .. }, .. })));
}

#[test]
fn a_folder_has_other_files_too() {
    let folder = folder_of(&chain(&[(20, &[0]), (20, &[1])]));
    let uuid = id(3).to_string();
    for name in ["notes.txt", "x.cbtlog", &uuid, &format!("{uuid}.cbtlog.bak"), &format!("{{{uuid}}}.cbtlog")] {
        fs::write(folder.0.path().join(name), "anything").expect("room");
    }
    let mut store = folder.store();
    assert_eq!(store.uuids().collect::<Vec<_>>(), [id(1), id(2)]);
    assert!(store.log(id(3)).expect("no log is no error").is_none());
    assert!(Store::open(folder.0.path().join("nowhere")).is_err());
    // Under any name, if it is named.
    let device = folder.0.path().join("VG_XenStorage-1");
    fs::rename(folder.path(2), &device).expect("room");
    store.insert(id(2), &device);
    assert_eq!(store.path(id(2)), Some(&*device));
    assert_eq!(changed(&store.list_changed_blocks(id(1), id(2)).expect("a chain")), [1]);
}

#[test]
fn a_year_of_daily_logs_and_ten_thousand_files() {
    // 365 logs of a 64 GiB disk, among 10,000.
    let folder = Folder::new();
    let name = |number: u32| Uuid::from_u128(u128::from(number) + 1);
    for number in 0..10_000u32 {
        let content = Content {
            parent: (number > 0).then(|| name(number - 1)),
            child: Some(name(number + 1)),
            consistent: 1,
            size: if number < 400 { 64 << 30 } else { BLOCK },
            changed: if number < 400 { vec![u64::from(number) * 2000] } else { Vec::new() },
        };
        fs::write(folder.0.path().join(format!("{}.cbtlog", name(number))), content.bytes()).expect("room");
    }
    let store = folder.store();
    assert_eq!(store.uuids().len(), 10_000);
    let answer = store.list_changed_blocks(name(10), name(375)).expect("a chain");
    assert_eq!(changed(&answer), (11..=375).map(|number| number * 2000).collect::<Vec<_>>());
}

/// What happens to a disk.
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
    #![proptest_config(ProptestConfig { max_shrink_iters: 2000, ..ProptestConfig::default() })]

    /// Whatever happens to a disk, the answer for each pair of its snapshots has every block that differs, is just what
    /// was written, and is the union of the answers in between.
    #[test]
    fn histories_of_a_disk(events in vec(event(), 1..60), first in 1..150 * BLOCK) {
        // What each block holds: the number of its last write.
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
