//! The messages of the command when it fails, and its exit codes.

use crate::common::{Scratch, cases, cbt, data, feed, run, run_piped, run_redirected};

/// Bad base64: the text, the offset that is named, a word of the message, the kind.
const MALFORMED: [(&[u8], Option<usize>, &str, &str); 26] = [
    (b"YAAA*AA=", Some(4), "'*' (0x2a)", "invalid-symbol"),
    (b"*", Some(0), "'*' (0x2a)", "invalid-symbol"),
    (b"YA-_AAAA", Some(2), "'-' (0x2d)", "invalid-symbol"),
    (b"YAA_AAAA", Some(3), "'_' (0x5f)", "invalid-symbol"),
    (b"YAAA\0AAA", Some(4), "0x00", "invalid-symbol"),
    (b"YAAA\xffAAA", Some(4), "0xff", "invalid-symbol"),
    (b"\xef\xbb\xbfYAAAAA==", Some(0), "0xef", "invalid-symbol"),
    (b"\xff\xfeY\0A\0A\0A\0", Some(0), "0xff", "invalid-symbol"),
    (b"<value>YAAA</value>", Some(0), "'<'", "invalid-symbol"),
    (b"\"YAAAAA==\"", Some(0), "'\"'", "invalid-symbol"),
    (b"YAAAAA==\"", Some(8), "'\"'", "invalid-symbol"),
    (b"YAAA AAA", Some(4), "space", "invalid-symbol"),
    (b"YAAA\tAAA", Some(4), "0x09", "invalid-symbol"),
    (b"YAAAAA= =", Some(7), "space", "invalid-symbol"),
    (b"YAAAAA==\nYAAAAA==\n", Some(6), "'='", "misplaced-padding"),
    (b"YAAAAA==A", Some(6), "'='", "misplaced-padding"),
    (b"=", Some(0), "'='", "misplaced-padding"),
    (b"YAAA=", Some(4), "'='", "misplaced-padding"),
    (b"YAAAAA===", Some(8), "'='", "misplaced-padding"),
    (b"YAAAAAA==", Some(8), "'='", "misplaced-padding"),
    (b"YAAAA=", Some(5), "'='", "misplaced-padding"),
    (b"YAAAAA", Some(6), "0 of 2", "missing-padding"),
    (b"YAAAAA=", Some(7), "1 of 2", "missing-padding"),
    (b"YAAAAAA\n", Some(8), "0 of 1", "missing-padding"),
    (b"YAAAA", Some(5), "1 of 4", "incomplete-group"),
    (b"YAAAAB==", Some(5), "'B' (0x42)", "trailing-bits"),
];

#[test]
fn every_kind_of_malformed_base64_is_refused_with_its_place() {
    let scratch = Scratch::new();
    for (text, offset, word, kind) in MALFORMED {
        let shown = String::from_utf8_lossy(text);
        let file = scratch.file("answer.b64", text);
        let name = file.to_str().expect("text");
        let message = run(["extents", name]).failure(3);
        let lines: Vec<_> = message.lines().collect();
        assert_eq!(lines.len(), 2, "{shown}: a message and a hint:\n{message}");
        assert!(lines[0].starts_with("cbt: ") && lines[0].contains(name), "{shown}: {message}");
        assert!(lines[0].contains(word), "{shown}: {message}");
        if let Some(offset) = offset {
            assert!(lines[0].contains(&format!("offset {offset} ")), "{shown}: {message}");
        }
        assert!(lines[1].starts_with("hint: "), "{shown}: {message}");

        let failure = run(["extents", "--output", "json", name]).json_failure(3);
        assert_eq!(failure.error, kind, "{shown}");
        assert_eq!(format!("cbt: {}", failure.message), lines[0], "{shown}");
        assert_eq!(failure.hint.map(|hint| format!("hint: {hint}")).as_deref(), Some(lines[1]), "{shown}");
        let piped = run_piped(["extents"], text).failure(3);
        assert_eq!(piped, message.replace(name, "standard input"), "{shown}");
    }
}

#[test]
fn other_bits_under_the_padding_are_refused_too() {
    for text in ["YAAAAP==", "YAAAAC==", "YAAAAE==", "YAAAAI==", "YAAAAAB=", "YAAAAAC=", "YAAAAAD="] {
        assert!(run_piped(["extents"], text).failure(3).contains("padding"), "{text}");
    }
}

#[test]
fn hints_fit_what_is_wrong() {
    for (text, word) in [
        (&b"YA-_AAAA"[..], "URL-safe"),
        (b"\xef\xbb\xbfYAAAAA==", "byte order mark"),
        (b"\xff\xfeY\0A\0A\0A\0", "byte order mark"),
        (b"<value>YAAA</value>", "XML"),
        (b"{\"result\":\"YAAA\"}", "JSON"),
        (b"YAAAAA==\nYAAAAA==\n", "one answer"),
        (b"YAAAAA=", "cut short"),
        (b"YAAA\0\0\0\0", "--from"),
        (b"YAAAAB==", "full backup"),
    ] {
        let message = run_piped(["extents"], text).failure(3);
        let hint = message.lines().find(|line| line.starts_with("hint: ")).unwrap_or_default();
        assert!(hint.contains(word), "{:?}: {message}", String::from_utf8_lossy(text));
    }
}

#[test]
fn a_bad_byte_deep_in_a_long_text_is_named_by_its_place() {
    let good = std::fs::read(data("database-hour.b64")).expect("there");
    for at in [0, 1, 4095, 4096, 65_535, 65_536, 1_000_003, 2_796_200, 2_796_203] {
        let mut bad = good.clone();
        bad[at] = b'!';
        for threads in ["1", "2"] {
            let message = run_piped(["extents", "--threads", threads], &bad).failure(3);
            assert!(message.contains(&format!("offset {at} ")), "{at}: {message}");
        }
    }
    // The first of several is named.
    let mut bad = good;
    bad[2_000_000] = b'?';
    bad[1_500_000] = b'!';
    let message = run_piped(["extents", "--threads", "8"], bad).failure(3);
    assert!(message.contains("'!'") && message.contains("offset 1500000 "), "{message}");
}

#[test]
fn an_empty_input_is_no_empty_list() {
    let scratch = Scratch::new();
    let empty = scratch.file("empty.b64", "");
    for from in ["base64", "raw-msb0", "raw-lsb0", "cbtlog", "bits"] {
        let args = ["extents", "--from", from];
        run_piped(args, "").failure(3);
        run(args).failure(3);
        run_redirected(args, &empty).failure(3);
        let message = run(args.iter().copied().chain(empty.to_str())).failure(3);
        assert!(message.contains("empty.b64") && message.contains("hint: "), "{message}");
    }
    for text in ["\n", "\r\n\r\n", "   ", "\t\n"] {
        run_piped(["extents"], text).failure(3);
        run_piped(["extents", "--from", "bits"], text).failure(3);
    }
    assert_eq!(run_piped(["extents", "--output", "json"], "").json_failure(3).error, "empty");
}

#[test]
fn one_byte() {
    for byte in (0..=255u8).step_by(cases(23, 1)) {
        let message = run_piped(["extents"], [byte]).failure(3);
        // White space alone, vertical tabulators included, is an empty bitmap.
        assert!(message.contains("offset") || matches!(byte, 9..=13 | b' '), "{byte}: {message}");
    }
    assert_eq!(run_piped(["extents", "--from", "raw-msb0"], [0x80]).text(), "0 65536\n");
    assert_eq!(run_piped(["extents", "--from", "raw-lsb0"], [0x80]).text(), "458752 65536\n");
    assert_eq!(run_piped(["extents", "--from", "bits"], "1").text(), "0 65536\n");
    assert_eq!(run_piped(["extents", "--from", "bits"], "0").text(), "");
    run_piped(["extents", "--from", "cbtlog"], [1]).failure(3);
}

#[test]
fn bad_bits_are_named_by_their_place() {
    for (text, offset, word) in
        [("0112", 3, "'2'"), ("01 10", 2, "space"), ("YAAA", 0, "'Y'"), ("0110,", 4, "','"), ("01\n-1", 3, "'-'")]
    {
        let message = run_piped(["extents", "--from", "bits"], text).failure(3);
        assert!(message.contains(&format!("offset {offset} ")) && message.contains(word), "{message}");
        assert!(message.contains("hint: "), "{message}");
    }
}

#[test]
fn what_cannot_be_read_is_no_fault_of_the_bitmap() {
    let scratch = Scratch::new();
    let missing = scratch.join("missing.b64");
    let below_a_file = scratch.file("file", "AAAA").join("below");
    for path in [missing.as_path(), &below_a_file, scratch.path()] {
        let name = path.to_str().expect("text");
        for command in ["extents", "bits", "convert"] {
            let message = run([command, name]).failure(1);
            assert!(message.starts_with("cbt: ") && message.contains(name), "{message}");
        }
        let failure = run(["extents", "--output", "json", name]).json_failure(1);
        assert!(failure.message.contains(name), "{failure:?}");
    }
    assert!(run(["extents", missing.to_str().expect("text")]).failure(1).contains("No such file"));
    let message = run(["extents", scratch.path().to_str().expect("text")]).failure(1);
    assert!(message.to_lowercase().contains("is a directory"), "{message}");
    run_redirected(["extents"], scratch.path()).failure(1);
}

#[cfg(unix)]
#[test]
fn a_file_without_permission_is_no_fault_of_the_bitmap() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    let secret = scratch.file("secret.b64", "YAAAAA==");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o000)).expect("its owner may");
    if std::fs::read(&secret).is_ok() {
        return crate::common::skip("a file that cannot be read: this is root, who can read all");
    }
    let message = run(["extents", secret.to_str().expect("text")]).failure(1);
    assert!(message.contains("secret.b64") && message.contains("ermission"), "{message}");
}

#[test]
fn wrong_usage_is_exit_code_2_and_json_on_request() {
    for args in [
        &["--nonsense"][..],
        &["nonsense"],
        &["extents", "--nonsense"],
        &["extents", "--from", "base32"],
        &["extents", "--from"],
        &["extents", "--output", "xml"],
        &["extents", "--virtual-size", "0"],
        &["extents", "--virtual-size", "big"],
        &["extents", "--block-size", "3k"],
        &["extents", "--threads", "0"],
        &["extents", "--length", "0"],
        &["extents", "--block-size", "auto"],
        &["extents", "one", "two"],
        &["convert", "--output", "base32"],
        &["bits", "--count", "0"],
        &["extents", "-o"],
    ] {
        let message = run_piped(args, "YAAAAA==").failure(2);
        assert!(!message.is_empty(), "{args:?}");
    }
    assert!(!run([] as [&str; 0]).failure(2).is_empty(), "no subcommand: help");

    for args in [
        &["extents", "--output", "json", "--nonsense"][..],
        &["extents", "--nonsense", "--output", "json"],
        &["extents", "--output=json", "--from", "base32"],
        &["extents", "--output", "ndjson", "--virtual-size", "0"],
        &["extents", "--output=ndjson", "--threads", "0"],
        &["extents", "--output", "json", "--length", "0"],
        &["extents", "--output", "json", "one", "two"],
        &["extents", "--offset", "x", "--output", "json"],
        &["extents", "--output", "json", "-o"],
    ] {
        let failure = run_piped(args, "YAAAAA==").json_failure(2);
        assert_eq!(failure.error, "usage", "{args:?}");
        assert!(!failure.message.is_empty() && failure.hint.is_some(), "{failure:?}");
        assert!(!failure.message.starts_with("error"), "{failure:?}");
    }
}

#[test]
fn messages_name_the_option_that_is_wrong() {
    for (args, words) in [
        (&["extents", "--virtual-size", "0"][..], &["--virtual-size", "0 bytes"][..]),
        (&["extents", "--virtual-size", "1.5T"], &["--virtual-size", "1.5T", "64KiB"]),
        (&["extents", "--offset", "16E"], &["--offset", "16E", "2^64"]),
        (&["extents", "--from", "raw"], &["--from", "raw-msb0", "raw-lsb0"]),
        (&["extents", "--output-fil", "x"], &["--output-file"]),
    ] {
        let message = run_piped(args, "YAAAAA==").failure(2);
        assert!(words.iter().all(|word| message.contains(word)), "{args:?}: {message}");
    }
}

#[test]
fn no_failure_is_a_backtrace_or_a_json_object_where_none_is_asked_for() {
    for args in [&["extents"][..], &["extents", "--output", "csv"], &["bits"], &["convert"]] {
        let mut command = cbt(args);
        command.env("RUST_BACKTRACE", "1");
        let message = feed(command, b"YAAA*").failure(3);
        assert_eq!(message.lines().count(), 2, "{message}");
        assert!(!message.contains('{'), "{message}");
    }
}

#[cfg(unix)]
#[test]
fn a_name_that_is_no_text_is_a_name_all_the_same() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let scratch = Scratch::new();
    let path = scratch.path().join(OsStr::from_bytes(b"gr\xfcn.b64"));
    if std::fs::write(&path, "YAAAAA==").is_err() {
        return crate::common::skip("a name that is no UTF-8: the file system has none");
    }
    let run =
        |option: &str| cbt([OsStr::new("extents"), path.as_os_str(), OsStr::new(option)]).output().expect("starts");
    assert_eq!(run("--threads=1").stdout, b"65536 131072\n");
    assert_eq!(run("--nonsense").status.code(), Some(2));
    std::fs::write(&path, "YAAA*").expect("as before");
    assert_eq!(run("--output=json").status.code(), Some(3));
}

#[test]
fn what_programs_print_instead_of_an_answer_is_no_bitmap() {
    // All of these are good base64.
    for word in ["null", "None\n", "true", " NULL "] {
        let message = run_piped(["extents"], word).failure(3);
        assert!(message.contains("not a bitmap") && message.contains(word.trim()), "{message}");
    }
    let message = run_piped(["extents"], "0110000011110000\n").failure(3);
    assert!(message.contains("--from bits"), "{message}");
    // Part of something longer, known by its length to be the disk's bitmap, or not said to be base64, it is one.
    assert!(!run_piped(["extents"], "nullnull").text().is_empty());
    run_piped(["extents", "--virtual-size", "1536k"], "null").failure(3);
    assert!(!run_piped(["extents", "--from", "raw-msb0"], "null").text().is_empty());
}

/// Trying again changes nothing.
#[test]
fn names_and_passwords_that_are_wrong_are_for_an_operator() {
    let scratch = Scratch::new();
    let long = "x".repeat(5000);
    let password = scratch.file("password", b"\xff\n");
    let ask = ["list-changed-blocks", "--url", "https://127.0.0.1:1", "--insecure"];
    let disks = ["11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"];
    let ask: Vec<&str> =
        ask.into_iter().chain(disks).chain(["--password-file", password.to_str().expect("text")]).collect();
    for args in [vec!["extents", &long], vec!["extents", "--from", "cbtlog", "/dev/null/x"], ask] {
        let failure = run(args.iter().chain(&["--output", "json"])).json_failure(1);
        assert_eq!((failure.error.as_str(), failure.consequence.as_str()), ("open", "operator"), "{}", failure.message);
    }
}
