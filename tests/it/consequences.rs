//! The tables in the documentation of the errors against the errors themselves: kinds and consequences of every variant.

use std::io::{Error as IoError, ErrorKind};
use std::path::PathBuf;

use changed_blocks::cbtlog::{ChainError, DiskRole, UnrelatedReason, Uuid};
use changed_blocks::{Consequence, Error, ListFault, Place, Tier, Unit};

/// The rows of a table: variant, kind, consequence.
fn rows(table: &str) -> Vec<Vec<&str>> {
    let rows = table.lines().filter(|line| line.starts_with("| [`"));
    rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// The variants that `kind` names, in the source of an error.
fn variants(source: &str) -> Vec<&str> {
    let kind = source.split("fn kind(&self)").nth(1).and_then(|rest| rest.split("\n    }\n").next());
    let arms = kind.expect("kind").lines().filter_map(|line| line.trim().strip_prefix("Self::"));
    arms.map(|arm| arm.split([' ', '(']).next().expect("a name")).collect()
}

/// Holds each example (its `Debug` form, kind and consequence) against the rows, and the rows against the variants.
fn check(table: &str, source: &str, examples: &[(String, &str, Consequence)]) {
    let rows = rows(table);
    let named: Vec<&str> = rows.iter().map(|row| row[0][2..].split('`').next().expect("a name")).collect();
    assert_eq!(named, variants(source), "the table names every variant, in order");
    let variant = |debug: &str| debug.split(' ').next().expect("a name").to_owned();
    for (debug, kind, consequence) in examples {
        let row = &rows[named.iter().position(|name| *name == variant(debug)).expect("a row")];
        assert!(row[1] == format!("`{kind}`") || row[1].starts_with("that of"), "{debug}: {kind} is not in {row:?}");
        let said = row[2].contains(&format!("`{consequence}`")) || row[2].starts_with("that of");
        assert!(said, "{debug}: {consequence} is not in {row:?}");
    }
    for name in named {
        assert!(examples.iter().any(|(debug, ..)| variant(debug) == name), "no example of {name}");
    }
}

/// The figure of a field of the name `offset`.
fn offset_in(debug: &str) -> u64 {
    let after = debug.split(" offset: ").nth(1).expect("there is one");
    after.split(|c: char| !c.is_ascii_digit()).next().and_then(|figure| figure.parse().ok()).expect("a figure")
}

#[test]
fn the_table_of_bitmap_errors_is_right() {
    let refused = || IoError::from(ErrorKind::PermissionDenied);
    let passing = || IoError::from(ErrorKind::TimedOut);
    let (found, expected, unit, virtual_size) = (1, 2, Unit::Bytes, 3);
    let examples = [
        Error::InvalidSymbol { offset: 0, byte: b'!' },
        Error::MisplacedPadding { offset: 0 },
        Error::MissingPadding { offset: 0, expected: 1, found: 0 },
        Error::IncompleteGroup { offset: 0 },
        Error::TrailingBits { offset: 0, byte: b'B' },
        Error::InvalidBit { offset: 0, byte: b'2' },
        Error::Empty,
        Error::TooShort { found, expected, unit, virtual_size, fitting: vec![] },
        Error::TooLong { found, expected, unit, virtual_size, fitting: vec![] },
        Error::UnknownBlockSize { found, unit, virtual_size, fitting: vec![] },
        Error::NoVirtualSize,
        Error::NotABitmap { word: "null" },
        Error::BlockBeyondEnd { block: 1, blocks: 1 },
        Error::OffsetOverflow { block: 1, block_size: 1 },
        Error::BlockSize { bytes: 0 },
        Error::VirtualSize { bytes: 0 },
        Error::HeaderVirtualSize { offset: 40 },
        Error::HeaderTooShort { found, expected },
        Error::ConsistentFlag { offset: 32, value: 2 },
        Error::Inconsistent { offset: 32 },
        Error::VirtualSizeMismatch { found, expected },
        Error::BlockSizeMismatch { found, expected },
        Error::Shrunk { offset: 0, expected },
        Error::Grown { expected },
        Error::Changed,
        Error::OutOfMemory { bytes: 1 },
        Error::LengthMismatch { left: 1, right: 2 },
        Error::ByteRange { index: 0, offset_bytes: 0, len_bytes: 0, previous_end_bytes: None },
        Error::UnequalBlockSizes { left: 512, right: 1024 },
        Error::EmptyList,
        Error::ImageLimit { reason: "" },
        Error::List { place: Place::Line { number: 1, offset: 0 }, fault: ListFault::Empty },
        Error::UnknownEncoding { name: String::new(), known: String::new() },
        Error::UnknownTier { name: String::new(), known: String::new() },
        Error::UnavailableTier { tier: Tier::Portable, available: String::new() },
        Error::Read { offset: 0, source: refused() },
        Error::Read { offset: 0, source: passing() },
    ];
    for error in &examples {
        let debug = format!("{error:?}");
        assert_eq!(error.offset(), debug.contains(" offset: ").then(|| offset_in(&debug)), "{debug}");
    }
    let examples: Vec<_> =
        examples.iter().map(|error| (format!("{error:?}"), error.kind(), error.consequence())).collect();
    check(include_str!("../../src/error_table.md"), include_str!("../../src/error.rs"), &examples);
}

#[test]
fn the_table_of_chain_errors_is_right() {
    let (uuid, path) = (Uuid::from_u128(1), PathBuf::from("logs"));
    let (from, to, child) = (uuid, uuid, uuid);
    let path = || path.clone();
    let refused = || IoError::from(ErrorKind::StorageFull);
    let examples = [
        ChainError::Same { uuid },
        ChainError::Missing { uuid, role: DiskRole::From },
        ChainError::Missing { uuid, role: DiskRole::Only },
        ChainError::InUse { uuid, path: path() },
        ChainError::NotConsistent { uuid, path: path() },
        ChainError::Unrelated { from, to, reason: UnrelatedReason::Swapped { newer: to, older: from } },
        ChainError::Unrelated { from, to, reason: UnrelatedReason::Ends { last: from } },
        ChainError::DiskShrunk { uuid, path: path(), found: 1, before: 2 },
        ChainError::WouldShrink { uuid, virtual_size: 2, asked_for: 1 },
        ChainError::Circle { uuid, path: path(), child },
        ChainError::Changing { from, to },
        ChainError::Locked { path: path(), by: None },
        ChainError::TooLarge { uuid, virtual_size: 1 },
        ChainError::NotOnDisk { uuid, byte: 1, virtual_size: 1 },
        ChainError::Exists { uuid, path: path() },
        ChainError::NameTaken { uuid, by: uuid },
        ChainError::Open { path: path(), source: refused() },
        ChainError::TwoLogs { uuid, first: path(), second: path() },
        ChainError::LogName { uuid, path: path() },
        ChainError::Write { path: path(), source: refused() },
        ChainError::Log { uuid, path: path(), source: Error::Empty },
    ];
    let examples: Vec<_> =
        examples.iter().map(|error| (format!("{error:?}"), error.kind(), error.consequence())).collect();
    check(include_str!("../../src/cbtlog/error_table.md"), include_str!("../../src/cbtlog/error.rs"), &examples);
}

#[test]
fn consequences_are_known_by_their_names() {
    let names = Consequence::ALL.map(Consequence::name);
    assert_eq!(names, ["full-backup", "retry", "busy", "operator", "wrong-usage"]);
}
