//! Sizes that a pool reports, and what they are trusted for.

use changed_blocks::{BlockSize, VirtualSize};
use changed_blocks_xapi::client::{Changed, DiskSize, Error, Warning, changed_blocks};
use serde_json::{Value, json};
use uuid::Uuid;

use super::mock::{Call, Mock, disks};

const OF_2M: &str = include_str!("../../../../../tests/data/edges/metadata-only-of-2M.b64");
const OF_100M: &str = include_str!("../../../../../tests/data/edges/metadata-only-of-100M.b64");

const NEWER: &str = "OpaqueRef:00000000-0000-0000-0000-000000000002";
const DISK: &str = "OpaqueRef:disk";

fn size(bytes: u64) -> VirtualSize {
    VirtualSize::new(bytes).unwrap()
}

/// A listing of a snapshot of which only the log is left. The pool reports that its size is `reported`, and that the disk
/// that it was taken of has `disk` bytes, if there is one.
async fn metadata_only(base64: &'static str, reported: impl Into<Value>, disk: Option<u64>) -> Changed {
    let reported = reported.into();
    let mock = Mock::start(move |call: &Call| match call.method.as_str() {
        "task.get_record" => {
            let result = format!("<value>{}</value>", base64.trim_end());
            Some(call.result(json!({"status": "success", "result": result})))
        }
        "VDI.get_record" if call.params[1] == NEWER => {
            Some(call.record("cbt_metadata", reported.clone(), if disk.is_some() { DISK } else { "" }))
        }
        "VDI.get_record" if call.params[1] == DISK => disk.map(|disk| call.record("user", disk, "")),
        _ => None,
    })
    .await;
    changed_blocks(mock.options(), Uuid::from_u128(1), Uuid::from_u128(2)).await.unwrap()
}

fn listed(changed: &Changed) -> Result<Vec<(u64, u64)>, Error> {
    let ranges = changed.ranges(BlockSize::default())?;
    Ok(ranges.iter().map(|range| (range.offset_bytes, range.len_bytes)).collect())
}

#[tokio::test]
async fn the_size_of_a_log_is_never_taken_for_that_of_a_disk() {
    for (base64, reported, of, expected) in [
        (OF_2M, 0, 2 << 20, vec![(0, 65_536)]),
        (OF_2M, 52, 2 << 20, vec![(0, 65_536)]),
        (OF_100M, 0, 100 << 20, vec![(0, 131_072)]),
        (OF_100M, 248, 100 << 20, vec![(0, 131_072)]),
    ] {
        // Nothing is known, and nothing is clipped or checked.
        let changed = metadata_only(base64, reported, None).await;
        assert_eq!(changed.size, DiskSize::Unknown);
        assert!(matches!(&*changed.warnings, [Warning::SizeUnknown]), "{:?}", changed.warnings);
        assert_eq!(listed(&changed).unwrap(), expected);
        let told = changed.with_virtual_size(size(of)).unwrap();
        assert!(told.warnings.is_empty() && told.size == DiskSize::Exact(size(of)));
        assert_eq!(listed(&told).unwrap(), expected);

        // The disk that it is a snapshot of says how large it can be at most.
        for disk in [of, of + 1, 10 * of] {
            let changed = metadata_only(base64, reported.to_string(), Some(disk)).await;
            assert_eq!(changed.size, DiskSize::AtMost(size(disk)));
            assert!(matches!(&*changed.warnings, [Warning::SizeAtMost(bound)] if *bound == size(disk)));
            assert_eq!(listed(&changed).unwrap(), expected);
        }
        // Too small: disks do not shrink, so it is another disk's.
        let changed = metadata_only(base64, reported, Some(1 << 20)).await;
        assert!(base64 == OF_2M || listed(&changed).is_err());
        let error = changed.with_virtual_size(size(of)).unwrap_err();
        assert_eq!(error.kind(), "virtual-size-mismatch");
        assert!(
            error.to_string().contains(&of.to_string()) && error.to_string().contains("at most 1048576"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_bitmap_may_be_filled_up_to_four_bytes_with_zeros() {
    for (base64, good) in [
        ("gAAQ", true),
        ("gAAQAA==", true),
        ("gAAQAQ==", false),
        ("gAAYAA==", false),
        ("gAA=", false),
        ("gAAQAAA=", false),
        // Of blocks of 4 KiB.
        ("gAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", false),
    ] {
        let changed = metadata_only(base64, 0, None).await.with_virtual_size(size(20 << 16)).unwrap();
        assert_eq!(listed(&changed).is_ok(), good, "{base64}");
    }
}

#[tokio::test]
async fn a_given_size_checks_the_bitmap() {
    let changed = metadata_only(OF_100M, 248, None).await.with_virtual_size(size(2 << 20)).unwrap();
    assert_eq!(listed(&changed).unwrap_err().kind(), "too-long");
    let changed = metadata_only(OF_2M, 52, None).await.with_virtual_size(size(100 << 20)).unwrap();
    assert_eq!(listed(&changed).unwrap_err().kind(), "too-short");
    // It clips too, since someone stands for it.
    let changed = metadata_only(OF_2M, 52, None).await.with_virtual_size(size((31 << 16) + 1)).unwrap();
    assert_eq!(listed(&changed).unwrap(), [(0, 65_536)]);
}

#[tokio::test]
async fn an_upper_bound_clips_no_block() {
    // Block 31 is changed, and the disk has now some bytes less than 32 blocks: perhaps it went back to an older state.
    let changed = metadata_only("gAAAAQ==", 52, Some((32 << 16) - 100)).await;
    assert_eq!(listed(&changed).unwrap(), [(0, 65_536), (31 << 16, 65_536)]);
    // It tells no block size either: a smaller disk with smaller blocks has a bitmap of the same length.
    let scanner = changed.scanner(BlockSize::DEFAULT).unwrap();
    assert!(matches!(scanner.detect_block_size(changed.answer.base64()), Err(changed_blocks::Error::NoVirtualSize)));
    // A bitmap of smaller blocks is longer than the bound needs.
    let changed =
        metadata_only(include_str!("../../../../../tests/data/edges/granularity-16k-of-64M.b64"), 0, Some(64 << 20));
    let error = listed(&changed.await).unwrap_err();
    assert!(matches!(error, Error::BitmapTooLong { found: 512, needed: 128, at_most: 0x400_0000 }), "{error:?}");
    let hint = error.hint().unwrap();
    assert!(!hint.contains("16") && hint.contains("give the size"), "{hint}");
}

#[tokio::test]
async fn disks_with_data_have_the_size_that_the_pool_reports() {
    for kind in ["user", "system"] {
        let mock =
            Mock::start(move |call| (call.method == "VDI.get_record").then(|| call.record(kind, 100, DISK))).await;
        let changed = changed_blocks(mock.options(), Uuid::from_u128(1), Uuid::from_u128(2)).await.unwrap();
        assert_eq!(changed.size, DiskSize::Exact(size(100)));
        assert_eq!(mock.calls_of("VDI.get_record").len(), 1);
        let error = changed.with_virtual_size(size(101)).unwrap_err();
        let Error::VirtualSizeMismatch { given: 101, found: 100, at_most: false } = error else { panic!("{error:?}") };
    }
    // Any other type may report anything.
    for kind in ["ha_statefile", "redo_log", "metadata", "suspend", "", "something new"] {
        let mock = Mock::start(move |call| (call.method == "VDI.get_record").then(|| call.record(kind, 100, ""))).await;
        let mut client = mock.login().await;
        let (_, to) = disks(&mut client).await;
        assert_eq!(client.disk_size(&to).await.unwrap(), DiskSize::Unknown, "{kind}");
        client.close().await.unwrap();
    }
}

#[tokio::test]
async fn the_size_of_a_log_need_not_be_a_size_at_all() {
    for reported in [json!(-1), json!("-1"), json!(""), json!("18446744073709551616"), Value::Null] {
        let changed = metadata_only(OF_2M, reported.clone(), None).await;
        assert_eq!(changed.size, DiskSize::Unknown, "{reported}");
        let changed = metadata_only(OF_2M, reported.clone(), Some(2 << 20)).await;
        assert_eq!(changed.size, DiskSize::AtMost(size(2 << 20)), "{reported}");
    }
}

#[tokio::test]
async fn an_original_that_tells_nothing_bounds_nothing() {
    for original in ["missing", "metadata-only as well", "without a size"] {
        let mock = Mock::start(move |call: &Call| {
            (call.method == "VDI.get_record").then(|| match (call.params[1] == NEWER, original) {
                (true, _) => call.record("cbt_metadata", 52, DISK),
                (false, "missing") => call.error("HANDLE_INVALID", &["VDI", DISK]),
                (false, "without a size") => call.record("user", 0, ""),
                (false, _) => call.record("cbt_metadata", 1 << 30, ""),
            })
        })
        .await;
        let mut client = mock.login().await;
        let (_, to) = disks(&mut client).await;
        assert_eq!(client.disk_size(&to).await.unwrap(), DiskSize::Unknown, "{original}");
        client.close().await.unwrap();
    }
}

#[tokio::test]
async fn sizes_are_numbers_or_strings() {
    for (reported, bytes) in [
        (json!(1_099_511_627_776_u64), Some(1_099_511_627_776)),
        (json!("1099511627776"), Some(1_099_511_627_776)),
        (json!(u64::MAX), Some(u64::MAX)),
        (json!(u64::MAX.to_string()), Some(u64::MAX)),
        (json!(0), None),
        (json!("0"), None),
        (json!(-1), None),
        (json!("-1"), None),
        (json!("+1"), None),
        (json!(" 1"), None),
        (json!("0x10"), None),
        (json!(1.5), None),
        (json!("1e3"), None),
        (json!("18446744073709551616"), None),
        (json!(""), None),
        (Value::Null, None),
        (json!(true), None),
        (json!([1]), None),
    ] {
        let sent = reported.clone();
        let mock =
            Mock::start(move |call| (call.method == "VDI.get_record").then(|| call.record("user", sent.clone(), "")))
                .await;
        let mut client = mock.login().await;
        let (vdi, _) = disks(&mut client).await;
        let found = client.disk_size(&vdi).await;
        client.close().await.unwrap();
        match (found, bytes) {
            (Ok(DiskSize::Exact(found)), Some(bytes)) => assert_eq!(found.bytes(), bytes, "{reported}"),
            (Err(error), None) => assert_eq!(error.kind(), "protocol", "{reported}"),
            (found, _) => panic!("{reported}: {found:?}"),
        }
    }
}
