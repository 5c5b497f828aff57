//! The cases of the reference, and what it warns of.

use std::fs;

use changed_blocks::cbtlog::{ChainError, DiskRole, UnrelatedReason, Warning};
use changed_blocks::{Consequence, Error, Unit};

use super::logs::*;

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
    let swapped = UnrelatedReason::Swapped { newer: id(2), older: id(4) };
    assert!(matches!(&error, ChainError::Unrelated { reason, .. } if *reason == swapped), "{error}");
    assert_eq!((error.kind(), error.consequence()), ("unrelated", Consequence::FullBackup));

    // A log is missing: either end's, or one between.
    for (gone, from, to, end) in [(1, 1, 3, DiskRole::From), (3, 1, 3, DiskRole::To)] {
        let folder = folder_of(&good);
        fs::remove_file(folder.path(gone)).expect("it was there");
        let error = ask(&folder, from, to).expect_err("missing");
        assert!(
            matches!(error, ChainError::Missing { uuid, role: found } if uuid == id(gone) && found == end),
            "{error}"
        );
        assert_eq!(error.consequence(), Consequence::FullBackup);
    }
    let folder = folder_of(&good);
    fs::remove_file(folder.path(3)).expect("it was there");
    let error = ask(&folder, 1, 4).expect_err("broken");
    let broken = UnrelatedReason::Broken { uuid: id(2), child: id(3) };
    assert!(matches!(&error, ChainError::Unrelated { reason, .. } if *reason == broken), "{error}");

    // The chain ends before the newer disk: another set of incrementals.
    let folder = folder_of(&good);
    folder.write(9, other.bytes());
    let error = ask(&folder, 2, 9).expect_err("unrelated");
    assert!(
        matches!(&error, ChainError::Unrelated { reason: UnrelatedReason::Ends { last }, .. } if *last == id(4)),
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
        matches!(error, ChainError::DiskShrunk { uuid, found: f, before: b, .. } if (uuid, f, b) == (id(3), found, before)),
        "{error}"
    );

    // The disk grew inside the last byte of the bitmap, which the reference cannot answer.
    let grown = folder_of(&chain(&[(17, &[0]), (17, &[1, 16]), (19, &[2, 18])]));
    let answer = ask(&grown, 1, 3).expect("plain to compute");
    assert_eq!((changed(&answer), answer.bitmap.blocks()), (vec![1, 2, 16, 18], 19));
    // It grew by bytes.
    let grown = folder_of(&chain(&[(8, &[]), (8, &[7]), (1000, &[999])]));
    assert_eq!(changed(&ask(&grown, 1, 3).expect("grown")), [7, 999]);

    // A longer file for a disk of equal size: an LVM volume has 4 MiB.
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
        // The chain before the circle closes is as good as ever.
        assert_eq!(changed(&ask(&folder, 1, 2).expect("a chain")), [1]);
    }
}

#[test]
fn a_log_that_is_not_consistent_is_refused_unless_it_is_allowed() {
    let mut contents = chain(&[(20, &[0]), (20, &[1]), (20, &[2])]);
    contents[1].consistent = 0;
    let folder = folder_of(&contents);
    // In the middle it stays so; at the end the disk may be detached later.
    let error = ask(&folder, 1, 3).expect_err("changes may be missing");
    let expected = (id(2), &folder.path(2));
    assert!(matches!(&error, ChainError::NotConsistent { uuid, path } if (*uuid, path) == expected), "{error}");
    assert_eq!((error.kind(), error.consequence()), ("not-consistent", Consequence::FullBackup));
    let answer = folder.store().list_changed_blocks_allow_inconsistent(id(1), id(3)).expect("allowed");
    assert_eq!(answer.warnings, [Warning::NotConsistent { uuid: id(2) }]);
    assert_eq!(changed(&answer), [1, 2]);
    let error = ask(&folder, 1, 2).expect_err("in use");
    assert!(matches!(&error, ChainError::InUse { uuid, path } if (*uuid, path) == (id(2), &folder.path(2))), "{error}");
    let answer = folder.store().list_changed_blocks_allow_inconsistent(id(1), id(2)).expect("accepted");
    assert_eq!((changed(&answer), &answer.warnings[..]), (vec![1], &[Warning::NotConsistent { uuid: id(2) }][..]));
    // The older one's own flag does not matter: its log is not part of the answer.
    contents[0].consistent = 0;
    contents[1].consistent = 1;
    assert_eq!(ask(&folder_of(&contents), 1, 3).expect("a chain").warnings, []);
    // Waiting does not mend the inner one.
    let mut both = contents.clone();
    (both[1].consistent, both[2].consistent) = (0, 0);
    assert_eq!(ask(&folder_of(&both), 1, 3).expect_err("both").kind(), "not-consistent");
    // A flag that is never written is damage.
    contents[1].consistent = 2;
    let error = ask(&folder_of(&contents), 1, 3).expect_err("damaged");
    assert!(
        matches!(error, ChainError::Log { uuid, source: Error::ConsistentFlag { value: 2, .. }, .. } if uuid == id(2))
    );
}
