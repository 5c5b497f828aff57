//! Extents to lines, on one thread, beside what the standard library makes of them. Each result is checked before it is
//! timed.

#![allow(missing_docs)]

use std::hint::black_box;
use std::io::Write;

use changed_blocks::format::{Csv, ExtentFormat, Json, Ndjson, Text};
use changed_blocks::{BitOrder, ByteRange, Encoding, Geometry, Scanner, Tier, internals};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use inputs::Density;

mod inputs;

/// The bitmap of a disk of 16 TiB.
const BITMAP_BYTES: usize = 32 << 20;
/// How many extents are formatted at a time: what a cache holds.
const EXTENTS: usize = 2000;

fn ranges() -> Vec<ByteRange> {
    let density = Density::named("1%-runs-of-4").expect("it is one of them");
    let bitmap = density.bitmap(BITMAP_BYTES);
    let raw = Encoding::Raw(BitOrder::Msb0);
    let extents = Scanner::new(raw).extents(&bitmap).expect("whole bytes");
    let mut ranges = Vec::new();
    // From the far end, where numbers are longest.
    Geometry::default().byte_ranges(&extents[extents.len() - EXTENTS..], &mut ranges).expect("within any disk");
    ranges
}

/// The oracle for one extent.
type Line<'a> = &'a dyn Fn(ByteRange) -> String;

/// The formatter that is to be beaten.
fn by_std(ranges: &[ByteRange], to: &mut Vec<u8>) {
    for range in ranges {
        writeln!(to, "{} {}", range.offset_bytes, range.len_bytes).expect("a vector takes all");
    }
}

fn format(c: &mut Criterion) {
    let ranges = ranges();
    let mut to = Vec::new();
    let mut group = c.benchmark_group("format");
    group.throughput(Throughput::Elements(ranges.len() as u64));
    let object =
        |ByteRange { offset_bytes, len_bytes }| format!("{{\"offset\":{offset_bytes},\"length\":{len_bytes}}}");
    let formats: [(&str, &dyn ExtentFormat, Line<'_>); 4] = [
        ("text", &Text, &|range| format!("{} {}\n", range.offset_bytes, range.len_bytes)),
        ("csv", &Csv, &|range| format!("{},{}\n", range.offset_bytes, range.len_bytes)),
        ("json", &Json, &object),
        ("ndjson", &Ndjson, &|range| object(range) + "\n"),
    ];
    for (name, format, line) in formats {
        let lines: Vec<Vec<u8>> = ranges.iter().map(|&range| line(range).into_bytes()).collect();
        to.clear();
        format.ranges(0, &ranges, &mut to);
        assert!(to == lines.join(format.separator()), "{name} differs from the standard library's");
        group.bench_function(name, |b| {
            b.iter(|| {
                to.clear();
                format.ranges(0, black_box(&ranges), &mut to);
            });
        });
    }
    for tier in Tier::available() {
        group.bench_function(format!("text/{tier}"), |b| {
            b.iter(|| {
                to.clear();
                internals::text_lines(tier, black_box(&ranges), &mut to).expect("an available tier");
            });
        });
    }
    group.bench_function("text-by-std", |b| {
        b.iter(|| {
            to.clear();
            by_std(black_box(&ranges), &mut to);
        });
    });
    group.finish();
}

criterion_group!(benches, format);
criterion_main!(benches);
