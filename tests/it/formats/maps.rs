//! Maps of a disk as QEMU's own programs print them.

use std::process::Command;

use changed_blocks::VirtualSize;
use changed_blocks::format::ReadOptions;

use super::lists::read;
use super::qemu::{has_qemu, run};

fn output(program: &str, args: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(args).output().expect("the program");
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// An overlay of 2,000,000 bytes, written to in three places since it has the bitmap `backup`, over an image of 1,000,000.
fn make_overlay(folder: &std::path::Path) -> String {
    let [base, overlay] = ["base", "overlay"].map(|name| folder.join(name).to_str().expect("UTF-8").to_owned());
    run("qemu-img", &["create", "-q", "-f", "qcow2", &base, "1000000"]);
    run("qemu-io", &["-f", "qcow2", "-c", "write -P 1 0 200k", &base]);
    run("qemu-img", &["create", "-q", "-f", "qcow2", "-b", &base, "-F", "qcow2", &overlay, "2000000"]);
    run("qemu-img", &["bitmap", "--add", "-g", "65536", &overlay, "backup"]);
    let writes = ["write -P 2 70000 5000", "write -z 256k 64k", "write -P 3 1999000 1000"];
    run("qemu-io", &["-f", "qcow2", "-c", writes[0], "-c", writes[1], "-c", writes[2], &overlay]);
    overlay
}

#[test]
fn maps_are_read_as_the_programs_print_them() {
    if !has_qemu() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let overlay = make_overlay(folder.path());
    let server = ["--", "[", "qemu-nbd", "-r", "-f", "qcow2", "-B", "backup", &overlay, "]"];
    let nbdinfo = |context| output("nbdinfo", &[&["--json", &format!("--map={context}")], &server[..]].concat());
    let mut options = ReadOptions::default();
    let dirty = nbdinfo("qemu:dirty-bitmap:backup");
    // QEMU rounds the size up to sectors.
    let expected = [(65_536, 131_072), (262_144, 327_680), (1_966_080, 2_000_384)];
    assert_eq!(read("nbdinfo", &dirty, &options).expect("a good list"), expected);
    let allocated = nbdinfo("base:allocation");
    assert!(read("nbdinfo", &allocated, &options).is_err());

    let map = output("qemu-img", &["map", "--output=json", &overlay]);
    assert!(read("qemu-map", &map, &options).is_err());
    options.allocation = true;
    options.virtual_size = VirtualSize::new(2_000_000).ok();
    let expected = [(65_536, 131_072), (262_144, 327_680), (1_000_448, 2_000_000)];
    assert_eq!(read("qemu-map", &map, &options).expect("a good list"), expected);
}
