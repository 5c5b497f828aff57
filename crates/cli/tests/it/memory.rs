//! Sizes that someone claims, and memory that does not hold what they ask for: an error, and no file.

#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use crate::common::{Bits, Run, Scratch, cases, program, skip};

const OLDER: &str = "11111111-1111-1111-1111-111111111111";
const NEWER: &str = "22222222-2222-2222-2222-222222222222";
/// A bitmap of 2 GiB.
const PETABYTE: u64 = 1 << 50;

/// Whether limits would be those of an emulator, which takes more than that itself.
fn emulated() -> bool {
    let emulated = std::env::var_os("CBT_UNDER_TEST").is_some();
    if emulated {
        skip("little memory: an emulator has its own");
    }
    emulated
}

/// Runs the command with 1 GiB of address space.
fn with_little_memory(args: &[&str]) -> Run {
    with_memory(1 << 20, args, "").output().expect("there is sh").into()
}

/// The command with so many KiB of address space; of a pipe, if it is to read one that `feed` writes into.
fn with_memory(kib: u32, args: &[&str], feed: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{feed}(ulimit -v {kib}; exec \"$0\" \"$@\")")]).arg(program()).args(args);
    shell
}

/// A log of a disk of 1 PiB, as long as it has to be, though most of it is a hole.
fn sparse_log(path: &Path, parent: u8, child: u8) -> bool {
    let mut header = Bits::new("0").cbtlog(PETABYTE, 1);
    header[..16].fill(parent);
    header[16..32].fill(child);
    let file = File::create(path).expect("a new file");
    file.write_all_at(&header, 0).expect("room");
    file.set_len(48 + PETABYTE / 65_536 / 8).is_ok()
}

#[test]
fn a_log_that_memory_does_not_hold_is_not_made() {
    if emulated() {
        return;
    }
    let scratch = Scratch::new();
    let folder = scratch.join("logs");
    let name = folder.to_str().expect("text");
    let message = with_little_memory(&["store", "create", name, OLDER, "--virtual-size", "1P"]).failure(1);
    assert!(message.contains("no memory for a bitmap of 2147483648 bytes") && message.contains(OLDER), "{message}");
    assert!(message.contains("hint: "), "{message}");
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 0);
    // Nor is one changed.
    with_little_memory(&["store", "create", name, OLDER, "--virtual-size", "1G"]).bytes();
    let path = folder.join(format!("{OLDER}.cbtlog"));
    let before = fs::read(&path).expect("made");
    with_little_memory(&["store", "set", name, OLDER, "--virtual-size", "1P"]).failure(1);
    assert_eq!(fs::read(&path).expect("as it was"), before);
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 1);
}

#[test]
fn an_answer_that_memory_does_not_hold_is_an_error() {
    if emulated() {
        return;
    }
    let scratch = Scratch::new();
    let [older, newer] = [OLDER, NEWER].map(|uuid| scratch.join(&format!("{uuid}.cbtlog")));
    if !sparse_log(&older, 0, 0x22) || !sparse_log(&newer, 0x11, 0) {
        return skip("a log of 2 GiB: this file system has no such files");
    }
    let folder = scratch.path().to_str().expect("text");
    let list = ["list-changed-blocks", "--store", folder, OLDER, NEWER, "--output", "json"];
    let failure = with_little_memory(&list).json_failure(1);
    assert_eq!((failure.error.as_str(), failure.consequence.as_str()), ("out-of-memory", "operator"));
    assert!(failure.message.contains("2147483648 bytes") && failure.message.contains(NEWER), "{failure:?}");
    let output = scratch.join("list.json");
    with_little_memory(&[&list[..], &["-o", output.to_str().expect("text")]].concat()).failure(1);
    assert_eq!(scratch.names().len(), 2);
    for args in [
        &["store", "mark", folder, NEWER, "--offset", "0", "--length", "1"][..],
        &["store", "snapshot", folder, NEWER, "33333333-3333-3333-3333-333333333333"],
        &["store", "delete", folder, OLDER],
    ] {
        let message = with_little_memory(args).failure(1);
        assert!(message.contains("no memory"), "{message}");
        assert_eq!(scratch.names().len(), 2);
    }
    // Extents are found one by one.
    let newer = newer.to_str().expect("text");
    assert_eq!(with_little_memory(&["extents", "--from", "cbtlog", newer]).text(), "");
    assert!(with_little_memory(&["chain", folder]).text().contains("1.00 PiB"));
}

#[test]
fn a_size_that_is_claimed_costs_nothing_before_it_is_found_out() {
    if emulated() {
        return;
    }
    let scratch = Scratch::new();
    let input = scratch.file("short.b64", "YAAAAA==");
    let input = input.to_str().expect("text");
    let output = scratch.join("output");
    for command in ["extents", "bits", "convert"] {
        for size in ["1P", "15E"] {
            let args = [command, "--virtual-size", size, "-o", output.to_str().expect("text"), input];
            let message = with_little_memory(&args).failure(3);
            assert!(message.contains("4 bytes"), "{message}");
        }
    }
    // A header that claims what the file does not hold.
    for (uuid, child) in [(OLDER, 0x22), (NEWER, 0)] {
        let mut log = Bits::new("01100000").cbtlog(PETABYTE, 1);
        log[..16].fill(if child == 0 { 0x11 } else { 0 });
        log[16..32].fill(child);
        scratch.file(&format!("{uuid}.cbtlog"), log);
    }
    let folder = scratch.path().to_str().expect("text");
    let message = with_little_memory(&["list-changed-blocks", "--store", folder, OLDER, NEWER]).failure(3);
    assert!(message.contains("1 bytes"), "{message}");
    assert_eq!(scratch.names().len(), 3);
}

/// The bitmap of a log is added to its child's word by word: a list of its extents would take 64 times as much as the bitmap.
#[test]
fn a_deletion_takes_little_more_than_two_bitmaps() {
    if emulated() {
        return;
    }
    let scratch = Scratch::new();
    // Every other block of 4 TiB: 8 MiB each, and 512 MiB for a list.
    let bytes = 8 << 20;
    for (uuid, parent, child) in [(OLDER, 0, 0x22), (NEWER, 0x11, 0)] {
        let mut log = Bits::new("0").cbtlog(bytes as u64 * 8 * 65_536, 1);
        log.truncate(48);
        log[..16].fill(parent);
        log[16..32].fill(child);
        log.resize(48 + bytes, if uuid == OLDER { 0x55 } else { 0 });
        scratch.file(&format!("{uuid}.cbtlog"), log);
    }
    let folder = scratch.path().to_str().expect("text");
    let delete = with_memory(256 << 10, &["store", "delete", folder, OLDER], "").output();
    Run::from(delete.expect("there is sh")).bytes();
    assert_eq!(scratch.names(), [format!("{NEWER}.cbtlog")]);
    let log = fs::read(scratch.join(&format!("{NEWER}.cbtlog"))).expect("there");
    assert!(log[48..].len() == bytes && log[48..].iter().all(|&byte| byte == 0x55));
}

/// From less than the command begins with to more than it needs, in steps: whatever is missing, it ends by itself.
#[test]
fn less_memory_than_it_takes_is_an_error_and_no_abort() {
    if emulated() {
        return;
    }
    let scratch = Scratch::new();
    let dense = scratch.file("dense.b64", "qqqq".repeat(5_000));
    let sparse = scratch.file("sparse.b64", "AAAA".repeat(500_000));
    let logs = scratch.join("logs");
    let (dense, sparse) = (dense.to_str().expect("text"), sparse.to_str().expect("text"));
    let store = logs.to_str().expect("text");
    with_little_memory(&["store", "create", store, NEWER, "--virtual-size", "1T"]).bytes();
    with_little_memory(&["store", "snapshot", store, NEWER, OLDER]).bytes();
    with_little_memory(&["store", "mark", store, NEWER, "--offset", "1G", "--length", "1G"]).bytes();
    let log = logs.join(format!("{NEWER}.cbtlog"));
    let log = log.to_str().expect("text");
    let large = scratch.join("large");
    let large = large.to_str().expect("text");
    let piped = format!("cat '{dense}' | ");
    let none = String::new();
    let list = ["list-changed-blocks", "--store", store, OLDER, NEWER];
    let mut commands = vec![
        (vec!["convert", dense], &none),
        (vec!["bits", dense], &none),
        (vec!["chain", store], &none),
        (vec!["chain", "--output", "json", store], &none),
        (list.to_vec(), &none),
        ([&list[..], &["--output", "text"]].concat(), &none),
        (vec!["extents", "--from", "cbtlog", log], &none),
        (vec!["store", "mark", store, NEWER, "--offset", "1G", "--length", "1"], &none),
        (vec!["store", "create", large, OLDER, "--virtual-size", "16T"], &none),
    ];
    for threads in ["1", "2"] {
        for format in ["text", "human", "json", "ndjson", "csv"] {
            let extents = ["extents", "--threads", threads, "--output", format];
            // With more threads, all of them; how they are shared out does not depend on the format.
            if threads == "1" && format != "text" {
                continue;
            }
            match format {
                "text" | "json" => commands.push((extents.to_vec(), &piped)),
                _ => commands.push(([&extents[..], &[dense]].concat(), &none)),
            }
        }
        commands.push((vec!["extents", "--threads", threads, sparse], &none));
    }
    // The memory of the program itself before it begins: its libraries, its heap, and a stack that the system can grow. It
    // ends a program without a word where it cannot.
    let begins = |kib| with_memory(kib, &["--version"], "").output().is_ok_and(|output| output.status.success());
    let least = (1..1000).map(|step| step * 1024).find(|&kib| begins(kib)).expect("less than 1 GiB") + 512;
    let (mut whole, mut refused) = (0, 0);
    for more in [0, 1024, 4096, 9216, 24_000].into_iter().step_by(cases(2, 1)) {
        for (args, feed) in &commands {
            let run = Run::from(with_memory(least + more, args, feed).output().expect("there is sh"));
            let _ = fs::remove_dir_all(large);
            match run.code {
                Some(0) => whole += 1,
                Some(1) => refused += 1,
                code => panic!("{args:?} with {} KiB: {code:?} {}", least + more, run.stderr),
            }
            assert!(!run.stderr.contains("panicked"), "{args:?} with {} KiB: {}", least + more, run.stderr);
            assert_eq!(run.code == Some(1), !run.stderr.is_empty(), "{args:?}: {}", run.stderr);
        }
    }
    assert!(whole > 20 && refused > 10, "{whole} {refused}");
}
