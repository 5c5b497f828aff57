//! Pictures of where a disk changed: each change is in them, and they are whole or not there.

use std::fs;
use std::io::Cursor;
use std::path::Path;
#[cfg(target_os = "linux")]
use std::process::{Command, Stdio};

use quick_xml::events::Event;

use crate::common::{Bits, Run, Scratch, cases, cbt, run, run_piped};
#[cfg(target_os = "linux")]
use crate::common::{data, skip};

const BLOCK: u64 = 65_536;
/// The number of that colour in the palette of a PNG.
const UNCHANGED: usize = 3;

/// The pixels of a PNG as numbers of colours, and the palette.
fn pixels(file: &Path) -> (Vec<u8>, Vec<u8>) {
    let decoder = png::Decoder::new(Cursor::new(fs::read(file).expect("written")));
    let mut reader = decoder.read_info().expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("small")];
    reader.next_frame(&mut pixels).expect("whole");
    let palette = reader.info().palette.as_ref().expect("it has one").to_vec();
    (pixels, palette)
}

fn count(pixels: &[u8], color: usize) -> usize {
    pixels.iter().filter(|&&pixel| usize::from(pixel) == color).count()
}

/// All text of an SVG, which must be well-formed.
fn svg_text(file: &Path) -> Vec<String> {
    let svg = fs::read_to_string(file).expect("UTF-8");
    let mut reader = quick_xml::Reader::from_str(&svg);
    let (mut texts, mut text, mut depth) = (Vec::new(), String::new(), 0);
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Start(_) => depth += 1,
            Event::End(_) => {
                depth -= 1;
                texts.push(std::mem::take(&mut text));
            }
            Event::Text(part) => text += &part,
            Event::GeneralRef(name) => text += &format!("&{};", &*name),
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0);
    texts.into_iter().filter(|text| !text.trim().is_empty()).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

#[test]
fn one_block_of_16_tib_can_be_seen() {
    let scratch = Scratch::new();
    let none = scratch.file("none", "");
    let draw = |list: &Path, name: &str| {
        let picture = scratch.join(name);
        let args = ["map", "--from", "text", "--allow-empty", "--virtual-size", "16T", text(list), "-o"];
        run(args.into_iter().chain([text(&picture)])).bytes();
        picture
    };
    let (without, palette) = pixels(&draw(&none, "none.png"));
    let colors: Vec<&[u8]> = palette.chunks(3).collect();
    assert!(colors.iter().enumerate().all(|(number, color)| number == UNCHANGED || *color != colors[UNCHANGED]));
    for block in [0, 12_345_678, (16 << 40) / BLOCK - 1] {
        let one = scratch.file("one", format!("{} {BLOCK}\n", block * BLOCK));
        let (with, _) = pixels(&draw(&one, "one.png"));
        assert_eq!(count(&with, UNCHANGED) + 9, count(&without, UNCHANGED), "a cell of 3 × 3 pixels");
        let svg = fs::read_to_string(draw(&one, "one.svg")).expect("UTF-8");
        assert_eq!(svg.matches("<path ").count(), 2, "one colour for a change, one for none");
        let characters = fs::read_to_string(draw(&one, "one.txt")).expect("ASCII");
        let cells = characters.lines().filter(|line| line.contains("........"));
        assert_eq!(cells.map(|line| line.matches(':').count()).sum::<usize>(), 1, "{characters}");
    }
}

/// Offsets are found again by the layout in rows, which needs no curve.
#[test]
fn characters_are_those_of_a_naive_sum() {
    for case in 0..cases(6_u64, 60) {
        let blocks = 3 + (case % 9).pow(2) * 97;
        let bits = Bits::scattered(usize::try_from(blocks).expect("small"), 1 + case % 40, case);
        let disk = blocks * BLOCK - case % 3 * 20_000;
        let map =
            run_piped(["map", "-", "--layout", "rows", "--virtual-size", &disk.to_string()], bits.base64()).text();
        let lines = map.lines().skip_while(|line| !line.starts_with("        0 ")).take_while(|line| !line.is_empty());
        let found: Vec<&str> = lines.map(|line| line.get(10..).expect("cells after the label")).collect();

        let side = [1, 2, 4, 8, 16, 32, 64].into_iter().find(|side| side * side >= blocks).unwrap_or(64);
        let cell = (0..).map(|power| BLOCK << power).find(|cell| disk.div_ceil(*cell) <= side * side).expect("one");
        let ranges = bits.ranges(BLOCK, disk);
        let density = |start: u64| {
            let end = (start + cell).min(disk);
            let inside = |&(offset, len): &(u64, u64)| (offset + len).min(end).saturating_sub(offset.max(start));
            #[expect(clippy::cast_precision_loss)]
            (start < end).then(|| ranges.iter().map(inside).sum::<u64>() as f64 / (end - start) as f64)
        };
        for pair in 0..disk.div_ceil(cell).div_ceil(2 * side) {
            for column in 0..side {
                let start = (2 * pair * side + column) * cell;
                let both = [density(start), density(start + side * cell)];
                let more = both
                    .into_iter()
                    .flatten()
                    .fold(None, |most: Option<f64>, next| Some(most.map_or(next, |most| most.max(next))));
                let index = (usize::try_from(pair).expect("small"), usize::try_from(column).expect("small"));
                let char = found[index.0].chars().nth(index.1).unwrap_or(' ');
                let expected = match more {
                    None => " ",
                    Some(0.0) => ".",
                    // At the edges of the steps, either is right.
                    Some(share) => {
                        let step = |share: f64| {
                            [0.000_316, 0.001, 0.003_16, 0.01, 0.031_6, 0.1, 0.316]
                                .iter()
                                .filter(|&&limit| share > limit)
                                .count()
                        };
                        &":-=+*%#@"[step(share * 0.95)..=step(share * 1.05)]
                    }
                };
                assert!(expected.contains(char), "case {case}: {char:?} at {index:?}, not {expected:?}\n{map}");
            }
        }
    }
}

#[test]
fn panels_stand_side_by_side_on_one_scale() {
    let scratch = Scratch::new();
    let small = scratch.file("<monday> & \u{e9}.b64", Bits::new("01000000").base64());
    let large = scratch.file("tuesday.b64", Bits::scattered(64 * 64, 5, 1).base64());
    let picture = scratch.join("both.svg");
    let args = ["map", "--virtual-size", "512k", "--virtual-size", "256M", "--title", "1 < 2 & \u{1b}[31m"];
    run(args.into_iter().chain([text(&small), text(&large), "-o", text(&picture)])).bytes();
    let texts = svg_text(&picture);
    let svg = fs::read_to_string(&picture).expect("UTF-8");
    assert!(!svg.contains('\u{1b}'));
    let has = |part: &str| assert!(texts.iter().any(|text| text.contains(part)), "{part} is not in {texts:?}");
    has("1 &lt; 2 &amp; \\u{1b}[31m");
    has("&lt;monday&gt; &amp; \u{e9}.b64");
    has("tuesday.b64");
    has("256 MiB, blocks of 64 KiB, cells of 64 KiB");
    has("64.00 KiB changed, 12.50 %");
    has("beyond the disk's end");
    let png = scratch.join("both.png");
    run([&args[..], &[text(&small), text(&large), "-o", text(&png)]].concat()).bytes();
    assert!(count(&pixels(&png).0, UNCHANGED) > 1000);

    // Blocks of the finest size, and a list that has only the size of the others.
    let list = scratch.file("list", "0 512\n");
    let args = ["map", "--from", "base64", "--from", "text", "--block-size", "64k", "--block-size", "512"];
    let sizes = ["--virtual-size", "256M"];
    let found = run(args.into_iter().chain(sizes).chain([text(&large), text(&list)])).text();
    assert!(found.contains("256 MiB, blocks of 512 B, cells of 256 KiB"), "{found}");
}

#[test]
fn size_of_the_disk_is_that_of_the_bitmap_if_it_is_not_said() {
    let map = run_piped(["map", "-"], Bits::new("01000000 00000000").base64()).text();
    assert!(map.contains("1 MiB, blocks of 64 KiB, cells of 64 KiB"), "{map}");
    let message = run_piped(["map", "-", "--from", "text"], "0 1\n").failure(2);
    assert!(message.contains("--virtual-size"), "{message}");
}

/// An input that could hide a change gives no picture, and leaves the one before as it was.
#[test]
fn bitmaps_that_cannot_be_used_give_no_picture() {
    let scratch = Scratch::new();
    let good = Bits::scattered(4096, 7, 1).base64();
    let path = scratch.file("good", &good);
    for name in ["map.png", "map.svg", "map.txt", "-"] {
        let output = scratch.join(name);
        let output = if name == "-" { "-" } else { text(&output) };
        let draw = |input: &str| -> Run {
            run_piped(["map", "--virtual-size", "256M", text(&path), "-", "-o", output], input)
        };
        for damaged in [&good[..good.len() - 4], &good[..400], &good.replacen('A', "!", 1), &format!("{good}AAAA"), ""]
        {
            let message = draw(damaged).failure(3);
            assert!(message.contains("standard input"), "{message}");
        }
        let missing = run(["map", text(&path), "/nowhere/map", "-o", output]);
        missing.failure(1);
        assert_eq!(scratch.names(), ["good"]);
    }
    let output = scratch.file("map.png", "before");
    let log = scratch.file("log", Bits::new("10000000").cbtlog(500_000, 0));
    run(["map", "--from", "cbtlog", text(&log), "-o", text(&output)]).failure(3);
    assert_eq!(fs::read(&output).expect("there"), b"before");
    run(["map", "--from", "cbtlog", "--allow-inconsistent", text(&log), "-o", text(&output)]).bytes();
    assert!(pixels(&output).0.len() > 1000);
}

#[test]
fn names_of_no_kind_of_picture_and_too_many_inputs_are_refused() {
    let scratch = Scratch::new();
    for name in ["map", "map.jpg", "map.png.gz"] {
        let message = run_piped(["map", "-o", text(&scratch.join(name)), "-"], "AAAA").failure(2);
        assert!(message.contains(".png, .svg"), "{message}");
    }
    let message = run(["map"].into_iter().chain(vec!["/nowhere"; 101])).failure(2);
    assert!(message.contains("cbt union"), "{message}");
    assert!(scratch.names().is_empty());
}

/// The commands on the page make the pictures that stand there.
#[test]
fn gallery_is_what_its_commands_draw() {
    const PAGE: &str = include_str!("../../../../docs/map.md");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let scratch = Scratch::new();
    let commands = PAGE.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block of commands");
    let mut drawn = 0;
    for command in commands.replace("\\\n", " ").lines() {
        let (arguments, name) = command.rsplit_once(" docs/map/").expect("a picture of the gallery");
        let arguments = arguments.strip_prefix("cbt ").expect("a command").split_whitespace();
        let picture = scratch.join(name);
        let drawing = cbt(arguments.chain([text(&picture)])).current_dir(&root).output();
        Run::from(drawing.expect("the command starts")).bytes();
        assert!(PAGE.contains(&format!("](map/{name})")), "{name} is not shown");
        let shown = root.join("docs/map").join(name);
        if name.ends_with(".png") {
            // Another version of the encoder may write other bytes.
            assert!(pixels(&picture) == pixels(&shown), "{name} is another picture");
        } else {
            assert!(
                fs::read(&picture).expect("drawn") == fs::read(&shown).expect("there"),
                "{name} is another picture"
            );
        }
        drawn += 1;
    }
    assert_eq!(fs::read_dir(root.join("docs/map")).expect("a folder").count(), drawn);
}

/// All that the command prints in a terminal of 100 columns; nothing if there is no `script`, which makes one.
#[cfg(target_os = "linux")]
fn in_terminal(variables: &[(&str, &str)], arguments: &[&str]) -> Option<String> {
    let program = crate::common::program();
    let quoted: Vec<String> = arguments.iter().map(|argument| format!("'{argument}'")).collect();
    let shell = format!("stty cols 100 rows 40; exec '{}' {}", program.to_str().expect("text"), quoted.join(" "));
    let mut script = Command::new("script");
    script.args(["-qec", &shell, "/dev/null"]).stdin(Stdio::null()).env_clear().env("SHELL", "/bin/sh");
    script.envs(variables.iter().copied()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let Ok(output) = script.output() else {
        skip("maps in a terminal (there is no script)");
        return None;
    };
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "{printed}");
    Some(printed.replace('\r', ""))
}

/// Lines without their escapes.
#[cfg(target_os = "linux")]
fn without_escapes(text: &str) -> String {
    let parts = text.split('\u{1b}').enumerate();
    parts.map(|(number, part)| if number == 0 { part } else { part.split_once('m').expect("a colour").1 }).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn terminals_show_half_blocks_in_the_colours_that_they_have() {
    let bitmap = data("database-hour.b64");
    let (utf8, many) = (("LANG", "C.UTF-8"), ("TERM", "xterm-256color"));
    for layout in ["hilbert", "rows"] {
        let args = ["map", "--virtual-size", "1T", "--layout", layout, text(&bitmap)];
        let Some(truecolor) = in_terminal(&[utf8, many, ("COLORTERM", "truecolor")], &args) else { return };
        assert!(truecolor.contains("\u{1b}[38;2;") && !truecolor.contains(";5;"), "{truecolor}");
        let of_256 = in_terminal(&[utf8, many], &args).expect("there is script");
        assert!(of_256.contains("\u{1b}[38;5;") && !of_256.contains(";2;"), "{of_256}");
        let [truecolor, of_256] = [truecolor, of_256].map(|map| without_escapes(&map));
        assert_eq!(truecolor, of_256);
        assert_eq!(truecolor.lines().filter(|line| line.matches('▀').count() == 64).count(), 32, "{truecolor}");
        assert!(truecolor.lines().all(|line| line.chars().count() <= 100));
        let piped = run(args).text();
        for variables in [&[utf8, many, ("NO_COLOR", "1")][..], &[("TERM", "vt100"), utf8], &[many]] {
            assert_eq!(in_terminal(variables, &args).as_deref(), Some(&*piped), "{variables:?}");
        }
        assert!(piped.is_ascii() && !piped.contains('\u{1b}'));
    }
}
