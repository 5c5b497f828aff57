//! Where the bitmap comes from does not matter, nor does the number of threads.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::common::{Bits, LongList, Scratch, cbt, data, feed, run, run_piped, run_redirected, skip, wait_at_most};

/// Name, changed blocks, extents, changed bytes, longest extent in blocks, SHA-256 of the list: tests/data/README.md.
const REAL: [(&str, u64, usize, u64, u64, &str); 3] = [
    (
        "development-day.b64",
        7_421,
        42,
        486_342_656,
        1_921,
        "6ed66e05120cdcc49c03837e248a6e432f1abbd5907c1f487133ea36a8b55a42",
    ),
    (
        "file-server-day.b64",
        253,
        24,
        16_580_608,
        106,
        "54a023a0be3dbd92bf7eb687a8f7fa09d96f79c43af26df96426ab4cf1c4db4f",
    ),
    (
        "database-hour.b64",
        57_676,
        4_629,
        3_779_854_336,
        4_167,
        "87f83e9ccdc24983091e20c7183fdb634adea19c017609c3f435c2b39a254ed7",
    ),
];

/// The digest that the system's own tool computes.
fn sha256(bytes: &[u8]) -> Option<String> {
    Command::new("sha256sum").arg("--version").stdout(Stdio::null()).status().ok()?;
    let run = feed(Command::new("sha256sum"), bytes);
    Some(run.text().split(' ').next().expect("a digest").to_owned())
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

#[test]
fn real_bitmaps_give_the_published_lists() {
    for (name, changed_blocks, extents, changed_bytes, longest, digest) in REAL {
        let path = data(name);
        let json = run(["extents", "--virtual-size", "1T", "--output", "json", text(&path)]).text();
        let object: Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(object["virtual_size"], 1u64 << 40);
        assert_eq!(object["changed_blocks"], changed_blocks, "{name}");
        assert_eq!(object["changed_bytes"], changed_bytes, "{name}");
        let list = object["extents"].as_array().expect("an array");
        assert_eq!(list.len(), extents, "{name}");
        let longest_found = list.iter().map(|extent| extent["length"].as_u64().expect("a number")).max();
        assert_eq!(longest_found, Some(longest * 65_536), "{name}");

        let list = run(["extents", text(&path)]).bytes();
        match sha256(&list) {
            Some(found) => assert_eq!(found, digest, "{name}"),
            None => skip("the digest of a list: no sha256sum here"),
        }
        assert!(run_redirected(["extents"], &path).bytes() == list, "{name}, redirected");
        let piped = run_piped(["extents"], std::fs::read(&path).expect("there"));
        assert!(piped.bytes() == list, "{name}, piped");
    }
}

#[test]
fn a_real_bitmap_cut_short_is_refused_once_the_size_is_known() {
    let whole = std::fs::read(data("file-server-day.b64")).expect("there");
    // Cut at a multiple of four characters, it is still good base64: only the size tells.
    let cut = &whole[..2_000_000];
    run_piped(["extents"], cut).bytes();
    let message = run_piped(["extents", "--virtual-size", "1T"], cut).failure(3);
    assert!(message.contains("1500000 bytes") && message.contains("2097152"), "{message}");
    for len in [1_999_997, 1_999_998, 1_999_999] {
        run_piped(["extents"], &whole[..len]).failure(3);
    }
}

#[test]
fn a_file_a_pipe_and_a_redirection_are_alike() {
    let scratch = Scratch::new();
    let bits = Bits::scattered(50_000, 7, 3);
    let file = scratch.file("bitmap.b64", bits.base64());
    let name = text(&file);
    assert_eq!(run(["extents", name]).text(), bits.list());
    assert_eq!(run(["extents", "--", name]).text(), bits.list());
    for dash in [&["extents"][..], &["extents", "-"], &["extents", "--", "-"]] {
        assert_eq!(run_piped(dash, bits.base64()).text(), bits.list());
        assert_eq!(run_redirected(dash, &file).text(), bits.list());
    }
    // A file that is called like the sign for standard input.
    std::fs::rename(&file, scratch.join("-")).expect("same directory");
    let run = cbt(["extents", "./-"]).current_dir(scratch.path()).output().expect("starts");
    assert_eq!(String::from_utf8_lossy(&run.stdout), bits.list());
    assert!(feed(cbt(["extents", "a", "b"]), b"").failure(2).contains('b'), "one input at a time");
}

#[test]
fn a_redirected_file_is_read_from_where_it_stands() {
    use std::io::{Seek, SeekFrom};
    let scratch = Scratch::new();
    let long = LongList::LARGE;
    // One whose list is held back, and one that is read twice.
    for text in ["YAAAAA==".to_owned(), long.base64()] {
        let path = scratch.file("mail", format!("To: backup\n\n{text}"));
        let mut file = std::fs::File::open(path).expect("just written");
        file.seek(SeekFrom::Start(12)).expect("a file");
        let output = cbt(["extents"]).stdin(file).output().expect("starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        if text.len() < 10 {
            assert_eq!(output.stdout, b"65536 131072\n");
        } else {
            long.assert_text(&output.stdout[..]);
        }
    }
}

#[cfg(unix)]
#[test]
fn a_named_pipe_is_read_like_standard_input() {
    let scratch = Scratch::new();
    let path = scratch.join("fifo");
    if !Command::new("mkfifo").arg(&path).status().is_ok_and(|status| status.success()) {
        return skip("a named pipe: no mkfifo here");
    }
    let child = cbt(["extents", text(&path)]).stdout(Stdio::piped()).spawn().expect("starts");
    std::fs::write(&path, "YAAAAA==\n").expect("the command reads it");
    assert_eq!(child.wait_with_output().expect("ends").stdout, b"65536 131072\n");
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let scratch = Scratch::new();
    // 6 million blocks; the text of so many is put together of equal parts.
    let dense = Bits::scattered(60_000, 3, 77).base64().repeat(100);
    let files = [scratch.file("dense.b64", dense), data("database-hour.b64")];
    for file in files {
        let one = run(["extents", "--threads", "1", text(&file)]).bytes();
        for threads in ["2", "3", "8"] {
            assert!(run(["extents", "--threads", threads, text(&file)]).bytes() == one, "{threads} threads");
            assert!(run_redirected(["extents", "--threads", threads], &file).bytes() == one, "{threads} threads");
        }
        let piped = run_piped(["extents", "--threads", "8"], std::fs::read(&file).expect("there")).bytes();
        assert!(piped == one, "piped, 8 threads");
        assert!(run(["extents", text(&file)]).bytes() == one, "as many threads as there are processors");
    }
    for wrong in ["0", "-1", "two", ""] {
        run_piped(["extents", &format!("--threads={wrong}")], "AAAA").failure(2);
    }
}

#[test]
fn far_too_many_threads_are_no_reason_to_hang() {
    let mut child = cbt(["extents", "--threads", "16384", text(&data("file-server-day.b64"))])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let status = wait_at_most(&mut child, Duration::from_secs(3));
    assert!(status.is_some(), "--threads 16384 takes more than 3 s");
}

#[test]
fn the_portable_tier_can_be_forced_and_nonsense_is_wrong_usage() {
    let with_tier = |tier: &str, args: &[&str]| {
        let mut command = cbt(args);
        command.env("CHANGED_BLOCKS_TIER", tier);
        feed(command, b"YAAAAA==\n")
    };
    assert_eq!(with_tier("portable", &["extents"]).text(), "65536 131072\n");
    assert_eq!(with_tier("portable", &["bits", "--count", "4"]).text(), "0110\n");
    for command in ["extents", "bits", "convert"] {
        let message = with_tier("nonsense", &[command]).failure(2);
        assert!(message.contains("CHANGED_BLOCKS_TIER") && message.contains("nonsense"), "{message}");
        assert!(message.contains("portable"), "the tiers that there are go unnamed: {message}");
    }
    let failure = with_tier("nonsense", &["extents", "--output", "json"]).json_failure(2);
    assert!(failure.message.contains("CHANGED_BLOCKS_TIER"), "{failure:?}");
}
