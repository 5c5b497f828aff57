//! The formats of `cbt extents`.

use serde_json::Value;

use crate::common::{Bits, Scratch, run_piped};

const FORMATS: [&str; 5] = ["text", "human", "json", "ndjson", "csv"];

/// Extents 65536..196608 and 1966080..2031617: a disk of 31 blocks and a byte.
fn example() -> (Bits, u64, [(u64, u64); 2]) {
    let bits = Bits::new("01100000 00000000 00000000 00000011");
    (bits, 31 * 65_536 + 1, [(65_536, 131_072), (1_966_080, 65_537)])
}

fn output(format: &str, options: &[&str]) -> String {
    let (bits, size, _) = example();
    let size = size.to_string();
    let args = ["extents", "--output", format, "--virtual-size", &size];
    run_piped(args.iter().chain(options), bits.base64()).text()
}

fn pair(value: &Value) -> (u64, u64) {
    assert_eq!(value.as_object().expect("an object").len(), 2, "{value}");
    (value["offset"].as_u64().expect("a number"), value["length"].as_u64().expect("a number"))
}

#[test]
fn text_is_the_default_and_plain_numbers() {
    let (bits, size, ranges) = example();
    let text = output("text", &[]);
    assert_eq!(run_piped(["extents", "--virtual-size", &size.to_string()], bits.base64()).text(), text);
    // Decimal numbers, one space, no comment, no blank line, a newline at the end of each.
    let lines: Vec<_> = text.split_terminator('\n').collect();
    assert!(text.ends_with('\n'));
    assert_eq!(lines.len(), 2);
    for (line, (offset, length)) in lines.iter().zip(ranges) {
        assert_eq!(*line, format!("{offset} {length}"));
    }
}

#[test]
fn json_is_one_object_with_sizes_totals_and_extents() {
    let (bits, size, ranges) = example();
    let text = output("json", &[]);
    let object: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(object.as_object().expect("an object").len(), 5);
    assert_eq!(object["block_size"], 65_536);
    assert_eq!(object["virtual_size"], size);
    assert_eq!(object["changed_blocks"], 4);
    assert_eq!(object["changed_bytes"], 131_072 + 65_537);
    assert_eq!(object["extents"].as_array().expect("an array").iter().map(pair).collect::<Vec<_>>(), ranges);
    assert!(text.ends_with("}\n"));
    // Members come in the order of the contract: totals before the list, for those who read no further.
    let places = ["block_size", "virtual_size", "changed_blocks", "changed_bytes", "extents"]
        .map(|name| text.find(&format!("\"{name}\"")).expect("there"));
    assert!(places.is_sorted(), "{text}");

    let object: Value =
        serde_json::from_str(&run_piped(["extents", "--output=json", "--block-size=4k"], bits.base64()).text())
            .expect("JSON");
    assert_eq!(object["block_size"], 4096);
    assert_eq!(object["virtual_size"], Value::Null, "it is not known");
    assert_eq!(object["changed_bytes"], 4 * 4096);
}

#[test]
fn ndjson_is_an_object_a_line() {
    let text = output("ndjson", &[]);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.iter().map(pair).collect::<Vec<_>>(), example().2);
    assert!(text.ends_with("}\n"));
}

#[test]
fn csv_has_a_header_line() {
    assert_eq!(output("csv", &[]), "offset,length\n65536,131072\n1966080,65537\n");
}

#[test]
fn human_has_columns_and_a_summary_line() {
    let text = output("human", &[]);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 4, "a header, two extents and a summary:\n{text}");
    let header = lines[0].to_lowercase();
    assert!(header.contains("offset") && header.contains("length"), "{text}");
    assert!(lines[1].contains("65536") && lines[1].contains("128.00 KiB"), "{text}");
    assert!(lines[2].contains("1966080"), "{text}");
    // The columns are aligned at their ends.
    assert!(lines[0].len() == lines[1].len() && lines[1].len() == lines[2].len(), "{text}");
    let summary = lines[3];
    assert!(summary.contains("2 extents") && summary.contains("4 changed blocks"), "{summary}");
    assert!(summary.contains("192.00 KiB"), "{summary}");
    // (131072 + 65537) / 2031617
    assert!(summary.contains("9.68 %"), "the share of the disk is missing: {summary}");

    let one = run_piped(["extents", "--output", "human"], "gAAAAA==").text();
    assert!(one.contains("1 extent,") && one.contains("1 changed block,"), "{one}");
}

#[test]
fn human_numbers_keep_their_columns_at_any_size() {
    // 2^33 blocks of 1 GiB would be the largest disk; a terabyte block map is enough to stretch the columns.
    let bits = Bits::scattered(100_000, 3, 4);
    let text = run_piped(["extents", "--output", "human", "--block-size", "1G"], bits.base64()).text();
    let lines: Vec<_> = text.lines().collect();
    let (summary, rows) = lines.split_last().expect("lines");
    assert!(rows.iter().all(|row| row.len() == rows[0].len()), "ragged columns");
    let extents = bits.ranges(1 << 30, u64::MAX).len();
    assert_eq!(rows.len(), extents + 1);
    assert!(summary.contains(&format!("{},{:03} extents", extents / 1000, extents % 1000)), "{summary}");
}

#[test]
fn nothing_changed_is_good_output_in_every_format() {
    let run_empty = |format| run_piped(["extents", "--output", format], "AAAAAA==").text();
    assert_eq!(run_empty("text"), "");
    assert_eq!(run_empty("ndjson"), "");
    assert_eq!(run_empty("csv"), "offset,length\n");
    let object: Value = serde_json::from_str(&run_empty("json")).expect("JSON");
    assert_eq!(object["extents"], Value::Array(Vec::new()));
    assert_eq!((&object["changed_blocks"], &object["changed_bytes"]), (&Value::from(0), &Value::from(0)));
    assert!(run_empty("human").lines().last().is_some_and(|summary| summary.contains("0 extents")));
}

#[test]
fn totals_are_those_of_the_window() {
    let text = output("json", &["--offset", "100000", "--length", "1"]);
    let object: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&object["changed_blocks"], &object["changed_bytes"]), (&Value::from(1), &Value::from(1)));
    assert_eq!(pair(&object["extents"][0]), (100_000, 1));
    assert_eq!(object["virtual_size"], example().1, "still the disk's, not the window's");
    let empty: Value = serde_json::from_str(&output("json", &["--length", "1"])).expect("JSON");
    assert_eq!((&empty["changed_blocks"], &empty["extents"]), (&Value::from(0), &Value::Array(Vec::new())));
}

#[test]
fn a_file_gets_the_same_bytes_as_standard_output() {
    let scratch = Scratch::new();
    let (bits, ..) = example();
    for format in FORMATS {
        let direct = run_piped(["extents", "--output", format], bits.base64()).bytes();
        let file = scratch.join(format);
        let name = file.to_str().expect("text");
        assert_eq!(run_piped(["extents", "--output", format, "-o", name], bits.base64()).bytes(), b"");
        assert_eq!(std::fs::read(&file).expect("written"), direct, "{format}");
        let again = scratch.join("long");
        let name = again.to_str().expect("text");
        assert_eq!(run_piped(["extents", "--output", format, "--output-file", name], bits.base64()).bytes(), b"");
        assert_eq!(std::fs::read(&again).expect("written"), direct, "{format}");
    }
}

#[test]
fn an_unknown_format_is_wrong_usage_that_names_the_known() {
    let message = run_piped(["extents", "--output", "xml"], "AAAA").failure(2);
    assert!(FORMATS.iter().all(|format| message.contains(format)), "{message}");
}
