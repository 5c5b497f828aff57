//! One judgement on one store: of the list, of the drawing of the chain, and of the server.

use std::fs;

use serde_json::{Value, json};

use crate::common::served::{PASSWORD, Served};
use crate::common::{Bits, Run, Scratch, cbt, run};

const BLOCK: u64 = 65_536;

fn id(number: u8) -> String {
    let pair = format!("{number:02x}");
    let [a, b, c] = [pair.repeat(4), pair.repeat(2), pair.repeat(6)];
    format!("{a}-{b}-{b}-{b}-{c}")
}

/// The log of a disk of 20 blocks: its number, its parent's, its child's, and the block that changed.
#[derive(Clone, Copy)]
struct Log {
    number: u8,
    parent: u8,
    child: u8,
    block: usize,
    consistent: i32,
    blocks: usize,
    /// How many bytes of the file are there.
    len: usize,
}

const fn log(number: u8, parent: u8, child: u8) -> Log {
    Log { number, parent, child, block: number as usize, consistent: 1, blocks: 20, len: usize::MAX }
}

impl Log {
    const fn open(self) -> Self {
        Self { consistent: 0, ..self }
    }

    const fn of(self, blocks: usize) -> Self {
        Self { blocks, ..self }
    }

    const fn cut(self, len: usize) -> Self {
        Self { len, ..self }
    }

    fn write(&self, scratch: &Scratch) {
        let mut bits = Bits(vec![false; self.blocks]);
        bits.0[self.block] = true;
        let mut file = bits.cbtlog(self.blocks as u64 * BLOCK, self.consistent);
        file[..16].fill(self.parent);
        file[16..32].fill(self.child);
        file.truncate(self.len);
        scratch.file(&format!("{}.cbtlog", id(self.number)), file);
    }
}

/// A store, the disks to ask for, the exit code and the kind of the list, the exit code of the chain, and a word of what
/// that says.
type Case = (&'static str, Vec<Log>, (u8, u8), (i32, &'static str), i32, &'static str);

fn cases() -> Vec<Case> {
    let (one, two, three) = (log(1, 0, 2), log(2, 1, 3), log(3, 2, 0));
    let stray = [log(1, 0, 3), log(3, 1, 0)];
    vec![
        ("healthy", vec![one, two, three], (1, 3), (0, ""), 0, ""),
        ("inner log inconsistent", vec![one, two.open(), three], (1, 3), (3, "not-consistent"), 3, "not marked"),
        // Attached, it may be. Nothing is wrong, and it is busy.
        ("last log inconsistent", vec![one, two, three.open()], (1, 3), (4, "in-use"), 0, ", not consistent"),
        // The oldest log is part of no answer.
        ("oldest log inconsistent", vec![one.open(), two, three], (1, 3), (0, ""), 0, ", not consistent"),
        ("oldest bitmap damaged", vec![one.cut(49), two, three], (1, 3), (0, ""), 0, "do not need it"),
        ("other parent", vec![one, log(2, 9, 3), three], (1, 3), (3, "unrelated"), 3, "as its parent"),
        ("no parent", vec![one, log(2, 0, 3), three], (1, 3), (3, "unrelated"), 3, "names none as its parent"),
        ("smaller later log", vec![one, two, three.of(10)], (1, 3), (3, "chain-shrunk"), 3, "is smaller"),
        ("smaller and in use", vec![one, two, three.of(10).open()], (1, 3), (3, "chain-shrunk"), 3, "is smaller"),
        ("broken child", vec![one, log(2, 1, 9)], (1, 3), (3, "missing"), 3, "has no log"),
        ("broken before the newer", vec![one, log(2, 1, 9), log(3, 0, 0)], (1, 3), (3, "unrelated"), 3, "has no log"),
        ("circle", vec![one, log(2, 1, 1), log(3, 0, 0)], (1, 3), (3, "circle"), 3, "in this chain already"),
        ("damaged header", vec![one, two.cut(40), three], (1, 3), (3, "header-too-short"), 3, "40 bytes"),
        ("damaged flag", vec![one, Log { consistent: 7, ..two }, three], (1, 3), (3, "consistent-flag"), 3, "is 7"),
        ("damaged bitmap", vec![one, two.cut(50), three], (1, 3), (3, "too-short"), 3, "2 bytes"),
        ("stray", [&stray[..], &[log(2, 1, 3)]].concat(), (1, 3), (0, ""), 0, "deletion that was cut short"),
        (
            "stray inconsistent",
            [&stray[..], &[log(2, 1, 3).open()]].concat(),
            (1, 3),
            (3, "not-consistent"),
            3,
            "not marked",
        ),
        (
            "stray damaged",
            [&stray[..], &[log(2, 1, 3).cut(45)]].concat(),
            (1, 3),
            (3, "header-too-short"),
            3,
            "45 bytes",
        ),
        ("stray cut short", [&stray[..], &[log(2, 1, 3).cut(49)]].concat(), (1, 3), (3, "too-short"), 3, "1 bytes"),
        // Written twice before the disk's own was emptied: what is there twice hides nothing.
        ("snapshot cut short", vec![one, two, log(3, 1, 0)], (1, 3), (0, ""), 0, "names 01010101-"),
        ("joins", vec![one, two, three, log(6, 0, 3)], (6, 3), (3, "unrelated"), 3, "another one's child"),
    ]
}

#[test]
fn the_list_the_chain_and_the_server_judge_alike() {
    for (name, logs, (from, to), (code, kind), chain_code, said) in cases() {
        let scratch = Scratch::new();
        logs.iter().for_each(|log| log.write(&scratch));
        let folder = scratch.path().to_str().expect("text");
        let list = run(["list-changed-blocks", "--store", folder, &id(from), &id(to), "--output", "json"]);
        assert_eq!(list.code, Some(code), "{name}: {}", list.stderr);
        if code == 0 {
            let object: Value = serde_json::from_slice(&list.stdout).expect("JSON");
            let warnings: Vec<String> = list.stderr.lines().map(|line| member(line, "warning")).collect();
            let expected = (!warnings.is_empty()).then(|| json!(warnings));
            assert_eq!(object.get("warnings"), expected.as_ref(), "{name}");
        } else {
            assert_eq!(list.json_failure(code).error, kind, "{name}");
        }

        let drawn = run(["chain", folder]);
        let text = String::from_utf8(drawn.stdout).expect("text");
        assert_eq!(drawn.code, Some(chain_code), "{name}: {text}{}", drawn.stderr);
        assert!(text.contains(said), "{name}: {text}");
        assert_eq!(text.contains('!'), chain_code != 0, "{name}: {text}");

        check_json(name, &run(["chain", folder, "--output", "json"]), &logs, chain_code, said);

        let served = Served::new(scratch.path(), &["--read-only"]);
        let mut command = cbt(["list-changed-blocks", "--url", &served.url, &id(from), &id(to), "--output", "json"]);
        let asked: Run = command.env("CBT_PASSWORD", PASSWORD).output().expect("the command starts").into();
        // A disk that the pool does not have is another error, and the same consequence.
        assert_eq!(asked.code, Some(code), "{name}: {}", asked.stderr);
    }
}

fn member(line: &str, name: &str) -> String {
    let object: Value = serde_json::from_str(line).expect("an object a line");
    object[name].as_str().unwrap_or_else(|| panic!("no {name} in {line}")).to_owned()
}

/// The JSON of `chain` for each log, which agrees with the exit code.
fn check_json(name: &str, found: &Run, logs: &[Log], code: i32, said: &str) {
    assert_eq!(found.code, Some(code), "{name}: {}", found.stderr);
    let object: Value = serde_json::from_slice(&found.stdout).expect("JSON");
    let chains = object["chains"].as_array().expect("an array");
    let all: Vec<&Value> = chains.iter().flat_map(|chain| chain["logs"].as_array().expect("an array")).collect();
    assert_eq!(all.len(), logs.len(), "{name}");
    let problems_of = |value: &Value| value["problems"].as_array().expect("an array").clone();
    for log in logs {
        let uuid = id(log.number);
        let found = all.iter().find(|found| found["uuid"] == *uuid).expect("every log");
        assert!(found["path"].as_str().is_some_and(|path| path.ends_with(&format!("/{uuid}.cbtlog"))), "{name}");
        let uuid_or_null = |number| if number == 0 { Value::Null } else { json!(id(number)) };
        if log.len < 48 || log.consistent > 1 {
            assert!(found["parent"].is_null() && found["consistent"].is_null() && found["virtual_size"].is_null());
            assert_eq!(problems_of(found).len(), 1, "{name}");
            continue;
        }
        assert_eq!(found["parent"], uuid_or_null(log.parent), "{name}");
        assert_eq!(found["child"], uuid_or_null(log.child), "{name}");
        assert_eq!(found["consistent"], log.consistent == 1, "{name}");
        assert_eq!(found["virtual_size"], log.blocks as u64 * BLOCK, "{name}");
        let whole = log.len == usize::MAX;
        assert_eq!(found["changed_blocks"], if whole { json!(1) } else { Value::Null }, "{name}");
        assert_eq!(found["changed_bytes"], if whole { json!(BLOCK) } else { Value::Null }, "{name}");
    }
    let problems: Vec<Value> = chains.iter().chain(all.iter().copied()).flat_map(problems_of).collect();
    assert_eq!(problems.is_empty(), code == 0, "{name}: {problems:?}");
    for problem in &problems {
        let members: Vec<_> = problem.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(members, ["consequence", "error", "hint", "message"], "{name}");
        assert_eq!(problem["consequence"], "full-backup", "{name}");
    }
    let told = |text: &Value| text.as_str().is_some_and(|text| text.contains(said));
    if code != 0 {
        assert!(problems.iter().any(|problem| told(&problem["message"])), "{name}: {problems:?}");
        let line = found.stderr.strip_suffix('\n').expect("a line");
        assert_eq!(
            (member(line, "error"), member(line, "consequence")),
            ("chains".to_owned(), "full-backup".to_owned())
        );
    } else {
        assert_eq!(found.stderr, "", "{name}");
        let warned = object.get("warnings").is_some_and(|list| list.as_array().expect("an array").iter().any(told));
        assert_eq!(warned, !said.is_empty() && !said.contains(", not consistent"), "{name}");
    }
}

#[test]
fn everything_on_standard_error_is_json_where_json_is_asked_for() {
    let scratch = Scratch::new();
    [log(1, 0, 2), log(2, 1, 3).open(), log(3, 2, 0).open()].iter().for_each(|log| log.write(&scratch));
    let folder = scratch.path().to_str().expect("text");
    let list = ["list-changed-blocks", "--store", folder, &id(1), &id(3), "--allow-inconsistent", "--output"];
    for format in ["json", "ndjson"] {
        let found = run(list.iter().chain(&[format]));
        assert_eq!(found.code, Some(0), "{}", found.stderr);
        let warnings: Vec<_> = found.stderr.lines().map(|line| member(line, "warning")).collect();
        assert!(warnings.len() == 2 && warnings[0].contains(&id(2)) && warnings[1].contains(&id(3)), "{warnings:?}");
        if format == "json" {
            let object: Value = serde_json::from_slice(&found.stdout).expect("JSON");
            assert_eq!(object["warnings"], json!(warnings));
            assert_eq!(object["changed_blocks"], 2);
        }
    }
    // In a file, too, where the totals come first; and a list without any.
    let file = scratch.join("list.json");
    run(list.iter().chain(&["json", "-o", file.to_str().expect("text")]));
    let object: Value = serde_json::from_slice(&fs::read(&file).expect("written")).expect("JSON");
    assert_eq!(object["warnings"].as_array().map(Vec::len), Some(2));
    for (args, code, kind) in [
        (&["chain", folder, "--output", "json", "--nonsense"][..], 2, "usage"),
        (&["chain", "--output=json"], 2, "usage"),
        (&["chain", folder, "nonsense", "--output", "json"], 2, "usage"),
        (&["chain", folder, &id(9), "--output", "json"], 2, "usage"),
        (&["chain", "/nowhere", "--output", "json"], 1, "open"),
        (&["list-changed-blocks", "--store", "/nowhere", &id(1), &id(3), "--output", "json"], 1, "open"),
        (&["list-changed-blocks", "--output", "ndjson"], 2, "usage"),
    ] {
        assert_eq!(run(args).json_failure(code).error, kind, "{args:?}");
    }
    let empty = Scratch::new();
    let object: Value =
        serde_json::from_str(&run(["chain", empty.path().to_str().expect("text"), "--output", "json"]).text())
            .expect("JSON");
    assert_eq!(object["chains"], json!([]));
}
