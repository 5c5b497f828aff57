//! An input is one thing from start to end: a file that is written to while it is read gives no list.

#![cfg(unix)]

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{Bits, LongList, Run, Scratch, cases, cbt, one_in, run, run_redirected};

const DISK: &str = "0f0e4c6a-52b1-4c7e-9d3a-1f6f0c1d2e3f";

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// Symbols of base64 for a disk of 1 TiB, of which there is nothing changed, or all.
const SYMBOLS: usize = 2_796_200;

/// Rewrites a file in place, at the same length, while the command reads it; again and again, at another moment of the
/// first 30 ms each time. Whatever it says, a list is the old one or the new one.
fn rewrite_during(options: &[&str], stdin: bool, times: u32) {
    let scratch = Scratch::new();
    let output = scratch.join("list");
    let lists = [String::new(), format!("0 {}\n", SYMBOLS as u64 * 6 * 65_536)];
    let (mut whole, mut refused) = (0, 0);
    for round in 0..times {
        let input = scratch.file("bitmap.b64", "A".repeat(SYMBOLS));
        let mut command = cbt(["extents", "-o", text(&output)]);
        command.args(options).stderr(Stdio::piped());
        if stdin {
            command.stdin(File::open(&input).expect("just written"));
        } else {
            command.arg(&input);
        }
        let file = File::options().write(true).open(&input).expect("just written");
        let mut child = command.spawn().expect("the command starts");
        thread::sleep(Duration::from_micros(u64::from(round * 30_000 / times)));
        let piece = [b'/'; 65_536];
        let mut slowest = Duration::ZERO;
        for at in (0..SYMBOLS).step_by(piece.len()) {
            let begun = Instant::now();
            file.write_all_at(&piece[..piece.len().min(SYMBOLS - at)], at as u64).expect("room");
            slowest = slowest.max(begun.elapsed());
        }
        // No time tells of a call that began to write before the command began to read, and that a busy machine holds up
        // until after it has read. That takes some milliseconds, and a call some microseconds otherwise.
        let is_told = slowest < Duration::from_millis(1);
        let (code, message) = end(&mut child);
        match code {
            Some(0) => {
                whole += 1;
                let list = fs::read_to_string(&output).expect("written");
                let is_one = lists.contains(&list) || !is_told;
                assert!(is_one, "round {round}: old and new are mixed: {} bytes", list.len());
                fs::remove_file(&output).expect("there");
            }
            Some(1) => {
                refused += 1;
                assert!(message.contains("the file was changed while it was read"), "{message}");
                assert!(!output.exists(), "a list of a file that was changed");
            }
            code => panic!("round {round}: {code:?} {message}"),
        }
    }
    assert_eq!(whole + refused, times);
}

fn end(child: &mut Child) -> (Option<i32>, String) {
    let mut message = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut message).expect("text");
    (child.wait().expect("it ends").code(), message)
}

#[test]
fn no_list_mixes_what_was_there_before_with_what_came_later() {
    rewrite_during(&[], false, cases(10, 60));
    rewrite_during(&["--threads", "1"], false, 20);
}

#[test]
fn nor_does_one_of_a_file_that_is_standard_input() {
    rewrite_during(&[], true, 20);
}

/// The block size is found in one reading, and the list in another.
#[test]
fn nor_does_one_of_a_file_that_is_read_once_more_for_its_block_size() {
    let size = (SYMBOLS * 6 * 65_536).to_string();
    rewrite_during(&["--block-size", "auto", "--virtual-size", &size], false, 20);
}

/// A file that its writer goes on with while it is read, or between two readings, in all encodings and commands.
#[test]
fn every_command_and_encoding_refuses_it() {
    let scratch = Scratch::new();
    // Millions of blocks; a bitmap of so many is put together of equal parts.
    let (part, parts) = (Bits::scattered(48_000, 3, 77), cases(15, 80));
    let header = &part.cbtlog((part.0.len() * parts) as u64 * 65_536, 1)[..48];
    let files = [
        ("base64", "base64", part.base64().repeat(parts).into_bytes()),
        ("bits", "bits", part.text().repeat(parts).into_bytes()),
        ("msb0", "raw-msb0", part.msb0().repeat(parts)),
        ("lsb0", "raw-lsb0", part.lsb0().repeat(parts)),
        ("log", "cbtlog", [header, &part.lsb0().repeat(parts)].concat()),
    ];
    for (turn, (name, from, content)) in files.into_iter().enumerate() {
        let path = scratch.file(name, &content);
        let file = File::options().write(true).open(&path).expect("just written");
        let commands = [&["extents"][..], &["bits"], &["convert"], &["convert", "--output", "raw-msb0"]];
        for command in one_in(3, turn, commands) {
            let list = scratch.join("output");
            let mut command = cbt(command);
            command.args(["--from", from, "-o", text(&list), text(&path)]);
            // The very same: whoever reads it cannot know.
            refused_at_last(&mut command, || file.write_all_at(&content[..1], 0).expect("room"));
            let _ = fs::remove_file(&list);
        }
    }
}

/// A file that rests is read as ever.
#[test]
fn a_file_that_rests_is_read_however_new_it_is() {
    let scratch = Scratch::new();
    let long = cases(LongList::HELD, LongList::LARGE);
    for _ in 0..20 {
        let path = scratch.file("good.b64", "YAAAAA==");
        assert_eq!(run(["extents", text(&path)]).text(), "65536 131072\n");
        let path = scratch.file("good.b64", "gAAAAA==");
        assert_eq!(run_redirected(["extents"], &path).text(), "0 65536\n");
    }
    let path = scratch.file("long.b64", long.base64());
    long.assert_text(&run(["extents", text(&path)]).bytes()[..]);
}

/// Logs that are written to while chains are drawn, by one who knows nothing of locks.
#[test]
fn chains_are_not_drawn_of_logs_that_are_being_written_to() {
    let scratch = Scratch::new();
    let folder = scratch.join("logs");
    run(["store", "create", text(&folder), DISK, "--virtual-size", "1T"]).bytes();
    let path = folder.join(format!("{DISK}.cbtlog"));
    let file = File::options().write(true).open(&path).expect("just made");
    refused_at_last(&mut cbt(["chain", "--output", "json", text(&folder)]), || {
        file.write_all_at(&[0], 48).expect("room");
    });
}

/// Runs a command while something is written again and again, until that was noticed. A machine that is busy may let the
/// writer rest for as long as a run takes, so that there is nothing to be noticed.
fn refused_at_last(command: &mut Command, write: impl Fn()) {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    for _ in 0..100 {
        let mut child = command.spawn().expect("the command starts");
        while child.try_wait().expect("a child").is_none() {
            write();
        }
        let run: Run = child.wait_with_output().expect("it has ended").into();
        match run.code {
            Some(0) => {}
            Some(1) => {
                let said = run.stderr + &String::from_utf8_lossy(&run.stdout);
                assert!(said.contains("changed while it was read"), "{command:?}: {said}");
                return;
            }
            _ => panic!("{command:?}: {run:?}"),
        }
    }
    panic!("{command:?}: nothing was noticed");
}
