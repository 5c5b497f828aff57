//! `cbt extents`: the same list for the same bitmap, however it is written down, and what the options make of it.

use crate::common::{Bits, MIB, Scratch, cases, ranges_as_text, run, run_piped};

/// Bitmaps of 32 blocks and more, as the call and `.cbtlog` files have them.
fn bitmaps() -> Vec<Bits> {
    let mut bitmaps = vec![
        // The example of the vendor's guide: only the second and third blocks changed.
        Bits::new("01100000 00000000 00000000 00000000"),
        Bits::new("00000000 00000000 00000000 00000000"),
        Bits::new("11111111 11111111 11111111 11111111"),
        Bits::new("10000000 00000000 00000000 00000001"),
        Bits::new("00000001 10000000 00000001 11111111"),
        Bits::new("10101010 01010101 11001100 00110011"),
    ];
    let (long, dense) = cases((1_000_000, 100_000), (3_000_000, 1_000_000));
    for (blocks, run) in [(64, 2), (4096, 3), (100_000, 50), (long, 4000), (dense, 2)] {
        bitmaps.push(Bits::scattered(blocks, run, blocks as u64 + run));
    }
    bitmaps
}

#[test]
fn the_example_of_the_design() {
    assert_eq!(run_piped(["extents"], "YAAAAA==\n").text(), "65536 131072\n");
}

#[test]
fn every_encoding_gives_the_same_list() {
    let scratch = Scratch::new();
    for bits in bitmaps() {
        let (size, list) = (bits.0.len() as u64 * 65_536, bits.list());
        let encodings = [
            ("base64", bits.base64().into_bytes()),
            ("raw-msb0", bits.msb0()),
            ("raw-lsb0", bits.lsb0()),
            ("cbtlog", bits.cbtlog(size, 1)),
            ("bits", bits.text().into_bytes()),
        ];
        for (encoding, content) in encodings {
            let file = scratch.file("bitmap", &content);
            let from_file = run(["extents", "--from", encoding, file.to_str().expect("text")]).text();
            assert!(from_file == list, "{encoding}, {} blocks", bits.0.len());
            let from_pipe = run_piped(["extents", "--from", encoding, "--virtual-size", &size.to_string()], content);
            assert!(from_pipe.text() == list, "{encoding}, {} blocks, piped", bits.0.len());
        }
    }
}

#[test]
fn one_block_at_every_place() {
    for block in 0..32 {
        let mut bits = Bits::new(&"0".repeat(32));
        bits.0[block] = true;
        let expected = format!("{} 65536\n", block * 65_536);
        assert_eq!(run_piped(["extents"], bits.base64()).text(), expected);
        assert_eq!(run_piped(["extents", "--from", "raw-lsb0"], bits.lsb0()).text(), expected);
    }
}

#[test]
fn line_breaks_inside_and_white_space_around_do_not_matter() {
    let bits = Bits::scattered(4800, 5, 1);
    let plain = bits.base64();
    let wrapped = |width: usize, end: &str| {
        let lines = plain.as_bytes().chunks(width).map(|line| String::from_utf8_lossy(line).into_owned() + end);
        lines.collect::<String>()
    };
    for text in [
        plain.clone(),
        format!("{plain}\n"),
        format!("{plain}\r\n"),
        format!("\n  \t{plain} \r\n\n"),
        wrapped(76, "\n"),
        wrapped(64, "\r\n"),
        wrapped(1, "\r\n"),
        wrapped(3, "\n\n"),
    ] {
        assert_eq!(run_piped(["extents"], text).text(), bits.list());
    }
    let digits = bits.text().as_bytes().chunks(80).map(|line| [line, b"\r\n"].concat()).collect::<Vec<_>>().concat();
    assert_eq!(run_piped(["extents", "--from", "bits"], digits).text(), bits.list());
}

#[test]
fn block_sizes_scale_the_list() {
    let bits = Bits::new("01100000 00000000 00000000 10000001");
    for (name, bytes) in
        [("512", 512), ("1s", 512), ("4k", 4096), ("0x10000", 65_536), ("2MiB", 2 * MIB), ("1G", 1 << 30)]
    {
        let list = run_piped(["extents", "--block-size", name], bits.base64()).text();
        assert_eq!(list, ranges_as_text(&bits.ranges(bytes, u64::MAX)), "{name}");
    }
    for wrong in ["0", "1", "256", "3k", "65535", "65537", "2G", "96k"] {
        let message = run_piped(["extents", "--block-size", wrong], bits.base64()).failure(2);
        assert!(message.contains("--block-size") && message.contains(wrong), "{message}");
        assert!(message.contains("512") && message.contains("1073741824"), "no word about what is allowed: {message}");
    }
}

#[test]
fn sizes_as_people_write_them() {
    // 16 blocks, the last one changed and clipped to one byte less than a block.
    let bits = Bits::new("00000000 00000001");
    for size in ["1M", "1m", "1MiB", "1mib", "1024k", "1024KiB", "0x100000", "0X100000", "2048s", "2048S", "1048576"] {
        let list = run_piped(["extents", "--virtual-size", size], bits.base64()).text();
        assert_eq!(list, "983040 65536\n", "{size}");
    }
    assert_eq!(run_piped(["extents", "--virtual-size", "0xfffff"], bits.base64()).text(), "983040 65535\n");
    assert_eq!(run_piped(["extents", "--offset", "1921s"], bits.base64()).text(), "983552 65024\n");
    for wrong in ["", "k", "1.5M", "1MB", "1 M", "1,048,576", "one", "0x", "0xg", "1kk", "s", "0x10s", "+1", "16E"] {
        for option in ["--virtual-size", "--offset", "--length", "--block-size"] {
            let message = run_piped(["extents", &format!("{option}={wrong}")], bits.base64()).failure(2);
            assert!(message.contains(option), "{option}={wrong}: {message}");
        }
    }
}

#[test]
fn the_virtual_size_clips_the_last_extent() {
    let bits = Bits::new("01100000 00000000 00000000 00000011");
    for (size, last) in [(32 * 65_536, 131_072), (31 * 65_536 + 1, 65_537), (31 * 65_536 + 512, 66_048)] {
        let list = run_piped(["extents", "--virtual-size", &u64::to_string(&size)], bits.base64()).text();
        assert_eq!(list, format!("65536 131072\n1966080 {last}\n"), "{size}");
    }
}

#[test]
fn a_bitmap_of_another_length_is_refused_with_both_figures() {
    let bits = Bits::new("01100000 00000000 00000000 00000000 00000000");
    // 41 blocks need 6 bytes, or 8 as filled up; 16 blocks need 2, or 4.
    for (size, found, needed) in [("2621441", "5 bytes", "6"), ("1M", "5 bytes", "2"), ("1T", "5 bytes", "2097152")] {
        let message = run_piped(["extents", "--virtual-size", size], bits.base64()).failure(3);
        assert!(message.contains(found) && message.contains(needed), "{message}");
        assert!(message.contains("\nhint: "), "{message}");
    }
    for (size, needed) in [("2621441", "41"), ("1M", "16")] {
        let message = run_piped(["extents", "--from", "bits", "--virtual-size", size], bits.text()).failure(3);
        assert!(message.contains("40 bits") && message.contains(needed), "{message}");
    }
    for encoding in ["raw-msb0", "raw-lsb0"] {
        run_piped(["extents", "--from", encoding, "--virtual-size", "2621441"], bits.msb0()).failure(3);
        run_piped(["extents", "--from", encoding, "--virtual-size", "1M"], bits.msb0()).failure(3);
    }
}

#[test]
fn a_bitmap_that_storage_filled_up_is_accepted_if_the_rest_is_zeros() {
    // VHD storage rounds up to 4 bytes: 17 blocks of 64 KiB need 3.
    let bits = Bits::new("01100000 00000000 10000000 00000000");
    let size = (17 * 65_536 - 1).to_string();
    let list = "65536 131072\n1048576 65535\n";
    assert_eq!(run_piped(["extents", "--virtual-size", &size], bits.base64()).text(), list);
    assert_eq!(run_piped(["extents", "--virtual-size", &size, "--from", "bits"], bits.text()).text(), list);
    assert_eq!(run_piped(["extents", "--virtual-size", &size, "--from", "raw-msb0"], bits.msb0()).text(), list);
    assert_eq!(run_piped(["convert", "--virtual-size", &size], bits.base64()).text(), "YACA\n");
    assert_eq!(run_piped(["extents", "--virtual-size", "2162688"], "gAAAAIAAAAA=").text(), "0 65536\n2097152 65536\n");

    let surplus = Bits::new("01100000 00000000 10000000 00000001");
    let message = run_piped(["extents", "--virtual-size", &size], surplus.base64()).failure(3);
    assert!(message.contains("block 31") && message.contains("17 blocks"), "{message}");
    // Anything else is too short or too long.
    run_piped(["extents", "--virtual-size", "1T"], bits.base64()).failure(3);
    run_piped(["extents", "--virtual-size", "1M"], "AAAAAAA=").failure(3);
    run_piped(["extents", "--virtual-size", &size], "AAAAAAAAAAA=").failure(3);
}

#[test]
fn a_block_beyond_the_end_is_refused_with_both_figures() {
    // The disk ends within the last byte of the bitmap.
    let bits = Bits::new("01100000 00000000 00000000 00000001");
    for blocks in 25..32u64 {
        let size = (blocks * 65_536).to_string();
        let message = run_piped(["extents", "--virtual-size", &size], bits.base64()).failure(3);
        assert!(message.contains("block 31") && message.contains(&format!("{blocks} blocks")), "{message}");
        run_piped(["extents", "--virtual-size", &size, "--from", "raw-msb0"], bits.msb0()).failure(3);
        run_piped(["extents", "--virtual-size", &size, "--from", "raw-lsb0"], bits.lsb0()).failure(3);
        run_piped(["extents", "--virtual-size", &size, "--from", "bits"], bits.text()).failure(3);
    }
}

#[test]
fn a_window_shows_its_part_of_the_list() {
    // Extents: 65536..196608 and 1048576..2097152.
    let bits = Bits::new("01100000 00000000 11111111 11111111");
    for (offset, length, expected) in [
        (Some("0"), None, "65536 131072\n1048576 1048576\n"),
        (Some("64k"), Some("128k"), "65536 131072\n"),
        (Some("65537"), None, "65537 131071\n1048576 1048576\n"),
        (Some("196607"), Some("2"), "196607 1\n"),
        (Some("196608"), Some("832k"), ""),
        (None, Some("65537"), "65536 1\n"),
        (None, Some("64k"), ""),
        (Some("1M"), None, "1048576 1048576\n"),
        (Some("1500000"), Some("1"), "1500000 1\n"),
        (Some("2097151"), None, "2097151 1\n"),
        (Some("1"), Some("0xffffffffffffffff"), "65536 131072\n1048576 1048576\n"),
    ] {
        let mut args = vec!["extents"];
        args.extend(offset.into_iter().flat_map(|offset| ["--offset", offset]));
        args.extend(length.into_iter().flat_map(|length| ["--length", length]));
        assert_eq!(run_piped(&args, bits.base64()).text(), expected, "{args:?}");
    }
    // At the end of the disk and after it there is nothing to ask for, as with no length.
    for offset in ["2M", "2097153", "10T", "0xffffffffffffffff"] {
        for length in [None, Some("1"), Some("0")] {
            let args =
                ["extents", "--offset", offset].into_iter().chain(length.into_iter().flat_map(|n| ["--length", n]));
            let message = run_piped(args, bits.base64()).failure(2);
            assert!(message.contains("would list nothing, whatever changed"), "{message}");
            assert!(length == Some("0") || message.contains("--offset") && message.contains("2097152"), "{message}");
        }
    }
    // The disk ends within its last block.
    let part = ["extents", "--virtual-size", "2097151", "--offset"];
    assert_eq!(run_piped(part.iter().chain(&["2097150"]), bits.base64()).text(), "2097150 1\n");
    run_piped(part.iter().chain(&["2097151"]), bits.base64()).failure(2);
    // A window does not hide that the bitmap is bad elsewhere.
    run_piped(["extents", "--length", "64k", "--virtual-size", "1T"], bits.base64()).failure(3);
    run_piped(["extents", "--length", "64k"], "YAAAAB==").failure(3);
    let message = run_piped(["extents", "--length", "0"], bits.base64()).failure(2);
    assert!(message.contains("--length"), "{message}");
}

#[test]
fn windows_side_by_side_are_the_whole() {
    let bits = Bits::scattered(3200, 4, 9);
    let disk = 3200 * 65_536u64;
    let mut bytes = 0;
    let window = 10 * MIB + 12_345;
    for offset in (0..disk).step_by(usize::try_from(window).expect("small")) {
        let (offset, window) = (offset.to_string(), window.to_string());
        let list = run_piped(["extents", "--offset", &offset, "--length", &window], bits.base64()).text();
        bytes += list
            .lines()
            .map(|line| line.split(' ').nth(1).expect("two numbers").parse::<u64>().expect("number"))
            .sum::<u64>();
    }
    assert_eq!(bytes, bits.ranges(65_536, u64::MAX).iter().map(|range| range.1).sum::<u64>());
}

#[test]
fn a_disk_too_large_for_this_bitmap_is_refused() {
    let message = run_piped(["extents", "--block-size", "1G", "--virtual-size", "15E"], "YAAAAA==").failure(3);
    assert!(message.contains("4 bytes") && message.contains("2013265920"), "{message}");
    let message = run_piped(["extents", "--virtual-size", "0xffffffffffffffff"], "YAAAAA==").failure(3);
    assert!(message.contains("18446744073709551615"), "{message}");
}

/// 2^34 blocks of 1 GiB are 2^64 bytes: the block after them has an offset that no 64-bit number holds.
#[cfg(target_os = "linux")]
#[test]
fn an_offset_beyond_64_bits_is_refused() {
    use std::os::unix::fs::FileExt;
    let scratch = Scratch::new();
    let path = scratch.join("sparse.raw");
    let file = std::fs::File::create(&path).expect("room");
    if let Err(error) = file.write_all_at(&[0x80], 1 << 31) {
        return crate::common::skip(&format!("a sparse file of 2 GiB: {error}"));
    }
    let raw = ["extents", "--from", "raw-msb0", path.to_str().expect("text")];
    let message = run(raw.iter().chain(&["--block-size", "1G"])).failure(3);
    assert!(
        message.contains("17179869184") && message.contains("2^64") && message.contains("--block-size"),
        "{message}"
    );
    // A window does not hide it; blocks of half the size fit.
    run(raw.iter().chain(&["--block-size", "1G", "--length", "1M"])).failure(3);
    assert_eq!(run(raw.iter().chain(&["--block-size", "512M"])).text(), "9223372036854775808 536870912\n");
}
