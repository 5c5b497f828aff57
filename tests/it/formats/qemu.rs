//! QEMU's programs beside us: what they make of images that we write, and we of theirs.

use std::process::Command;

use changed_blocks::{BlockSize, ByteRange, Extent, VirtualSize};

use super::qcow2::{below, named, scan, write};
use crate::common::{Rng, cases, skip};

/// The dirty ranges of a bitmap as QEMU gives them to NBD clients, put together where they touch.
fn of_qemu(path: &str, name: &str) -> Vec<ByteRange> {
    let context = format!("--map=qemu:dirty-bitmap:{name}");
    let output = Command::new("nbdinfo")
        .args([&context, "--", "[", "qemu-nbd", "-r", "-f", "qcow2", "-B", name, path, "]"])
        .output()
        .expect("nbdinfo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut ranges: Vec<ByteRange> = Vec::new();
    for line in String::from_utf8(output.stdout).expect("text").lines() {
        let fields: Vec<u64> = line.split_whitespace().map_while(|field| field.parse().ok()).collect();
        match (&fields[..], ranges.last_mut()) {
            ([.., 0], _) => {}
            (&[offset, len, 1], Some(last)) if last.end_bytes() == offset => last.len_bytes += len,
            (&[offset, len, 1], _) => ranges.push(ByteRange::between(offset, offset + len)),
            _ => panic!("{line}"),
        }
    }
    ranges
}

pub(super) fn run(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).output().expect("the program");
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&text));
}

pub(super) fn has_qemu() -> bool {
    let has = ["qemu-img", "qemu-io", "qemu-nbd", "nbdinfo"]
        .iter()
        .all(|program| Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success()));
    if !has {
        skip("QEMU's reading of images (needs qemu-img, qemu-io, qemu-nbd and nbdinfo)");
    }
    has
}

#[test]
fn qemu_reads_the_same_ranges_from_images_that_we_write() {
    if !has_qemu() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let images = [
        (1, 512, "n"),
        (100_000, 512, "a name of words"),
        (100_000, 65_536, "changed"),
        (3 << 30, 1 << 30, "changed"),
        // Files of 34 and 68 MB.
        (16 << 40, 65_536, "changed"),
        (2 << 50, 4 << 20, "changed"),
    ];
    for &(size, block_size, name) in &images[..cases(4, 6)] {
        let (size, block_size) =
            (VirtualSize::new(size).expect("not 0"), BlockSize::new(block_size).expect("a block size"));
        let blocks = size.blocks(block_size);
        let mut extents = vec![Extent::new(blocks - 1, blocks)];
        if blocks > 40 {
            extents.splice(..0, [Extent::new(0, 1), Extent::new(2, 9), Extent::new(blocks / 3, blocks / 3 + 20)]);
        }
        let image = write(name, size, block_size, &extents);
        let path = folder.path().join("image");
        std::fs::write(&path, &image).expect("written");
        let text = path.to_str().expect("text");
        run("qemu-img", &["check", "-q", "-f", "qcow2", text]);
        assert_eq!(of_qemu(text, name), scan(&image, &named(None)).expect("good"), "{size:?}");
    }
}

#[test]
fn images_that_qemu_writes_are_read_as_qemu_reads_them() {
    if !has_qemu() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("image");
    let text = path.to_str().expect("text");
    let mut rng = Rng::new(7);
    let images = [("65536", 3 << 30, "64k"), ("512", 100_000, "512"), ("2M", 1 << 40, "4k")];
    for &(cluster_size, size, granularity) in &images[..cases(1, 3)] {
        let options = format!("cluster_size={cluster_size}");
        run("qemu-img", &["create", "-q", "-f", "qcow2", "-o", &options, text, &size.to_string()]);
        run("qemu-img", &["bitmap", "--add", "-g", granularity, text, "first"]);
        for round in 0..20 {
            if round == 10 {
                run("qemu-img", &["bitmap", "--add", "-g", "1M", text, "second"]);
            }
            let offset = below(&mut rng, size - 70_000);
            let command = if round % 4 == 3 { "discard" } else { "write" };
            run("qemu-io", &["-c", &format!("{command} {offset} {}", 1 + below(&mut rng, 70_000)), text]);
        }
        let image = std::fs::read(&path).expect("an image");
        for name in ["first", "second"] {
            let expected = of_qemu(text, name);
            assert!(!expected.is_empty());
            assert_eq!(
                scan(&image, &named(Some(name))).expect("good"),
                expected,
                "{name} in clusters of {cluster_size}"
            );
        }
    }
}
