//! `.cbtlog` files: the header decides, and a file that could hide a change is refused.

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::common::{Bits, Scratch, cases, cbt, ranges_as_text, run, run_piped};

const CBTLOG: [&str; 3] = ["extents", "--from", "cbtlog"];

/// 20 blocks, the last of them of 100 bytes.
fn example() -> (Bits, u64) {
    (Bits::new("01100000 00000001 1001"), 19 * 65_536 + 100)
}

#[test]
fn the_size_comes_from_the_header() {
    let (bits, size) = example();
    let list = run_piped(CBTLOG, bits.cbtlog(size, 1)).text();
    assert_eq!(list, "65536 131072\n983040 131072\n1245184 100\n");
    assert_eq!(list, ranges_as_text(&bits.ranges(65_536, size)));
    let json = run_piped(CBTLOG.iter().chain(&["--output", "json"]), bits.cbtlog(size, 1)).text();
    let object: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((&object["block_size"], &object["virtual_size"]), (&Value::from(65_536), &Value::from(size)));
    assert_eq!(
        (&object["changed_blocks"], &object["changed_bytes"]),
        (&Value::from(5), &Value::from(4 * 65_536 + 100))
    );
}

#[test]
fn neither_uuids_nor_padding_matter() {
    let (bits, size) = example();
    let expected = ranges_as_text(&bits.ranges(65_536, size));
    for fill in [0, 0xff, b'A'] {
        let mut file = bits.cbtlog(size, 1);
        file[..32].fill(fill);
        file[36..40].fill(fill);
        assert_eq!(run_piped(CBTLOG, file).text(), expected);
    }
}

#[test]
fn a_log_that_is_not_consistent_is_refused_unless_allowed() {
    let scratch = Scratch::new();
    let (bits, size) = example();
    let path = scratch.file("open.cbtlog", bits.cbtlog(size, 0));
    let name = path.to_str().expect("text");
    let args = ["extents", "--from", "cbtlog", name];
    let message = run(args).failure(3);
    assert!(message.contains("open.cbtlog") && message.contains("consistent"), "{message}");
    assert!(message.contains("offset 32"), "{message}");
    assert!(message.contains("hint: ") && !message.contains("--allow-inconsistent"), "{message}");
    let failure = run(args.iter().chain(&["--output", "json"])).json_failure(3);
    assert_eq!(failure.error, "inconsistent");
    assert_eq!(failure.consequence, "full-backup");
    let list = run(args.iter().chain(&["--allow-inconsistent"])).text();
    assert_eq!(list, ranges_as_text(&bits.ranges(65_536, size)));
    for command in ["bits", "convert"] {
        run([command, "--from", "cbtlog", name]).failure(3);
        run([command, "--from", "cbtlog", "--allow-inconsistent", name]).bytes();
    }
}

#[test]
fn a_flag_that_is_never_written_is_refused_even_then() {
    let (bits, size) = example();
    for flag in [2, -1, 256, i32::MIN, i32::MIN + 1] {
        for option in [None, Some("--allow-inconsistent")] {
            let message = run_piped(CBTLOG.iter().chain(option.as_ref()), bits.cbtlog(size, flag)).failure(3);
            assert!(message.contains(&flag.to_string()) && message.contains("offset 32"), "{message}");
        }
    }
}

#[test]
fn a_volume_is_longer_than_its_bitmap() {
    let scratch = Scratch::new();
    let (bits, size) = example();
    let expected = ranges_as_text(&bits.ranges(65_536, size));
    let mut file = bits.cbtlog(size, 1);
    // The bytes after the bitmap are those that the volume held before: anything.
    for fill in [0, 0xff] {
        file.truncate(48 + 3);
        file.resize(4 << 20, fill);
        let path = scratch.file("volume", &file);
        let name = path.to_str().expect("text");
        assert_eq!(run(["extents", "--from", "cbtlog", name]).text(), expected);
        assert_eq!(run_piped(CBTLOG, &file).text(), expected);
        let base64 = run(["convert", "--from", "cbtlog", name]).text();
        assert_eq!(base64, format!("{}\n", bits.base64()));
    }
}

#[test]
fn whoever_pipes_a_volume_can_finish_writing() {
    // Under `set -o pipefail`, `ssh host cat /dev/… | cbt …` must not fail because the command stopped reading early.
    let (bits, size) = example();
    let mut file = bits.cbtlog(size, 1);
    file.resize(4 << 20, 0);
    let mut child = cbt(CBTLOG).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("starts");
    let mut pipe = child.stdin.take().expect("piped");
    let written = pipe.write_all(&file);
    drop(pipe);
    let output = child.wait_with_output().expect("ends");
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), ranges_as_text(&bits.ranges(65_536, size)));
    assert!(written.is_ok(), "the writer got: {written:?}");
}

#[test]
fn truncated_at_every_length_is_refused() {
    let scratch = Scratch::new();
    let (bits, size) = example();
    let whole = bits.cbtlog(size, 1);
    assert_eq!(whole.len(), 51);
    // By default, a part of them, and all from the end of the header on.
    let every = cases(5, 1);
    for len in (0..whole.len()).filter(|len| len % every == 0 || *len > 46) {
        let piped = run_piped(CBTLOG, &whole[..len]).failure(3);
        let path = scratch.file("short.cbtlog", &whole[..len]);
        let from_file = run(["extents", "--from", "cbtlog", path.to_str().expect("text")]).failure(3);
        for message in [&piped, &from_file] {
            assert!(message.contains("hint: "), "{message}");
            if len < 48 {
                assert!(message.contains(&format!("{len} bytes")) && message.contains("48"), "{message}");
            }
        }
        assert!(from_file.contains("short.cbtlog"), "{from_file}");
    }
}

#[test]
fn a_bitmap_cut_short_is_refused_with_both_figures() {
    let (bits, size) = example();
    let whole = bits.cbtlog(size, 1);
    for len in 48..whole.len() {
        let message = run_piped(CBTLOG, &whole[..len]).failure(3);
        assert!(message.contains(&format!("{} bytes", len - 48)), "no word about the {} bytes: {message}", len - 48);
        assert!(message.contains('3') && message.contains(&size.to_string()), "{message}");
    }
    // A large one, cut where a buffer might end.
    let bits = Bits::scattered(1 << 20, 9, 5);
    let whole = bits.cbtlog(1 << 36, 1);
    for len in [49, 4096, 65_536, 131_072, whole.len() - 1] {
        let message = run_piped(CBTLOG, &whole[..len]).failure(3);
        assert!(message.contains(&format!("{} bytes", len - 48)) && message.contains("131072"), "{message}");
    }
    assert_eq!(run_piped(CBTLOG, &whole).text(), bits.list());
}

#[test]
fn a_block_beyond_the_end_of_the_disk_is_refused() {
    let (_, size) = example();
    let beyond = Bits::new("01100000 00000001 10011");
    let message = run_piped(CBTLOG, beyond.cbtlog(size, 1)).failure(3);
    assert!(message.contains("block 20") && message.contains("20 blocks"), "{message}");
}

#[test]
fn sizes_that_no_disk_has_are_refused() {
    let (bits, _) = example();
    run_piped(CBTLOG, bits.cbtlog(0, 1)).failure(3);
    for size in [u64::MAX, u64::MAX - 65_535, 1 << 63] {
        let message = run_piped(CBTLOG, bits.cbtlog(size, 1)).failure(3);
        assert!(message.contains(&size.to_string()), "{message}");
    }
}

#[test]
fn what_is_asked_for_must_agree_with_the_header() {
    let (bits, size) = example();
    let with = |options: &[&str]| run_piped(CBTLOG.iter().chain(options), bits.cbtlog(size, 1));
    let expected = ranges_as_text(&bits.ranges(65_536, size));
    assert_eq!(with(&["--virtual-size", &size.to_string()]).text(), expected);
    let message = with(&["--virtual-size", "1M"]).failure(3);
    assert!(message.contains("1048576") && message.contains(&size.to_string()), "{message}");
    assert_eq!(with(&["--block-size", "64k"]).text(), expected);
    let message = with(&["--block-size", "4k"]).failure(2);
    assert!(message.contains("4096") && message.contains("65536"), "{message}");
    assert_eq!(with(&["--block-size", "4k", "--output", "json"]).json_failure(2).error, "block-size-mismatch");
}

#[test]
fn the_wrong_encoding_is_found_out_and_named() {
    let (bits, size) = example();
    let message = run_piped(["extents"], bits.cbtlog(size, 1)).failure(3);
    assert!(message.contains("0x11") && message.contains("offset 0"), "{message}");
    assert!(message.contains("--from") && message.contains("cbtlog"), "no word about the way out: {message}");
    let base64 = bits.base64().repeat(20);
    let message = run_piped(CBTLOG, base64).failure(3);
    assert!(message.contains("no .cbtlog"), "{message}");
}
