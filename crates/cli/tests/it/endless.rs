//! Inputs without an end: refused at the first byte that is too much, and never waited for.

#![cfg(unix)]

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{Bits, JsonFailure, Run, Scratch, cbt, is_left_to_ci, program, run, wait_at_most};

/// Far more than any of it takes.
const PATIENCE: Duration = Duration::from_secs(100);

/// Runs the command with a pipe into which `first` is written, and then `again` for as long as it is read. Says also how
/// many bytes the command took, with those that the pipe holds.
fn feed_for_ever(args: &[&str], first: &[u8], again: &[u8]) -> (Run, usize) {
    let mut child =
        cbt(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut pipe = child.stdin.take().expect("piped");
    let again = again.repeat(4096 / again.len());
    thread::scope(|scope| {
        let fed = scope.spawn(move || {
            let mut fed = first.len();
            if pipe.write_all(first).is_err() {
                return fed;
            }
            while pipe.write_all(&again).is_ok() {
                fed += again.len();
            }
            fed
        });
        let output = child.wait_with_output().expect("it ends");
        (output.into(), fed.join().expect("no panic"))
    })
}

#[track_caller]
fn refused(run: Run, kind: &str) {
    assert_eq!((run.code, run.stdout.len()), (Some(3), 0), "{}", run.stderr);
    assert_eq!(JsonFailure::parse(&run.stderr).error, kind, "{}", run.stderr);
}

/// A disk of 1 GiB needs 2 KiB of bitmap, with the smallest blocks 256 KiB.
#[test]
fn the_size_of_the_disk_says_how_much_is_too_much() {
    let most = 256 << 10;
    for (from, again, most) in [
        ("base64", "AAAA", most / 3 * 4),
        ("base64", "qqqq\n", most / 3 * 5),
        ("base64", "y\n", most / 3 * 8),
        ("bits", "0", most * 8),
        ("raw-msb0", "\0", most),
        ("raw-lsb0", "U", most),
    ] {
        let args = ["extents", "--output", "json", "--from", from, "--virtual-size", "1G"];
        let (run, fed) = feed_for_ever(&args, b"", again.as_bytes());
        refused(run, "too-long");
        // A buffer on either side, and one in the pipe.
        assert!(fed < most + (300 << 10), "{from}: {fed} bytes of {again:?} were taken");
        for command in ["bits", "convert"] {
            let (run, fed) = feed_for_ever(&[command, "--from", from, "--virtual-size", "1G"], b"", again.as_bytes());
            assert!(run.failure(3).contains("1073741824"), "{from}");
            assert!(fed < most + (300 << 10), "{from}: {fed} bytes of {again:?} were taken");
        }
    }
}

/// Not only once as much has come as a buffer holds: the writer may stop there, and not go away.
#[test]
fn the_first_byte_too_many_is_refused_as_soon_as_it_comes() {
    for (from, zero, most) in [("raw-msb0", 0, 256 << 10), ("base64", b'A', (256 << 10) / 3 * 4 + 4)] {
        let mut child = cbt(["extents", "--from", from, "--virtual-size", "1G"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let pipe = child.stdin.as_mut().expect("piped");
        pipe.write_all(&vec![zero; most + 1]).expect("it reads");
        assert!(wait_at_most(&mut child, PATIENCE).is_some(), "{from}: it waits for more");
        let run: Run = child.wait_with_output().expect("it has ended").into();
        assert!(run.failure(3).contains("1073741824"));
    }
}

/// Without a size, the largest disk of all says it: with blocks of 1 GiB, that is a bitmap of 128 KiB.
#[test]
fn without_a_size_the_largest_disk_says_it() {
    let most = 128 << 10;
    for (from, again, most) in
        [("base64", "AAAA", most / 3 * 4), ("bits", "1", most * 8), ("raw-msb0", "\0", most), ("raw-lsb0", "U", most)]
    {
        let args = ["extents", "--output", "json", "--from", from, "--block-size", "1G"];
        let (run, fed) = feed_for_ever(&args, b"", again.as_bytes());
        assert!(run.stderr.contains("1125899906842624 bytes"), "{}", run.stderr);
        refused(run, "too-long");
        assert!(fed < most + (300 << 10), "{from}: {fed} bytes of {again:?} were taken");
    }
    // A file has an end, and is read whatever its length.
    let scratch = Scratch::new();
    let path = scratch.file("long.raw", vec![0; most + 1]);
    let path = path.to_str().expect("text");
    assert_eq!(run(["extents", "--from", "raw-msb0", "--block-size", "1G", path]).text(), "");
}

#[test]
fn devices_without_an_end_are_refused() {
    for (args, code, kind) in [
        (&["--virtual-size", "1T"][..], 3, "invalid-symbol"),
        (&[], 3, "invalid-symbol"),
        (&["--from", "bits"], 3, "invalid-bit"),
        (&["--from", "raw-msb0", "--virtual-size", "10G"], 3, "too-long"),
        (&["--from", "raw-lsb0", "--block-size", "1G"], 3, "too-long"),
        (&["--from", "raw-msb0", "--block-size", "auto", "--virtual-size", "1G"], 3, "unknown-block-size"),
        (&["--from", "cbtlog"], 3, "header-virtual-size"),
    ] {
        let args = [&["extents", "--output", "json", "/dev/zero"], args].concat();
        let failure = run(&args).json_failure(code);
        assert_eq!(failure.error, kind, "{args:?}: {failure:?}");
    }
}

/// Files of certificates, keys and passwords: what is read of them has a limit, too.
#[test]
fn neither_certificates_nor_passwords_are_read_for_ever() {
    let scratch = Scratch::new();
    let store = scratch.path().to_str().expect("text");
    let ends = ["0f0e4c6a-52b1-4c7e-9d3a-1f6f0c1d2e3f", "7c1d9a02-3e4f-4a5b-8c6d-2b7e8f901a2b"];
    let list = [&["list-changed-blocks", "--url", "https://127.0.0.1:1"], &ends[..]].concat();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--store", store];
    for (args, more, code) in [
        (&list[..], &["--ca", "/dev/zero"][..], 1),
        (&list, &["--password-file", "/dev/zero"], 2),
        (&serve, &["--certificate", "/dev/zero", "--key", "/dev/zero"], 2),
        (&serve, &["--nbd", "localhost:1", "--nbd-certificate", "/dev/zero"], 2),
        (&serve, &["--password-file", "/dev/zero"], 2),
    ] {
        let args = [args, more].concat();
        let mut child = cbt(&args).env("CBT_PASSWORD", "secret").stderr(Stdio::piped()).spawn().expect("it starts");
        if wait_at_most(&mut child, PATIENCE).is_none() {
            child.kill().expect("still there");
            panic!("{args:?}: it is read for ever");
        }
        let message = Run::from(child.wait_with_output().expect("it has ended")).failure(code);
        assert!(message.contains("/dev/zero") && message.contains("too long"), "{args:?}: {message}");
    }
}

/// An answer, and then lines without end that say nothing.
#[test]
fn white_space_without_an_end_is_refused() {
    for size in [&[][..], &["--virtual-size", "2M"], &["--virtual-size", "15E"]] {
        for (first, again) in [("YAAAAA==\n", "\n"), ("YAAAAA==", " \r\n"), ("", "\n"), ("YAAA", "\t")] {
            let args = [&["extents", "--output", "json"], size].concat();
            let (run, fed) = feed_for_ever(&args, first.as_bytes(), again.as_bytes());
            refused(run, "invalid-symbol");
            assert!(fed < 3 << 20, "{fed} bytes of {again:?} were taken");
        }
    }
}

/// The rest of a volume after its log is read for the sake of the writer, up to a limit.
#[test]
fn what_is_behind_a_log_is_not_read_for_ever() {
    let bits = Bits::new("01100000");
    let (run, fed) = feed_for_ever(&["extents", "--from", "cbtlog"], &bits.cbtlog(8 * 65_536, 1), b"y\n");
    assert_eq!(run.text(), "65536 131072\n");
    assert!(fed < 18 << 20, "{fed} bytes were taken");
    // A volume of 4 MiB is.
    let mut volume = bits.cbtlog(8 * 65_536, 1);
    volume.resize(4 << 20, 0);
    let output = shell("set -o pipefail; cat \"$1\" | \"$0\" extents --from cbtlog", &volume);
    assert_eq!(output.text(), "65536 131072\n");
}

/// Runs a line of `bash`, in which `"$0"` is the command and `"$1"` a file with that content.
fn shell(line: &str, content: &[u8]) -> Run {
    let scratch = Scratch::new();
    let path = scratch.file("content", content);
    Command::new("bash").args(["-c", line]).arg(program()).arg(path).output().expect("there is bash").into()
}

/// A writer that neither goes on nor away.
#[test]
fn nobody_waits_for_a_writer_that_is_silent_behind_a_log() {
    let scratch = Scratch::new();
    let list = scratch.join("list");
    let mut child: Child = cbt(["extents", "--from", "cbtlog", "-o", list.to_str().expect("text")])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let log = Bits::new("01100000").cbtlog(8 * 65_536, 1);
    let pipe = child.stdin.as_mut().expect("piped");
    pipe.write_all(&log).expect("it reads");
    let status = wait_at_most(&mut child, PATIENCE).expect("it waits for ever");
    let mut message = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut message).expect("text");
    assert!(status.success(), "{message}");
    assert_eq!(std::fs::read_to_string(list).expect("written"), "65536 131072\n");

    // Nor for one that goes on, but a byte at a time.
    if is_left_to_ci("surplus bytes are read for 10 s") {
        return;
    }
    let mut child = cbt(["extents", "--from", "cbtlog"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut pipe = child.stdin.take().expect("piped");
    let (ended, end) = mpsc::channel::<()>();
    let started = Instant::now();
    thread::scope(|scope| {
        scope.spawn(move || {
            pipe.write_all(&log).expect("it reads");
            while end.recv_timeout(Duration::from_millis(100)) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = pipe.write_all(b"0");
            }
        });
        let status = wait_at_most(&mut child, PATIENCE);
        drop(ended);
        assert!(status.is_some_and(|status| status.success()), "it reads for ever: {:?}", started.elapsed());
    });
}
