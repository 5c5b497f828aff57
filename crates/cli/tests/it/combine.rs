//! Inputs that are combined and compared: held against a model, bit by bit.

use crate::common::{Bits, Scratch, cases, ranges_as_text, run, run_piped};

/// Whether a bit is in the result, from how many inputs have it, all of them being `usize::MAX`, and whether the first has.
type Truth = fn(usize, bool) -> bool;

const OPERATIONS: [(&str, Truth); 4] = [
    ("union", |count, _| count > 0),
    ("intersect", |count, _| count == usize::MAX),
    ("subtract", |count, first| first && count == 1),
    ("xor", |count, _| count % 2 == 1),
];

/// The list that an operation is to give for bitmaps of which the shorter ones are extended.
fn expected(operation: &str, inputs: &[&Bits], block_size: u64) -> String {
    let (_, truth) = OPERATIONS.iter().find(|(name, _)| *name == operation).expect("an operation");
    let blocks = inputs.iter().map(|bits| bits.0.len()).max().unwrap_or(0);
    let bit = |block: usize| {
        let set = |bits: &&&Bits| bits.0.get(block).copied().unwrap_or(false);
        let count = inputs.iter().filter(set).count();
        // All of them is a number of its own.
        let count = if operation == "intersect" && count == inputs.len() { usize::MAX } else { count };
        truth(count, set(&&inputs[0]))
    };
    ranges_as_text(&Bits((0..blocks).map(bit).collect()).ranges(block_size, u64::MAX))
}

#[test]
fn every_operation_on_bitmaps_and_lists_is_that_of_their_bits() {
    let scratch = Scratch::new();
    for case in 0..cases(6, 100) {
        let seed = case as u64;
        let bits: Vec<Bits> =
            (0..3).map(|i| Bits::scattered(400 + 8 * (case % 3) * i, 1 + seed % 5, seed * 3 + i as u64)).collect();
        let list = bits[2].list();
        let files = [
            scratch.file("a.b64", bits[0].base64()),
            scratch.file("b.log", bits[1].cbtlog(bits[1].0.len() as u64 * 65_536, 1)),
            scratch.file("c.txt", if list.is_empty() { "0 1\n" } else { &list }),
        ];
        let paths = files.each_ref().map(|path| path.to_str().expect("text"));
        for (operation, _) in OPERATIONS {
            let from = ["--from", "base64", "--from", "cbtlog", "--from", "text"];
            let all = [&[operation], &from[..], &paths].concat();
            let [a, b, c] = [&bits[0], &bits[1], &bits[2]];
            if !list.is_empty() && c.0.len() <= b.0.len() {
                assert_eq!(run(&all).text(), expected(operation, &[a, b, c], 65_536), "{operation} {case}");
            }
            let two = run([&[operation], &from[..4], &paths[..2]].concat()).text();
            assert_eq!(two, expected(operation, &[a, b], 65_536), "{operation} {case}");
            let piped = run_piped([&[operation], &from[..4], &["-", paths[1]]].concat(), a.base64()).text();
            assert_eq!(piped, two, "{operation} {case}, piped");
            let one = run([operation, paths[0]]).text();
            assert_eq!(one, a.list(), "{operation} {case}, of one");
        }
    }
}

#[test]
fn of_different_block_sizes_the_finest_counts() {
    let scratch = Scratch::new();
    let coarse = scratch.file("coarse", Bits::new("01000000").base64());
    let fine = scratch.file("fine", Bits::new("00000000 00000001 10000000 00000000").base64());
    let [coarse, fine] = [&coarse, &fine].map(|path| path.to_str().expect("text"));
    let sizes = ["--block-size", "64k", "--block-size", "8k", "--output", "json"];
    let object = |operation: &str| -> serde_json::Value {
        let text = run([&[operation], &sizes[..], &[coarse, fine]].concat()).text();
        serde_json::from_str(&text).expect("JSON")
    };
    let union = object("union");
    assert_eq!((union["block_size"].as_u64(), union["changed_bytes"].as_u64()), (Some(8192), Some(65_536 + 8192)));
    assert_eq!(object("intersect")["changed_blocks"].as_u64(), Some(1));
    assert_eq!(object("subtract")["changed_blocks"].as_u64(), Some(7));
    assert_eq!(object("xor")["changed_blocks"].as_u64(), Some(8));
}

#[test]
fn the_size_of_the_disk_is_that_of_the_largest_and_holds_for_all() {
    let scratch = Scratch::new();
    let log = scratch.file("log", Bits::new("11100000").cbtlog(200_000, 1));
    let [inside, beyond] = ["0010 0000", "0000 1000"].map(|bits| scratch.file(bits, Bits::new(bits).base64()));
    let path = |path: &std::path::Path| path.to_str().expect("text").to_owned();
    let from = ["--from", "cbtlog", "--from", "base64"].map(str::to_owned);
    // The last block ends where the disk does, also that of a bitmap which does not know that.
    let args = [&["intersect".to_owned()], &from[..], &[path(&log), path(&inside)]].concat();
    assert_eq!(run(args).text(), "131072 65536\n");
    let args = [&["union".to_owned()], &from[..], &[path(&log), path(&beyond)]].concat();
    let message = run(args).failure(3);
    assert!(message.contains("block 4 is marked as changed, but the disk has only 4 blocks"), "{message}");
    let larger = scratch.file("larger", Bits::new("00000000 1").cbtlog(600_000, 1));
    let args = ["union", "--from", "cbtlog", &path(&log), &path(&larger), "--output", "json"];
    let object: serde_json::Value = serde_json::from_str(&run(args).text()).expect("JSON");
    assert_eq!(
        (object["virtual_size"].as_u64(), object["changed_bytes"].as_u64()),
        (Some(600_000), Some(196_608 + 65_536))
    );
}

#[test]
fn a_bad_input_among_good_ones_is_named_and_nothing_is_printed() {
    let scratch = Scratch::new();
    let good = scratch.file("good.b64", Bits::scattered(400, 2, 3).base64());
    let bad = scratch.file("bad.b64", Bits::scattered(400, 2, 4).base64() + "!");
    let none = scratch.file("none.txt", "");
    let path = |path: &std::path::Path| path.to_str().expect("text").to_owned();
    for (operation, _) in OPERATIONS {
        for inputs in [[&good, &bad], [&bad, &good]] {
            let message = run([operation, &path(inputs[0]), &path(inputs[1])]).failure(3);
            assert!(message.contains("bad.b64: '!' (0x21) at offset"), "{message}");
        }
        let message = run([operation, &path(&good), "/nowhere/at/all"]).failure(1);
        assert!(message.contains("/nowhere/at/all"), "{message}");
        // A list that was never written must not count as one without changes.
        let args = [operation, "--from", "base64", "--from", "text", &path(&good), &path(&none)];
        let message = run(args).failure(3);
        assert!(message.contains("none.txt: the list is empty"), "{message}");
        assert!(run([&args[..], &["--allow-empty"]].concat()).code == Some(0));
    }
    for (args, hint) in [
        (&["union", "-", "-"][..], "give names of files"),
        (&["union", "--from", "base64", "--from", "text", "a", "b", "c"], "once for each input"),
        (&["union", "--virtual-size", "1G", "--virtual-size", "2G", "a"], "once for each input"),
        (&["union", "--allow-inconsistent", "a"], "say --from cbtlog"),
        (&["union", "--allow-empty", "a"], "say --from text"),
        (&["compare", "a"], "give two files"),
        (&["union"], "--help"),
    ] {
        let message = run(args
            .iter()
            .copied()
            .map(|arg| if arg.len() == 1 && arg != "-" { path(&good) } else { arg.to_owned() }))
        .failure(2);
        assert!(message.contains(hint), "{args:?}: {message}");
    }
}

#[test]
fn a_comparison_says_what_only_one_of_them_has() {
    let scratch = Scratch::new();
    let file = |name: &str, bits: &str| scratch.file(name, Bits::new(bits).base64()).to_str().expect("text").to_owned();
    let (a, b, c) = (file("a", "01101000"), file("b", "00111100"), file("c", "01101000"));
    let same = run(["compare", &a, &c]);
    assert_eq!((same.code, same.stdout, same.stderr), (Some(0), Vec::new(), String::new()));
    let different = run(["compare", &a, &b]);
    let text = String::from_utf8(different.stdout).expect("text");
    assert_eq!((different.code, different.stderr.as_str()), (Some(1), ""));
    let expected = format!(
        "only in {a}: 1 block, 65536 bytes\nonly in {b}: 2 blocks, 131072 bytes\nfirst difference at byte 65536, in {a} only\n"
    );
    assert_eq!(text, expected);
    let json = run(["compare", "--output", "json", &b, &a]);
    let object: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(
        (json.code, object["equal"].as_bool(), object["first_difference"].as_u64()),
        (Some(1), Some(false), Some(65_536))
    );
    assert_eq!(
        (object["only_in_first"]["blocks"].as_u64(), object["only_in_second"]["bytes"].as_u64()),
        (Some(2), Some(65_536))
    );
    // Trouble is not a difference.
    assert_eq!(run(["compare", &a, "/nowhere"]).code, Some(2));
    let bad = scratch.file("bad", "AA!A");
    assert_eq!(run(["compare", &a, bad.to_str().expect("text")]).code, Some(3));
    // Equal changes on disks of different sizes.
    let [small, large] = [(400_000, "small"), (500_000, "large")]
        .map(|(size, name)| scratch.file(name, Bits::new("0110 1000").cbtlog(size, 1)));
    let run = run(["compare", "--from", "cbtlog", small.to_str().expect("text"), large.to_str().expect("text")]);
    assert_eq!(run.code, Some(1));
    assert!(String::from_utf8(run.stdout).expect("text").contains("a disk of 500000 bytes"));
}

/// Without a size, a bitmap of another disk may have the same changes; filling it up makes no other disk of it.
#[test]
fn bitmaps_that_cannot_be_of_one_disk_are_different() {
    let scratch = Scratch::new();
    let compare = |a: &str, b: &str| {
        let paths = [(a, "a"), (b, "b")].map(|(bits, name)| scratch.file(name, Bits::new(bits).base64()));
        run(["compare", paths[0].to_str().expect("text"), paths[1].to_str().expect("text")])
    };
    let bits = "01101000";
    let with_zeros = |count: usize| bits.to_owned() + &"0".repeat(count);
    assert_eq!(compare(bits, &with_zeros(24)).code, Some(0));
    let different = compare(bits, &with_zeros(32));
    assert_eq!(different.code, Some(1));
    let text = String::from_utf8(different.stdout).expect("text");
    assert!(text.contains("a bitmap of 524288 bytes") && text.contains("a bitmap of 2621440 bytes"), "{text}");
}

#[test]
fn random_comparisons_agree_with_their_bits() {
    let scratch = Scratch::new();
    for seed in 0..cases(5u64, 100) {
        let [a, b] = [2 * seed, 2 * seed + 1].map(|seed| Bits::scattered(300, 1 + seed % 4, seed));
        let paths = [&a, &b].map(|bits| scratch.file(&format!("{}", std::ptr::from_ref(bits).addr()), bits.base64()));
        let run =
            run(["compare", "--output", "json", paths[0].to_str().expect("text"), paths[1].to_str().expect("text")]);
        let object: serde_json::Value = serde_json::from_slice(&run.stdout).expect("JSON");
        let count = |only: &Bits, other: &Bits| only.0.iter().zip(&other.0).filter(|&(&x, &y)| x && !y).count() as u64;
        assert_eq!(object["only_in_first"]["blocks"].as_u64(), Some(count(&a, &b)));
        assert_eq!(object["only_in_second"]["blocks"].as_u64(), Some(count(&b, &a)));
        let first = a.0.iter().zip(&b.0).position(|(x, y)| x != y).map(|block| block as u64 * 65_536);
        assert_eq!((object["first_difference"].as_u64(), run.code), (first, Some(i32::from(first.is_some()))));
    }
}

#[test]
fn one_stream_under_two_names_is_refused() {
    let bits = Bits::scattered(4000, 2, 3);
    for command in ["union", "compare", "stats"] {
        let message = run_piped([command, "-", "/dev/stdin"], bits.base64()).failure(2);
        assert!(message.contains("are one stream"), "{message}");
    }
}

#[test]
fn an_operation_that_leaves_changes_out_is_not_inverted() {
    let scratch = Scratch::new();
    let a = scratch.file("a", Bits::new("10000000").base64());
    let a = a.to_str().expect("text");
    for operation in ["intersect", "subtract", "xor"] {
        let message = run([operation, "--virtual-size", "512k", "--invert", a, a]).failure(2);
        assert!(message.contains("cbt union"), "{message}");
    }
    assert_eq!(run(["union", "--virtual-size", "512k", "--invert", a, a]).text(), "65536 458752\n");
}

#[test]
fn a_list_is_held_against_the_size_that_another_input_knows() {
    let scratch = Scratch::new();
    let log = scratch.file("log", Bits::new("10000000").cbtlog(90_000, 1));
    let log = log.to_str().expect("text");
    for line in ["95000 1000\n", "80000 15000\n"] {
        let list = scratch.file("list", line);
        let message =
            run(["union", "--from", "cbtlog", "--from", "text", log, list.to_str().expect("text")]).failure(3);
        assert!(message.contains("ends beyond the disk, which has 90000 bytes"), "{message}");
    }
    let list = scratch.file("list", "0 1\n");
    let list = list.to_str().expect("text");
    let message = run(["union", "--from", "cbtlog", "--from", "text", "--offset", "1E", log, list]).failure(2);
    assert!(message.contains("not on the disk"), "{message}");
    let message = run(["extents", "--from", "text", "--offset", "1E", list]).failure(2);
    assert!(message.contains("give --virtual-size"), "{message}");
}

#[cfg(unix)]
#[test]
fn a_comparison_tells_by_its_exit_code_though_nobody_reads_the_output() {
    let scratch = Scratch::new();
    let [a, b] = ["10000000", "01000000"].map(|bits| scratch.file(bits, Bits::new(bits).base64()));
    let mut command = crate::common::cbt([std::ffi::OsStr::new("compare"), a.as_os_str(), b.as_os_str()]);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    assert_eq!(command.stdout(writer).status().expect("it starts").code(), Some(1));
}
