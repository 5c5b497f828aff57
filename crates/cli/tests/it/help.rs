//! Help and version.

use crate::common::{Scratch, cbt, run};

const SUBCOMMANDS: [&str; 16] = [
    "extents",
    "blocks",
    "bits",
    "convert",
    "union",
    "intersect",
    "subtract",
    "xor",
    "compare",
    "check",
    "stats",
    "map",
    "list-changed-blocks",
    "chain",
    "store",
    "serve",
];

#[test]
fn help_of_each_subcommand_has_examples() {
    for subcommand in SUBCOMMANDS {
        for args in [[subcommand, "--help"], [subcommand, "-h"], ["help", subcommand]] {
            let help = run(args).text();
            assert!(help.contains(&format!("Usage: cbt {subcommand}")), "{help}");
            let examples = help.split("\nExamples:\n").nth(1).expect("a section of examples");
            assert!(examples.contains(&format!("cbt {subcommand}")), "{help}");
        }
    }
}

#[test]
fn help_lists_subcommands_examples_and_exit_codes() {
    for args in [&["--help"][..], &["-h"], &["help"]] {
        let help = run(args).text();
        for subcommand in SUBCOMMANDS {
            assert!(help.contains(&format!("  {subcommand} ")), "{help}");
        }
        assert!(help.contains("\nExamples:\n"), "{help}");
        let codes = help.split("Exit codes:").nth(1).expect("the exit codes");
        assert!(["0 ", "1 ", "2 ", "3 "].iter().all(|code| codes.contains(code)), "{help}");
    }
}

#[test]
fn help_names_every_option_of_the_contract() {
    let help = run(["extents", "--help"]).text();
    for option in [
        "--from",
        "--block-size",
        "--virtual-size",
        "--offset",
        "--length",
        "--output",
        "-o",
        "--threads",
        "--allow-inconsistent",
        "--merge-gap",
        "--align",
        "--max-extents",
        "--invert",
        "--max-extent",
        "--limit",
        "base64",
        "raw-msb0",
        "raw-lsb0",
        "cbtlog",
        "bits",
        "text",
        "human",
        "json",
        "ndjson",
        "csv",
    ] {
        assert!(help.contains(option), "{option} is missing:\n{help}");
    }
}

/// A list handed to a tool that takes gaps for zeros costs what is unchanged: help says what a gap means.
#[test]
fn help_says_what_a_gap_means() {
    for subcommand in ["extents", "union", "list-changed-blocks"] {
        // However wide the terminal is.
        let help = run([subcommand, "--help"]).text().split_whitespace().collect::<Vec<_>>().join(" ");
        let said = "list names changed ranges only; a gap means \"unchanged\", never \"zeros\".";
        assert!(help.contains(said), "{help}");
        assert!(help.contains("docs/recipes.md"), "{help}");
    }
    for subcommand in SUBCOMMANDS {
        let help = run([subcommand, "--help"]).text().to_lowercase();
        for other in ["nbdkit", "extentlist", "mapfile", "ddrescue", "qemu"] {
            let says_how = help.contains("docs/formats.md");
            assert!(!help.contains(other) || says_how, "{subcommand} claims to be of use to {other}:\n{help}");
        }
    }
}

#[test]
fn help_fits_a_terminal() {
    for subcommand in SUBCOMMANDS {
        let help = run([subcommand, "--help"]).text();
        let widest = help.lines().map(|line| line.chars().count()).max();
        assert!(widest.is_some_and(|widest| widest <= 110), "{widest:?} columns:\n{help}");
    }
}

/// Each example of a file is run for what can be run here: the options must at least be known.
#[test]
fn examples_can_be_typed_as_they_stand() {
    for subcommand in SUBCOMMANDS {
        let help = run([subcommand, "--help"]).text();
        let examples = help.split("\nExamples:\n").nth(1).expect("a section of examples");
        let examples = examples.replace("\\\n    ", "");
        let commands = examples.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        let mut found = 0;
        for command in commands.flat_map(|line| line.split(" | ")).filter_map(|part| part.trim().strip_prefix("cbt ")) {
            found += 1;
            // The files are not there, so nearly all must fail, but not because of their options. Each has a folder of
            // its own: one makes what the next must not find.
            let folder = Scratch::new();
            let run = cbt(command.split(' ')).current_dir(folder.path()).output().expect("the command starts");
            let run = crate::common::Run::from(run);
            // Of a comparison, that is also the code for files that are not there.
            let is_missing = ["compare", "check"].contains(&subcommand) && run.stderr.contains("No such file");
            assert!(run.code != Some(2) || is_missing, "{command}: {}", run.stderr);
            assert!(!run.stderr.contains("Usage"), "{command}: {}", run.stderr);
        }
        assert!(found > 0, "no example of {subcommand}");
    }
}

#[test]
fn version() {
    for option in ["--version", "-V"] {
        assert_eq!(run([option]).text(), format!("cbt {}\n", env!("CARGO_PKG_VERSION")));
    }
}
