//! Links that go one way only, and logs that nobody leads to: what failures leave.

use changed_blocks::Consequence;
use changed_blocks::cbtlog::{ChainError, UnrelatedReason, Warning};

use super::logs::*;

/// The links left by a host that fails in the middle of a snapshot or a deletion, or tracking that was switched
/// off: links that go one way only. The reference follows them, and its answer may lack changes.
#[test]
fn a_link_that_goes_one_way_only_is_not_followed() {
    let refused = |contents: &[Content], from, to| {
        let error = ask(&folder_of(contents), from, to).expect_err("a change would be missing");
        assert_eq!(error.consequence(), Consequence::FullBackup);
        match error {
            ChainError::Unrelated { reason: UnrelatedReason::OtherParent { uuid, child, parent }, .. } => {
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
    assert_eq!((expected[0].kind(), expected[0].uuid()), ("parent", id(3)));
}

/// The deletion of 2 has linked its neighbours to each other, and has not come to adding its changes to those of 3.
#[test]
fn a_log_that_nobody_leads_to_is_part_of_the_answer() {
    let mut deletion = chain(&[(20, &[0]), (20, &[1]), (20, &[2]), (20, &[3])]);
    (deletion[0].child, deletion[2].parent) = (Some(id(3)), Some(id(1)));
    let folder = folder_of(&deletion);
    let answer = ask(&folder, 1, 4).expect("a chain");
    assert_eq!((&*changed(&answer), &*answer.warnings), (&[1, 2, 3][..], &[Warning::Stray { uuid: id(2) }][..]));
    assert_eq!((answer.warnings[0].kind(), answer.warnings[0].uuid()), ("stray", id(2)));
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
    // Damage to it is damage to the answer, and so is a flag that is not set.
    let bytes = deletion[1].bytes();
    for length in 32..bytes.len() {
        folder.write(2, &bytes[..length]);
        assert_eq!(ask(&folder, 1, 4).expect_err("damaged").consequence(), Consequence::FullBackup, "{length}");
    }
    deletion[1].consistent = 0;
    let expected = [Warning::Stray { uuid: id(2) }, Warning::NotConsistent { uuid: id(2) }];
    let folder = folder_of(&deletion);
    assert_eq!(ask(&folder, 1, 4).expect_err("changes may be missing").kind(), "not-consistent");
    let answer = folder.store().list_changed_blocks_allow_inconsistent(id(1), id(4)).expect("allowed");
    assert_eq!(answer.warnings, expected);
    assert_eq!((expected[1].kind(), expected[1].uuid()), ("not-consistent", id(2)));
}
