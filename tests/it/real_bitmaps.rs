//! Real bitmaps give the figures that an independent tool found in them; see `tests/data/README.md`.

use std::fs::File;

use changed_blocks::{BlockSize, Encoding, Extent, Mapped, Scanner, Source, VirtualSize};

/// The block sizes of consumers, and how many such blocks changed, in the order of [`EXPECTED`].
const CONSUMERS: [(u64, [u64; 3]); 9] = [
    (512, [949_888, 32_384, 7_382_528]),
    (16_384, [29_684, 1_012, 230_704]),
    (131_072, [3_727, 136, 31_138]),
    (524_288, [950, 45, 7_890]),
    (1 << 20, [485, 31, 3_956]),
    (2 << 20, [256, 21, 1_988]),
    (4 << 20, [138, 19, 1_001]),
    (16 << 20, [50, 15, 278]),
    (1 << 30, [9, 11, 11]),
];

struct Expected {
    file: &'static str,
    changed_blocks: u64,
    extents: usize,
    longest_blocks: u64,
    first: (u64, u64),
    last: (u64, u64),
}

const EXPECTED: [Expected; 3] = [
    Expected {
        file: "development-day.b64",
        changed_blocks: 7_421,
        extents: 42,
        longest_blocks: 1_921,
        first: (0, 131_072),
        last: (936_504_197_120, 33_423_360),
    },
    Expected {
        file: "file-server-day.b64",
        changed_blocks: 253,
        extents: 24,
        longest_blocks: 106,
        first: (0, 131_072),
        last: (1_000_727_379_968, 65_536),
    },
    Expected {
        file: "database-hour.b64",
        changed_blocks: 57_676,
        extents: 4_629,
        longest_blocks: 4_167,
        first: (0, 65_536),
        last: (644_245_094_400, 65_536),
    },
];

#[test]
fn figures_are_those_of_the_independent_tool() {
    for expected in EXPECTED {
        let path = format!("{}/tests/data/{}", env!("CARGO_MANIFEST_DIR"), expected.file);
        let text = std::fs::read(&path).expect("test data");
        let size = VirtualSize::new(1 << 40).expect("not 0");
        let scanner = Scanner::new(Encoding::Base64).virtual_size(size);
        let mut extents = Vec::new();
        let summary = scanner.extents_into(&text, &mut extents).expect("a good bitmap");

        assert_eq!(summary.blocks, 1 << 24);
        assert_eq!(extents.len(), expected.extents);
        assert_eq!(extents.iter().map(|e| e.len_blocks()).sum::<u64>(), expected.changed_blocks);
        assert_eq!(extents.iter().map(|e| e.len_blocks()).max(), Some(expected.longest_blocks));
        let range = |extent: Option<&Extent>| {
            let range = summary.geometry.byte_range(*extent.expect("one at least")).expect("on the disk");
            (range.offset_bytes, range.len_bytes)
        };
        assert_eq!((range(extents.first()), range(extents.last())), (expected.first, expected.last));

        let file = File::open(&path).expect("test data");
        assert_eq!(scanner.extents(&file).expect("read"), extents);
        let mapped = Mapped::new(&file).expect("mappable");
        assert_eq!(scanner.extents(&mapped).expect("mapped"), extents);
        assert_eq!(scanner.extents(Source::reader(&mut &*text)).expect("streamed"), extents);
        let bitmap = scanner.bitmap(&text).expect("a bitmap");
        assert_eq!((bitmap.count(), bitmap.extents()), (expected.changed_blocks, extents));
        assert_eq!(bitmap.to_base64().as_bytes(), text.trim_ascii_end());
    }
}

#[test]
fn blocks_of_consumers_are_those_of_the_independent_tool() {
    for (place, expected) in EXPECTED.iter().enumerate() {
        let path = format!("{}/tests/data/{}", env!("CARGO_MANIFEST_DIR"), expected.file);
        let text = std::fs::read(&path).expect("test data");
        let scanner = Scanner::new(Encoding::Base64).virtual_size(VirtualSize::new(1 << 40).expect("not 0"));
        let bitmap = scanner.bitmap(&text).expect("a good bitmap");
        for (bytes, counts) in CONSUMERS {
            let block_size = BlockSize::new(bytes).expect("a power of two");
            let blocks = scanner.bitmap_at(&text, block_size).expect("a good bitmap");
            assert_eq!((blocks.blocks(), blocks.count()), ((1 << 40) / bytes, counts[place]), "{block_size}");
            assert_eq!(bitmap.reblock(block_size).expect("memory"), blocks, "{block_size}");
        }
    }
}
