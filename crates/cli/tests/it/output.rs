//! `-o FILE`: the file appears or is replaced whole, or nothing happens to it.
#![cfg(unix)]

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::common::{LongList, Run, Scratch, cbt, feed, program, run, run_piped, skip};

const GOOD: &str = "YAAAAA==\n";
const BAD: &str = "YAAAAB==\n";
const LIST: &str = "65536 131072\n";
const OLD: &str = "what was there before\n";

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

fn to_file(input: &str, target: &Path) -> Run {
    run_piped(["extents", "-o", text(target)], input)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").mode() & 0o7777
}

#[test]
fn a_file_appears_whole_and_quietly() {
    let scratch = Scratch::new();
    let target = scratch.join("list");
    assert_eq!(to_file(GOOD, &target).bytes(), b"");
    assert_eq!(fs::read_to_string(&target).expect("written"), LIST);
    assert_eq!(scratch.names(), ["list"]);
    // An empty list is an empty file, not a missing one.
    let empty = scratch.join("empty");
    to_file("AAAA", &empty).bytes();
    assert_eq!(fs::read(&empty).expect("written"), b"");
}

#[test]
fn a_failure_makes_no_file() {
    let scratch = Scratch::new();
    let target = scratch.join("list");
    to_file(BAD, &target).failure(3);
    to_file("", &target).failure(3);
    run(["extents", "-o", text(&target), text(&scratch.join("missing"))]).failure(1);
    run(["extents", "-o", text(&target), "--virtual-size", "0"]).failure(2);
    run_piped(["extents", "-o", text(&target), "--virtual-size", "1T"], GOOD).failure(3);
    run_piped(["bits", "-o", text(&target), "--count", "33"], GOOD).failure(2);
    run_piped(["convert", "-o", text(&target), "--output", "raw-msb0"], BAD).failure(3);
    run_piped(["extents", "-o", text(&target)], LongList::LARGE.bad_at_its_end()).failure(3);
    assert!(scratch.names().is_empty(), "{:?}", scratch.names());
}

#[test]
fn a_failure_leaves_the_old_file_alone() {
    let scratch = Scratch::new();
    let target = scratch.file("list", OLD);
    let before = fs::metadata(&target).expect("there");
    let bad = scratch.file("bad.b64", LongList::LARGE.bad_at_its_end());
    to_file(BAD, &target).failure(3);
    run(["extents", "-o", text(&target), text(&bad)]).failure(3);
    run_piped(["bits", "-o", text(&target), "--count", "33"], GOOD).failure(2);
    let after = fs::metadata(&target).expect("still there");
    assert_eq!(fs::read_to_string(&target).expect("readable"), OLD);
    assert_eq!((before.ino(), before.modified().ok()), (after.ino(), after.modified().ok()));
    assert_eq!(scratch.names(), ["bad.b64", "list"]);
}

#[test]
fn a_file_is_replaced_not_overwritten() {
    let scratch = Scratch::new();
    let target = scratch.file("list", OLD.repeat(1000));
    let mut reader = File::open(&target).expect("there");
    fs::hard_link(&target, scratch.join("hard-link")).expect("same file system");
    to_file(GOOD, &target).bytes();
    assert_eq!(fs::read_to_string(&target).expect("written"), LIST, "nothing of the longer old file remains");
    let mut seen = String::new();
    reader.read_to_string(&mut seen).expect("still open");
    assert_eq!(seen, OLD.repeat(1000), "whoever had the file open sees the old one to its end");
    assert_eq!(fs::read_to_string(scratch.join("hard-link")).expect("there"), OLD.repeat(1000));
    assert_eq!(scratch.names(), ["hard-link", "list"]);
}

#[test]
fn a_replaced_file_keeps_its_mode_and_a_new_one_gets_the_usual() {
    let scratch = Scratch::new();
    for wanted in [0o600, 0o640, 0o644, 0o666, 0o755] {
        let target = scratch.file("list", OLD);
        fs::set_permissions(&target, Permissions::from_mode(wanted)).expect("its owner may");
        to_file(GOOD, &target).bytes();
        assert_eq!(mode(&target), wanted);
    }
    // Whatever umask these tests run under, a new file is like any other new file.
    let reference = scratch.join("reference");
    File::create(&reference).expect("room");
    let new = scratch.join("new");
    to_file(GOOD, &new).bytes();
    assert_eq!(mode(&new), mode(&reference));
    for (umask, expected) in [("077", 0o600), ("027", 0o640), ("022", 0o644)] {
        let target = scratch.join(umask);
        let script = format!("umask {umask}; exec \"$0\" extents -o \"$1\"");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).arg(program()).arg(&target);
        feed(shell, GOOD.as_bytes()).bytes();
        assert_eq!(mode(&target), expected, "umask {umask}");
    }
}

#[test]
fn a_link_stays_and_its_target_is_replaced() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.join("elsewhere")).expect("room");
    let file = scratch.file("elsewhere/list", OLD);
    symlink("elsewhere/list", scratch.join("link")).expect("links");
    symlink("link", scratch.join("link-to-link")).expect("links");
    for (name, input, list) in [("link", GOOD, LIST), ("link-to-link", "gAAAAA==", "0 65536\n")] {
        to_file(input, &scratch.join(name)).bytes();
        assert_eq!(fs::read_to_string(&file).expect("there"), list);
        assert!(fs::symlink_metadata(scratch.join(name)).expect("there").is_symlink());
        to_file(BAD, &scratch.join(name)).failure(3);
        assert_eq!(fs::read_to_string(&file).expect("there"), list);
    }
    assert_eq!(scratch.names(), ["elsewhere", "link", "link-to-link"]);
    assert_eq!(fs::read_dir(scratch.join("elsewhere")).expect("there").count(), 1);
}

#[test]
fn a_link_to_nothing_stays_a_link() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.join("elsewhere")).expect("room");
    let link = scratch.join("latest");
    symlink("elsewhere/list", &link).expect("links");
    to_file(BAD, &link).failure(3);
    assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
    to_file(GOOD, &link).bytes();
    assert!(fs::symlink_metadata(&link).expect("there").is_symlink(), "the link was replaced by a file");
    assert_eq!(fs::read_to_string(scratch.join("elsewhere/list")).expect("written"), LIST);
}

#[test]
fn a_directory_that_is_not_there_is_named_as_the_user_named_it() {
    let scratch = Scratch::new();
    let target = scratch.join("missing/list");
    let message = to_file(GOOD, &target).failure(1);
    assert!(message.contains(text(&target)) && message.contains("No such file or directory"), "{message}");
    assert!(!message.contains(".cbt-"), "the message speaks of a file that the user never named: {message}");
    assert!(scratch.names().is_empty());
    let failure = run_piped(["extents", "--output", "json", "-o", text(&target)], GOOD).json_failure(1);
    assert_eq!(failure.error, "write");
}

#[test]
fn a_directory_is_no_output_file() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.join("directory")).expect("room");
    for name in ["directory", "directory/", "new/", "directory/."] {
        let message = to_file(GOOD, &scratch.join(name)).failure(1);
        assert!(message.contains(name), "{message}");
    }
    let below_a_file = scratch.file("file", OLD).join("list");
    to_file(GOOD, &below_a_file).failure(1);
    assert_eq!(scratch.names(), ["directory", "file"]);
}

/// The command as somebody who is not root, if that can be had.
fn unprivileged(scratch: &Scratch, args: &[&str]) -> Option<Run> {
    let mut command = cbt(args);
    if fs::metadata(scratch.path()).expect("there").uid() == 0 {
        fs::set_permissions(scratch.path(), Permissions::from_mode(0o755)).expect("its owner may");
        let as_nobody = |command: &mut Command| {
            command.uid(65_534).gid(65_534);
        };
        let mut probe = cbt(["--version"]);
        as_nobody(&mut probe);
        if !probe.output().is_ok_and(|output| output.status.success()) {
            return None;
        }
        as_nobody(&mut command);
    }
    Some(feed(command, GOOD.as_bytes()))
}

#[test]
fn a_directory_without_permission_is_told_and_left_alone() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.join("locked")).expect("room");
    let existing = scratch.file("locked/list", OLD);
    fs::set_permissions(scratch.join("locked"), Permissions::from_mode(0o555)).expect("its owner may");
    for target in [existing.clone(), scratch.join("locked/new")] {
        let Some(run) = unprivileged(&scratch, &["extents", "-o", text(&target)]) else {
            return skip("a directory that cannot be written: this is root, and nobody else may run the command");
        };
        let message = run.failure(1);
        assert!(message.contains(text(&target)) && message.contains("ermission"), "{message}");
    }
    assert_eq!(fs::read_to_string(&existing).expect("there"), OLD);
    assert_eq!(fs::read_dir(scratch.join("locked")).expect("there").count(), 1);
}

#[test]
fn a_file_without_write_permission_is_not_replaced_behind_its_owners_back() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.join("open")).expect("room");
    let existing = scratch.file("open/list", OLD);
    fs::set_permissions(&existing, Permissions::from_mode(0o444)).expect("its owner may");
    fs::set_permissions(scratch.join("open"), Permissions::from_mode(0o777)).expect("its owner may");
    let Some(run) = unprivileged(&scratch, &["extents", "-o", text(&existing)]) else {
        return skip("a file that cannot be written: this is root, and nobody else may run the command");
    };
    assert!(run.failure(1).contains("ermission"));
    assert_eq!(fs::read_to_string(&existing).expect("there"), OLD);
}

#[test]
fn the_input_may_be_the_output() {
    let scratch = Scratch::new();
    let file = scratch.file("bitmap", GOOD);
    run(["extents", "-o", text(&file), text(&file)]).bytes();
    assert_eq!(fs::read_to_string(&file).expect("there"), LIST);

    let file = scratch.file("bitmap", BAD);
    run(["extents", "-o", text(&file), text(&file)]).failure(3);
    assert_eq!(fs::read_to_string(&file).expect("there"), BAD);

    // One that is read twice.
    let long = LongList::LARGE;
    let file = scratch.file("bitmap", long.base64());
    run(["extents", "-o", text(&file), text(&file)]).bytes();
    long.assert_text(File::open(&file).expect("there"));
    assert_eq!(scratch.names(), ["bitmap"]);
}

#[test]
fn devices_and_named_pipes_are_written_to_directly() {
    let scratch = Scratch::new();
    assert_eq!(to_file(GOOD, Path::new("/dev/null")).bytes(), b"");
    assert!(!fs::metadata("/dev/null").expect("there").is_file(), "/dev/null was replaced");
    let fifo = scratch.join("fifo");
    if !Command::new("mkfifo").arg(&fifo).status().is_ok_and(|status| status.success()) {
        return skip("a named pipe: no mkfifo here");
    }
    let mut child = cbt(["extents", "-o", text(&fifo)]).stdin(Stdio::piped()).spawn().expect("starts");
    child.stdin.take().expect("piped").write_all(GOOD.as_bytes()).expect("it reads");
    assert_eq!(fs::read_to_string(&fifo).expect("readable"), LIST);
    assert!(child.wait().expect("ends").success());
    assert_eq!(scratch.names(), ["fifo"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_is_a_failure() {
    let message = to_file(GOOD, Path::new("/dev/full")).failure(1);
    assert!(message.contains("/dev/full") && message.contains("No space left"), "{message}");
}

/// `-o /dev/stdout` with standard output in a log: what else is written there must not be lost.
#[cfg(target_os = "linux")]
#[test]
fn the_name_of_standard_output_is_standard_output() {
    let scratch = Scratch::new();
    for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let path = scratch.file("log", OLD);
        let mut log = OpenOptions::new().append(true).open(&path).expect("there");
        let stdout = log.try_clone().expect("a file");
        let mut child = cbt(["extents", "-o", name]).stdin(Stdio::piped()).stdout(stdout).spawn().expect("starts");
        child.stdin.take().expect("piped").write_all(GOOD.as_bytes()).expect("it reads");
        assert!(child.wait().expect("ends").success());
        log.write_all(b"and after\n").expect("still open");
        let content = fs::read_to_string(&path).expect("there");
        assert_eq!(content, format!("{OLD}{LIST}and after\n"), "{name}: the log was replaced");
    }
}

/// A run to `target` that has been given enough for a list of more than is held back, and waits for the rest.
fn run_in_its_middle(target: &Path) -> Child {
    let mut child = cbt(["extents", "-o", text(target)]).stdin(Stdio::piped()).spawn().expect("starts");
    let pipe = child.stdin.as_mut().expect("piped");
    // All but what a pipe holds has been read once this returns.
    pipe.write_all("qqqq".repeat(500_000).as_bytes()).expect("it reads");
    child
}

#[test]
fn killed_in_its_middle_it_leaves_nothing() {
    let scratch = Scratch::new();
    let target = scratch.join("list");
    let mut child = run_in_its_middle(&target);
    assert!(!target.exists(), "it appeared before it was complete");
    child.kill().expect("it runs");
    child.wait().expect("it was killed");
    if cfg!(target_os = "linux") {
        assert!(scratch.names().is_empty(), "left behind: {:?}", scratch.names());
    }

    let target = scratch.file("old", OLD);
    let mut child = run_in_its_middle(&target);
    assert_eq!(fs::read_to_string(&target).expect("there"), OLD);
    child.kill().expect("it runs");
    child.wait().expect("it was killed");
    assert_eq!(fs::read_to_string(&target).expect("there"), OLD);
    if cfg!(target_os = "linux") {
        assert_eq!(scratch.names(), ["old"]);
    }
}

#[test]
fn the_rest_of_the_input_decides_over_the_whole_file() {
    let scratch = Scratch::new();
    for (rest, good) in [("qg==\n", true), ("qh==\n", false), ("q", false)] {
        let target = scratch.join("list");
        let mut child = run_in_its_middle(&target);
        child.stdin.take().expect("piped").write_all(rest.as_bytes()).expect("it reads");
        assert_eq!(child.wait().expect("ends").code(), Some(if good { 0 } else { 3 }), "{rest}");
        assert_eq!(target.exists(), good, "{rest}");
        if good {
            let length = fs::metadata(&target).expect("there").len();
            assert!(length > 32 << 20, "{length}");
            fs::remove_file(&target).expect("there");
        }
        assert!(scratch.names().is_empty());
    }
}

#[test]
fn many_at_once_leave_one_whole_file() {
    let scratch = Scratch::new();
    let target = scratch.join("list");
    let lists = ["gAAAAA==", "YAAAAA=="].map(|input| {
        let run = || to_file(input, &target).bytes();
        std::thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(run))));
        fs::read_to_string(&target).expect("written")
    });
    assert_eq!(lists, ["0 65536\n", LIST]);
    assert_eq!(scratch.names(), ["list"]);
}

/// A reader that leaves takes what it has not read with it: of a long list, and of one that a pipe holds.
#[cfg(target_os = "linux")]
#[test]
fn a_named_pipe_whose_reader_left_is_a_failure() {
    let scratch = Scratch::new();
    let fifo = scratch.join("fifo");
    if !Command::new("mkfifo").arg(&fifo).status().is_ok_and(|status| status.success()) {
        return skip("a named pipe: no mkfifo here");
    }
    for input in [GOOD.to_owned(), "qqqq".repeat(50_000)] {
        let mut command = cbt(["extents", "--output", "json", "-o", text(&fifo)]);
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("starts");
        let mut pipe = child.stdin.take().expect("piped");
        // More than is looked at before the output is opened, but not all: it waits for the end.
        pipe.write_all(&input.as_bytes()[..4]).expect("it reads");
        pipe.write_all(&[b'\n'; 100]).expect("it reads");
        drop(File::open(&fifo).expect("it opens the other end"));
        pipe.write_all(&input.as_bytes()[4..]).expect("it reads");
        drop(pipe);
        let failure = Run::from(child.wait_with_output().expect("ends")).json_failure(1);
        assert!(failure.error == "write" && failure.message.contains("Broken pipe"), "{failure:?}");
    }
    assert_eq!(scratch.names(), ["fifo"]);
}

/// A file that is there to be read is not written to.
#[cfg(target_os = "linux")]
#[test]
fn an_open_input_is_no_output() {
    let scratch = Scratch::new();
    let path = scratch.file("bitmap", GOOD);
    for name in ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"] {
        let output = cbt(["extents", "-o", name]).stdin(File::open(&path).expect("there")).output().expect("starts");
        assert!(Run::from(output).failure(2).contains(name));
        // Whatever standard input is.
        run_piped(["extents", "-o", name], GOOD).failure(2);
    }
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$0\" extents \"$1\" -o /dev/fd/5 5<\"$1\""]).arg(program()).arg(&path);
    assert!(feed(shell, b"").failure(2).contains("/dev/fd/5"));
    assert_eq!(fs::read_to_string(&path).expect("there"), GOOD, "the input was written to");
    assert_eq!(scratch.names(), ["bitmap"]);
}

/// A limit on the size of files is a full disk, and no signal.
#[test]
fn a_file_that_may_not_be_as_long_is_a_failure() {
    let scratch = Scratch::new();
    let input = scratch.file("bitmap", "qqqq".repeat(50_000));
    let target = scratch.join("list");
    let limited = |line: &str| {
        let mut shell = Command::new("bash");
        shell.args(["-c", &format!("ulimit -f 100; {line}")]).arg(program()).arg(&input).arg(&target);
        feed(shell, b"")
    };
    for command in ["extents", "bits", "extents --output json"] {
        let message = limited(&format!("exec \"$0\" {command} \"$1\" -o \"$2\"")).failure(1);
        assert!(message.contains("too large"), "{message}");
        assert_eq!(scratch.names(), ["bitmap"], "{command}: part of an output was left behind");
    }
    limited("exec \"$0\" extents \"$1\" > \"$2\"").failure(1);
    fs::remove_file(&target).expect("the shell has made it");
    let disk = "0f0e4c6a-52b1-4c7e-9d3a-1f6f0c1d2e3f";
    let message = limited(&format!("exec \"$0\" store create \"$2\" {disk} --virtual-size 1T")).failure(1);
    assert!(message.contains("too large"), "{message}");
    assert_eq!(fs::read_dir(&target).expect("a folder").count(), 0, "part of a log was left behind");
}

/// Where a file without a name cannot be had, the temporary one is removed when the command is told to stop.
#[cfg(target_os = "linux")]
#[test]
fn stopped_in_its_middle_it_leaves_nothing_even_with_a_name() {
    use std::os::unix::process::ExitStatusExt;
    use std::time::Duration;
    if std::env::var_os("CBT_UNDER_TEST").is_some() {
        return skip("temporary files with names: only what is built for tests makes them here");
    }
    let scratch = Scratch::new();
    let target = scratch.join("list");
    let start = |ignoring: &str| {
        let line = format!("{ignoring}exec \"$0\" extents -o \"$1\"");
        // In the background of a shell these tests are started with signals that are ignored.
        let mut command = Command::new("env");
        command.args(["--default-signal=INT,HUP", "sh", "-c", &line]);
        command.arg(program()).arg(&target).env("CBT_NAMED_FILES", "1");
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
        // More than a pipe and a first look hold.
        let pipe = child.stdin.as_mut().expect("piped");
        pipe.write_all("AAAA".repeat(1 << 20).as_bytes()).expect("it reads");
        child
    };
    for (name, number) in [("TERM", 15), ("INT", 2), ("HUP", 1)] {
        let mut child = start("");
        assert_eq!(scratch.names().len(), 1, "a temporary file: {:?}", scratch.names());
        assert!(scratch.names()[0].starts_with(".cbt-"));
        crate::common::served::signal(&child, name);
        let status = crate::common::wait_at_most(&mut child, Duration::from_secs(60)).expect("it ends");
        assert_eq!(status.signal(), Some(number), "{name}: who waits for it has to know");
        assert!(scratch.names().is_empty(), "{name}: left behind: {:?}", scratch.names());
    }
    // One that is to be ignored, as under nohup, is.
    let mut child = start("trap '' HUP; ");
    crate::common::served::signal(&child, "HUP");
    drop(child.stdin.take());
    let output = Run::from(child.wait_with_output().expect("ends"));
    assert_eq!((output.code, scratch.names()), (Some(0), vec!["list".to_owned()]), "{}", output.stderr);
}
