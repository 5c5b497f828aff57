//! The block size of storage that tracks other blocks than 64 KiB: named by hints, and found with `--block-size auto`.

use crate::common::{data, run, run_piped, run_redirected};

/// An input of `tests/data/edges`.
fn edge(name: &str) -> String {
    data(&format!("edges/{name}")).to_str().expect("text").to_owned()
}

#[test]
fn a_bitmap_of_other_blocks_is_refused_and_the_hint_names_their_size() {
    for (name, named, list) in [
        ("granularity-16k-of-64M.b64", "--block-size 16k", "0 16384\n1638400 16384\n"),
        ("granularity-256k-of-64M.b64", "--block-size 256k", "0 262144\n"),
    ] {
        let edge = edge(name);
        let args = ["extents", "--virtual-size", "64M", &edge];
        let message = run(args).failure(3);
        assert!(message.contains("hint: ") && message.contains(named), "{message}");
        assert!(message.contains("full backup"), "the safe way comes along: {message}");
        assert_eq!(run(args.iter().copied().chain(named.split(' '))).text(), list);
        assert_eq!(run(args.iter().chain(&["--block-size", "auto"])).text(), list);
    }
}

#[test]
fn several_block_sizes_that_fit_are_all_named() {
    let edge = edge("ambiguous-of-1M.b64");
    let args = ["extents", "--virtual-size", "1M", &edge];
    let message = run(args.iter().chain(&["--block-size", "auto"])).failure(3);
    assert!(message.contains("32768 and 65536 bytes"), "{message}");
    assert!(message.contains("--block-size 32k or --block-size 64k"), "{message}");
    let failure = run(args.iter().chain(&["--block-size", "auto", "--output", "json"])).json_failure(3);
    assert_eq!((failure.error.as_str(), failure.consequence.as_str()), ("unknown-block-size", "full-backup"));
    // One that is said is taken.
    run(args.iter().chain(&["--block-size", "32k"])).text();
    run(args.iter().chain(&["--block-size", "64k"])).text();
    run(args.iter().chain(&["--block-size", "16k"])).failure(3);
}

#[test]
fn the_block_size_is_found_from_files_and_streams_alike() {
    let (path, args) =
        (edge("granularity-16k-of-64M.b64"), ["extents", "--virtual-size", "64M", "--block-size", "auto"]);
    let text = std::fs::read(&path).expect("there");
    assert_eq!(run_piped(args, &text).text(), "0 16384\n1638400 16384\n");
    assert_eq!(run_redirected(args, path.as_ref()).text(), "0 16384\n1638400 16384\n");
    let json = run_piped(args.iter().chain(&["--output", "json"]), &text).text();
    assert!(json.starts_with("{\"block_size\":16384,\"virtual_size\":67108864,\"changed_blocks\":2,"), "{json}");
    let human = run_piped(args.iter().chain(&["--output", "human"]), &text).text();
    assert!(human.contains("2 changed blocks"), "{human}");
    let bits = run_piped(["bits", "--virtual-size", "64M", "--block-size", "auto"], &text).text();
    assert_eq!((bits.len(), bits.matches('1').count()), (4097, 2));
    let again = run_piped(args.iter().chain(&["--from", "bits"]), bits).text();
    assert_eq!(again, "0 16384\n1638400 16384\n");
}

#[test]
fn without_a_size_no_block_size_can_be_found() {
    let message = run_piped(["extents", "--block-size", "auto"], "YAAAAA==").failure(2);
    assert!(message.contains("--virtual-size"), "{message}");
    // The header of a log has it all.
    let failure = run_piped(["extents", "--block-size", "auto", "--from", "cbtlog"], "YAAAAA==").failure(3);
    assert!(failure.contains("header"), "{failure}");
}

#[test]
fn none_that_fits_is_told_and_damage_is_still_damage() {
    let args = ["extents", "--virtual-size", "64M", "--block-size", "auto"];
    let message = run_piped(args, "YAAAAAAA").failure(3);
    assert!(message.contains("fits no block size") && message.contains("full backup"), "{message}");
    assert!(run_piped(args, "YAA!AAAA").failure(3).contains("offset 3 "));
    assert_eq!(run_piped(args.iter().chain(&["--output", "json"]), "").json_failure(3).error, "empty");
    // A stream without end is refused before it fills the memory.
    let endless = vec![b'A'; 1 << 20];
    assert!(run_piped(args, endless).failure(3).contains("fits no block size"));
}

/// One 0 or 1 for each block is base64, too, and its length may fit another block size.
#[test]
fn bits_are_not_taken_for_base64() {
    let bits = b"00100000000000000000000000000000\n";
    let args = ["extents", "--virtual-size", "1536k", "--block-size", "auto"];
    let failure = run_piped(args, bits).failure(3);
    assert!(failure.contains("--from bits"), "{failure}");
    assert_eq!(run_piped(args.iter().chain(&["--from", "bits"]), bits).text(), "131072 65536\n");
}

/// A stream is as long as the disk's longest bitmap, but for its line breaks: none of them costs it.
#[test]
fn a_stream_may_have_many_line_breaks() {
    let text = "gAAA\n\n\n\n\n\n\n\n\n\n\n\n".repeat(1365) + "gA==\n";
    let args = ["extents", "--virtual-size", "16M", "--block-size", "auto"];
    let from_stream = run_piped(args, &text).text();
    assert_eq!(from_stream.lines().count(), 1366);
    assert_eq!(from_stream.lines().next(), Some("0 512"));
    let message = run_piped(args, "gAAA".repeat(1 << 20)).failure(3);
    assert!(!message.contains(" 4096 bytes"), "4096 bytes would fit: {message}");
}
