//! Folders with other files, with damaged logs, and with logs that change meanwhile.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use changed_blocks::cbtlog::{ChainError, Store, Uuid};
use changed_blocks::{Consequence, Error};

use super::logs::*;
use crate::common::cases;

/// Cut short and written anew again and again, in place: what is read is all of it, or an error.
#[test]
fn a_log_that_shrinks_while_it_is_read_never_shortens_the_answer() {
    let every_third: Vec<u64> = (0..3_000_000).step_by(3).collect();
    let contents = chain(&[(3_000_000, &[]), (3_000_000, &[1]), (3_000_000, &every_third)]);
    let folder = folder_of(&contents);
    let bytes = contents[2].bytes();
    let (asked, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    // Two questions later, one has begun and ended meanwhile.
    let wait_for_a_question = || {
        let before = asked.load(Ordering::Acquire);
        while asked.load(Ordering::Acquire) < before + 2 && !stop.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
    };
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut file = fs::File::options().write(true).open(folder.path(3)).expect("there");
            // Now and then it stays as it is, so that both answers are seen however slow one of the threads is.
            for round in 0.. {
                file.set_len(1000).expect("possible");
                if round % 4 == 1 {
                    wait_for_a_question();
                }
                file.seek(SeekFrom::Start(1000)).and_then(|_| file.write_all(&bytes[1000..])).expect("room");
                if round % 4 == 3 {
                    wait_for_a_question();
                }
                if stop.load(Ordering::Acquire) {
                    break;
                }
            }
        });
        let (mut whole, mut refused, mut shortest, mut wrong) = (0, 0, u64::MAX, None);
        // The other thread has to be stopped before anything is asserted.
        while !writer.is_finished() && wrong.is_none() && (whole == 0 || refused == 0 || whole + refused < 50) {
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
            asked.fetch_add(1, Ordering::Release);
        }
        stop.store(true, Ordering::Release);
        assert!(wrong.is_none(), "{wrong:?}");
        assert!(whole > 0 && refused > 0, "{whole} {refused}");
        assert_eq!(shortest, 1_000_001);
    });
}

/// A log that is skipped hides changes; and of two logs of a disk, it would be up to chance which one is read.
#[test]
fn a_log_has_one_name_in_upper_or_lower_case() {
    let folder = folder_of(&chain(&[(20, &[0]), (20, &[1]), (20, &[2])]));
    let at = |name: &str| folder.0.path().join(name);
    let rename = |uuid: u8, name: &str| fs::rename(folder.path(uuid), at(name)).expect("there");
    // The digits of these names are letters.
    let lower = Uuid::from_bytes([0xab; 16]);
    let upper = lower.to_string().to_uppercase();
    let (lower_name, upper_name) = (format!("{lower}.cbtlog"), format!("{upper}.cbtlog"));
    for (number, field) in [(1, 16..32), (3, 0..16)] {
        let mut bytes = fs::read(folder.path(number)).expect("there");
        bytes[field].fill(0xab);
        folder.write(number, &bytes);
    }
    for name in [&lower_name, &upper_name, &format!("{}.cbtlog", upper.replacen("AB", "aB", 3))] {
        rename(2, name);
        let store = folder.store();
        assert_eq!(store.uuids().collect::<Vec<_>>(), [id(1), id(3), lower]);
        assert_eq!(changed(&store.list_changed_blocks(id(1), id(3)).expect("a chain")), [1, 2]);
        fs::rename(at(name), folder.path(2)).expect("there");
    }
    rename(2, &upper_name);
    fs::copy(at(&upper_name), at(&lower_name)).expect("room");
    if fs::read_dir(folder.0.path()).expect("a folder").count() == 3 {
        // The file system takes them for the same.
        return;
    }
    let error = Store::open(folder.0.path()).expect_err("two logs");
    let ChainError::TwoLogs { uuid, first, second } = &error else { panic!("{error}") };
    assert_eq!((*uuid, first, second), (lower, &at(&upper_name), &at(&lower_name)));
    assert_eq!((error.kind(), error.consequence()), ("two-logs", Consequence::Operator));
    fs::remove_file(at(&lower_name)).expect("there");

    for name in [
        format!("{}.cbtlog", lower.simple()),
        format!("{}.cbtlog", lower.braced()),
        format!("{}.cbtlog", lower.urn()),
        format!("{lower}.CBTLOG"),
        format!("{}.Cbtlog", lower.simple()),
    ] {
        fs::rename(at(&upper_name), at(&name)).expect("there");
        let error = Store::open(folder.0.path()).expect_err("a log of another name");
        assert!(
            matches!(&error, ChainError::LogName { uuid, path } if *uuid == lower && *path == at(&name)),
            "{error}"
        );
        assert!(error.to_string().contains(&name) && error.to_string().contains(&lower_name), "{error}");
        assert_eq!((error.kind(), error.consequence()), ("log-name", Consequence::Operator));
        fs::rename(at(&name), at(&upper_name)).expect("there");
    }
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
        assert_eq!(error.consequence(), Consequence::FullBackup, "{len}");
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
    assert!(matches!(ask(&folder, 1, 2), Err(ChainError::Log { source: Error::HeaderVirtualSize { offset: 40 }, .. })));
    // A folder of that name, and a link to nowhere.
    fs::remove_file(folder.path(2)).expect("there");
    fs::create_dir(folder.path(2)).expect("room");
    assert!(matches!(ask(&folder, 1, 2), Err(ChainError::Log { source: Error::Read { .. }, .. })));
}

#[test]
fn other_files_of_a_folder_are_left_alone() {
    let folder = folder_of(&chain(&[(20, &[0]), (20, &[1])]));
    let uuid = id(3).to_string();
    for name in ["notes.txt", "x.cbtlog", &uuid, &format!("{uuid}.cbtlog.bak"), &format!("copy of {uuid}.cbtlog")] {
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
fn a_year_of_daily_logs_among_many_files() {
    // 365 logs of a 64 GiB disk.
    let files = cases(1000, 10_000);
    let folder = Folder::new();
    let name = |number: u32| Uuid::from_u128(u128::from(number) + 1);
    for number in 0..files {
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
    assert_eq!(store.uuids().len(), files as usize);
    let answer = store.list_changed_blocks(name(10), name(375)).expect("a chain");
    assert_eq!(changed(&answer), (11..=375).map(|number| number * 2000).collect::<Vec<_>>());
}

/// A store that was opened before sees it, too.
#[test]
fn a_log_that_appears_under_another_name_is_refused() {
    let folder = folder_of(&chain(&[(20, &[0]), (20, &[1])]));
    let store = folder.store();
    assert_eq!(changed(&store.list_changed_blocks(id(1), id(2)).expect("a chain")), [1]);
    fs::write(folder.0.path().join(format!("{}.CBTLOG", id(3))), "anything").expect("room");
    let error = store.list_changed_blocks(id(1), id(2)).expect_err("a log of another name");
    assert!(matches!(error, ChainError::LogName { uuid, .. } if uuid == id(3)), "{error}");
}
