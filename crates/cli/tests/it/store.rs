//! `cbt list-changed-blocks --store` and `cbt chain`: the call over a folder of logs.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::common::{Bits, Scratch, ranges_as_text, run};

const BLOCK: u64 = 65_536;

fn id(number: u8) -> String {
    let pair = format!("{number:02x}");
    let [a, b, c] = [pair.repeat(4), pair.repeat(2), pair.repeat(6)];
    format!("{a}-{b}-{b}-{b}-{c}")
}

/// A folder of logs: the number of each disk, its parent's, its child's, its flag, and what changed.
struct Store(Scratch);

impl Store {
    fn new() -> Self {
        Self(Scratch::new())
    }

    /// Three disks of 20 blocks, the last of them partial.
    fn example() -> Self {
        let store = Self::new();
        store.add(1, 0, 2, 1, "00000000 00000000 0001");
        store.add(2, 1, 3, 1, "01100000 00000000 0000");
        store.add(3, 2, 0, 1, "00100000 00000001 1001");
        store
    }

    fn path(&self, number: u8) -> PathBuf {
        self.0.join(&format!("{}.cbtlog", id(number)))
    }

    fn folder(&self) -> String {
        self.path(0).parent().expect("a folder").to_str().expect("text").to_owned()
    }

    fn add(&self, number: u8, parent: u8, child: u8, consistent: i32, bits: &str) {
        let bits = Bits::new(bits);
        let mut file = bits.cbtlog(bits.0.len() as u64 * BLOCK - 100, consistent);
        file[..16].fill(parent);
        file[16..32].fill(child);
        fs::write(self.path(number), file).expect("room");
    }

    fn list(&self, from: &str, to: &str, options: &[&str]) -> crate::common::Run {
        let folder = self.folder();
        run(["list-changed-blocks", "--store", &folder, from, to].iter().chain(options))
    }
}

#[test]
fn the_answer_of_the_call() {
    let store = Store::example();
    let bits = Bits::new("01100000 00000001 1001");
    let answer = bits.base64() + "\n";
    let (from, to) = (id(1), id(3));
    assert_eq!(store.list(&from, &to, &[]).text(), answer);
    let (named_from, named_to) = (format!("vdi-from-uuid={from}"), format!("vdi-to-uuid={to}"));
    for (first, second) in [
        (&named_from, &named_to),
        (&named_to, &named_from),
        (&from, &named_to),
        (&named_from, &to),
        (&from.to_uppercase(), &to),
    ] {
        assert_eq!(store.list(first, second, &[]).text(), answer, "{first} {second}");
    }
    assert_eq!(store.list(&from, &to, &["--threads", "1"]).text(), answer);
    let only = Bits::new("00100000 00000001 1001").base64() + "\n";
    assert_eq!(store.list(&id(2), &to, &[]).text(), only);
}

#[test]
fn lists_straight_away() {
    let store = Store::example();
    let (from, to, size) = (id(1), id(3), 20 * BLOCK - 100);
    let list = ranges_as_text(&Bits::new("01100000 00000001 1001").ranges(BLOCK, size));
    assert_eq!(store.list(&from, &to, &["--output", "text"]).text(), list);
    let json = store.list(&from, &to, &["--output", "json"]).text();
    let object: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((&object["virtual_size"], &object["changed_blocks"]), (&Value::from(size), &Value::from(5)));
    assert!(store.list(&from, &to, &["--output", "human"]).text().contains("5 changed blocks"));
    let window = store.list(&from, &to, &["--output", "text", "--offset", "64k", "--length", "64k"]).text();
    assert_eq!(window, "65536 65536\n");
    let file = store.0.join("list");
    let name = file.to_str().expect("text");
    assert_eq!(store.list(&from, &to, &["--output", "text", "-o", name]).text(), "");
    assert_eq!(fs::read_to_string(&file).expect("written"), list);
}

#[test]
fn each_failure_has_its_exit_code_and_hint() {
    let store = Store::example();
    store.add(4, 3, 9, 0, "1");
    store.add(5, 0, 0, 1, "1");
    for (from, to, code, kind, said) in [
        (1, 1, 2, "same", "both"),
        (3, 1, 3, "unrelated", "wrong order"),
        (7, 1, 3, "missing", "older"),
        (1, 7, 3, "missing", "newer"),
        (1, 5, 3, "unrelated", "no child"),
        (4, 5, 3, "unrelated", "has no log"),
    ] {
        let message = store.list(&id(from), &id(to), &[]).failure(code);
        assert!(message.contains(said) && message.contains("hint: "), "{message}");
        let failure = store.list(&id(from), &id(to), &["--output", "json"]).json_failure(code);
        assert_eq!(failure.error, kind);
    }
    // A disk that shrinks.
    store.add(3, 2, 4, 1, "00100000 00000001 1001");
    store.add(4, 3, 9, 1, "1");
    let message = store.list(&id(2), &id(4), &[]).failure(3);
    assert!(message.contains("65436 bytes") && message.contains("1310620"), "{message}");
    // In use: busy, unless that is accepted. No hint says so: changes may be missing then.
    store.add(4, 3, 9, 0, "10000000 00000000 0000");
    let message = store.list(&id(3), &id(4), &[]).failure(4);
    assert!(message.contains("in use") && !message.contains("--allow-inconsistent"), "{message}");
    let accepted = store.list(&id(3), &id(4), &["--allow-inconsistent"]);
    assert_eq!((accepted.code, &accepted.stdout[..]), (Some(0), b"gAAA\n".as_slice()));
    assert!(accepted.stderr.contains("warning") && accepted.stderr.contains(&id(4)), "{}", accepted.stderr);
    // Damage has a file and an offset.
    fs::write(store.path(2), [0; 47]).expect("room");
    let message = store.list(&id(1), &id(3), &[]).failure(3);
    assert!(message.contains(&id(2)) && message.contains("47 bytes"), "{message}");
}

#[test]
fn wrong_usage() {
    let store = Store::example();
    let folder = store.folder();
    let (from, to) = (id(1), id(3));
    let named = format!("vdi-from-uuid={from}");
    for args in [
        &["list-changed-blocks", "--store", &folder][..],
        &["list-changed-blocks", "--store", &folder, &from],
        &["list-changed-blocks", &from, &to],
        &["list-changed-blocks", "--store", &folder, &from, &to, &to],
        &["list-changed-blocks", "--store", &folder, "nonsense", &to],
        &["list-changed-blocks", "--store", &folder, &format!("uuid={from}"), &to],
        &["list-changed-blocks", "--store", &folder, &named, &named],
        &["list-changed-blocks", "--store", &folder, &from, &to, "--offset", "1"],
        &["chain"],
        &["chain", &folder, "nonsense"],
        &["chain", &folder, &id(9)],
    ] {
        run(args).failure(2);
    }
    for args in [&["list-changed-blocks", "--store", "/nowhere", &from, &to][..], &["chain", "/nowhere"]] {
        assert!(run(args).failure(1).contains("/nowhere"));
    }
}

#[test]
fn a_history_made_by_hand() {
    let store = Store::new();
    let folder = store.folder();
    let [disk, monday, tuesday] = [1, 2, 3].map(id);
    let change = |args: &[&str]| run(["store"].iter().chain(args));
    assert_eq!(change(&["create", &folder, &disk, "--virtual-size", "20M"]).text(), "");
    change(&["snapshot", &folder, &disk, &monday]).bytes();
    change(&["mark", &folder, &disk, "--offset", "1M", "--length", "128k"]).bytes();
    change(&["set", &folder, &disk, "--virtual-size", "21M", "--consistent", "false"]).bytes();
    change(&["snapshot", &folder, &disk, &tuesday]).bytes();
    change(&["mark", &folder, &disk, "--offset", "0x14F0000", "--length", "1"]).bytes();
    assert_eq!(store.list(&monday, &tuesday, &["--output", "text"]).text(), "1048576 131072\n");
    store.list(&monday, &disk, &[]).failure(4);
    change(&["set", &folder, &disk, "--consistent", "true"]).bytes();
    let both = "1048576 131072\n21954560 65536\n";
    assert_eq!(store.list(&monday, &disk, &["--output", "text"]).text(), both);
    change(&["delete", &folder, &tuesday]).bytes();
    assert_eq!(store.list(&monday, &disk, &["--output", "text"]).text(), both);
    change(&["set", &folder, &monday, "--child", "none"]).bytes();
    assert!(store.list(&monday, &disk, &[]).failure(3).contains("no child"));
    for (args, code) in [
        (&["create", &folder, &disk, "--virtual-size", "20M"][..], 2),
        (&["create", &folder, "nonsense", "--virtual-size", "20M"], 2),
        (&["mark", &folder, &tuesday, "--offset", "0", "--length", "1"], 2),
        (&["mark", &folder, &disk, "--offset", "21M", "--length", "1"], 2),
        (&["set", &folder, &disk, "--parent", "nonsense"], 2),
        (&["set", &folder, &disk, "--virtual-size", "1M"], 2),
        (&["delete", "/nowhere", &disk], 1),
        (&["create", "/proc", &disk, "--virtual-size", "20M"], 1),
    ] {
        change(args).failure(code);
    }
}

#[test]
fn tracking_begins_in_a_folder_that_is_made_for_it() {
    let scratch = Scratch::new();
    let folder = scratch.join("new").join("logs");
    let name = folder.to_str().expect("text");
    let [disk, snapshot] = [1, 2].map(id);
    // Only there: elsewhere it is a mistyped name.
    for args in [
        &["store", "snapshot", name, &disk, &snapshot][..],
        &["store", "mark", name, &disk, "--offset", "0", "--length", "1"],
        &["store", "set", name, &disk, "--consistent", "true"],
        &["store", "delete", name, &disk],
        &["chain", name],
    ] {
        assert!(run(args).failure(1).contains(name), "{args:?}");
        assert_eq!(scratch.names(), [""; 0], "{args:?}");
    }
    for uuid in [&disk, &snapshot] {
        assert_eq!(run(["store", "create", name, uuid, "--virtual-size", "20M"]).text(), "");
    }
    assert_eq!(fs::read_dir(&folder).expect("made").count(), 2);
    let file = scratch.file("file", "");
    let message = run(["store", "create", file.to_str().expect("text"), &disk, "--virtual-size", "20M"]).failure(1);
    assert!(message.contains("file"), "{message}");
}

#[test]
fn chains_are_drawn() {
    let store = Store::example();
    let folder = store.folder();
    let drawn = run(["chain", &folder]).text();
    let lines: Vec<_> = drawn.lines().collect();
    assert_eq!(lines.len(), 3, "{drawn}");
    for (line, (number, branch, blocks)) in
        lines.iter().zip([(1, "┌─", "1 block"), (2, "├─", "2 blocks"), (3, "└─", "4 blocks")])
    {
        assert!(line.starts_with(&format!("{branch} {} ", id(number))), "{drawn}");
        assert!(line.contains("1.25 MiB") && line.ends_with(&format!("changed in {blocks}")), "{drawn}");
    }
    store.add(5, 0, 0, 0, "1");
    assert!(run(["chain", &folder, &id(2)]).text() == drawn);
    let alone = run(["chain", &folder, &id(5)]).text();
    assert!(alone.starts_with(&format!("── {}", id(5))) && alone.contains("not consistent"), "{alone}");
    let empty = Scratch::new();
    let name = empty.join("").to_str().expect("text").to_owned();
    assert_eq!(run(["chain", &name]).text(), "no .cbtlog files\n");
}

#[test]
fn what_is_wrong_with_chains_is_said_with_what_to_do() {
    let store = Store::example();
    store.add(2, 9, 3, 0, "01100000 00000000 0000");
    store.add(3, 2, 8, 1, "00100000 00000001 1");
    // Two that lead in a circle, and two that lead to the same child.
    store.add(4, 5, 5, 1, "1");
    store.add(5, 4, 4, 1, "1");
    store.add(6, 0, 3, 1, "1");
    fs::write(store.path(7), [0; 10]).expect("room");
    let found = run(["chain", &store.folder()]);
    assert_eq!(found.code, Some(3), "{}", found.stderr);
    let drawn = String::from_utf8(found.stdout).expect("text");
    for said in [
        format!("{} is not marked as consistent", id(2)),
        format!("{} names {} as its parent, not {}", id(2), id(9), id(1)),
        format!("{} is smaller than the one before it", id(3)),
        format!("the child of the last one is {}, which has no log", id(8)),
        format!("the child of the last one is {}, which is in this chain already", id(4)),
        format!("the child of the last one is {}, which is another one's child, too", id(3)),
        "has 10 bytes, but its header alone has 48".to_owned(),
    ] {
        assert!(drawn.contains(&said), "{said}\n{drawn}");
    }
    let problems = drawn.lines().filter(|line| line.trim_start().starts_with('!')).count();
    assert!(found.stderr.contains(&format!("{problems} problems")), "{}\n{drawn}", found.stderr);
    assert!(drawn.matches("full backup").count() >= problems, "{drawn}");
}
