//! Standard output: whole or not at all wherever that can be, and bounded memory in any case.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::common::{
    Bits, JsonFailure, LongList, Run, Scratch, cases, cbt, data, program, run, run_piped, run_redirected, skip,
};

const DISK: &str = "0f0e4c6a-52b1-4c7e-9d3a-1f6f0c1d2e3f";
const OLDER: &str = "7c1d9a02-3e4f-4a5b-8c6d-2b7e8f901a2b";
const FORMATS: [&str; 5] = ["text", "human", "json", "ndjson", "csv"];

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// Starts the command with pipes for its output; and for its input if there is some, which is fed to it by a thread.
fn start(args: &[&str], input: Option<String>) -> Child {
    let mut command = cbt(args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    if input.is_some() {
        command.stdin(Stdio::piped());
    }
    let mut child = command.spawn().expect("the command starts");
    if let Some(input) = input {
        let mut pipe = child.stdin.take().expect("piped");
        // The command may end before it has read everything.
        thread::spawn(move || drop(pipe.write_all(input.as_bytes())));
    }
    child
}

/// Exit code and standard error, once the output was dealt with.
fn end(mut child: Child) -> (Option<i32>, String) {
    drop(child.stdout.take());
    let mut message = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut message).expect("text");
    (child.wait().expect("it ends").code(), message)
}

#[test]
fn a_file_that_is_bad_at_its_very_end_prints_nothing() {
    let scratch = Scratch::new();
    for long in [LongList::HELD, LongList::MIDDLE] {
        let path = scratch.file("bad.b64", long.bad_at_its_end());
        let place = format!("offset {} ", long.bad_offset());
        let message = run(["extents", text(&path)]).failure(3);
        assert!(message.contains(&place), "{message}");
        let message = run_redirected(["extents"], &path).failure(3);
        assert!(message.contains(&place), "{message}");
        let failure = run(["extents", "--output", "json", text(&path)]).json_failure(3);
        assert_eq!(failure.error, "trailing-bits");
    }
    let path = scratch.file("bad.b64", LongList::HUGE.bad_at_its_end());
    run(["extents", text(&path)]).failure(3);
    for format in ["human", "ndjson", "csv"] {
        let path = scratch.file("bad.b64", LongList::LARGE.bad_at_its_end());
        run(["extents", "--output", format, text(&path)]).failure(3);
    }
    // Bad because of what follows, or of the size that it should have.
    let path = scratch.file("bad.b64", LongList::LARGE.base64() + "\n\n*");
    run(["extents", text(&path)]).failure(3);
    let path = scratch.file("good.b64", LongList::LARGE.base64());
    run(["extents", "--virtual-size", "1T", text(&path)]).failure(3);
    run(["extents", "--virtual-size", "275G", text(&path)]).failure(3);
}

#[test]
fn a_list_that_is_held_back_prints_nothing_on_failure_even_from_a_pipe() {
    for format in FORMATS {
        run_piped(["extents", "--output", format, "--length", "1G"], LongList::MIDDLE.bad_at_its_end()).failure(3);
    }
    run_piped(["extents"], LongList::HELD.bad_at_its_end()).failure(3);
}

#[test]
fn a_good_file_is_printed_whole() {
    let scratch = Scratch::new();
    let (long, mib) = cases((LongList::LARGE, 32), (LongList::HUGE, 100));
    assert!(long.text_len() > mib << 20);
    let path = scratch.file("good.b64", long.base64() + "\n");
    let mut child = start(&["extents", text(&path)], None);
    long.assert_text(child.stdout.take().expect("piped"));
    assert_eq!(end(child), (Some(0), String::new()));
}

#[test]
fn every_source_and_format_gives_the_long_list_whole() {
    let scratch = Scratch::new();
    let long = LongList::LARGE;
    assert!(long.text_len() > 32 << 20);
    let path = scratch.file("good.b64", long.base64());
    let lines = |format: &str, stdout: std::process::ChildStdout| match format {
        "text" => long.assert_text(stdout),
        "ndjson" => long.assert_lines(stdout, "{\"offset\":", ",\"length\":65536}\n"),
        _ => {
            let mut stdout = BufReader::new(stdout);
            let mut head = String::new();
            stdout.read_line(&mut head).expect("text");
            assert_eq!(head, "offset,length\n");
            long.assert_lines(stdout, "", ",65536\n");
        }
    };
    for (format, options, input) in [
        ("text", &["--threads", "1", text(&path)][..], None),
        ("text", &["--threads", "1"], Some(long.base64())),
        ("text", &["--threads", "8"], Some(long.base64())),
        ("ndjson", &[text(&path)], None),
        ("ndjson", &["--threads", "2"], Some(long.base64())),
        ("csv", &[text(&path)], None),
        ("csv", &[], Some(long.base64())),
    ]
    .into_iter()
    .step_by(cases(3, 1))
    {
        let args = [&["extents", "--output", format], options].concat();
        let mut child = start(&args, input);
        lines(format, child.stdout.take().expect("piped"));
        assert_eq!(end(child), (Some(0), String::new()), "{args:?}");
    }
}

/// A long JSON object, checked without keeping millions of values in memory.
fn assert_json(long: &LongList, json: &str, totals_first: bool) {
    let (head, rest) = json.split_once("\"extents\":[").expect("a list of extents");
    let (list, foot) = rest.rsplit_once(']').expect("its end");
    let short: Value = serde_json::from_str(&format!("{head}\"extents\":[]{foot}")).expect("JSON");
    assert_eq!(short["changed_blocks"], long.extents());
    assert_eq!(short["changed_bytes"], long.extents() * 65_536);
    assert_eq!(head.contains("changed_bytes"), totals_first, "{head}");
    assert_eq!(foot.contains("changed_bytes"), !totals_first, "{foot}");
    let lines = [list.trim().as_bytes(), b",\n"].concat();
    long.assert_lines(&lines[..], "{\"offset\":", ",\"length\":65536},\n");
}

#[test]
fn json_of_a_file_has_its_totals_first_however_long_it_is() {
    let scratch = Scratch::new();
    for long in [LongList::HELD, LongList::LARGE] {
        let path = scratch.file("good.b64", long.base64());
        assert_json(&long, &run(["extents", "--output", "json", text(&path)]).text(), true);
    }
    let long = cases(LongList::HELD, LongList::LARGE);
    let path = scratch.file("good.b64", long.base64());
    assert_json(&long, &run_redirected(["extents", "--output", "json"], &path).text(), true);
}

#[test]
fn json_of_a_stream_is_whole_too() {
    // Too long to be held back as JSON: the totals can only come last.
    let long = LongList::LARGE;
    assert_json(&long, &run_piped(["extents", "--output", "json"], long.base64()).text(), false);
}

/// Reads everything, and returns how many bytes there were, and the first and the last few of them.
fn ends_of(mut from: impl Read) -> (u64, Vec<u8>, Vec<u8>) {
    let (mut length, mut head, mut tail) = (0, Vec::new(), Vec::new());
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = from.read(&mut buffer).expect("readable");
        if read == 0 {
            return (length, head, tail);
        }
        if head.is_empty() {
            head.extend_from_slice(&buffer[..read.min(100)]);
        }
        tail.extend_from_slice(&buffer[read.saturating_sub(100)..read]);
        tail.drain(..tail.len().saturating_sub(100));
        length += read as u64;
    }
}

#[test]
fn a_stream_flows_and_the_exit_code_tells_of_a_late_failure() {
    let long = LongList::MIDDLE;
    let mut child = start(&["extents"], Some(long.bad_at_its_end()));
    let (length, head, _) = ends_of(child.stdout.take().expect("piped"));
    let (code, message) = end(child);
    assert_eq!(code, Some(3));
    assert!(message.contains(&format!("offset {} ", long.bad_offset())), "{message}");
    assert!(length > 32 << 20, "only {length} bytes");
    assert!(head.starts_with(b"0 65536\n131072 65536\n"));

    let mut child = start(&["extents", "--output", "json"], Some(long.bad_at_its_end()));
    let (length, head, tail) = ends_of(child.stdout.take().expect("piped"));
    let (code, message) = end(child);
    assert_eq!((code, JsonFailure::parse(&message).error.as_str()), (Some(3), "trailing-bits"));
    assert!(length > 32 << 20, "only {length} bytes");
    assert!(head.starts_with(b"{\"block_size\":65536,"));
    assert!(!tail.contains(&b']'), "the object must be left open: {}", String::from_utf8_lossy(&tail));
}

#[test]
fn a_long_stream_flows_before_it_ends() {
    let mut child = cbt(["extents"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("starts");
    let mut input = child.stdin.take().expect("piped");
    let mut output = BufReader::new(child.stdout.take().expect("piped"));
    let writer = thread::spawn(move || {
        input.write_all("qqqq".repeat(500_000).as_bytes()).expect("it reads");
        input
    });
    let mut line = String::new();
    output.read_line(&mut line).expect("text");
    assert_eq!(line, "0 65536\n", "while the input is still open");
    let sink = thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()).expect("readable"));
    drop(writer.join().expect("it reads"));
    sink.join().expect("readable");
    assert!(child.wait().expect("ends").success());
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let scratch = Scratch::new();
    let path = scratch.file("good.b64", LongList::LARGE.base64());
    for (args, input) in [
        (&["extents", text(&path)][..], None),
        (&["extents", "--output", "json", text(&path)], None),
        (&["extents", "--output", "csv", text(&path)], None),
        (&["bits", text(&path)], None),
        (&["convert", text(&path)], None),
        (&["extents"], Some(LongList::LARGE.base64())),
        (&["extents"], Some(LongList::HELD.base64())),
        // Faults of the rest are not found out, because nobody wants the rest.
        (&["extents"], Some(LongList::HUGE.bad_at_its_end())),
    ] {
        let mut child = start(args, input);
        let mut line = [0; 10];
        child.stdout.as_mut().expect("piped").read_exact(&mut line).expect("some output");
        assert_eq!(end(child), (Some(0), String::new()), "{args:?}");
    }
}

#[test]
fn a_reader_that_is_gone_from_the_start_is_no_failure() {
    let path = data("database-hour.b64");
    for args in
        [&["extents", text(&path)][..], &["bits", text(&path)], &["--help"], &["extents", "--help"], &["--version"]]
    {
        let mut child = start(args, None);
        drop(child.stdout.take());
        assert_eq!(end(child), (Some(0), String::new()), "{args:?}");
    }
    // But a bad file is a bad file.
    let mut child = start(&["extents", "--virtual-size", "2T", text(&path)], None);
    drop(child.stdout.take());
    assert_eq!(end(child).0, Some(3));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_failure() {
    let scratch = Scratch::new();
    let long = scratch.file("good.b64", LongList::LARGE.base64());
    for args in [
        &["extents", text(&data("file-server-day.b64"))][..],
        &["extents", text(&long)],
        &["bits", text(&long)],
        &["convert", text(&long)],
        &["extents", "--output", "human", text(&data("file-server-day.b64"))],
    ] {
        let full = File::options().write(true).open("/dev/full").expect("Linux has it");
        let output = cbt(args).stdout(full).output().expect("starts");
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {message}");
        assert!(message.contains("standard output") && message.contains("No space left"), "{message}");
    }
    let full = File::options().write(true).open("/dev/full").expect("Linux has it");
    let output = cbt(["extents", "--output", "json", text(&long)]).stdout(full).output().expect("starts");
    assert_eq!(JsonFailure::parse(&String::from_utf8_lossy(&output.stderr)).error, "write");
}

/// Runs a line of `sh`, in which `"$0"` is the command.
#[cfg(unix)]
fn shell(line: &str, args: &[&str]) -> Run {
    let output = Command::new("sh").args(["-c", line]).arg(program()).args(args).output().expect("there is sh");
    output.into()
}

#[cfg(unix)]
#[test]
fn a_closed_standard_output_is_a_failure() {
    let scratch = Scratch::new();
    let good = scratch.file("good.b64", "YAAAAA==");
    let (good, logs) = (text(&good), scratch.join("logs"));
    run(["store", "create", text(&logs), DISK, "--virtual-size", "1M"]).bytes();
    for args in [
        &["extents", good][..],
        &["extents", "-o", "-", good],
        &["extents", "-o", "/dev/stdout", good],
        &["bits", good],
        &["convert", good],
        &["chain", text(&logs)],
        &["serve", "--listen", "127.0.0.1:0", "--store", text(&logs)],
        &["--help"],
        &["extents", "--help"],
        &["--version"],
    ] {
        let message = shell("\"$0\" \"$@\" >&-", args).failure(1);
        assert!(message.contains("standard output is closed") && message.contains("hint: "), "{args:?}: {message}");
        if args[0] != "serve" {
            // Nobody needs to see it: opened for writing by a shell, and for reading too by many programs.
            shell("\"$0\" \"$@\" >/dev/null", args).bytes();
            shell("\"$0\" \"$@\" 1<>/dev/null", args).bytes();
        }
    }
    let failure = shell("\"$0\" \"$@\" >&-", &["extents", "--output", "json", good]).json_failure(1);
    assert_eq!(failure.error, "closed");
    // Where nothing is to be printed, it does not matter.
    let list = scratch.join("list");
    shell("\"$0\" \"$@\" >&-", &["extents", "-o", text(&list), good]).bytes();
    assert_eq!(std::fs::read_to_string(&list).expect("written"), "65536 131072\n");
    shell("\"$0\" \"$@\" >&-", &["store", "snapshot", text(&logs), DISK, OLDER]).bytes();
}

#[cfg(unix)]
#[test]
fn a_closed_standard_input_is_told_from_an_empty_one() {
    for args in [&["extents", "--output", "json"][..], &["extents", "--output", "json", "-"]] {
        let failure = shell("\"$0\" \"$@\" <&-", args).json_failure(1);
        assert_eq!((failure.error.as_str(), failure.message.as_str()), ("closed", "standard input is closed"));
        assert_eq!(shell("\"$0\" \"$@\" </dev/null", args).json_failure(3).error, "empty");
        assert_eq!(shell("\"$0\" \"$@\" <>/dev/null", args).json_failure(3).error, "empty");
    }
    let scratch = Scratch::new();
    let good = scratch.file("good.b64", "YAAAAA==");
    assert_eq!(shell("\"$0\" \"$@\" <&-", &["extents", text(&good)]).text(), "65536 131072\n");
}

#[cfg(unix)]
#[test]
fn a_stream_without_an_end_is_refused() {
    for (stream, kind) in [("yes AAAA", "too-long"), ("yes qqqq", "too-long"), ("yes ''", "invalid-symbol")] {
        for block_size in ["64k", "4k"] {
            let args = ["extents", "--output", "json", "--virtual-size", "1G", "--block-size", block_size];
            let failure = shell(&format!("{stream} | \"$0\" \"$@\""), &args).json_failure(3);
            assert_eq!(failure.error, kind, "{stream}: {failure:?}");
        }
    }
    // The rest of a log is read for the sake of the writer, but not for ever.
    let scratch = Scratch::new();
    let log = scratch.file("log", Bits::new("01100000").cbtlog(8 * 65_536, 1));
    let line = "{ cat \"$1\"; yes; } | \"$0\" extents --from cbtlog";
    assert_eq!(shell(line, &[text(&log)]).text(), "65536 131072\n");
}

/// A list that is too long to be held back, of a file that is written to before it is read again, or meanwhile.
#[cfg(unix)]
#[test]
fn a_file_that_is_written_to_while_it_is_read_is_a_failure() {
    use std::os::unix::fs::FileExt;
    let scratch = Scratch::new();
    let path = scratch.file("good.b64", LongList::LARGE.base64());
    let file = File::options().write(true).open(&path).expect("just written");
    // The very same: whoever reads it cannot know.
    let overwrite = || file.write_all_at(b"q", 0).expect("room");
    let mut child = start(&["extents", "--output", "json", text(&path)], None);
    // It has begun to write, so it reads for the second time, and cannot go on before it is read.
    child.stdout.as_mut().expect("piped").read_exact(&mut [0]).expect("output");
    overwrite();
    std::io::copy(child.stdout.as_mut().expect("piped"), &mut std::io::sink()).expect("readable");
    let (code, message) = end(child);
    assert_eq!((code, JsonFailure::parse(&message).error.as_str()), (Some(1), "changed"), "{message}");

    let list = scratch.join("list");
    let mut child = start(&["extents", "-o", text(&list), text(&path)], None);
    while child.try_wait().expect("a child").is_none() {
        overwrite();
        thread::sleep(Duration::from_millis(1));
    }
    let (code, message) = end(child);
    assert_eq!((code, message.contains("changed while it was read")), (Some(1), true), "{message}");
    assert_eq!(scratch.names(), ["good.b64"]);
}

#[test]
fn closed_standard_error_changes_no_exit_code() {
    let mut shell = Command::new("sh");
    shell.args(["-c", "\"$0\" extents /nowhere 2>&-"]).arg(program());
    match shell.status() {
        Ok(status) => assert_eq!(status.code(), Some(1)),
        Err(_) => skip("closed standard error: no sh here"),
    }
}

/// The most memory that a process has had so far, in KiB.
#[cfg(target_os = "linux")]
fn peak_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux counts it");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Reads all but the last MiB, so that the command still runs, but has done nearly all that it does.
#[cfg(target_os = "linux")]
#[test]
fn memory_stays_bounded_however_long_the_list_is() {
    if std::env::var_os("CBT_UNDER_TEST").is_some() {
        return skip("peak memory: an emulator's own would be counted with it");
    }
    let scratch = Scratch::new();
    let long = cases(LongList::MIDDLE, LongList::HUGE);
    let path = scratch.file("good.b64", long.base64());
    let mut peaks = Vec::new();
    for (what, args, input) in [
        ("a file", &["extents", text(&path)][..], None),
        ("a stream", &["extents"], Some(long.base64())),
        ("a file, one thread", &["extents", "--threads", "1", text(&path)], None),
        ("a file, many threads", &["extents", "--threads", "64", text(&path)], None),
    ] {
        let mut child = start(args, input);
        let mut stdout = child.stdout.take().expect("piped");
        let most = long.text_len() - (1 << 20);
        std::io::copy(&mut (&mut stdout).take(most), &mut std::io::sink()).expect("readable");
        let peak = peak_kib(child.id());
        std::io::copy(&mut stdout, &mut std::io::sink()).expect("readable");
        assert_eq!(end(child), (Some(0), String::new()));
        peaks.push((what, peak));
    }
    assert!(peaks.iter().all(|&(_, peak)| peak < 64 << 10), "more than 65536 KiB: {peaks:?}");
}
