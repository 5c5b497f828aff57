//! Every format through every command: what `--output` writes, `--from` reads back, and all commands take it alike.

use std::path::PathBuf;

use changed_blocks::Encoding;
use changed_blocks::format::{FORMATS, ListFormat, Needs, ReadOption};
use serde_json::Value;

use crate::common::{LongList, Run, Scratch, is_left_to_ci, one_in, run, run_piped, run_redirected};

const KIB: u64 = 1024;
/// The size of the disk, which each format can say.
const DISK: u64 = 1 << 30;
const SIZE: [&str; 2] = ["--virtual-size", "1G"];
/// Whole blocks of every format, up to the end of the disk.
const RANGES: [(u64, u64); 3] = [(512 * KIB, 512 * KIB), (2048 * KIB, 3072 * KIB), (DISK - 512 * KIB, 512 * KIB)];

fn list() -> String {
    crate::common::ranges_as_text(&RANGES)
}

/// All that may stand after `--from` or `--output`, with the facts about it, if it is a list.
fn names() -> impl Iterator<Item = (&'static str, Option<&'static ListFormat>)> {
    let bitmaps = Encoding::ALL.iter().map(|encoding| (encoding.name(), None));
    bitmaps.chain([("qcow2", None)]).chain(FORMATS.iter().map(|format| (format.name, Some(*format))))
}

fn writable() -> impl Iterator<Item = (&'static str, Option<&'static ListFormat>)> {
    names().filter(|(name, format)| *name != "cbtlog" && format.is_none_or(|format| format.writer().is_some()))
}

fn readable() -> impl Iterator<Item = (&'static str, Option<&'static ListFormat>)> {
    names().filter(|(_, format)| format.is_none_or(ListFormat::is_readable))
}

/// The options without which a sample is not read as a list of changes.
fn options(format: Option<&ListFormat>) -> Vec<&'static str> {
    let Some(format) = format else { return Vec::new() };
    let needed = |option: &ReadOption| match option {
        ReadOption::Since => &["--since", "3"][..],
        ReadOption::Context if format.name == "azure" => &["--context", "prevsnapshot"],
        ReadOption::Context if format.name == "csi" => &["--context", "GetMetadataDelta"],
        ReadOption::Context if format.name == "rbd" => &["--context", "from-snap"],
        ReadOption::Context if format.name == "vmware" => &["--context", "changeId"],
        ReadOption::Allocation if matches!(format.name, "qemu-map" | "xapi-intervals") => &["--allocation"],
        _ => &[],
    };
    format.options.iter().flat_map(needed).copied().collect()
}

/// `--from` and all that goes with it.
fn from(name: &'static str, format: Option<&ListFormat>) -> Vec<&'static str> {
    [&["--from", name][..], &options(format)].concat()
}

/// Runs the command with that input: an image is redirected, since it cannot come through a pipe.
fn run_with(name: &str, args: &[&str], input: &[u8]) -> Run {
    if name != "qcow2" {
        return run_piped(args, input);
    }
    let scratch = Scratch::new();
    run_redirected(args, &scratch.file("image", input))
}

/// Writes a list in a format.
fn converted(list: &str, name: &str) -> Vec<u8> {
    run_piped([&["convert", "--from", "text", "--allow-empty", "--output", name][..], &SIZE].concat(), list).bytes()
}

/// All of the disk in order: offset, length, and whether it changed.
fn covering(entry: impl Fn(u64, u64, bool) -> String, separator: &str) -> String {
    let (mut entries, mut end) = (Vec::new(), 0);
    for (offset, len) in RANGES {
        entries.extend([entry(end, offset - end, false), entry(offset, len, true)]);
        end = offset + len;
    }
    entries.join(separator)
}

/// The list in a format that is only read.
fn sample(name: &str) -> Vec<u8> {
    let each = |entry: &dyn Fn(u64, u64) -> String| RANGES.map(|(offset, len)| entry(offset, len)).concat();
    let text = match name {
        "cbtlog" => {
            let mut log = vec![0; 48];
            log[32] = 1;
            log[40..].copy_from_slice(&DISK.to_le_bytes());
            log.extend(converted(&list(), "raw-lsb0"));
            return log;
        }
        "blksnap" => {
            let changed =
                |block: u64| RANGES.iter().any(|(offset, len)| (*offset..offset + len).contains(&(block << 16)));
            return (0..DISK >> 16).map(|block| if changed(block) { 4 } else { 3 }).collect();
        }
        "rbd-v1" => {
            let mut bytes = b"rbd diff v1\nf\x01\0\0\0at\x01\0\0\0bs".to_vec();
            bytes.extend(DISK.to_le_bytes());
            for (offset, len) in RANGES {
                bytes.extend([&b"z"[..], &offset.to_le_bytes(), &len.to_le_bytes()].concat());
            }
            bytes.push(b'e');
            return bytes;
        }
        "imageio" => {
            let entry =
                |start, length, dirty| format!(r#"{{"start":{start},"length":{length},"dirty":{dirty},"zero":false}}"#);
            format!("[{}]", covering(entry, ","))
        }
        "nbdinfo" => {
            let entry = |offset, length, dirty| {
                let (kind, description) = if dirty { (1, "dirty") } else { (0, "clean") };
                format!(r#"{{"offset":{offset},"length":{length},"type":{kind},"description":"{description}"}}"#)
            };
            format!("[{}]", covering(entry, ","))
        }
        "qemu-map" => {
            let entry = |start, length, changed: bool| {
                let depth = u8::from(!changed);
                format!(
                    r#"{{"start":{start},"length":{length},"depth":{depth},"present":true,"zero":false,"data":true,"offset":7}}"#
                )
            };
            format!("[{}]", covering(entry, ",\n"))
        }
        "thin-delta" => {
            let entry = |offset, len| format!(r#"<different begin="{}" length="{}"/>"#, offset >> 16, len >> 16);
            format!(
                r#"<superblock uuid="" time="1" transaction="2" data_block_size="128" nr_data_blocks="16384"><diff left="1" right="2">{}</diff></superblock>"#,
                each(&entry)
            )
        }
        "azure" => {
            let entry =
                |start, len| format!("<PageRange><Start>{start}</Start><End>{}</End></PageRange>", start + len - 1);
            format!("<?xml version=\"1.0\"?><PageList>{}<NextMarker/></PageList>", each(&entry))
        }
        _ => panic!("there is no list in {name} here"),
    };
    text.into_bytes()
}

/// The list in every format that is read, with the options to read it.
fn inputs() -> Vec<(&'static str, Vec<&'static str>, Vec<u8>)> {
    let is_written = |name| writable().any(|(other, _)| other == name);
    let bytes = |name| if is_written(name) { converted(&list(), name) } else { sample(name) };
    readable().map(|(name, format)| (name, from(name, format), bytes(name))).collect()
}

fn files(scratch: &Scratch) -> Vec<(&'static str, Vec<&'static str>, PathBuf)> {
    inputs().into_iter().map(|(name, from, bytes)| (name, from, scratch.file(name, bytes))).collect()
}

#[test]
fn each_format_is_read_as_the_list_that_it_is() {
    let scratch = Scratch::new();
    for (name, from, path) in files(&scratch) {
        let path = path.to_str().expect("text");
        let bytes = std::fs::read(path).expect("there");
        for command in [&["extents"][..], &["convert", "--output", "text"]] {
            let args = [command, &from, &SIZE].concat();
            assert_eq!(run([&args[..], &[path]].concat()).text(), list(), "{name} from a file");
            assert_eq!(run_redirected(&args, &scratch.join(name)).text(), list(), "{name} as standard input");
            if name == "qcow2" {
                assert!(run_piped(&args, &bytes).failure(2).contains("to a file first"));
                continue;
            }
            assert_eq!(run_piped(&args, &bytes).text(), list(), "{name} from a pipe");
        }
        // A list is for one disk.
        let other = [&["extents", "--virtual-size", "2M"][..], &from, &[path]].concat();
        assert!(run(&other).failure(3).contains("hint: "), "{name}");
    }
}

#[test]
fn the_size_in_a_file_is_that_of_the_output() {
    let scratch = Scratch::new();
    for (name, from, path) in files(&scratch) {
        let format = FORMATS.iter().find(|format| format.name == name);
        let has_size = format.map_or(matches!(name, "cbtlog" | "qcow2"), |format| format.has_virtual_size);
        let path = path.to_str().expect("text");
        if !has_size {
            continue;
        }
        let json = [&["extents", "--output", "json"][..], &from].concat();
        let bytes = std::fs::read(path).expect("there");
        for text in [run([&json[..], &[path]].concat()).text(), run_with(name, &json, &bytes).text()] {
            let object: Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(object["virtual_size"], DISK, "{name}");
        }
        // So nothing else is needed for a bitmap, also beside another input.
        let bitmap = [&["convert", "--output", "raw-lsb0", "--block-size", "64k"][..], &from, &[path]].concat();
        assert!(run(&bitmap).bytes() == converted(&list(), "raw-lsb0"), "{name}");
        let short = scratch.file("short.txt", "0 65536\n");
        let both = ["--from", "text", path, short.to_str().expect("text")];
        let union = [&["union", "--output", "json"][..], &from, &both].concat();
        let object: Value = serde_json::from_str(&run(&union).text()).expect("JSON");
        assert_eq!((&object["virtual_size"], &object["changed_bytes"]), (&DISK.into(), &(4160 * KIB).into()), "{name}");
        let beyond = scratch.file("short.txt", format!("{DISK} 65536\n"));
        assert_eq!(beyond, short);
        assert!(run(&union).failure(3).contains("beyond the disk"), "{name}");
    }
}

#[test]
fn every_command_takes_every_format() {
    let scratch = Scratch::new();
    let text = scratch.file("list", list());
    let text = text.to_str().expect("text");
    let other = scratch.file("other", "0 524288\n2097152 1048576\n");
    let other = other.to_str().expect("text");
    let expected_of = |command: &[&str], rest: &[&str]| {
        run_piped([command, &SIZE, &["--from", "text", "-"], rest].concat(), list()).text()
    };
    for (turn, (name, from, bytes)) in inputs().into_iter().enumerate() {
        let run_command =
            |command: &[&str], rest: &[&str]| run_with(name, &[command, &SIZE, &from, &["-"], rest].concat(), &bytes);
        let commands = [
            &["blocks", "--size", "1M"][..],
            &["blocks", "--count"],
            &["blocks", "--any"],
            &["bits"],
            &["bits", "--first-block", "7", "--count", "3"],
            &["stats", "--output", "csv"],
            &["map"],
            &["extents", "--merge-gap", "1M", "--align", "1M", "--output", "json"],
        ];
        for command in one_in(8, turn, commands) {
            let command = &[command, &["--block-size", "64k"]].concat();
            assert_eq!(run_command(command, &[]).text(), expected_of(command, &[]), "{command:?} of {name}");
        }
        for operation in one_in(4, turn, ["union", "intersect", "subtract", "xor"]) {
            let rest = ["--from", "text", other];
            assert_eq!(
                run_command(&[operation], &rest).text(),
                expected_of(&[operation], &rest),
                "{operation} of {name}"
            );
        }
        assert_eq!(run_command(&["compare"], &["--from", "text", text]).text(), "", "{name}");
        assert_eq!(run_command(&["compare"], &["--from", "text", other]).code, Some(1), "{name}");
    }
}

#[test]
fn every_command_writes_every_format() {
    let scratch = Scratch::new();
    let path = scratch.file("list", list());
    let path = path.to_str().expect("text");
    let none = scratch.file("none", "");
    let none = none.to_str().expect("text");
    let target = scratch.join("target");
    for (turn, (name, _)) in writable().enumerate() {
        let expected = converted(&list(), name);
        let output = [&SIZE[..], &["--output", name, "--from", "text"]].concat();
        let commands = [
            &["extents", path][..],
            &["union", path, path],
            &["intersect", path, path],
            &["subtract", "--allow-empty", path, none],
            &["xor", "--allow-empty", none, path],
        ];
        for command in one_in(5, turn, commands) {
            let args = [command, &output].concat();
            assert!(run(&args).bytes() == expected, "{args:?}");
            run([&args[..], &["-o", target.to_str().expect("text")]].concat()).bytes();
            assert!(std::fs::read(&target).expect("written") == expected, "{args:?}");
        }
        // From a bitmap, by another way.
        let bitmap = converted(&list(), "base64");
        let args = [&["convert", "--output", name][..], &SIZE].concat();
        assert!(run_piped(&args, &bitmap).bytes() == expected, "{name} from a bitmap");
    }
}

/// Ranges that touch blocks in part, and one block twice.
#[test]
fn a_range_inside_a_block_becomes_the_block_at_the_most() {
    let scratch = Scratch::new();
    let list = "1 1\n3 65536\n196607 2\n700000 1\n1073741823 1\n";
    let path = scratch.file("list", list);
    let path = path.to_str().expect("text");
    let aligned = run([&["extents", "--from", "text", "--align", "512k", path][..], &SIZE].concat()).text();
    let aligned = scratch.file("aligned", aligned);
    let aligned = aligned.to_str().expect("text");
    for (name, format) in writable().filter(|(_, format)| format.is_none_or(ListFormat::is_readable)) {
        let back =
            run_with(name, &[&["extents"][..], &from(name, format), &SIZE].concat(), &converted(list, name)).text();
        let without = |list: &str, other: &str| run(["subtract", "--from", "text", list, other]).text();
        let back = scratch.file("back", back);
        let back = back.to_str().expect("text");
        assert_eq!(without(path, back), "", "missing in {name}");
        assert_eq!(without(back, aligned), "", "too much in {name}");
    }
}

#[test]
fn a_last_block_that_is_cut_off_stays_so() {
    let size = ["--virtual-size", "10000000"];
    let list = "655360 65536\n9961472 38528\n";
    for (name, format) in writable().filter(|(_, format)| format.is_none_or(ListFormat::is_readable)) {
        let convert = [&["convert", "--from", "text", "--output", name][..], &size].concat();
        if name == "ebs" {
            assert!(run_piped(&convert, list).failure(2).contains("multiple"), "{name}");
            continue;
        }
        let written = run_piped(&convert, list).bytes();
        let back = run_with(name, &[&["extents"][..], &from(name, format), &size].concat(), &written).text();
        assert_eq!(back, list, "{name}");
    }
}

#[test]
fn an_empty_list_is_refused_or_says_that_it_is_whole() {
    for (name, format) in writable().filter(|(_, format)| format.is_none_or(ListFormat::is_readable)) {
        let written = converted("", name);
        let read = [&["extents"][..], &from(name, format), &SIZE].concat();
        let found = run_with(name, &read, &written);
        if found.code != Some(0) {
            assert!(found.failure(3).contains("empty"), "{name}");
            assert_eq!(run_piped([&read[..], &["--allow-empty"]].concat(), &written).text(), "", "{name}");
        } else {
            assert_eq!(found.text(), "", "{name}");
            // It is not a file without a byte.
            assert!(!written.is_empty(), "{name}");
        }
    }
}

#[test]
fn a_format_of_the_whole_disk_is_for_whole_lists_only() {
    for (turn, (name, _)) in writable().enumerate() {
        let is_of_whole_disk = !["text", "json", "ndjson", "csv", "pairs"].contains(&name);
        let parts = [["--offset", "64k"].as_slice(), &["--length", "1M"], &["--limit", "1"], &["--invert"]];
        for part in one_in(4, turn, parts) {
            for command in [&["extents"][..], &["union", "-"]] {
                let args = [command, &["--from", "text", "--output", name], &SIZE, part].concat();
                let found = run_piped(&args, list());
                if is_of_whole_disk {
                    let message = found.failure(2);
                    assert!(message.contains(part[0]) && message.contains("hint: "), "{args:?}: {message}");
                } else {
                    assert_eq!(found.code, Some(0), "{args:?}: {}", found.stderr);
                }
            }
        }
        // Bytes that are not in these lists may still have changed, but all that are have.
        for shape in [["--merge-gap", "1M"], ["--align", "1M"], ["--max-extent", "64k"]] {
            let args = [&["extents", "--from", "text", "--output", name][..], &SIZE, &shape].concat();
            assert!(!run_piped(&args, list()).bytes().is_empty(), "{args:?}");
        }
    }
}

/// Elsewhere, more may have changed.
#[test]
fn a_list_of_a_part_of_the_disk_says_so_in_json_and_is_no_list_of_changes() {
    for (part, window) in [
        (&["--offset", "64k"][..], r#""window":{"length":null,"offset":65536}"#),
        (&["--length", "1M"], r#""window":{"length":1048576,"offset":0}"#),
        (&["--offset", "64k", "--length", "1M", "--merge-gap", "1"], r#""window":{"length":1048576,"offset":65536}"#),
    ] {
        for (from, input) in [("text", list()), ("bits", "0110".repeat(4096))] {
            let args = [&["extents", "--from", from, "--output", "json"][..], &SIZE, part].concat();
            let object = run_piped(&args, input).text();
            assert!(object.contains(window), "{args:?}: {object}");
            let message = run_piped(["extents", "--from", "json"], &object).failure(3);
            assert!(message.contains("is of a part of the disk only"), "{message}");
        }
    }
}

#[test]
fn a_merged_list_is_a_bitmap_of_all_that_is_read() {
    let args = ["extents", "--from", "text", "--virtual-size", "1M", "--merge-gap", "256k", "--output", "bits"];
    assert_eq!(run_piped(args, "65537 1\n262144 1\n700000 1\n").text(), "0111100000100000\n");
}

#[test]
fn output_that_says_where_the_disk_ends_needs_to_know_it() {
    for (name, format) in writable() {
        let found = run_piped(["convert", "--from", "text", "--output", name], list());
        if format.is_some_and(|format| format.needs == Needs::Nothing) {
            assert_eq!(found.code, Some(0), "{name}: {}", found.stderr);
        } else {
            assert!(found.failure(2).contains("give --virtual-size"), "{name}");
        }
    }
    let large = ["convert", "--from", "text", "--virtual-size", "8E"];
    assert!(run_piped(large, list()).failure(2).contains("right"), "a bitmap of petabytes");
    let image = ["convert", "--from", "text", "--virtual-size", "1P", "--output", "qcow2"];
    assert!(run_piped(image, list()).failure(2).contains("512 MiB"), "more than QEMU reads");
}

#[test]
fn a_fault_of_a_list_is_told_rather_than_that_its_size_is_not_known() {
    for (name, from, bytes) in inputs() {
        if names().any(|(other, format)| other == name && format.is_some_and(|format| format.has_virtual_size)) {
            for command in ["convert", "blocks", "bits", "map"] {
                let args = [&[command][..], &from, &["-"]].concat();
                assert_eq!(run_piped(&args, &bytes).code, Some(0), "{args:?}");
                let message = run_piped(&args, &bytes[..bytes.len() - 2]).failure(3);
                assert!(message.contains("cut short"), "{args:?}: {message}");
            }
        }
    }
}

#[test]
fn options_for_readers_are_refused_where_none_takes_them() {
    for (option, value, taken) in [
        ("--context", Some("qemu:dirty-bitmap:b"), ReadOption::Context),
        ("--since", Some("3"), ReadOption::Since),
        ("--allocation", None, ReadOption::Allocation),
    ] {
        let takes = |name, format: Option<&ListFormat>| match format {
            Some(format) => format.options.contains(&taken),
            None => name == "qcow2" && taken == ReadOption::Context,
        };
        let given: Vec<&str> = [option].into_iter().chain(value).collect();
        for (turn, (name, _)) in readable().filter(|(name, format)| !takes(*name, *format)).enumerate() {
            for command in one_in(3, turn, [&["extents"][..], &["bits"], &["stats", "-"]]) {
                let message = run_piped([command, &["--from", name], &given].concat(), "AAAA").failure(2);
                assert!(message.contains(option) && message.contains("--from"), "{name}: {message}");
                for (other, _) in readable().filter(|(name, format)| takes(*name, *format)) {
                    assert!(message.contains(other), "{name}: {message}");
                }
            }
        }
    }
    // An option that is missing is named.
    for (name, options, bytes) in inputs().into_iter().filter(|(_, options, _)| options.len() > 2) {
        let message = run_piped([&["extents", "--from", name][..], &SIZE].concat(), bytes).failure(3);
        assert!(message.contains(options[2]), "{name}: {message}");
    }
}

#[test]
fn one_stream_is_one_input_also_where_it_is_held_in_memory() {
    let json = converted(&list(), "json");
    let message = run_piped(["union", "--from", "json", "-", "/dev/stdin"], json).failure(2);
    assert!(message.contains("one stream"), "{message}");
}

/// A format of each kind, and more of it than is held back.
#[test]
fn long_lists_are_whole_in_every_kind_of_format() {
    if is_left_to_ci("lists of 32 MiB in formats of four kinds") {
        return;
    }
    let scratch = Scratch::new();
    let long = LongList::LARGE;
    let bitmap = scratch.file("long.b64", long.base64());
    let bitmap = bitmap.to_str().expect("text");
    let text = run(["extents", bitmap]).bytes();
    // Of a disk whose last block changed, or not.
    let size = format!("{}", (long.extents() * 2) * 65_536);
    let size = ["--virtual-size", &size];
    for name in ["pairs", "ddrescue", "json", "rbd"] {
        let convert = [&["convert", "--output", name][..], &size].concat();
        let path = scratch.join(name);
        let path = path.to_str().expect("text");
        run([&convert[..], &[bitmap, "-o", path]].concat()).bytes();
        let written = std::fs::read(path).expect("written");
        assert!(written.len() > 32 << 20, "{name}: {} bytes", written.len());
        let back = [&["convert", "--output", "text"], &from(name, ListFormat::named(name))[..]].concat();
        assert!(run([&back[..], &[path]].concat()).bytes() == text, "{name} from a file");
        let piped = run_piped([&back[..], &size].concat(), &written).bytes();
        assert!(piped == text, "{name} from a pipe");
        // Cut short, it is refused, and nothing appears.
        let cut = scratch.file("cut", &written[..written.len() - 3]);
        let target = scratch.join("target");
        let paths = [cut.to_str().expect("text"), "-o", target.to_str().expect("text")];
        assert!(run([&back[..], &paths].concat()).failure(3).contains("hint: "), "{name}");
        assert!(!target.exists());
    }
    let list = scratch.file("long.txt", &text);
    let back = [&["convert", "--from", "text", list.to_str().expect("text")][..], &size].concat();
    assert!(run(&back).text() == long.base64() + "\n", "a bitmap again");
}
