//! Options that mean nothing together are refused, before anything is read or asked: whoever gave them believes that they
//! do something.

use std::path::Path;

use crate::common::{Bits, Scratch, run, run_piped};

const DISK: &str = "0f0e4c6a-52b1-4c7e-9d3a-1f6f0c1d2e3f";
const OLDER: &str = "7c1d9a02-3e4f-4a5b-8c6d-2b7e8f901a2b";

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// Options of trust, where there is no certificate.
#[test]
fn trust_without_tls_is_refused() {
    let pin = "00".repeat(32);
    // Nobody is asked, so it need not be there.
    for url in ["http://127.0.0.1:1", "HTTP://127.0.0.1:1", "http://localhost:1/"] {
        for trust in [&["--fingerprint", &*pin][..], &["--ca", "/nowhere"], &["--insecure"]] {
            let args = [&["list-changed-blocks", "--url", url, OLDER, DISK], trust].concat();
            let message = run(&args).failure(2);
            assert!(message.contains("http://") && message.contains("hint: "), "{args:?}: {message}");
            let failure = run([&args[..], &["--output", "json"]].concat()).json_failure(2);
            assert_eq!(failure.error, "usage");
        }
    }
    let scratch = Scratch::new();
    for tls in [&["--tls"][..], &["--certificate", "/nowhere", "--key", "/nowhere"]] {
        let serve = ["serve", "--listen", "127.0.0.1:0", "--allow-plain-http", "--store", text(scratch.path())];
        run([&serve[..], tls].concat()).failure(2);
    }
}

/// A part of the disk that is none of it.
#[test]
fn a_part_that_is_empty_is_refused() {
    let scratch = Scratch::new();
    let bits = Bits::new("01100000");
    let end = 8 * 65_536_u64;
    let log = scratch.file("log", bits.cbtlog(end, 1));
    let output = scratch.join("list");
    for offset in [end, end + 1, u64::MAX].map(|offset| offset.to_string()) {
        for options in [
            &["--virtual-size", "512k"][..],
            &[],
            &["--from", "cbtlog", text(&log)],
            &["--output", "json"],
            &["-o", text(&output)],
            &["--length", "1"],
        ] {
            let args = [&["extents", "--offset", &*offset], options].concat();
            let message = run_piped(&args, bits.base64()).failure(2);
            assert!(message.contains("would list nothing"), "{args:?}: {message}");
        }
    }
    assert!(!output.exists());
    let last = (end - 1).to_string();
    assert_eq!(run_piped(["extents", "--offset", &last], bits.base64()).text(), "");
    assert!(run_piped(["bits", "--first-block", "8"], bits.base64()).failure(2).contains("8 blocks"));

    let folder = scratch.join("logs");
    run(["store", "create", text(&folder), DISK, "--virtual-size", "512k"]).bytes();
    run(["store", "snapshot", text(&folder), DISK, OLDER]).bytes();
    let list = ["list-changed-blocks", "--store", text(&folder), OLDER, DISK, "--output", "text"];
    assert_eq!(run(list).text(), "");
    let at_the_end = [&list[..], &["--offset", "512k"]].concat();
    assert!(run(at_the_end).failure(2).contains("would list nothing"));
}

#[test]
fn what_only_a_log_has_is_for_logs() {
    for from in ["base64", "bits", "raw-msb0", "raw-lsb0"] {
        for command in ["extents", "bits", "convert"] {
            let message = run_piped([command, "--from", from, "--allow-inconsistent"], "AAAA").failure(2);
            assert!(message.contains("--allow-inconsistent") && message.contains("hint: "), "{message}");
        }
    }
}

/// Changes that change nothing.
#[test]
fn a_change_of_nothing_is_refused() {
    let scratch = Scratch::new();
    let folder = scratch.join("logs");
    run(["store", "create", text(&folder), DISK, "--virtual-size", "1M"]).bytes();
    let path = folder.join(format!("{DISK}.cbtlog"));
    let before = std::fs::metadata(&path).and_then(|log| log.modified()).expect("made");
    for change in [&["set", text(&folder), DISK][..], &["mark", text(&folder), DISK, "--offset", "0", "--length", "0"]]
    {
        run([&["store"], change].concat()).failure(2);
    }
    assert_eq!(std::fs::metadata(&path).and_then(|log| log.modified()).expect("as it was"), before);
    run(["store", "mark", text(&folder), DISK, "--offset", "0", "--length", "1"]).bytes();
    run(["store", "set", text(&folder), DISK, "--consistent", "true"]).bytes();
}
