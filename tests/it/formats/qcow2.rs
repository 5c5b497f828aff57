//! Bitmaps of qcow2 images: those that we write, one that QEMU wrote, and damaged ones.

#![expect(clippy::cast_possible_truncation, reason = "the images are small")]

use std::io::{Cursor, Read};

use changed_blocks::format::ReadOptions;
use changed_blocks::format::qcow2::{BitmapImage, DirtyBitmap};
use changed_blocks::{
    BitOrder, BitmapWriter, BlockSize, ByteRange, Consequence, Encoding, Error, Extent, Scanner, Source, VirtualSize,
};
use proptest::prelude::*;

use crate::common::{Rng, cases};
use crate::naive::qcow2;

/// Made by QEMU 10.0 with clusters of 512 bytes, for a disk of 100352 bytes: the bitmaps `small` (of blocks of 512 bytes) and
/// `large` (of 64 KiB), and then 50 bytes written at 1000, 100 at 99900, and 4096 discarded at 40960; then the bitmap `none`.
const MADE_BY_QEMU: &[u8] = include_bytes!("../../data/qemu-10.0.qcow2");

pub(super) fn named(name: Option<&str>) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.context = name.map(str::to_owned);
    options
}

pub(super) fn scan(image: &[u8], options: &ReadOptions) -> Result<Vec<ByteRange>, Error> {
    let mut bitmap = DirtyBitmap::open(Cursor::new(image), options)?;
    let scanner =
        Scanner::new(Encoding::Raw(BitOrder::Lsb0)).block_size(bitmap.block_size()).virtual_size(bitmap.virtual_size());
    scanner.byte_ranges(Source::reader(&mut bitmap))
}

pub(super) fn write(name: &str, size: VirtualSize, block_size: BlockSize, extents: &[Extent]) -> Vec<u8> {
    let image = BitmapImage::new(name, size, block_size).expect("within the limits");
    let mut file = image.head();
    let mut bits = BitmapWriter::new(Encoding::Raw(BitOrder::Lsb0));
    bits.extents(extents, &mut file).expect("memory");
    bits.finish(size.blocks(block_size), &mut file).expect("memory");
    file.resize(file.len() + image.padding_bytes(), 0);
    file
}

/// An image put together by the format's document, by none of the library's code.
#[derive(Clone)]
struct Layout {
    version: u32,
    cluster_bits: u32,
    size: u64,
    incompatible: u64,
    autoclear: u64,
    extensions: Vec<(u32, Vec<u8>)>,
    has_bitmaps: bool,
    bitmaps: Vec<Entry>,
}

#[derive(Clone)]
struct Entry {
    name: String,
    flags: u32,
    kind: u8,
    granularity_bits: u8,
    extra: Vec<u8>,
    clusters: Vec<Bits>,
}

#[derive(Clone)]
enum Bits {
    Zeros,
    Ones,
    Data(Vec<u8>),
    Raw(u64),
}

impl Layout {
    /// A disk of 20 blocks of 4 KiB in clusters of 512 bytes, the second and third of them changed.
    fn small() -> Self {
        let entry = Entry {
            name: "b".to_owned(),
            flags: 2,
            kind: 1,
            granularity_bits: 12,
            extra: Vec::new(),
            clusters: vec![Bits::Data(vec![0b110, 0, 0])],
        };
        Self {
            version: 3,
            cluster_bits: 9,
            size: 20 * 4096,
            incompatible: 0,
            autoclear: 1,
            extensions: Vec::new(),
            has_bitmaps: true,
            bitmaps: vec![entry],
        }
    }

    fn with(change: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut layout = Self::small();
        change(&mut layout);
        layout.bytes()
    }

    fn with_entry(change: impl FnOnce(&mut Entry)) -> Vec<u8> {
        Self::with(|layout| change(&mut layout.bitmaps[0]))
    }

    fn bytes(&self) -> Vec<u8> {
        let cluster = 1usize << self.cluster_bits;
        let mut file = vec![0; cluster];
        let mut directory = Vec::new();
        for bitmap in &self.bitmaps {
            let mut table = Vec::new();
            for bits in &bitmap.clusters {
                let entry = match bits {
                    Bits::Zeros => 0,
                    Bits::Ones => 1,
                    Bits::Raw(entry) => *entry,
                    Bits::Data(data) => {
                        let place = file.len() as u64;
                        file.extend_from_slice(data);
                        file.resize(place as usize + cluster, 0);
                        place
                    }
                };
                table.extend_from_slice(&entry.to_be_bytes());
            }
            directory.extend_from_slice(&(file.len() as u64).to_be_bytes());
            directory.extend_from_slice(&(bitmap.clusters.len() as u32).to_be_bytes());
            directory.extend_from_slice(&bitmap.flags.to_be_bytes());
            directory.extend_from_slice(&[bitmap.kind, bitmap.granularity_bits]);
            directory.extend_from_slice(&(bitmap.name.len() as u16).to_be_bytes());
            directory.extend_from_slice(&(bitmap.extra.len() as u32).to_be_bytes());
            directory.extend_from_slice(&bitmap.extra);
            directory.extend_from_slice(bitmap.name.as_bytes());
            directory.resize(directory.len().next_multiple_of(8), 0);
            file.extend_from_slice(&table);
            file.resize(file.len().next_multiple_of(cluster), 0);
        }
        let mut head = b"QFI\xfb".to_vec();
        head.extend_from_slice(&self.version.to_be_bytes());
        head.resize(20, 0);
        head.extend_from_slice(&self.cluster_bits.to_be_bytes());
        head.extend_from_slice(&self.size.to_be_bytes());
        head.resize(72, 0);
        head.extend_from_slice(&self.incompatible.to_be_bytes());
        head.resize(88, 0);
        head.extend_from_slice(&self.autoclear.to_be_bytes());
        head.extend_from_slice(&4u32.to_be_bytes());
        head.extend_from_slice(&104u32.to_be_bytes());
        let mut extensions = self.extensions.clone();
        if self.has_bitmaps {
            let mut data = (self.bitmaps.len() as u64 * (1 << 32)).to_be_bytes().to_vec();
            data.extend_from_slice(&(directory.len() as u64).to_be_bytes());
            data.extend_from_slice(&(file.len() as u64).to_be_bytes());
            extensions.push((0x2385_2875, data));
        }
        for (kind, data) in extensions {
            head.extend_from_slice(&kind.to_be_bytes());
            head.extend_from_slice(&(data.len() as u32).to_be_bytes());
            head.extend_from_slice(&data);
            head.resize(head.len().next_multiple_of(8), 0);
        }
        file[..head.len()].copy_from_slice(&head);
        file.extend_from_slice(&directory);
        file
    }
}

/// The ranges that a naive reader finds in the only bitmap of an image.
fn naive(image: &[u8]) -> Option<Vec<ByteRange>> {
    let ranges = qcow2::qcow2(image, None, None)?;
    Some(ranges.into_iter().map(|(start, end)| ByteRange::between(start, end)).collect())
}

pub(super) fn below(rng: &mut Rng, limit: u64) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|_| rng.byte())) % limit
}

/// The error of an image, as a text, and its place.
#[track_caller]
fn refused(image: &[u8], options: &ReadOptions) -> String {
    let error = scan(image, options).expect_err("refused");
    assert!(matches!(error, Error::List { .. }), "{error}");
    assert_eq!(error.consequence(), Consequence::FullBackup);
    assert!(error.hint().is_some());
    error.to_string()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases(32, 256)) })]

    #[test]
    fn a_written_image_reads_back(
        seed in any::<u64>(),
        size in prop_oneof![1u64..2_000_000, 1u64..1 << 42],
        log2 in 9u32..=30,
        name in "[a-zA-Z0-9_ ö-]{1,40}",
    ) {
        let block_size = BlockSize::new(1 << log2.max(size.ilog2().saturating_sub(18))).expect("a block size");
        let size = VirtualSize::new(size).expect("not 0");
        let mut rng = Rng::new(seed);
        let blocks = size.blocks(block_size);
        let mut extents = Vec::new();
        let mut at = below(&mut rng, 4);
        while at < blocks {
            let end = (at + 1 + below(&mut rng, 1 + blocks / 8)).min(blocks);
            extents.push(Extent::new(at, end));
            at = end + 1 + below(&mut rng, 1 + blocks / 8);
        }
        let image = write(&name, size, block_size, &extents);
        let mut options = named(None);
        options.virtual_size = Some(size);
        let bitmap = DirtyBitmap::open(Cursor::new(&image), &options).expect("good");
        prop_assert_eq!((bitmap.name(), bitmap.virtual_size(), bitmap.block_size()), (&*name, size, block_size));
        let mut expected = Vec::new();
        changed_blocks::Geometry { block_size, virtual_size: Some(size) }.byte_ranges(&extents, &mut expected).expect("inside");
        prop_assert_eq!(scan(&image, &options).expect("good"), expected);
        prop_assert_eq!(scan(&image, &named(Some(&name))).expect("good"), naive(&image).expect("good"));
    }

    #[test]
    fn clusters_of_any_size_and_kind_are_joined(
        seed in any::<u64>(),
        cluster_bits in 9u32..=12,
        clusters in 1usize..5,
        missing_bytes in 0u64..400,
        missing in 0u64..4096,
    ) {
        let mut rng = Rng::new(seed);
        let bytes = (clusters as u64) << cluster_bits;
        let blocks = (bytes - missing_bytes) * 8 - below(&mut rng, 8);
        let mut layout = Layout::small();
        (layout.cluster_bits, layout.size) = (cluster_bits, blocks * 4096 - missing / 512 * 512);
        layout.bitmaps[0].clusters = (0..clusters)
            .map(|index| match below(&mut rng, 4) {
                0 => Bits::Zeros,
                1 => Bits::Ones,
                _ => {
                    let mut data: Vec<u8> = (0..1 << cluster_bits).map(|_| below(&mut rng, 256) as u8).collect();
                    if index == clusters - 1 {
                        data.truncate(data.len() - missing_bytes as usize);
                        *data.last_mut().expect("not empty") &= 0xff >> ((8 - blocks % 8) % 8);
                    }
                    Bits::Data(data)
                }
            })
            .collect();
        let image = layout.bytes();
        prop_assert_eq!(scan(&image, &named(None)).expect("good"), naive(&image).expect("good"));
    }
}

#[test]
fn an_image_of_qemu_is_read() {
    let ranges = |name| scan(MADE_BY_QEMU, &named(Some(name))).expect("good");
    let between = ByteRange::between;
    assert_eq!(ranges("small"), [between(512, 1536), between(40_960, 45_056), between(99_840, 100_352)]);
    assert_eq!(ranges("large"), [between(0, 100_352)]);
    assert_eq!(ranges("none"), []);
    // The size that was asked for, before QEMU rounded it up.
    let mut options = named(Some("small"));
    options.virtual_size = Some(VirtualSize::new(100_000).expect("not 0"));
    assert_eq!(scan(MADE_BY_QEMU, &options).expect("good")[2], between(99_840, 100_000));
}

#[test]
fn a_bitmap_has_to_be_named_where_there_are_several() {
    let message = refused(MADE_BY_QEMU, &named(None));
    assert_eq!(message, "the image at offset 10240 has several bitmaps: small, large, none");
    let message = refused(MADE_BY_QEMU, &named(Some("smal")));
    assert_eq!(message, "the image at offset 10240 has no bitmap of the name smal, but: small, large, none");
    let twins = Layout::with(|layout| layout.bitmaps.push(layout.bitmaps[0].clone()));
    assert!(refused(&twins, &named(Some("b"))).ends_with("is a second bitmap of that name"));
}

#[test]
fn bitmaps_that_may_lack_changes_are_refused() {
    let good = Layout::small().bytes();
    assert_eq!(scan(&good, &named(None)).expect("good"), [ByteRange::between(4096, 12_288)]);
    assert_eq!(naive(&good), Some(vec![ByteRange::between(4096, 12_288)]));
    for (image, expected) in [
        (Layout::with(|layout| layout.autoclear = 0), "offset 88 says that its bitmaps are stale"),
        (Layout::with(|layout| layout.autoclear = 3), "offset 88 says that its data file may be written to without it"),
        (Layout::with(|layout| layout.incompatible = 1), "offset 72 says that the image was not closed, or is damaged"),
        (Layout::with(|layout| layout.incompatible = 2), "offset 72 says that the image was not closed, or is damaged"),
        (Layout::with(|layout| layout.incompatible = 0x20), "offset 72 needs features that are not known (0x20)"),
        (Layout::with(|layout| layout.version = 2), "offset 4 is of version 2"),
        (Layout::with(|layout| layout.has_bitmaps = false), "has no bitmaps"),
        (Layout::with(|layout| layout.bitmaps.clear()), "is the place of 0 bitmaps"),
        (Layout::with(|layout| layout.size = 0), "offset 24 says that the disk has 0 bytes"),
        (Layout::with(|layout| layout.size = 1 << 63), "offset 24 says that the disk has 9223372036854775808 bytes"),
        (Layout::with(|layout| layout.size *= 1000), "has 1 clusters of 512 bytes, for 2500 bytes"),
        (
            Layout::with_entry(|entry| entry.clusters = vec![Bits::Data(vec![0, 0, 0b1_0000])]),
            "offset 514 has bits for blocks that the disk does not have",
        ),
        (Layout::with_entry(|entry| entry.clusters = vec![Bits::Data(vec![0, 0, 0, 1])]), "has bits for blocks that"),
        (
            Layout::with_entry(|entry| entry.clusters = vec![Bits::Data([vec![0; 511], vec![1]].concat())]),
            "has bits for",
        ),
        (Layout::with_entry(|entry| entry.flags = 3), "says that the bitmap b was in use and not stored"),
        (Layout::with_entry(|entry| entry.flags = 8), "says that the bitmap b is of type 1, with flags 0x8"),
        (Layout::with_entry(|entry| entry.kind = 2), "says that the bitmap b is of type 2, with flags 0x2"),
        (Layout::with_entry(|entry| entry.granularity_bits = 8), "says that the bitmap b has blocks of 2^8 bytes"),
        (Layout::with_entry(|entry| entry.granularity_bits = 31), "says that the bitmap b has blocks of 2^31 bytes"),
        (Layout::with_entry(|entry| entry.granularity_bits = 76), "says that the bitmap b has blocks of 2^76 bytes"),
        (Layout::with_entry(|entry| entry.extra = vec![1]), "cannot be used without its extra data"),
        (Layout::with_entry(|entry| entry.name.clear()), "is a bitmap whose name has 0 bytes"),
        (Layout::with_entry(|entry| entry.name = "b".repeat(1024)), "is a bitmap whose name has 1024 bytes"),
        (Layout::with_entry(|entry| entry.clusters.push(Bits::Zeros)), "has 2 clusters of 512 bytes, for 3 bytes"),
        (Layout::with_entry(|entry| entry.clusters.clear()), "has 0 clusters of 512 bytes, for 3 bytes"),
        (Layout::with_entry(|entry| entry.clusters = vec![Bits::Raw(2)]), "is no place for a cluster of bits (0x2)"),
        (
            Layout::with_entry(|entry| entry.clusters = vec![Bits::Raw(513)]),
            "is no place for a cluster of bits (0x201)",
        ),
        (Layout::with_entry(|entry| entry.clusters = vec![Bits::Raw(1 << 56)]), "is no place for a cluster of bits"),
        (Layout::with_entry(|entry| entry.clusters = vec![Bits::Raw(1 << 40)]), "it may have been cut short"),
        (b"QFI\xfbxxxx".to_vec(), "it may have been cut short"),
        (vec![b'x'; 512], "the image at offset 0 is no qcow2 image"),
        (Vec::new(), "it may have been cut short"),
    ] {
        let message = refused(&image, &named(None));
        assert!(message.contains(expected), "{message}, not {expected}");
    }
}

#[test]
fn images_with_more_than_we_need_are_read() {
    for image in [
        Layout::with(|layout| layout.incompatible = 0b11100),
        Layout::with(|layout| layout.extensions.push((0x6803_f857, b"feature names".to_vec()))),
        Layout::with(|layout| layout.extensions.push((0x1234_5678, Vec::new()))),
        Layout::with_entry(|entry| (entry.flags, entry.extra) = (4, b"extra".to_vec())),
        Layout::with_entry(|entry| entry.flags = 0),
    ] {
        assert_eq!(scan(&image, &named(None)).expect("good"), [ByteRange::between(4096, 12_288)]);
    }
}

#[test]
fn an_image_of_another_disk_is_refused() {
    let mut options = named(None);
    for size in [20 * 4096 - 512, 20 * 4096 + 1, 1, u64::MAX] {
        options.virtual_size = Some(VirtualSize::new(size).expect("not 0"));
        let message = refused(&Layout::small().bytes(), &options);
        assert_eq!(message, format!("the image at offset 24 is for a disk of 81920 bytes, not of {size}"));
    }
}

#[test]
fn an_image_cut_at_any_byte_is_refused() {
    let image = Layout::small().bytes();
    for len in 0..image.len() {
        let cut = scan(&image[..len], &named(None));
        // The directory comes last, and the filling of its last entry may be missing from none of it.
        assert!(cut.is_err(), "{len}");
    }
}

#[test]
fn a_wrong_byte_at_any_place_is_refused_or_agrees_with_a_naive_reader() {
    let mut image = Layout::with_entry(|entry| entry.name = "bitmap".to_owned());
    for at in 0..image.len() {
        let right = image[at];
        for wrong in [0, 1, 0x7f, 0xff, right ^ 1, right ^ 0x80, right.wrapping_add(1)] {
            image[at] = wrong;
            if let Ok(ranges) = scan(&image, &named(None)) {
                assert_eq!(Some(ranges), naive(&image), "{wrong:#x} at {at}");
            }
        }
        image[at] = right;
    }
}

#[test]
fn what_no_image_can_hold_is_refused_before_anything_is_written() {
    let refused = |name: &str, size: u64, block_size: u64| {
        let block_size = BlockSize::new(block_size).expect("a block size");
        let error = BitmapImage::new(name, VirtualSize::new(size).expect("not 0"), block_size).expect_err("refused");
        assert_eq!((error.kind(), error.consequence()), ("image-limit", Consequence::WrongUsage));
        error.to_string()
    };
    assert!(refused("", 1, 512).ends_with("the name of a bitmap has 1 to 1023 bytes"));
    assert!(refused(&"n".repeat(1024), 1, 512).ends_with("the name of a bitmap has 1 to 1023 bytes"));
    assert!(refused("n", (2 << 50) + 1, 1 << 30).ends_with("the disk has more than 2 PiB"));
    assert!(refused("n", (2 << 40) + 1, 512).ends_with("take larger blocks"));
    let largest = BitmapImage::new("n", VirtualSize::new(2 << 50).expect("not 0"), BlockSize::MAX).expect("just so");
    assert_eq!(largest.head().len() % 65_536, 0);
}

#[test]
fn a_bitmap_is_read_in_pieces_of_any_size() {
    let extents: Vec<Extent> = (0..40_000).map(|i| Extent::new(i * 20, i * 20 + 1 + i % 19)).collect();
    let size = VirtualSize::new(800_000 * 512 + 3).expect("not 0");
    let image = write("b", size, BlockSize::MIN, &extents);
    let mut whole = Vec::new();
    DirtyBitmap::open(Cursor::new(&image), &named(None)).expect("good").read_to_end(&mut whole).expect("good");
    assert_eq!(whole.len() as u64, size.bitmap_bytes(BlockSize::MIN));
    for step in [1, 7, 4096, 65_535, 65_537] {
        let mut bitmap = DirtyBitmap::open(Cursor::new(&image), &named(None)).expect("good");
        let (mut pieces, mut piece) = (Vec::new(), vec![0; step]);
        loop {
            match bitmap.read(&mut piece).expect("good") {
                0 => break,
                len => pieces.extend_from_slice(&piece[..len]),
            }
        }
        assert!(pieces == whole, "{step}");
    }
}
