//! `cbt convert` and `cbt bits`: the bitmap, written down again.

use crate::common::{Bits, LongList, Scratch, cases, data, is_left_to_ci, run, run_piped};

const ENCODINGS: [&str; 4] = ["base64", "raw-msb0", "raw-lsb0", "bits"];

/// The bitmap in an encoding, as `cbt convert` is to write it.
fn written(bits: &Bits, encoding: &str) -> Vec<u8> {
    match encoding {
        "base64" => (bits.base64() + "\n").into_bytes(),
        "bits" => (bits.text() + "\n").into_bytes(),
        "raw-msb0" => bits.msb0(),
        "raw-lsb0" => bits.lsb0(),
        _ => panic!("{encoding}"),
    }
}

fn convert(from: &str, to: &str, input: impl AsRef<[u8]>) -> Vec<u8> {
    run_piped(["convert", "--from", from, "--output", to], input).bytes()
}

#[test]
fn every_encoding_into_every_other_and_back() {
    let lengths = [8, 16, 24, 32, 64, 4096, 49_152, 49_160, 100_000, 1 << 20];
    for blocks in lengths.into_iter().step_by(cases(2, 1)) {
        let bits = Bits::scattered(blocks, 5, blocks as u64);
        for from in ENCODINGS {
            for to in ENCODINGS {
                let there = convert(from, to, written(&bits, from));
                assert!(there == written(&bits, to), "{blocks} blocks from {from} to {to}");
                if blocks <= 4096 {
                    assert!(convert(to, from, &there) == written(&bits, from), "{from}, {to} and back");
                }
            }
        }
    }
}

#[test]
fn without_options_the_answer_of_the_call_comes_back() {
    assert_eq!(run_piped(["convert"], "YAAAAA==\r\n").text(), "YAAAAA==\n");
    let (name, wrapped) = (data("database-hour.b64"), "\n");
    let text = std::fs::read_to_string(&name).expect("there");
    assert!(run(["convert", name.to_str().expect("text")]).text() == text);
    let lines: Vec<_> = text.trim().as_bytes().chunks(76).collect();
    assert!(run_piped(["convert"], lines.join(wrapped.as_bytes())).text() == text);
}

#[test]
fn a_cbtlog_is_written_as_the_call_would_answer() {
    let bits = Bits::new("01100000 00000001 1001");
    for (to, expected) in ENCODINGS.map(|to| (to, written(&bits, to))) {
        let file = bits.cbtlog(19 * 65_536 + 1, 1);
        assert_eq!(convert("cbtlog", to, file), expected, "{to}");
    }
    // There is no way back: a log has more in it than its bitmap.
    run_piped(["convert", "--output", "cbtlog"], "YAAAAA==").failure(2);
}

#[test]
fn bits_of_a_last_partial_byte() {
    for blocks in (1..=40).step_by(cases(3, 1)) {
        let bits = Bits::scattered(blocks, 2, 31 + blocks as u64);
        let text = bits.text();
        // One character a block stays as it is; bytes are filled up with zeros.
        assert_eq!(run_piped(["bits", "--from", "bits"], &text).text(), format!("{text}\n"));
        assert_eq!(convert("bits", "base64", &text), written(&bits, "base64"));
        assert_eq!(convert("bits", "raw-msb0", &text), written(&bits, "raw-msb0"));
        assert_eq!(convert("bits", "raw-lsb0", &text), written(&bits, "raw-lsb0"));
        // Coming from bytes, only the size of the disk tells how many bits count.
        let filled = format!("{text:0<0$}", blocks.next_multiple_of(8));
        assert_eq!(run_piped(["bits"], bits.base64()).text(), format!("{filled}\n"));
        let size = ((blocks - 1) * 65_536 + 1).to_string();
        assert_eq!(run_piped(["bits", "--virtual-size", &size], bits.base64()).text(), format!("{text}\n"));
        let from_log = run_piped(["bits", "--from", "cbtlog"], bits.cbtlog(blocks as u64 * 65_536, 1)).text();
        assert_eq!(from_log, format!("{text}\n"));
    }
}

#[test]
fn what_fills_up_a_bitmap_is_not_written_again() {
    // 17 blocks need 3 bytes.
    let args = ["convert", "--virtual-size", "1114112"];
    run_piped(args, "YAABAA==").failure(3);
    run_piped(args, "YAABgAAA").failure(3);
    assert_eq!(run_piped(args, "YACAAA==").text(), "YACA\n");
    run_piped(args, "YACAAQ==").failure(3);
}

#[test]
fn a_range_of_bits() {
    let bits = Bits::scattered(200_000, 3, 8);
    let text = bits.text();
    for (first, count) in [
        (0, 1),
        (0, 64),
        (1, 63),
        (63, 2),
        (49_151, 3),
        (49_152, 49_152),
        (12_345, 100_000),
        (0, 200_000),
        (199_999, 1),
    ] {
        let (first_text, count_text) = (first.to_string(), count.to_string());
        let found = run_piped(["bits", "--first-block", &first_text, "--count", &count_text], bits.base64()).text();
        assert!(found == format!("{}\n", &text[first..first + count]), "{count} from {first}");
    }
    for first in [0, 1, 1600, 199_999] {
        let found = run_piped(["bits", "--first-block", &first.to_string()], bits.base64()).text();
        assert!(found == format!("{}\n", &text[first..]), "from {first}");
    }
    let found = run_piped(["bits", "--count", "100"], bits.base64()).text();
    assert_eq!(found, format!("{}\n", &text[..100]));
}

#[test]
fn a_range_out_of_the_bitmap_is_wrong_usage() {
    for (options, asked) in [
        (&["--first-block", "32"][..], "32"),
        (&["--first-block", "33", "--count", "1"], "33"),
        (&["--count", "33"], "33"),
        (&["--first-block", "31", "--count", "2"], "31"),
        (&["--first-block", "1", "--count", "32"], "32"),
        (&["--first-block", "18446744073709551615", "--count", "18446744073709551615"], "18446744073709551615"),
        (&["--first-block", "18446744073709551615"], "18446744073709551615"),
        (&["--first-block", "4294967296"], "4294967296"),
    ] {
        let message = run_piped(["bits"].iter().chain(options), "YAAAAA==").failure(2);
        assert!(message.contains(asked) && message.contains("32 blocks"), "{message}");
        assert!(message.contains("hint: "), "{message}");
    }
    for wrong in ["--count=0", "--count=-1", "--count=x", "--first-block=-1", "--first-block=1.5"] {
        run_piped(["bits", wrong], "YAAAAA==").failure(2);
    }
    // The last block is that of the disk, not that of the last byte.
    run_piped(["bits", "--virtual-size", "1900000", "--first-block", "29"], "YAAAAA==").failure(2);
    assert_eq!(run_piped(["bits", "--virtual-size", "1900000", "--first-block", "28"], "YAAAAA==").text(), "0\n");
}

#[test]
fn a_bad_bitmap_is_refused_outside_the_range_too() {
    run_piped(["bits", "--count", "8"], "YAAAAB==").failure(3);
    run_piped(["bits", "--count", "8"], "YAAA*AA=").failure(3);
    run_piped(["bits", "--count", "8", "--virtual-size", "1T"], "YAAAAA==").failure(3);
    for to in ENCODINGS {
        run_piped(["convert", "--output", to], "YAAAAB==").failure(3);
        run_piped(["convert", "--output", to], "").failure(3);
    }
}

#[test]
fn long_bitmaps_stay_whole() {
    if is_left_to_ci("0/1 texts of 32 MiB") {
        return;
    }
    let scratch = Scratch::new();
    // 33.6 million blocks: as 0/1 text more than the 32 MiB that are held back.
    let times = 700_000;
    let text = "YAAA//8A".repeat(times);
    let good = scratch.file("good.b64", &text);
    let name = good.to_str().expect("text");
    let pattern = b"011000000000000000000000111111111111111100000000";
    let is_right = |found: &[u8]| {
        let (body, end) = found.split_at(48 * times);
        body == pattern.repeat(times) && end == b"\n"
    };
    let from_file = run(["bits", name]).bytes();
    assert!(is_right(&from_file), "two passes over a file");
    assert!(run_piped(["bits"], &text).bytes() == from_file, "a stream");
    let target = scratch.join("bits");
    assert_eq!(run(["bits", name, "-o", target.to_str().expect("text")]).bytes(), b"");
    assert!(std::fs::read(&target).expect("written") == from_file, "a file");
    assert!(run_piped(["convert", "--from", "bits"], &from_file).text() == format!("{text}\n"), "there and back");

    let bad = scratch.file("bad.b64", text + "YAA=\n*");
    run(["bits", bad.to_str().expect("text")]).failure(3);
    // One pass more, over the other encodings.
    let long = LongList::LARGE;
    assert!(run_piped(["convert"], long.base64()).text() == long.base64() + "\n");
}

#[test]
fn a_list_for_another_program_is_of_the_whole_disk() {
    let windows = [["--limit", "1"], ["--offset", "1M"], ["--length", "1M"]];
    for format in ["csi", "vmware", "ebs", "xapi-intervals", "rbd"] {
        if format != "rbd" {
            run_piped(["extents", "--output", format], "YAAAAA==").failure(2);
        }
        for [option, value] in windows {
            let arguments = ["extents", "--output", format, "--virtual-size", "1G", option, value];
            let message = run_piped(arguments, Bits::scattered(16_384, 5, 1).base64()).failure(2);
            assert!(message.contains(format) && message.contains(option), "{message}");
        }
    }
}

#[test]
fn a_size_that_a_format_cannot_say_is_refused() {
    let arguments = ["extents", "--output", "ebs", "--virtual-size", "1025M"];
    let message = run_piped(arguments, Bits::scattered(16_400, 5, 1).base64()).failure(2);
    assert!(message.contains("ebs counts the disk in units of 1073741824 bytes"), "{message}");
}
