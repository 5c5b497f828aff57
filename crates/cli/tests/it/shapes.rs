//! Lists that are shaped: held against a model that marks every KiB of a small disk.

use crate::common::{Bits, LongList, Scratch, cases, is_left_to_ci, ranges_as_text, run, run_piped};

const KIB: u64 = 1024;
/// A disk of 200 blocks and 17 KiB.
const DISK_KIB: usize = 200 * 64 + 17;

fn disk() -> String {
    format!("{DISK_KIB}k")
}

/// The changes, one `bool` a KiB.
fn model(bits: &Bits) -> Vec<bool> {
    (0..DISK_KIB).map(|kib| bits.0[kib / 64]).collect()
}

fn ranges(model: &[bool]) -> Vec<(u64, u64)> {
    Bits(model.to_vec()).ranges(KIB, u64::MAX)
}

/// The KiB from one byte to another.
fn span(start: u64, end: u64) -> std::ops::Range<usize> {
    let kib = |byte: u64| usize::try_from(byte / KIB).expect("a small disk");
    kib(start)..kib(end)
}

fn merge_gaps(model: &mut [bool], most: usize) {
    let list = ranges(model);
    for pair in list.windows(2) {
        let gap = span(pair[0].0 + pair[0].1, pair[1].0);
        if gap.len() <= most {
            model[gap].fill(true);
        }
    }
}

fn align(model: &mut [bool], size: usize) {
    model.chunks_mut(size).filter(|chunk| chunk.contains(&true)).for_each(|chunk| chunk.fill(true));
}

/// Fills the narrowest gap, the last of them, until there are so few ranges.
fn at_most(model: &mut [bool], count: usize) {
    while ranges(model).len() > count {
        let list = ranges(model);
        let gap = |pair: &[(u64, u64)]| (pair[0].0 + pair[0].1, pair[1].0);
        let (start, end) =
            list.windows(2).map(gap).min_by_key(|&(start, end)| (end - start, u64::MAX - start)).expect("a gap");
        model[span(start, end)].fill(true);
    }
}

fn split(list: Vec<(u64, u64)>, size: u64) -> Vec<(u64, u64)> {
    let mut pieces = Vec::new();
    for (mut start, len) in list {
        let end = start + len;
        while start < end {
            let border = ((start / size + 1) * size).min(end);
            pieces.push((start, border - start));
            start = border;
        }
    }
    pieces
}

#[test]
fn shapes_are_applied_in_their_order() {
    for case in 0..cases(20, 400) {
        let seed = case as u64;
        let choose = |of: &[usize], by: usize| of[(case * 7 + by * 13 + case / 5) % of.len()];
        let bits = Bits::scattered(201, 1 + seed % 9, seed);
        let (gap, size, count, piece) = (
            choose(&[0, 64, 100, 192], 1),
            choose(&[1, 48, 128, 1000], 2),
            choose(&[1, 2, 7, 1000], 3),
            choose(&[0, 96, 640], 4),
        );
        let (from, to) = (choose(&[0, 65, 3000], 5), choose(&[DISK_KIB, 9000, 12_850], 6));
        let invert = choose(&[0, 1], 7) == 1;
        let mut expected = model(&bits);
        let changed = |kib: usize| bits.0[kib / 64];
        expected.iter_mut().enumerate().for_each(|(kib, bit)| *bit = (from..to).contains(&kib) && changed(kib));
        merge_gaps(&mut expected, gap);
        align(&mut expected, size);
        at_most(&mut expected, count);
        if invert {
            expected.iter_mut().enumerate().for_each(|(kib, bit)| *bit = (from..to).contains(&kib) && !*bit);
            assert!(expected.iter().enumerate().all(|(kib, &bit)| !(bit && changed(kib))), "a change called unchanged");
        }
        let mut list = ranges(&expected);
        let args = |option: &str, value: usize| [option.to_owned(), format!("{value}k")];
        let mut command = vec!["extents".to_owned(), "--virtual-size".to_owned(), disk()];
        command.extend(args("--offset", from).into_iter().chain(args("--length", to - from)));
        command.extend(args("--merge-gap", gap).into_iter().chain(args("--align", size)));
        command.extend(["--max-extents".to_owned(), count.to_string()]);
        if invert {
            command.push("--invert".to_owned());
        }
        if piece > 0 {
            command.extend(args("--max-extent", piece));
            list = split(list, piece as u64 * KIB);
        }
        assert_eq!(run_piped(&command, bits.base64()).text(), ranges_as_text(&list), "{command:?}");
    }
}

#[test]
fn pages_of_a_list_are_the_whole_of_it() {
    let bits = Bits::scattered(201, 2, 5);
    let all = |args: &[&str]| run_piped([&["extents", "--virtual-size", &disk()], args].concat(), bits.base64());
    let shapes: [&[&str]; 4] =
        [&[], &["--merge-gap", "64k"], &["--max-extent", "48k"], &["--align", "192k", "--max-extent", "16k"]];
    for shape in shapes {
        let whole = all(shape).text();
        for limit in ["1", "7", "1000"] {
            let (mut pages, mut offset) = (String::new(), "0".to_owned());
            loop {
                let page = all(&[shape, &["--offset", &offset, "--limit", limit]].concat());
                assert_eq!(page.code, Some(0), "{}", page.stderr);
                pages += &String::from_utf8(page.stdout).expect("text");
                if page.stderr.is_empty() {
                    break;
                }
                let (message, next) = page.stderr.trim_end().rsplit_once(' ').expect("words");
                assert_eq!(message, format!("cbt: warning: there are more than {limit} ranges: go on with --offset"));
                offset = next.to_owned();
            }
            assert_eq!(pages, whole, "{shape:?} {limit}");
        }
    }
}

#[test]
fn a_json_object_says_what_changed_and_what_is_listed() {
    let bits = Bits::new("10100001 00000000");
    let json = |args: &[&str]| -> (serde_json::Value, String) {
        let run = run_piped([&["extents", "--output", "json", "--virtual-size", "1M"], args].concat(), bits.base64());
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        (serde_json::from_slice(&run.stdout).expect("JSON"), run.stderr)
    };
    let (object, stderr) = json(&["--merge-gap", "64k"]);
    assert_eq!((object["changed_blocks"].as_u64(), object["changed_bytes"].as_u64()), (Some(3), Some(3 << 16)));
    assert_eq!((object["listed"].as_u64(), object["listed_bytes"].as_u64()), (Some(2), Some(4 << 16)));
    assert_eq!((object.get("inverted"), object.get("next_offset"), stderr.as_str()), (None, None, ""));
    let (object, _) = json(&["--invert"]);
    assert_eq!((object["inverted"].as_bool(), object["listed_bytes"].as_u64()), (Some(true), Some(13 << 16)));
    assert_eq!(object["changed_blocks"].as_u64(), Some(3));
    let (object, stderr) = json(&["--limit", "1"]);
    assert_eq!((object["next_offset"].as_u64(), object["changed_blocks"].as_u64()), (Some(2 << 16), Some(3)));
    assert_eq!(stderr, "{\"warning\":\"there are more than 1 ranges: go on with --offset 131072\"}\n");
    let (object, stderr) = json(&["--limit", "3"]);
    assert!(object["next_offset"].is_null() && object.get("next_offset").is_some() && stderr.is_empty());
    let (object, _) = json(&["--offset", "768k", "--merge-gap", "1"]);
    assert_eq!((object["extents"].as_array().map(Vec::len), object["listed"].as_u64()), (Some(0), Some(0)));
}

#[test]
fn a_list_is_read_again_and_shaped() {
    let scratch = Scratch::new();
    let bits = Bits::scattered(201, 3, 11);
    let disk = disk();
    let list = run_piped(["extents", "--virtual-size", &disk], bits.base64()).text();
    let path = scratch.file("list.txt", &list);
    let path = path.to_str().expect("text");
    for shape in [&[][..], &["--merge-gap", "200k"], &["--align", "1M"], &["--max-extents", "3"], &["--invert"]] {
        let from_bitmap = run_piped([&["extents", "--virtual-size", &disk], shape].concat(), bits.base64()).text();
        let args = [&["extents", "--virtual-size", &disk, "--from", "text"], shape].concat();
        assert_eq!(run_piped(&args, &list).text(), from_bitmap, "{shape:?}");
        assert_eq!(run([&args[..], &[path]].concat()).text(), from_bitmap, "{shape:?}");
    }
    // Pieces that touch each other are one range again.
    let pieces = run_piped(["extents", "--virtual-size", &disk, "--max-extent", "1000"], bits.base64()).text();
    assert!(pieces.lines().count() > list.lines().count());
    assert_eq!(run_piped(["extents", "--from", "text"], pieces).text(), list);
    // An empty list may never have been written.
    let message = run_piped(["extents", "--from", "text"], "").failure(3);
    assert!(message.contains("is empty"), "{message}");
    assert_eq!(run_piped(["extents", "--from", "text", "--allow-empty"], "").text(), "");
}

#[test]
fn auto_takes_the_gap_of_the_cost_model() {
    // A share of 0.25 ms at 128 MiB/s: 32 KiB; one at a time, 2 ms: 256 KiB.
    let bits = Bits::new("10100001 00000000");
    let auto = |args: &[&str]| {
        let args = [&["extents", "--merge-gap", "auto", "--latency", "2ms", "--bandwidth", "128MiB/s"], args].concat();
        run_piped(args, bits.base64()).text()
    };
    assert_eq!(auto(&[]), "0 524288\n");
    assert_eq!(auto(&["--connections", "2"]), "0 196608\n458752 65536\n");
    assert_eq!(auto(&["--connections", "4", "--in-flight", "2"]), bits.list());
}

#[test]
fn shapes_that_make_no_sense_are_refused() {
    let bits = Bits::scattered(201, 3, 11);
    let failure = |args: &[&str], code| run_piped([&["extents"], args].concat(), bits.base64()).failure(code);
    for (args, hint) in [
        (&["--align", "1M"][..], "give --virtual-size"),
        (&["--invert"], "give --virtual-size"),
        (&["--limit", "0"], "leave it out"),
        (&["--merge-gap", "auto"], "give --latency and --bandwidth"),
        (&["--merge-gap", "auto", "--latency", "2ms"], "give --latency and --bandwidth"),
        (&["--latency", "2ms"], "say --merge-gap auto"),
        (&["--merge-gap", "1M", "--in-flight", "3"], "say --merge-gap auto"),
        (&["--offset", "1T", "--merge-gap", "1"], "right disk"),
        (&["--virtual-size", "1M", "--merge-gap", "1"], "full backup"),
        (&["--allow-empty"], "say --from text"),
        (&["--from", "text", "--block-size", "auto"], "leave it out"),
    ] {
        let code = if hint == "full backup" { 3 } else { 2 };
        let message = failure(args, code);
        assert!(message.contains(hint), "{args:?}: {message}");
    }
    for args in
        [["--align", "0"], ["--max-extents", "0"], ["--max-extent", "0"], ["--merge-gap", "-1"], ["--latency", "2"]]
    {
        failure(&args, 2);
    }
    let message = run_piped(["bits", "--from", "text"], "0 1\n").failure(2);
    assert!(message.contains("give --virtual-size"), "{message}");
}

#[test]
fn a_damaged_input_prints_nothing_whatever_its_shape() {
    let scratch = Scratch::new();
    let shapes: [&[&str]; 5] = [
        &["--merge-gap", "1"],
        &["--max-extents", "5"],
        &["--limit", "3"],
        &["--max-extent", "1M"],
        &["--length", "1M", "--limit", "1"],
    ];
    for (number, shape) in shapes.into_iter().enumerate() {
        let args = [&["extents"], shape].concat();
        let bits = Bits::scattered(4000, 2, 7);
        run_piped(&args, bits.base64() + "!").failure(3);
        // More than is held.
        if number < cases(1, 5) {
            let path = scratch.file("bad.b64", LongList::LARGE.bad_at_its_end());
            run([&args[..], &[path.to_str().expect("text")]].concat()).failure(3);
        }
        let list = "0 512\n1024 512\n5000 1\n4000 1\n";
        run_piped([&args[..], &["--from", "text"]].concat(), list).failure(3);
    }
}

#[test]
fn a_shaped_list_that_is_too_long_to_be_held_is_whole() {
    if is_left_to_ci("shaped lists of 32 MiB") {
        return;
    }
    let scratch = Scratch::new();
    let long = LongList::LARGE;
    let path = scratch.file("long.b64", long.base64());
    let path = path.to_str().expect("text");
    let whole = run(["extents", path]).bytes();
    // Nothing to merge: the list is as it was.
    assert!(run(["extents", "--merge-gap", "65535", path]).bytes() == whole);
    let file = scratch.file("long.txt", &whole);
    assert!(run(["extents", "--from", "text", file.to_str().expect("text")]).bytes() == whole);
    assert!(run_piped(["extents", "--merge-gap", "1"], long.base64()).bytes() == whole);
    let object = run(["extents", "--merge-gap", "1", "--output", "json", path]).bytes();
    let object: serde_json::Value = serde_json::from_slice(&object).expect("JSON");
    let figures = [&object["listed"], &object["changed_blocks"]].map(serde_json::Value::as_u64);
    assert_eq!(figures, [Some(long.extents()); 2]);
}
