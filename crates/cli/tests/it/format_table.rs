//! The table of formats: what the page on formats and the help say of each, held against the library's table.

use changed_blocks::Encoding;
use changed_blocks::format::{FORMATS, Gaps};

use crate::common::run;

const PAGE: &str = include_str!("../../../../docs/formats.md");

fn row(name: &str, has: [bool; 4], gaps: &str) -> String {
    let [read, written, virtual_size, block_size] = has.map(|has| if has { "yes" } else { "–" });
    format!("| `{name}` | {read} | {written} | {virtual_size} | {block_size} | {gaps} |")
}

/// The rows of all formats.
fn rows() -> Vec<String> {
    let bitmap = |encoding: &Encoding| {
        let is_log = *encoding == Encoding::CbtLog;
        row(encoding.name(), [true, !is_log, is_log, false], "there are none")
    };
    let lists = FORMATS.iter().map(|format| {
        let gaps = match format.gaps {
            Gaps::Unchanged => "have not changed",
            Gaps::None => "there are none",
            Gaps::Zeros => "are zeros",
            Gaps::Unused => "are not used",
            other => panic!("{other:?} has no words on the page"),
        };
        let facts = [format.is_readable(), format.writer().is_some(), format.has_virtual_size, format.has_block_size];
        row(format.name, facts, gaps)
    });
    let image = row("qcow2", [true; 4], "there are none");
    let human = row("human", [false, true, true, false], "have not changed");
    Encoding::ALL.iter().map(bitmap).chain([image, human]).chain(lists).collect()
}

#[test]
fn the_page_has_a_row_for_each_format_with_its_facts() {
    let found: Vec<&str> =
        PAGE.lines().filter(|line| line.starts_with("| `") && line.split('|').count() == 8).collect();
    assert!(found == rows(), "the table is to be:\n{}", rows().join("\n"));
}

#[test]
fn help_names_each_format_with_its_summary() {
    let help = run(["convert", "--help"]).text();
    let (options, formats) = help.split_once("\nFormats, ").expect("a list of formats");
    let (from, output) = options.split_once(" --output <FORMAT>").expect("an option");
    let names = |text: &str| {
        let values =
            text.split_once("[possible values: ").and_then(|(_, rest)| rest.split_once(']')).expect("values").0;
        values.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>()
    };
    let (read, written) = (names(from), names(output));
    for format in FORMATS {
        let is_named = |names: &[String]| names.iter().any(|name| name == format.name);
        assert_eq!(is_named(&read), format.is_readable(), "{} in {read:?}", format.name);
        assert_eq!(is_named(&written), format.writer().is_some(), "{} in {written:?}", format.name);
        let [r, w] = [if format.is_readable() { 'r' } else { '-' }, if format.writer().is_some() { 'w' } else { '-' }];
        let line = format!("\n  {:<15} {r}{w}  {}\n", format.name, format.summary);
        assert!(formats.contains(&line), "{line:?} in {formats}");
    }
}

/// A terminal of 80 columns shows each line as a line.
#[test]
fn list_of_formats_fits_80_columns() {
    let help = run(["convert", "--help"]).text();
    let (_, formats) = help.split_once("\nFormats, ").expect("a list of formats");
    let widest = formats.lines().map(|line| line.chars().count()).max();
    assert!(widest.is_some_and(|widest| widest <= 80), "{widest:?} columns:\n{formats}");
}
