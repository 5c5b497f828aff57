//! Every seed of the fuzz targets, and every input that ever made one fail, on a stable toolchain too.

#[path = "../../fuzz/bodies/mod.rs"]
mod bodies;

use std::fs;
use std::path::{Path, PathBuf};

use changed_blocks::format::FORMATS;

use crate::common::cases;

type Body = fn(&[u8]);

const TARGETS: [(&str, Body); 15] = [
    ("text", bodies::text),
    ("raw", bodies::raw),
    ("stream", bodies::stream),
    ("roundtrip", bodies::roundtrip),
    ("cbtlog_header", bodies::cbtlog_header),
    ("algebra", bodies::algebra),
    ("chain", bodies::chain),
    ("tiers", bodies::tiers),
    ("lines", bodies::lines),
    ("list_lines", bodies::list_lines),
    ("list_json", bodies::list_json),
    ("list_binary_xml", bodies::list_binary_xml),
    ("qcow2", bodies::qcow2),
    ("reblock", bodies::reblock),
    ("shape", bodies::shape),
];

/// The files of a folder; none if it is not there.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    paths
}

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

#[test]
fn seeds_and_regressions_pass() {
    for (target, body) in TARGETS {
        let seeds = files(&fuzz_folder().join("seeds").join(target));
        assert!(!seeds.is_empty(), "no seeds for {target}");
        for path in seeds.into_iter().chain(files(&fuzz_folder().join("regressions").join(target))) {
            let data = fs::read(&path).expect("readable");
            let outcome = std::panic::catch_unwind(|| body(&data));
            assert!(outcome.is_ok(), "{} fails", path.display());
        }
    }
}

/// Seeds are examples of what a target understands, so cutting them anywhere is too.
#[test]
fn seeds_cut_short_pass() {
    for (target, body) in TARGETS {
        for path in files(&fuzz_folder().join("seeds").join(target)) {
            let data = fs::read(&path).expect("readable");
            // All of the short ones, some of the long ones.
            for len in (0..data.len()).step_by(1 + data.len() / cases(20, 100)) {
                let outcome = std::panic::catch_unwind(|| body(&data[..len]));
                assert!(outcome.is_ok(), "{} cut to {len} bytes fails", path.display());
            }
        }
    }
}

#[test]
fn every_target_is_replayed() {
    let targets = files(&fuzz_folder().join("fuzz_targets"));
    // Those of the wire are replayed by its own crate.
    let wire = |name: &&str| name.starts_with("rpc_");
    let names = targets.iter().filter_map(|path| path.file_stem()?.to_str());
    let names: Vec<_> = names.filter(|name| !wire(name)).collect();
    let mut known = TARGETS.map(|(name, _)| name);
    known.sort_unstable();
    assert_eq!(names, known);
}

#[test]
fn every_format_that_is_read_has_a_target() {
    let known = bodies::list_formats();
    for format in FORMATS.iter().filter(|format| format.is_readable()) {
        assert!(known.contains(&format.name), "{}", format.name);
    }
}
