//! `cbt blocks`: held against blocks that are marked one by one.

use std::path::Path;

use crate::common::{Bits, LongList, Scratch, cases, run, run_piped};

/// The bits of blocks of another size on a disk of that many bytes.
fn reblocked(bits: &Bits, size: u64, disk: u64) -> Bits {
    let mut blocks = vec![false; usize::try_from(disk.div_ceil(size)).expect("a small disk")];
    for (offset, len) in bits.ranges(65_536, disk) {
        let index = |byte: u64| usize::try_from(byte / size).expect("a small disk");
        blocks[index(offset)..=index(offset + len - 1)].fill(true);
    }
    Bits(blocks)
}

fn indexes(bits: &Bits) -> String {
    bits.0.iter().enumerate().filter(|&(_, &bit)| bit).map(|(index, _)| format!("{index}\n")).collect()
}

#[test]
fn blocks_of_any_size_are_those_that_hold_a_change() {
    for case in 0..cases(3u64, 40) {
        let bits = Bits::scattered(400, 1 + case % 7 * 5, case);
        let disk = 399 * 65_536 + 1 + case * 1000;
        for size in [512, 16 << 10, 65_536, 128 << 10, 2 << 20, 1 << 30] {
            let expected = reblocked(&bits, size, disk);
            let blocks = |args: &[&str]| {
                let options = [
                    "blocks".to_owned(),
                    "--virtual-size".to_owned(),
                    disk.to_string(),
                    "--size".to_owned(),
                    size.to_string(),
                ];
                run_piped(options.iter().map(String::as_str).chain(args.iter().copied()), bits.base64())
            };
            let list = indexes(&expected);
            assert!(blocks(&[]).text() == list && blocks(&["--list"]).text() == list, "{size}");
            assert_eq!(blocks(&["--count"]).text(), format!("{}\n", list.lines().count()));
            assert_eq!(blocks(&["--any"]).text(), format!("{}\n", !list.is_empty()));
            assert_eq!(blocks(&["--bitmap", "base64"]).text(), expected.base64() + "\n");
            assert_eq!(blocks(&["--bitmap", "bits"]).text(), expected.text() + "\n");
            assert_eq!(blocks(&["--bitmap", "raw-msb0"]).bytes(), expected.msb0());
            assert_eq!(blocks(&["--bitmap", "raw-lsb0"]).bytes(), expected.lsb0());
        }
    }
}

fn data(name: &str) -> String {
    format!("{}/../../tests/data/{name}.b64", env!("CARGO_MANIFEST_DIR"))
}

/// The numbers come from a program that shares nothing with this one.
#[test]
fn real_bitmaps_have_the_known_number_of_blocks_of_2_mib() {
    for (name, count) in [("database-hour", 1988), ("development-day", 256), ("file-server-day", 21)] {
        assert_eq!(run(["blocks", "--size", "2M", "--count", &data(name)]).text(), format!("{count}\n"));
    }
}

#[test]
fn a_coarse_bitmap_is_read_again() {
    let scratch = Scratch::new();
    let coarse = run(["blocks", "--size", "2M", "--bitmap", "base64", &data("database-hour")]).text();
    let file = scratch.file("coarse.b64", coarse);
    let read = |path: &Path| run(["extents", "--block-size", "2M", path.to_str().expect("text")]).text();
    let aligned = run(["extents", "--virtual-size", "1T", "--align", "2M", &data("database-hour")]);
    assert_eq!(read(&file), aligned.text());
}

#[test]
fn without_a_change_nothing_is_listed() {
    let bits = Bits::new(&"0".repeat(80));
    for (args, expected) in [(&["blocks"][..], ""), (&["blocks", "--any"], "false\n"), (&["blocks", "--count"], "0\n")]
    {
        assert_eq!(run_piped(args, bits.base64()).text(), expected);
    }
}

#[test]
fn a_damaged_bitmap_prints_nothing_but_that_there_is_a_change() {
    let scratch = Scratch::new();
    let path = scratch.file("bad.b64", LongList::HELD.bad_at_its_end());
    let path = path.to_str().expect("text");
    let output = scratch.path().join("output");
    for args in [&["blocks", "--size", "2M"][..], &["blocks", "--count"], &["blocks", "--bitmap", "bits"]] {
        run([args, &[path]].concat()).failure(3);
        run([args, &["-o", output.to_str().expect("text"), path]].concat()).failure(3);
        assert!(!output.exists());
    }
    // A change is a change, whatever comes after it; that there is none is said only of a whole bitmap.
    assert_eq!(run(["blocks", "--any", path]).text(), "true\n");
    let unchanged = Bits::new(&"0".repeat(80)).base64();
    run_piped(["blocks", "--any"], unchanged + "!").failure(3);
}

#[test]
fn answers_exclude_each_other_and_sizes_are_powers_of_two() {
    for args in [["--any", "--count"], ["--list", "--any"], ["--size", "3M"], ["--size", "2G"], ["--size", "256"]] {
        run_piped([&["blocks"], &args[..]].concat(), "AAAA").failure(2);
    }
    let message = run_piped(["blocks", "--from", "text"], "0 1\n").failure(2);
    assert!(message.contains("cbt union"), "{message}");
}
