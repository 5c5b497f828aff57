//! Figures of inputs: held against the lists of the other commands, and against those of an independent tool.

use serde_json::Value;

use crate::common::{Bits, Scratch, cases, data, run, run_piped};

fn object(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// Ranges of a list: how many, and their bytes.
fn sums(list: &str) -> (u64, u64) {
    let lengths = list.lines().map(|line| line.split(' ').nth(1).and_then(|length| length.parse::<u64>().ok()));
    (list.lines().count() as u64, lengths.map(|length| length.expect("a number")).sum())
}

/// Requests and bytes of each row.
fn reads(rows: &Value) -> Vec<(u64, u64)> {
    let rows = rows.as_array().expect("an array");
    rows.iter().map(|row| (number(&row["requests"]), number(&row["bytes"]))).collect()
}

#[test]
fn figures_are_those_of_the_lists_that_other_commands_give() {
    let scratch = Scratch::new();
    let disk = (200 * 64 + 17).to_string() + "k";
    for case in 0..cases(4, 40) {
        let bits = Bits::scattered(201, 1 + case % 7, case);
        let path = scratch.file("bitmap", bits.base64());
        let list = |args: &[&str]| {
            run([&["extents", "--virtual-size", &disk], args, &[path.to_str().expect("text")]].concat()).text()
        };
        let gaps = ["0", "64k", "100k", "192k"];
        let options = ["--latency", "1ms", "--bandwidth", "100M"]
            .into_iter()
            .chain(gaps.iter().flat_map(|gap| ["--merge-gap", gap]));
        let args: Vec<&str> =
            ["stats", "-", "--output", "json", "--virtual-size", &disk].into_iter().chain(options).collect();
        let text = run_piped(&args, bits.base64()).text();
        let all = object(&text);
        let input = &all["inputs"][0];
        let plain = list(&[]);
        assert_eq!((number(&input["extents"]), number(&input["changed_bytes"])), sums(&plain));
        assert_eq!(number(&input["changed_blocks"]), bits.0.iter().filter(|&&bit| bit).count() as u64);
        assert_eq!((number(&input["blocks"]), &all["union"], &all["intervals"]), (201, &Value::Null, &object("[]")));
        // That of the cost model is the last: 104,857 bytes.
        assert_eq!(number(&all["cost_model"]["merge_gap"]), 104_857);
        let mut expected: Vec<_> = gaps.map(|gap| sums(&list(&["--merge-gap", gap]))).to_vec();
        expected.insert(3, sums(&list(&["--merge-gap", "104857"])));
        assert_eq!(reads(&input["merged_reads"]), expected, "{case}");
        let aligned = ["64k", "512k", "1M", "2M", "4M"].map(|size| sums(&list(&["--align", size])));
        assert_eq!(reads(&input["block_reads"]), aligned, "{case}");
        for buckets in ["runs", "gaps"] {
            let buckets = input[buckets].as_array().expect("an array");
            let count: u64 = buckets.iter().map(|bucket| number(&bucket["count"])).sum();
            assert!(count == number(&input["extents"]) || count + 1 == number(&input["extents"]) || count == 0);
        }
        // A list gives as much.
        if !plain.is_empty() {
            let of_list = run_piped(args.iter().copied().chain(["--from", "text"]), &plain).text();
            assert_eq!(of_list, text);
        }
    }
}

#[test]
fn several_inputs_have_their_union_and_what_longer_intervals_read() {
    let scratch = Scratch::new();
    let bits: Vec<Bits> = (0..5).map(|seed| Bits::scattered(160, 3, seed)).collect();
    let paths: Vec<_> = (0..).zip(&bits).map(|(day, bits)| scratch.file(&format!("day{day}"), bits.base64())).collect();
    let paths: Vec<&str> = paths.iter().map(|path| path.to_str().expect("text")).collect();
    let size = ["--virtual-size", "10M"];
    let all = object(&run([&["stats", "--output", "json"], &size[..], &paths].concat()).text());
    for (index, path) in paths.iter().enumerate() {
        let alone = object(&run([&["stats", "--output", "json"], &size[..], &[path]].concat()).text());
        assert_eq!(all["inputs"][index], alone["inputs"][0]);
    }
    let union_of = |paths: &[&str]| sums(&run([&["union"], &size[..], paths].concat()).text());
    let union = &all["union"];
    assert_eq!((number(&union["extents"]), number(&union["changed_bytes"])), union_of(&paths));
    for every in 1..=5 {
        let groups: Vec<u64> = paths.chunks(every).map(|group| union_of(group).1).collect();
        let interval = &all["intervals"][every - 1];
        let found = ["every", "backups", "bytes"].map(|key| number(&interval[key]));
        assert_eq!(found, [every as u64, groups.len() as u64, groups.iter().sum()]);
    }
    // From a pipe as well, which can be read only once.
    let args = [&["stats", "--output", "json"], &size[..], &["-"], &paths[1..]].concat();
    let piped = object(&run_piped(args, bits[0].base64()).text());
    assert_eq!((&piped["union"], &piped["intervals"]), (union, &all["intervals"]));

    let human = run([&["stats"], &size[..], &paths].concat()).text();
    let lines: Vec<&str> = human.lines().collect();
    assert!(lines[0].starts_with("INPUT") && lines[1].starts_with(paths[0]) && lines[6].starts_with("sum"), "{human}");
    assert!(lines[7].starts_with("union") && human.contains("\nEVERY  BACKUPS"), "{human}");
    assert!(!human.contains('█'), "there is no terminal");
}

#[test]
fn real_bitmaps_have_the_figures_of_an_independent_tool() {
    let of = |name: &str| object(&run(["stats".as_ref(), "--output=json".as_ref(), data(name).as_os_str()]).text());
    for (name, blocks, requests, merged) in [
        ("development-day.b64", 256, 26, (32, 488_308_736)),
        ("file-server-day.b64", 21, 16, (16, 17_694_720)),
        ("database-hour.b64", 1_988, 55, (59, 4_130_799_616)),
    ] {
        let all = of(name);
        let row = &all["inputs"][0]["block_reads"][3];
        let found = ["block_size", "blocks", "requests", "bytes"].map(|key| number(&row[key]));
        assert_eq!(found, [2 << 20, blocks, requests, blocks << 21], "{name}");
        let of_gap = all["inputs"][0]["merged_reads"].as_array().expect("an array");
        let of_gap = of_gap.iter().find(|row| number(&row["merge_gap"]) == 1 << 20).expect("a default");
        assert_eq!((number(&of_gap["requests"]), number(&of_gap["bytes"])), merged, "{name}");
    }
}

#[test]
fn csv_has_a_row_for_each_input() {
    let scratch = Scratch::new();
    let odd = scratch.file("a,\"b\"\u{1b}[2J.b64", Bits::new("01100001").base64());
    let plain = scratch.file("plain", Bits::new("10000000 00000001").base64());
    let args = ["stats", "--output", "csv", "--merge-gap", "1k"].map(std::ffi::OsString::from);
    let csv = run(args.into_iter().chain([odd.into_os_string(), plain.into_os_string()])).text();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 3, "{csv}");
    assert!(lines[0].starts_with("input,block_size,virtual_size,blocks,changed_blocks,changed_bytes,extents,longest_bytes,blocks_65536,requests_65536,bytes_65536,seconds_65536,"));
    assert!(lines[0].ends_with(",gap_requests_2147483,gap_bytes_2147483,gap_seconds_2147483"), "{csv}");
    assert!(lines[1].starts_with('"') && lines[1].contains("a,\"\"b\"\"") && !csv.contains('\u{1b}'), "{csv}");
    assert!(lines[2].contains(",65536,,16,2,131072,2,65536,2,2,131072,"), "{csv}");
    // In the header there is no quoted comma.
    assert_eq!(lines[0].split(',').count(), lines[2].split(',').count());
}

#[test]
fn a_long_list_has_the_same_figures_however_it_is_counted() {
    let scratch = Scratch::new();
    // 10101010 and so on: many pieces of extents.
    let extents = 20_000 * 12;
    let path = scratch.file("long.b64", "qqqq".repeat(20_000));
    let path = path.to_str().expect("text");
    let all = run(["stats", "--output", "json", path]).text();
    assert_eq!(number(&object(&all)["inputs"][0]["extents"]), extents);
    assert_eq!(run(["stats", "--output", "json", "--threads", "1", path]).text(), all);
    // Side by side with another, on one thread.
    let both = object(&run(["stats", "--output", "json", path, path]).text());
    assert_eq!(both["inputs"][0], object(&all)["inputs"][0]);
    assert_eq!(number(&both["union"]["extents"]), extents);
}

#[test]
fn a_damaged_input_prints_nothing() {
    let scratch = Scratch::new();
    let good = scratch.file("good", Bits::scattered(400, 3, 1).base64());
    let bad = scratch.file("bad", Bits::scattered(400, 3, 2).base64() + "!");
    let [good, bad] = [&good, &bad].map(|path| path.to_str().expect("text"));
    let output = scratch.join("figures");
    for format in ["human", "json", "csv"] {
        for inputs in [&[bad][..], &[good, bad], &[bad, good]] {
            let file = ["-o", output.to_str().expect("text")];
            for file in [&file[..], &[]] {
                let run = run([&["stats", "--output", format], file, inputs].concat());
                if format == "json" {
                    assert_eq!(run.json_failure(3).error, "invalid-symbol");
                } else {
                    assert!(run.failure(3).contains("bad"));
                }
            }
        }
    }
    assert!(!output.exists());
    run(["stats", "--virtual-size", "1T", good]).failure(3);
    run(["stats", "--from", "text", good]).failure(3);
    run_piped(["stats", "-", "--from", "text"], "").failure(3);
    run(["stats", "--output", "csv", good, "-o", output.to_str().expect("text")]).text();
    assert_eq!(std::fs::read_to_string(&output).expect("written").lines().count(), 2);
}

#[test]
fn an_input_without_changes_has_no_reads() {
    let human = run_piped(["stats", "-", "--virtual-size", "1M"], Bits::new("00000000 00000000").base64()).text();
    let expected = "standard input\ndisk:    1.00 MiB, 16 blocks of 64.00 KiB\nchanged: 0 B (0.00 %), 0 blocks in 0 extents, longest 0 B\n";
    assert_eq!(human, expected);
    let all = object(&run_piped(["stats", "-", "--from", "text", "--allow-empty", "--output", "json"], "").text());
    let input = &all["inputs"][0];
    assert_eq!((&input["blocks"], &input["share"], &input["runs"]), (&Value::Null, &Value::Null, &object("[]")));
    assert_eq!(input["merged_reads"][0]["amplification"], Value::Null);
}

#[test]
fn options_that_make_no_sense_are_refused() {
    for args in [
        &["--merge-gap", "auto"][..],
        &["--merge-gap", "-1"],
        &["--latency", "2"],
        &["--bandwidth", "0"],
        &["--connections", "0"],
        &["--in-flight", "0"],
        &["--largest", "10001"],
        &["--output", "text"],
        &["--offset", "1"],
        &["--allow-empty"],
        &["--from", "base64", "--from", "text"],
    ] {
        run_piped([&["stats", "-"], args].concat(), "AAAA").failure(2);
    }
    let message = run(["stats"]).failure(2);
    assert!(message.contains("INPUT"), "{message}");
}

#[test]
fn a_recommended_gap_comes_with_what_it_saves_and_assumes() {
    let bits = Bits::new("10100001 00000000").base64();
    let advice = |args: &[&str]| {
        let text = run_piped([&["stats", "-"], args].concat(), &bits).text();
        text.lines().rev().take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    let found = advice(&["--latency", "500us", "--bandwidth", "128MiB/s"]);
    assert_eq!(found[0], "This assumes --latency 500us, --bandwidth 134217728, --connections 1 and --in-flight 1.");
    assert_eq!(
        found[1],
        "Read through gaps of up to 65.54 KiB (--merge-gap 67108): 2 requests in 0.003 s, in place of 3 in 0.003 s."
    );
    let found = advice(&["--latency", "500us", "--bandwidth", "128MiB/s", "--in-flight", "4"]);
    assert_eq!(found[1], "No gap is worth reading through: none is as short as 16.38 KiB (16777 bytes).");
}
