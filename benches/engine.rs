//! Decode, scan, and the whole way from text to extents, or to a bitmap of large blocks, on every tier that this machine has. Each result is checked
//! before it is timed.
//!
//! ```text
//! cargo bench                              # everything
//! cargo bench -- whole/portable            # one part on one tier
//! ```

#![allow(missing_docs, clippy::print_stdout)]

use std::hint::black_box;

use changed_blocks::{BlockSize, Encoding, Extent, Scanner, Tier, internals};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

use inputs::{DENSITIES, Density};
use oracle::boundaries_bit_by_bit;

mod inputs;
mod oracle;

/// Text of 16 MiB: more than the caches of most machines hold for one core. A multiple of 32 symbols, no padding.
const BITMAP_BYTES: usize = 12 << 20;

struct Case {
    name: &'static str,
    bitmap: Vec<u8>,
    text: Vec<u8>,
    boundaries: Vec<u64>,
}

impl Case {
    fn new(density: Density) -> Self {
        let bitmap = density.bitmap(BITMAP_BYTES);
        let text = base64_simd::STANDARD.encode_to_string(&bitmap).into_bytes();
        let boundaries = boundaries_bit_by_bit(&bitmap);
        Self { name: density.name, bitmap, text, boundaries }
    }

    fn words(&self) -> Vec<u64> {
        let chunks = self.bitmap.chunks_exact(8).map(|c| c.try_into().expect("eight bytes"));
        chunks.map(|bytes| u64::from_be_bytes(bytes).reverse_bits()).collect()
    }
}

fn tiers() -> Vec<Tier> {
    for tier in Tier::ALL.iter().filter(|tier| !tier.is_available()) {
        println!("skipped: {tier} (this processor cannot run it)");
    }
    Tier::available().collect()
}

fn decode(c: &mut Criterion, cases: &[Case], tiers: &[Tier]) {
    let mut group = c.benchmark_group("decode");
    // The time of a decoder depends little on its input.
    for case in cases.iter().filter(|case| case.name == "50%-random") {
        group.throughput(Throughput::Bytes(case.text.len() as u64));
        let mut words = Vec::with_capacity(BITMAP_BYTES / 8);
        for &tier in tiers {
            words.clear();
            internals::decode(tier, &case.text, &mut words).expect("good text");
            assert_eq!(words, case.words(), "{tier}: {}", case.name);
            group.bench_function(BenchmarkId::new(tier.name(), case.name), |b| {
                b.iter(|| {
                    words.clear();
                    internals::decode(tier, black_box(&case.text), &mut words)
                });
            });
        }
        let mut bytes = vec![0; BITMAP_BYTES];
        group.bench_function(BenchmarkId::new("base64-simd", case.name), |b| {
            b.iter(|| {
                let out = base64_simd::Out::from_slice(&mut bytes);
                base64_simd::STANDARD.decode(black_box(&case.text), out).map(|bytes| bytes.len())
            });
        });
    }
    group.finish();
}

fn scan(c: &mut Criterion, cases: &[Case], tiers: &[Tier]) {
    let mut group = c.benchmark_group("scan");
    for case in cases {
        group.throughput(Throughput::Bytes(case.bitmap.len() as u64));
        let words = case.words();
        let mut boundaries = Vec::new();
        for &tier in tiers {
            boundaries.clear();
            internals::scan(tier, &words, &mut boundaries).expect("an available tier");
            assert!(boundaries == case.boundaries, "{tier}: {}", case.name);
            group.bench_function(BenchmarkId::new(tier.name(), case.name), |b| {
                b.iter(|| {
                    boundaries.clear();
                    internals::scan(tier, black_box(&words), &mut boundaries)
                });
            });
        }
    }
    group.finish();
}

fn whole(c: &mut Criterion, cases: &[Case], tiers: &[Tier]) {
    let mut group = c.benchmark_group("whole");
    for case in cases {
        group.throughput(Throughput::Bytes(case.text.len() as u64));
        let mut closed = case.boundaries.clone();
        if closed.len() % 2 == 1 {
            closed.push(BITMAP_BYTES as u64 * 8);
        }
        for &tier in tiers {
            for (name, parallel) in [(tier.name().to_owned(), false), (format!("{tier}-all-threads"), true)] {
                let scanner = Scanner::new(Encoding::Base64).tier(tier).parallel(parallel);
                let mut extents: Vec<Extent> = Vec::new();
                scanner.extents_into(&case.text, &mut extents).expect("good text");
                assert!(extents == changed_blocks::from_boundaries(&closed), "{name}: {}", case.name);
                group.bench_function(BenchmarkId::new(name, case.name), |b| {
                    b.iter(|| scanner.extents_into(black_box(&case.text), &mut extents));
                });
            }
        }
    }
    group.finish();
}

/// To blocks of 2 MiB: from the bitmap of small blocks, and from the text.
fn reblock(c: &mut Criterion, cases: &[Case], tiers: &[Tier]) {
    let mut group = c.benchmark_group("reblock");
    let block_size = BlockSize::new(2 << 20).expect("a power of two");
    for case in cases {
        group.throughput(Throughput::Bytes(case.text.len() as u64));
        // A large block is 32 small ones, those of four bytes.
        let fours = (0..).zip(case.bitmap.chunks(4)).filter(|(_, four)| **four != [0; 4]);
        let expected: Vec<u64> = fours.map(|(block, _)| block).collect();
        let small = Scanner::new(Encoding::Base64).bitmap(&case.text).expect("good text");
        assert!(small.reblock(block_size).expect("memory").iter().eq(expected.iter().copied()), "{}", case.name);
        group.bench_function(BenchmarkId::new("bitmap", case.name), |b| {
            b.iter(|| black_box(&small).reblock(block_size));
        });
        for &tier in tiers {
            for (name, parallel) in [(tier.name().to_owned(), false), (format!("{tier}-all-threads"), true)] {
                let scanner = Scanner::new(Encoding::Base64).tier(tier).parallel(parallel);
                let large = scanner.bitmap_at(&case.text, block_size).expect("good text");
                assert!(large.iter().eq(expected.iter().copied()), "{name}: {}", case.name);
                group.bench_function(BenchmarkId::new(name, case.name), |b| {
                    b.iter(|| scanner.bitmap_at(black_box(&case.text), block_size));
                });
            }
        }
    }
    group.finish();
}

fn all(c: &mut Criterion) {
    let cases: Vec<Case> = DENSITIES.into_iter().map(Case::new).collect();
    let tiers = tiers();
    decode(c, &cases, &tiers);
    scan(c, &cases, &tiers);
    whole(c, &cases, &tiers);
    reblock(c, &cases, &tiers);
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(std::time::Duration::from_secs(2));
    targets = all
}
criterion_main!(benches);
