//! `cbt check`: a list that is held against a bitmap, and the origin that a list carries.

use crate::common::{Bits, Scratch, run};

const OLDER: &str = "0f0e4c6a-52b1-4c7e-9d3a-1f6f0c1d2e3f";
const NEWER: &str = "7c1d9a02-3e4f-4a5b-8c6d-2b7e8f901a2b";
/// SHA-256 of 65536, 131072, 262144 and 34000 as little-endian numbers of 64 bits, by Python's hashlib.
const DIGEST: &str = "sha256:e2f7bda8ac5f74327ae56efecfbe72b04d9b13b46ac6ec9c69be4faae7cbf03f";
const SIZE: &str = "296144";

/// A bitmap of a disk whose last block is not whole.
fn bits() -> Bits {
    Bits::new("01101000")
}

struct Checked {
    scratch: Scratch,
    bitmap: String,
}

impl Checked {
    fn new() -> Self {
        let scratch = Scratch::new();
        let bitmap = scratch.file("bitmap.b64", bits().base64()).to_str().expect("text").to_owned();
        Self { scratch, bitmap }
    }

    /// A list that `cbt extents` makes of the bitmap, with options.
    fn list(&self, options: &[&str]) -> String {
        let path = self.scratch.join("list.json").to_str().expect("text").to_owned();
        let args = [&["extents", "--virtual-size", SIZE, "--output", "json", &self.bitmap, "-o", &path][..], options];
        assert_eq!(run(args.concat()).bytes(), b"");
        path
    }

    /// The exit code of a check, and what it says.
    fn check(&self, list: &str, options: &[&str]) -> (i32, String) {
        let run = run([&["check", list, "--bitmap", &self.bitmap][..], options].concat());
        assert_eq!(run.stderr, "");
        (run.code.expect("an exit code"), String::from_utf8(run.stdout).expect("text"))
    }
}

#[test]
fn a_list_belongs_to_its_bitmap_and_a_shaped_one_by_its_digest() {
    let checked = Checked::new();
    let belongs = (0, String::new());
    assert_eq!(checked.check(&checked.list(&[]), &[]), belongs);
    assert_eq!(checked.check(&checked.list(&["--digest"]), &[]), belongs);
    assert_eq!(checked.check(&checked.list(&["--digest", "--merge-gap", "64k", "--align", "128k"]), &[]), belongs);
    let (code, text) = checked.check(&checked.list(&["--merge-gap", "64k"]), &[]);
    assert_eq!(code, 1);
    assert!(text.starts_with("the list has 65536 bytes more than what changed, and no digest"), "{text}");
    let text = checked.scratch.file("list.txt", "65536 131072\n262144 34000\n");
    let options = ["--from", "text", "--virtual-size", SIZE];
    assert_eq!(checked.check(text.to_str().expect("text"), &options), belongs);
}

#[test]
fn a_list_that_lacks_a_change_or_is_of_another_bitmap_does_not_belong() {
    let checked = Checked::new();
    let list = checked.scratch.file("list.txt", "65536 131072\n");
    let list = list.to_str().expect("text");
    let (code, text) = checked.check(list, &["--from", "text", "--virtual-size", SIZE]);
    assert_eq!((code, text.as_str()), (1, "the list lacks 34000 bytes of what changed: do not back up by it\n"));
    // All that changed in the other is in the list as well; only the digest tells.
    let list = checked.list(&["--digest", "--merge-gap", "64k"]);
    let other = checked.scratch.file("other.b64", Bits::new("01001000").base64());
    let run = run(["check", &list, "--output", "json", "--bitmap", other.to_str().expect("text")]);
    assert_eq!(run.code, Some(1));
    let object: serde_json::Value = serde_json::from_slice(&run.stdout).expect("JSON");
    assert_eq!((object["belongs"].as_bool(), object["only_in_bitmap_bytes"].as_u64()), (Some(false), Some(0)));
    assert!(object["faults"][0].as_str().expect("a fault").contains(DIGEST), "{object}");
    // Another disk's bitmap is no bitmap of this disk.
    let long = checked.scratch.file("long.b64", Bits::new(&"01101000".repeat(5)).base64());
    let run = crate::common::run(["check", &list, "--bitmap", long.to_str().expect("text")]);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
}

#[test]
fn a_digest_is_that_of_the_changes_in_every_encoding_and_shape() {
    let checked = Checked::new();
    let digest = |args: &[&str]| {
        let args = [&["extents", "--output", "json", "--digest"][..], args].concat();
        let object: serde_json::Value = serde_json::from_slice(&run(args).bytes()).expect("JSON");
        object["bitmap_digest"].as_str().expect("a digest").to_owned()
    };
    assert_eq!(digest(&["--virtual-size", SIZE, &checked.bitmap]), DIGEST);
    assert_eq!(digest(&["--virtual-size", SIZE, "--invert", "--max-extent", "1k", &checked.bitmap]), DIGEST);
    let log = checked.scratch.file("log", bits().cbtlog(296_144, 1));
    assert_eq!(digest(&["--from", "cbtlog", log.to_str().expect("text")]), DIGEST);
    let list = checked.list(&[]);
    assert_eq!(digest(&["--from", "json", &list]), DIGEST);
}

#[test]
fn the_uuids_of_a_list_are_held_against_those_that_are_asked_for() {
    let checked = Checked::new();
    let list = checked.list(&["--uuid-from", OLDER, "--uuid-to", NEWER]);
    assert_eq!(checked.check(&list, &["--uuid-from", OLDER, "--uuid-to", NEWER]), (0, String::new()));
    let (code, text) = checked.check(&list, &["--uuid-from", NEWER]);
    assert_eq!((code, text), (1, format!("the older disk of the list is {OLDER}, not {NEWER}\n")));
    let (code, text) = checked.check(&checked.list(&["--uuid-from", OLDER]), &["--uuid-to", NEWER]);
    assert_eq!((code, text.as_str()), (1, "the list does not name its newer disk\n"));
}

#[test]
fn the_answer_of_a_store_names_its_disks_and_belongs_to_its_log() {
    let checked = Checked::new();
    let folder = checked.scratch.join("logs");
    std::fs::create_dir(&folder).expect("room");
    let log = |name: &str, bits: &Bits, parent: &str, child: &str| {
        let mut bytes = bits.cbtlog(296_144, 1);
        for (at, uuid) in [(0, parent), (16, child)] {
            let hex: String = uuid.chars().filter(|c| *c != '-').collect();
            for byte in 0..hex.len() / 2 {
                bytes[at + byte] = u8::from_str_radix(&hex[2 * byte..2 * byte + 2], 16).expect("hex");
            }
        }
        std::fs::write(folder.join(format!("{name}.cbtlog")), bytes).expect("room");
    };
    log(OLDER, &Bits::new("00000000"), "", NEWER);
    log(NEWER, &bits(), OLDER, "");
    let folder = folder.to_str().expect("text");
    let list = checked.scratch.join("list.json");
    let list = list.to_str().expect("text");
    let run = run(["list-changed-blocks", "--store", folder, OLDER, NEWER, "--output", "json", "--digest", "-o", list]);
    assert_eq!(run.bytes(), b"");
    let options = ["--bitmap-from", "base64", "--uuid-from", OLDER, "--uuid-to", NEWER];
    assert_eq!(checked.check(list, &options), (0, String::new()));
}

#[test]
fn options_that_go_nowhere_are_refused() {
    let checked = Checked::new();
    for args in [
        &["extents", "--digest"][..],
        &["extents", "--uuid-from", OLDER],
        &["convert", "--uuid-to", OLDER],
        &["extents", "--output", "json", "--digest", "--offset", "64k"],
        &["extents", "--output", "json", "--uuid-to", "no uuid"],
    ] {
        assert_eq!(run([args, &[&checked.bitmap]].concat()).code, Some(2), "{args:?}");
    }
    assert_eq!(run(["check", "/nowhere", "--bitmap", &checked.bitmap]).code, Some(2));
    assert_eq!(run(["check", "-", "--bitmap", "-"]).code, Some(2));
}
