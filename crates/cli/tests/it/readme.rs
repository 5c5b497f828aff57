//! The examples of the README, of the guide and of the pages on reads and on pictures, typed as they stand: each `console`
//! block is run in order, in one folder a document that holds nothing but `tests/data`, and its output compared; the `cbt`
//! commands of `sh` blocks must at least be understood.

#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::{Scratch, data, program, run};

const README: &str = include_str!("../../../../README.md");
const GUIDE: &str = include_str!("../../../../docs/guide.md");
const READS: &str = include_str!("../../../../docs/reads.md");
const MAP: &str = include_str!("../../../../docs/map.md");
const FORMATS: &str = include_str!("../../../../docs/formats.md");

/// The text of all fenced blocks of that language, in order.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        let Some(found) = line.strip_prefix("```") else { continue };
        let block: Vec<_> = lines.by_ref().take_while(|&line| line != "```").collect();
        if found == language {
            blocks.push(block.join("\n"));
        }
    }
    assert!(!blocks.is_empty(), "no block of {language}");
    blocks
}

/// Commands of one block, and the lines that stand below each.
fn steps(block: &str) -> Vec<(String, Vec<&str>)> {
    let mut steps: Vec<(String, Vec<&str>)> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push((command.to_owned(), Vec::new())),
            (None, Some((command, expected))) if expected.is_empty() && command.ends_with('\\') => {
                command.push('\n');
                command.push_str(line);
            }
            (None, Some((_, expected))) => expected.push(line),
            (None, None) => panic!("output without a command: {line}"),
        }
    }
    steps
}

/// Whether a line is the expected one; `…` at the end of that stands for any rest.
fn line_matches(expected: &str, found: &str) -> bool {
    expected.strip_suffix('…').map_or(expected == found, |start| found.starts_with(start))
}

/// Whether lines are the expected ones; a line `[…]` stands for any number of lines.
fn lines_match(expected: &[&str], found: &[&str]) -> bool {
    match (expected, found) {
        ([], []) => true,
        (["[…]", rest @ ..], _) => (0..=found.len()).any(|skipped| lines_match(rest, &found[skipped..])),
        ([line, expected @ ..], [first, found @ ..]) => line_matches(line, first) && lines_match(expected, found),
        _ => false,
    }
}

/// A new folder with `tests/data`, in which the command is found as `cbt`.
struct Folder {
    scratch: Scratch,
    bin: Scratch,
}

impl Folder {
    fn new() -> Self {
        let folder = Self { scratch: Scratch::new(), bin: Scratch::new() };
        symlink(program(), folder.bin.join("cbt")).expect("an empty folder");
        std::fs::create_dir(folder.scratch.join("tests")).expect("an empty folder");
        let all = data("").canonicalize().expect("the real bitmaps");
        symlink(all, folder.scratch.join("tests/data")).expect("an empty folder");
        folder
    }

    fn shell(&self, script: &str) -> Command {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.bin.path().to_owned()).chain(std::env::split_paths(&path));
        let path = std::env::join_paths(folders).expect("no colon in the name of a temporary folder");
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(self.scratch.path()).env("PATH", path).env_remove("CBT_PASSWORD");
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }

    /// Runs a command with `$?` as the one before left it; gives its exit code and all that a terminal would show.
    fn run(&self, status: i32, command: &str) -> (i32, String) {
        let output = self.shell(&format!("exec 2>&1\n(exit {status})\n{command}")).output().expect("there is sh");
        (output.status.code().expect("not killed"), String::from_utf8(output.stdout).expect("text"))
    }

    /// Starts a server at a port that is free here, reads as many lines as are expected, and stops it. The port that
    /// the README shows takes the place of that one.
    fn serve(&self, command: &str, lines: usize) -> String {
        let mut child = self.shell(&format!("exec {command} --listen 127.0.0.1:0")).spawn().expect("there is sh");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let found: Vec<_> = output.lines().take(lines).map(|line| line.expect("text")).collect();
        child.kill().expect("a child of this process");
        child.wait().expect("it was killed");
        let port = found.first().and_then(|line| line.rsplit(':').next()).expect("the address comes first").to_owned();
        found.join("\n").replacen(&port, "8080", 1)
    }
}

#[test]
fn console_blocks_print_what_stands_below() {
    for document in [README, GUIDE, READS, MAP, FORMATS] {
        let folder = Folder::new();
        for block in blocks(document, "console") {
            let mut status = 0;
            for (command, expected) in steps(&block) {
                let found;
                (status, found) = if command.starts_with("cbt serve ") {
                    (0, folder.serve(&command, expected.len()))
                } else {
                    folder.run(status, &command)
                };
                let lines: Vec<_> = found.lines().collect();
                let expected_text = expected.join("\n");
                assert!(lines_match(&expected, &lines), "$ {command}\n{found}\nbut there stands\n{expected_text}");
            }
        }
    }
}

/// The commands that start `cbt`, also from a clone, with something in place of what the README leaves out.
fn cbt_commands(block: &str) -> Vec<Vec<String>> {
    let uuids = ["0f0e4c6a-52b1-4c7e-9d3a-1f6f0c1d2e3f", "7c1d9a02-3e4f-4a5b-8c6d-2b7e8f901a2b"];
    let block = block.replace("\\\n", " ");
    let block = block.replace("5F:0A:…", &["5F"; 32].join(":"));
    let block = block.replace("from-uuid=…", &format!("from-uuid={}", uuids[0]));
    let block = block.replace("to-uuid=…", &format!("to-uuid={}", uuids[1]));
    let commands = block.lines().flat_map(|line| line.split(" # ").next().expect("a part").split(" | "));
    let arguments = commands.filter_map(|command| {
        let command = command.trim();
        command.strip_prefix("cbt ").or_else(|| command.strip_prefix("cargo run --release -- "))
    });
    arguments.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

/// Hosts that are not there cannot be asked, but what is asked for has to be something that the command knows.
#[test]
fn commands_for_hosts_are_understood() {
    let mut found = 0;
    let folder = Folder::new();
    let blocks = [blocks(README, "sh"), blocks(GUIDE, "sh")].concat();
    for arguments in blocks.iter().flat_map(|block| cbt_commands(block)) {
        found += 1;
        let quoted: Vec<_> = arguments.iter().map(|argument| format!("'{argument}'")).collect();
        let (status, output) = folder.run(0, &format!("cbt {} </dev/null", quoted.join(" ")));
        assert_ne!(status, 2, "cbt {arguments:?}\n{output}");
    }
    assert!(found >= 3, "{found} commands");
}

#[test]
fn first_command_prints_as_many_lines_as_the_readme_says() {
    let text = run(["extents".as_ref(), data("database-hour.b64").as_os_str()]).text();
    let lines: Vec<_> = text.lines().collect();
    let (first, last) = (lines[0], lines[lines.len() - 1]);
    let (thousands, rest) = (lines.len() / 1000, lines.len() % 1000);
    let sentence = format!("prints {thousands},{rest:03} lines, from `{first}` to `{last}`");
    assert!(README.contains(&sentence), "the README does not say: {sentence}");
}

/// Examples that the library's own documentation tests cannot run are lines of one that is compiled.
#[test]
fn example_of_the_client_is_that_of_its_documentation() {
    let documentation = include_str!("../../../xapi/src/client/mod.rs");
    for line in blocks(README, "rust,ignore").iter().flat_map(|block| block.lines()).filter(|line| !line.is_empty()) {
        assert!(documentation.contains(&format!("//! {line}\n")), "{line}");
    }
}

/// A newcomer reads it in five minutes.
#[test]
fn readme_has_at_most_1300_words() {
    let words = README.split_whitespace().count();
    assert!(words <= 1300, "{words} words");
}

/// Links of all documents lead to something.
#[test]
fn linked_files_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let documents = [root.clone(), root.join("docs")].map(|folder| std::fs::read_dir(folder).expect("a folder"));
    let mut read = 0;
    for path in documents.into_iter().flatten().map(|entry| entry.expect("an entry").path()) {
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        read += 1;
        let text = std::fs::read_to_string(&path).expect("text");
        let folder = path.parent().expect("a folder");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let leads_somewhere = target.starts_with("http") || target.is_empty() || folder.join(target).exists();
            assert!(leads_somewhere, "{}: {target}", path.display());
        }
    }
    assert!(read >= 10, "{read} documents");
}

#[test]
fn left_out_lines_and_rests_are_told_apart_from_others() {
    assert!(lines_match(&["a", "[…]", "z"], &["a", "z"]));
    assert!(lines_match(&["a", "[…]", "z"], &["a", "b", "z", "z"]));
    assert!(lines_match(&["password …"], &["password 4f1c"]));
    for found in [&["a"][..], &["a", "z", "y"], &["b", "z"]] {
        assert!(!lines_match(&["a", "[…]", "z"], found), "{found:?}");
    }
    assert!(!lines_match(&["a"], &[]));
    assert!(!lines_match(&[], &["a"]));
    assert!(!lines_match(&["password …"], &["user root"]));
}
