//! The advice of every hint, followed: it leads to the right list or to a refusal, never to a list that lacks a change.

use std::collections::BTreeSet;

use crate::common::{Bits, Run, Scratch, run, run_piped};

/// The changed blocks of the disk in all cases: the third and the last of 40.
const TRUTH: &str = "131072 65536\n2555904 65536\n";
const SIZE: &str = "2621440";

fn truth() -> Bits {
    Bits::new("00100000 00000000 00000000 00000000 00000001")
}

/// A command that fails, and its hint followed in every way that it allows.
struct Case {
    kind: &'static str,
    args: Vec<&'static str>,
    input: Vec<u8>,
    /// Part of the hint.
    says: &'static str,
    followed: Vec<Followed>,
}

/// The hint followed: other options, another input, or both.
struct Followed {
    args: Vec<&'static str>,
    input: Vec<u8>,
    /// Whether the advice leads to the list; else it leads to another refusal.
    right: bool,
}

fn case(kind: &'static str, args: &[&'static str], input: impl AsRef<[u8]>, says: &'static str) -> Case {
    Case { kind, args: args.to_vec(), input: input.as_ref().to_vec(), says, followed: Vec::new() }
}

impl Case {
    fn right(mut self, args: &[&'static str], input: impl AsRef<[u8]>) -> Self {
        self.followed.push(Followed { args: args.to_vec(), input: input.as_ref().to_vec(), right: true });
        self
    }

    fn refused(mut self, args: &[&'static str], input: impl AsRef<[u8]>) -> Self {
        self.followed.push(Followed { args: args.to_vec(), input: input.as_ref().to_vec(), right: false });
        self
    }

    fn check(&self) {
        let failed = run_piped(&self.args, &self.input);
        assert!(failed.stdout.is_empty() && failed.code != Some(0), "{:?} gave a list", self.args);
        let json = run_piped(self.args.iter().chain(&["--output", "json"]), &self.input);
        let failure = crate::common::JsonFailure::parse(&json.stderr);
        assert_eq!(failure.error, self.kind, "{}", failed.stderr);
        let hint = failure.hint.unwrap_or_else(|| panic!("{}: no hint", self.kind));
        assert!(hint.contains(self.says), "{}: {hint}", self.kind);
        assert!(failed.stderr.ends_with(&format!("hint: {hint}\n")), "{}", failed.stderr);
        options_are_known(&hint, self.args[0]);
        for Followed { args, input, right } in &self.followed {
            let outcome = run_piped(args, input);
            if *right {
                assert_eq!(outcome.text(), TRUTH, "{args:?}: {hint}");
            } else {
                assert!(outcome.stdout.is_empty() && outcome.code == Some(3), "{args:?} gave a list: {hint}");
            }
        }
    }
}

/// No hint names an option that its command lacks.
fn options_are_known(hint: &str, command: &str) {
    let help = run([command, "--help"]).text();
    for option in hint.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(|word| word.starts_with("--")) {
        assert!(help.contains(option), "{command} has no {option}: {hint}");
    }
}

fn cases() -> Vec<Case> {
    let bits = truth();
    let text = bits.base64();
    let plain = &["extents", "--virtual-size", SIZE][..];
    let from = |encoding| ["extents", "--virtual-size", SIZE, "--from", encoding];
    let [as_log, as_msb0, as_lsb0, as_bits] = ["cbtlog", "raw-msb0", "raw-lsb0", "bits"].map(from);
    let log = bits.cbtlog(2_621_440, 1);
    let url_safe = Bits([vec![true; 40], vec![false; 8]].concat()).base64().replace('/', "_");
    let cut = |bytes: &[u8], len| bytes[..len].to_vec();
    let replaced = |at: usize, byte: u8| {
        let mut damaged = text.clone().into_bytes();
        damaged[at] = byte;
        damaged
    };
    let mut half_log = log.clone();
    half_log[32] = 0;
    let mut odd_flag = log.clone();
    odd_flag[32] = 7;
    let mut no_size = log.clone();
    no_size[40..48].fill(0);
    let mut damaged_bits = bits.text().into_bytes();
    damaged_bits[20] = b'2';
    // Blocks of 16 KiB: four bits for each of 64 KiB.
    let finer: Vec<bool> = bits.0.iter().flat_map(|&bit| [bit; 4]).collect();
    let csv = "offset,length\n131072,65536\n2555904,65536\n";
    let rbd =
        r#"[{"offset":131072,"length":65536,"exists":"true"},{"offset":2555904,"length":65536,"exists":"false"}]"#;
    let from_rbd = ["extents", "--from", "rbd", "--context", "from-snap"];
    let coarser: Vec<bool> = bits.0.chunks(2).map(|pair| pair.contains(&true)).collect();
    vec![
        case("invalid-symbol", plain, &url_safe, "standard one").refused(plain, url_safe.replace('_', "/")),
        case("invalid-symbol", plain, format!("<value>{text}</value>"), "only the string").right(plain, &text),
        case("invalid-symbol", plain, format!("{{\"result\":\"{text}\"}}"), "only the string").right(plain, &text),
        case("invalid-symbol", plain, format!("\u{feff}{text}"), "plain ASCII").right(plain, &text),
        case("invalid-symbol", plain, replaced(3, b'!'), "full backup"),
        // Binary data: the wrong kind of it is refused by its length.
        case("invalid-symbol", plain, &log, "--from cbtlog")
            .right(&as_log, &log)
            .refused(&as_msb0, &log)
            .refused(&as_lsb0, &log),
        case("invalid-symbol", plain, bits.msb0(), "--from raw-msb0")
            .right(&as_msb0, bits.msb0())
            .refused(&as_log, bits.msb0()),
        case("invalid-symbol", plain, bits.lsb0(), "raw-lsb0").right(&as_lsb0, bits.lsb0()),
        case("invalid-bit", &as_bits, &text, "leave out --from").right(plain, &text),
        case("invalid-bit", &as_bits, &damaged_bits, "full backup").refused(plain, &damaged_bits),
        case("misplaced-padding", plain, format!("{text}{text}"), "one answer").right(plain, &text),
        case("missing-padding", plain, cut(text.as_bytes(), 7), "full backup").right(plain, &text),
        case("incomplete-group", plain, cut(text.as_bytes(), 5), "full backup").right(plain, &text),
        case("trailing-bits", plain, replaced(6, b'F'), "full backup").right(plain, &text),
        case("empty", plain, "", "full backup"),
        case("not-a-bitmap", plain, "null\n", "full backup"),
        case("not-a-bitmap", &["extents"], bits.text(), "--from bits").right(&as_bits, bits.text()),
        case("too-short", plain, "AAAA", "full backup"),
        case("too-long", plain, Bits(vec![false; 256]).base64(), "full backup"),
        // Other block sizes are tried as the hint says; one that was cut cannot be told, and the hint says so.
        case(
            "too-long",
            plain,
            Bits(finer.clone()).base64(),
            "only if its storage is known to track blocks of 16384 bytes",
        )
        .right(&["extents", "--virtual-size", SIZE, "--block-size", "16k"], Bits(finer).base64()),
        case("too-short", plain, Bits(coarser.clone()).base64(), "--block-size 128k"),
        case("unknown-block-size", &["extents", "--virtual-size", "1M", "--block-size", "auto"], "gAAAAA==", "64k"),
        case(
            "unknown-block-size",
            &["extents", "--virtual-size", SIZE, "--block-size", "auto"],
            "A".repeat(40),
            "full",
        ),
        case("no-virtual-size", &["extents", "--block-size", "auto"], &text, "--virtual-size")
            .right(&["extents", "--block-size", "auto", "--virtual-size", SIZE], &text)
            .right(&["extents", "--block-size", "64k"], &text),
        case("block-beyond-end", &["extents", "--virtual-size", "2555904"], &text, "full backup"),
        case("header-too-short", &as_log, &text, "leave out --from").right(plain, &text),
        case("header-too-short", &as_log, cut(&log, 47), "full backup").refused(plain, cut(&log, 47)),
        case("consistent-flag", &as_log, &odd_flag, "full backup").refused(plain, &odd_flag),
        case("header-virtual-size", &as_log, &no_size, "full backup"),
        case("inconsistent", &as_log, &half_log, "full backup").right(&as_log, &log),
        case("virtual-size-mismatch", &["extents", "--from", "cbtlog", "--virtual-size", "1T"], &log, "full backup")
            .right(&["extents", "--from", "cbtlog"], &log),
        case("block-size-mismatch", &["extents", "--from", "cbtlog", "--block-size", "4k"], &log, "--block-size")
            .right(&["extents", "--from", "cbtlog"], &log),
        // Lists that are taken for the call's answer.
        case("invalid-symbol", plain, TRUTH, "--from text").right(&from("text"), TRUTH),
        case("invalid-symbol", plain, csv, "or csv").right(&from("csv"), csv).refused(&from("text"), csv),
        case("invalid-symbol", plain, rbd, "which it is").right(&from_rbd, rbd).refused(&from("json"), rbd),
        case("invalid-symbol", plain, b"QFI\xfb\0\0\0\x03", "--from qcow2"),
        case("empty-list", &["extents", "--from", "text"], "", "allow an empty list by --allow-empty"),
        case("list", &["extents", "--from", "text"], &text, "full backup").right(plain, &text),
        case("list", &["extents", "--from", "text"], "8 1\n0 1\n", "sort it"),
        case("usage", &["extents", "--virtual-size", SIZE, "--length", "0"], &text, "leave it out").right(plain, &text),
        case("usage", &["extents", "--virtual-size", SIZE, "--offset", "1T"], &text, "right disk"),
    ]
}

/// Kinds that no input of the command gives, and the tests that have them.
const ELSEWHERE: [(&str, &str); 15] = [
    ("offset-overflow", "2 GiB of bitmap: an_offset_beyond_64_bits_is_refused in extents.rs"),
    ("block-size", "refused as an option, by the message itself"),
    ("virtual-size", "refused as an option, by the message itself"),
    ("unknown-encoding", "refused as an option, by the message itself"),
    ("length-mismatch", "of the library's set algebra only"),
    ("unequal-block-sizes", "of the library's set algebra only"),
    ("byte-range", "of the library's shapes only"),
    ("unknown-tier", "of the environment: inputs.rs"),
    ("unavailable-tier", "of the environment: inputs.rs"),
    ("shrunk", "a file that changes while it is read: the library's files.rs"),
    ("grown", "a file that changes while it is read: the library's files.rs"),
    ("changed", "a file that changes while it is read: the library's files.rs"),
    ("out-of-memory", "of a machine with little memory: memory.rs"),
    ("read", "what the system says: errors.rs"),
    ("image-limit", "of a size that is given, by the message itself: round_trips.rs"),
];

#[test]
fn every_hint_leads_to_the_right_list_or_to_a_refusal() {
    let mut seen = BTreeSet::new();
    for case in cases() {
        case.check();
        seen.insert(case.kind);
    }
    let table = include_str!("../../../../src/error_table.md");
    let kinds = table.lines().filter_map(|line| line.strip_prefix("| [`")?.split('`').nth(2));
    for kind in kinds {
        let elsewhere = ELSEWHERE.iter().any(|(name, _)| *name == kind);
        assert!(seen.contains(kind) != elsewhere, "{kind} has a case, or a reason to have none");
    }
}

const DISK: &str = "11111111-1111-1111-1111-111111111111";
const OLDER: &str = "22222222-2222-2222-2222-222222222222";
const NEWER: &str = "33333333-3333-3333-3333-333333333333";
const OTHER: &str = "44444444-4444-4444-4444-444444444444";

/// A folder of logs: the disk, and two snapshots of it, between which blocks 2 and 39 were written.
struct Logs(Scratch);

impl Logs {
    fn new() -> Self {
        let logs = Self(Scratch::new());
        logs.store(&["create", DISK, "--virtual-size", SIZE]).text();
        logs.store(&["snapshot", DISK, OLDER]).text();
        logs.store(&["mark", DISK, "--offset", "128k", "--length", "1"]).text();
        logs.store(&["mark", DISK, "--offset", "2560000", "--length", "1"]).text();
        logs.store(&["snapshot", DISK, NEWER]).text();
        logs
    }

    /// `cbt store` with the folder as its first argument.
    fn store(&self, args: &[&str]) -> Run {
        run(["store", args[0], self.0.path().to_str().expect("text")].iter().chain(&args[1..]))
    }

    fn list(&self, from: &str, to: &str) -> Run {
        self.list_as(from, to, "text")
    }

    fn list_as(&self, from: &str, to: &str, output: &str) -> Run {
        run(["list-changed-blocks", "--store", self.0.path().to_str().expect("text"), "--output", output, from, to])
    }

    /// The hint of a listing that fails in that way.
    fn hint(&self, from: &str, to: &str, kind: &str) -> String {
        let code = self.list(from, to).code.expect("it ends");
        let failure = self.list_as(from, to, "json").json_failure(code);
        assert_eq!(failure.error, kind, "{}", failure.message);
        let hint = failure.hint.unwrap_or_else(|| panic!("{kind}: no hint"));
        options_are_known(&hint, "list-changed-blocks");
        hint
    }

    /// The hint of a change that fails.
    fn hint_of(&self, args: &[&str]) -> String {
        let said = self.store(args).failure(2);
        let hint = said.split("hint: ").nth(1).unwrap_or_else(|| panic!("no hint: {said}")).to_owned();
        options_are_known(&hint, "store");
        hint
    }
}

#[test]
fn every_hint_on_a_chain_leads_to_the_right_list_or_to_a_refusal() {
    let good = Logs::new();
    assert_eq!(good.list(OLDER, NEWER).text(), TRUTH);
    assert!(good.hint(OLDER, OLDER, "same").contains("two snapshots of the same disk"));
    assert!(good.hint(NEWER, OLDER, "unrelated").contains("older one first"));
    for (from, to) in [(OTHER, NEWER), (OLDER, OTHER)] {
        assert!(good.hint(from, to, "missing").contains("full backup"));
    }

    // In use, and then a snapshot is taken, as the hint says.
    let logs = Logs::new();
    logs.store(&["mark", DISK, "--offset", "0", "--length", "1"]).text();
    logs.store(&["set", DISK, "--consistent", "false"]).text();
    let hint = logs.hint(OLDER, DISK, "in-use");
    assert!(hint.contains("take a snapshot") && hint.contains("full backup"), "{hint}");
    logs.store(&["snapshot", DISK, OTHER]).text();
    assert_eq!(logs.list(OLDER, OTHER).text(), format!("0 65536\n{TRUTH}"));

    // Refused, whichever way it is asked: only a full backup is left.
    let logs = Logs::new();
    logs.store(&["set", NEWER, "--consistent", "false"]).text();
    assert!(logs.hint(OLDER, DISK, "not-consistent").contains("full backup"));
    let logs = Logs::new();
    logs.store(&["set", NEWER, "--child", "none"]).text();
    assert!(logs.hint(OLDER, DISK, "unrelated").contains("full backup"));
    let logs = Logs::new();
    logs.store(&["set", NEWER, "--virtual-size", "1G"]).text();
    assert!(logs.hint(OLDER, DISK, "chain-shrunk").contains("full backup"));
    let logs = Logs::new();
    logs.store(&["set", DISK, "--child", OLDER]).text();
    logs.store(&["set", OLDER, "--parent", DISK]).text();
    assert!(logs.hint(NEWER, OTHER, "missing").contains("full backup"));
    logs.store(&["create", OTHER, "--virtual-size", SIZE]).text();
    assert!(logs.hint(NEWER, OTHER, "circle").contains("full backup"));

    // Changes to logs.
    let logs = Logs::new();
    assert!(logs.hint_of(&["mark", OTHER, "--offset", "0", "--length", "1"]).contains("right folder"));
    assert!(logs.hint_of(&["mark", DISK, "--offset", "1G", "--length", "1"]).contains("set its size first"));
    logs.store(&["set", DISK, "--virtual-size", "2G"]).text();
    logs.store(&["mark", DISK, "--offset", "1G", "--length", "1"]).text();
    assert_eq!(logs.list(NEWER, DISK).text(), "1073741824 65536\n");
    assert!(logs.hint_of(&["create", DISK, "--virtual-size", "1M"]).contains("another UUID"));
    assert!(logs.hint_of(&["create", OTHER, "--virtual-size", "8E"]).contains("size right"));
    assert!(logs.hint_of(&["set", DISK, "--virtual-size", "1M"]).contains("size right"));
    logs.store(&["set", OLDER, "--parent", OTHER]).text();
    assert!(logs.hint_of(&["snapshot", DISK, OTHER]).contains("another UUID"));
}
