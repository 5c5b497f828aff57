//! Where the text of the largest disk comes from, all of it in the page cache: read in pieces, mapped, or in memory. A map
//! is made and taken down each time, as it is for who needs it once. Each result is checked before it is timed.

#![allow(missing_docs)]

use std::convert::Infallible;
use std::fs::{self, File};
use std::ops::ControlFlow;

use changed_blocks::{Encoding, Extent, Mapped, Scanner, Source};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

use inputs::Density;
use oracle::boundaries_bit_by_bit;

mod inputs;
mod oracle;

/// Of the largest disk of XCP-ng, 16,381 GiB.
const BITMAP_BYTES: usize = 33_548_288;

/// The number of extents, from a visitor that only counts.
fn count<'s>(scanner: &Scanner, source: impl Into<Source<'s>>) -> usize {
    let mut count = 0;
    let visited = scanner.visit(source, |extents: &[Extent]| {
        count += extents.len();
        ControlFlow::<Infallible>::Continue(())
    });
    assert!(visited.is_ok());
    count
}

fn source(c: &mut Criterion) {
    let density = Density::named("1%-runs-of-4").expect("it is one of them");
    let bitmap = density.bitmap(BITMAP_BYTES);
    let runs = boundaries_bit_by_bit(&bitmap).len().div_ceil(2);
    let text = base64_simd::STANDARD.encode_to_string(&bitmap);
    let folder = tempfile::tempdir().expect("a place for a file");
    let path = folder.path().join("largest.b64");
    fs::write(&path, &text).expect("space for a file");
    let file = File::open(&path).expect("it was just written");

    let mut group = c.benchmark_group("source");
    group.throughput(Throughput::Bytes(text.len() as u64));
    for (threads, parallel) in [("one thread", false), ("all threads", true)] {
        let scanner = Scanner::new(Encoding::Base64).parallel(parallel);
        let map = || Mapped::new(&file).expect("a file that is not empty");
        let ways: [(&str, &dyn Fn() -> usize); 3] = [
            ("memory", &|| count(&scanner, &text)),
            ("read", &|| count(&scanner, &file)),
            ("mapped", &|| count(&scanner, &map())),
        ];
        for (name, way) in ways {
            assert_eq!(way(), runs, "{name}, {threads}");
            group.bench_function(BenchmarkId::new(name, threads), |b| b.iter(way));
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = source
}
criterion_main!(benches);
