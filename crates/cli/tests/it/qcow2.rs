//! Bitmaps of qcow2 images through the command: read, written, and refused.

use std::process::Command;

use serde_json::Value;

use crate::common::{Scratch, run, run_piped};

/// Made by QEMU: see `tests/data/README.md`.
const MADE_BY_QEMU: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/qemu-10.0.qcow2");

/// Writes the list as an image of a disk of that size.
fn image(scratch: &Scratch, list: &str, size: &str, block_size: &str) -> String {
    let args = ["convert", "--from", "text", "--output", "qcow2", "--virtual-size", size, "--block-size", block_size];
    let bytes = run_piped(args, list).bytes();
    scratch.file(&format!("{size}-{block_size}.qcow2"), bytes).to_str().expect("text").to_owned()
}

#[test]
fn a_bitmap_of_an_image_is_read_by_its_name() {
    let small = "512 1024\n40960 4096\n99840 512\n";
    let extents = ["extents", "--from", "qcow2", MADE_BY_QEMU];
    assert_eq!(run([&extents[..], &["--context", "small"]].concat()).text(), small);
    // QEMU rounded the size up.
    let exact = [&extents[..], &["--context", "small", "--virtual-size", "100000"]].concat();
    assert_eq!(run(exact).text(), small.replace("99840 512", "99840 160"));
    let json = run([&extents[..], &["--context", "large", "--output", "json"]].concat()).text();
    let object: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((&object["virtual_size"], &object["block_size"]), (&100_352.into(), &65_536.into()));
    assert_eq!(run([&extents[..], &["--context", "none"]].concat()).text(), "");

    let error = run(extents).failure(3);
    assert!(error.contains("has several bitmaps: small, large, none"), "{error}");
    assert!(error.contains("hint: give the name of the bitmap"), "{error}");
    assert!(
        run([&extents[..], &["--context", "other"]].concat()).failure(3).contains("has no bitmap of the name other")
    );
    let other_size = [&extents[..], &["--context", "small", "--virtual-size", "1M"]].concat();
    assert!(run(other_size).failure(3).contains("is for a disk of 100352 bytes, not of 1048576"));
}

#[test]
fn an_image_reads_back_as_the_list_that_was_written() {
    let scratch = Scratch::new();
    let list = "65536 131072\n1048576 65536\n";
    for (size, block_size) in [("2M", "64k"), ("2M", "512"), ("16T", "64k"), ("5G", "4k")] {
        let path = image(&scratch, list, size, block_size);
        assert_eq!(run(["extents", "--from", "qcow2", &path]).text(), list, "{size} {block_size}");
        let from_image = run(["convert", "--from", "qcow2", "--output", "base64", &path]).text();
        let from_list = ["convert", "--from", "text", "--virtual-size", size, "--block-size", block_size];
        assert_eq!(from_image, run_piped(from_list, list).text(), "{size} {block_size}");
    }
    // Outward to whole blocks, and without any.
    let path = image(&scratch, "70000 1\n", "1M", "64k");
    assert_eq!(run(["extents", "--from", "qcow2", &path]).text(), "65536 65536\n");
    let args = ["convert", "--from", "text", "--allow-empty", "--output", "qcow2", "--virtual-size", "1000"];
    let path = scratch.file("empty", run_piped(args, "").bytes());
    assert_eq!(run(["extents", "--from", "qcow2", path.to_str().expect("text")]).text(), "");
}

#[test]
fn every_command_takes_an_image() {
    let scratch = Scratch::new();
    let path = image(&scratch, "65536 131072\n", "2M", "64k");
    let from = ["--from", "qcow2", &path];
    let with = |args: &[&str]| run([args, &from[..]].concat());
    assert_eq!(with(&["blocks"]).text(), "1\n2\n");
    assert_eq!(with(&["blocks", "--any"]).code, Some(0));
    assert!(with(&["extents", "--block-size", "128k"]).failure(2).contains("the image says it"));
    assert_eq!(with(&["extents", "--merge-gap", "1M", "--align", "1M"]).text(), "0 1048576\n");
    assert_eq!(with(&["union", &path]).text(), "65536 131072\n");
    assert_eq!(with(&["xor", &path, "--allow-empty"]).code, Some(2), "a bitmap needs no such leave");
    assert_eq!(with(&["compare", &path]).code, Some(0));
    let stats: Value = serde_json::from_str(&with(&["stats", "--output", "json"]).text()).expect("JSON");
    assert!(stats.to_string().contains("\"changed_blocks\":2"), "{stats}");
    // Images of different block sizes and encodings combine.
    let finer = image(&scratch, "0 512\n", "2M", "512");
    let args = ["union", "--from", "qcow2", &path, &finer];
    assert_eq!(run(args).text(), "0 512\n65536 131072\n");
}

#[test]
fn an_image_in_a_pipe_is_refused() {
    let bytes = std::fs::read(MADE_BY_QEMU).expect("there");
    let error = run_piped(["extents", "--from", "qcow2", "--context", "small"], bytes).failure(2);
    assert!(error.contains("which a stream cannot be"), "{error}");
}

#[test]
fn what_an_image_cannot_say_is_refused() {
    let convert = |args: &[&str], list: &str| {
        run_piped([&["convert", "--from", "text", "--output", "qcow2"], args].concat(), list)
    };
    assert!(convert(&[], "0 512\n").failure(2).contains("--virtual-size"));
    let error = convert(&["--virtual-size", "1T", "--block-size", "512"], "0 512\n").bytes();
    assert!(!error.is_empty());
    assert!(convert(&["--virtual-size", "16T", "--block-size", "512"], "0 512\n").failure(2).contains("512 MiB"));
    let args = ["extents", "--from", "text", "--output", "qcow2", "--virtual-size", "1M"];
    for part in [&["--offset", "512"][..], &["--length", "512"], &["--limit", "1"], &["--invert"]] {
        assert!(run_piped([&args[..], part].concat(), "0 512\n").failure(2).contains("says of the whole disk"));
    }
}

#[test]
fn qemu_finds_nothing_wrong_with_an_image() {
    if Command::new("qemu-img").arg("--version").output().is_err() {
        return;
    }
    let scratch = Scratch::new();
    for (size, block_size) in [("1000", "512"), ("16T", "64k")] {
        let path = image(&scratch, "0 1000\n", size, block_size);
        let check = Command::new("qemu-img").args(["check", "-f", "qcow2", &path]).output().expect("qemu-img");
        assert!(check.status.success(), "{check:?}");
    }
}
