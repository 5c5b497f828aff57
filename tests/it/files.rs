//! Files as they are: with holes, larger than memory, read from the middle, and changed by others meanwhile.

#![cfg(unix)]

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant, UNIX_EPOCH};

use changed_blocks::{
    BitOrder, BlockSize, Consequence, Encoding, Error, Extent, Geometry, Mapped, Scanner, VirtualSize, Visitor,
};

use crate::common::{Input, Kind, Rng, Setup, THREADS, cases, for_every_setup, pairs, simplify, skip, tiers};
use crate::naive::{self, Expect, Runs, Verdict};

const LSB0: Encoding = Encoding::Raw(BitOrder::Lsb0);
const MSB0: Encoding = Encoding::Raw(BitOrder::Msb0);

/// A file of that length with nothing in it but those pieces. `None` where the file system does not have such.
fn sparse(len: u64, pieces: &[(u64, &[u8])]) -> Option<File> {
    let file = tempfile::tempfile().expect("a temporary file");
    if let Err(error) = file.set_len(len) {
        skip(&format!("no sparse file of {len} bytes here: {error}"));
        return None;
    }
    for &(offset, piece) in pieces {
        file.write_all_at(piece, offset).expect("room for it");
    }
    Some(file)
}

fn file_setups() -> Vec<Setup> {
    let mut setups = Vec::new();
    for_every_setup(|setup| {
        // A megabyte in pieces of a byte tells nothing more.
        if setup.chunk_bytes.is_none_or(|bytes| bytes > 1000) && matches!(setup.kind, Kind::File | Kind::Mapped) {
            setups.push(setup);
        }
    });
    setups
}

fn from_file(setup: Setup, scanner: &Scanner, mut file: &File) -> Result<Vec<Extent>, Error> {
    let scanner = setup.apply(scanner, 0);
    let mapped = (setup.kind == Kind::Mapped).then(|| Mapped::new(file).expect("a map"));
    file.seek(SeekFrom::Start(0)).expect("a file can be sought in");
    setup.on_threads(|| match &mapped {
        Some(mapped) => scanner.extents(mapped),
        None => scanner.extents(file),
    })
}

#[test]
fn holes_are_zeros_wherever_they_are() {
    const LEN: u64 = 1 << 20;
    // Pages of the file system are 4096 bytes mostly; these have neither their size nor, all of them, their places.
    let ones = [0xff; 5000];
    let layouts: [&[(u64, &[u8])]; 7] = [
        &[],
        &[(0, &ones)],
        &[(LEN - 5000, &ones)],
        &[(300_000, &ones)],
        &[(0, &ones), (LEN - 5000, &ones)],
        &[(65_536, &ones[..4096]), (65_536 + 8192, &ones[..4096])],
        &[(4095, &ones[..2]), (131_071, &ones[..1]), (700_000, &ones), (LEN - 1, &ones[..1])],
    ];
    for pieces in layouts {
        let Some(file) = sparse(LEN, pieces) else { return };
        let runs: Runs =
            pieces.iter().map(|&(offset, piece)| (offset * 8, (offset + piece.len() as u64) * 8)).collect();
        for order in [MSB0, LSB0] {
            for setup in file_setups() {
                let extents = from_file(setup, &Scanner::new(order), &file).expect("a good bitmap");
                assert_eq!(pairs(&extents), runs, "{setup:?} {order}");
            }
        }
    }
}

/// Holes that are skipped, and some that are not, in a bitmap of blocks of other sizes.
#[test]
fn holes_are_no_changes_at_any_block_size() {
    const LEN: u64 = 40 << 20;
    let ones = [0xff; 5000];
    let Some(file) = sparse(LEN, &[(3, &ones), (19 << 20, &ones), (LEN - 1, &ones[..1])]) else { return };
    let runs = [(24, 24 + 40_000), (19 << 23, (19 << 23) + 40_000), (LEN * 8 - 8, LEN * 8)];
    let scanner = Scanner::new(LSB0).block_size(BlockSize::new(512).expect("valid"));
    let mapped = Mapped::new(&file).expect("a map");
    for log2 in [1, 5, 6, 12, 21] {
        let expected: Runs = runs.map(|(start, end): (u64, u64)| (start >> log2, end.div_ceil(1 << log2))).to_vec();
        let block_size = BlockSize::new(512 << log2).expect("valid");
        for setup in file_setups().into_iter().step_by(5) {
            let scanner = setup.apply(&scanner, 1 << 30);
            let found = setup.on_threads(|| match setup.kind {
                Kind::Mapped => scanner.bitmap_at(&mapped, block_size),
                _ => scanner.bitmap_at(&file, block_size),
            });
            let found = found.expect("a good bitmap");
            assert_eq!((found.blocks(), pairs(&found.extents())), ((LEN * 8) >> log2, expected.clone()), "{setup:?}");
        }
    }
}

#[test]
fn holes_count_for_the_length_and_zeros_in_a_text_are_still_wrong() {
    let Some(file) = sparse(1 << 20, &[(7, &[1])]) else { return };
    let exact = Expect::new(LSB0).blocks(8 << 20);
    let short = Expect::new(LSB0).blocks((8 << 20) + 1);
    let long = Expect::new(LSB0).blocks((8 << 20) - 64);
    let mut text = &file;
    for setup in file_setups() {
        assert_eq!(pairs(&from_file(setup, &exact.scanner(), &file).expect("good")), [(56, 57)]);
        let verdict = |expect: &Expect| Verdict::of(&from_file(setup, &expect.scanner(), &file).expect_err("bad"));
        assert_eq!(verdict(&short), Verdict::kind("too-short").figures(1 << 20, (1 << 20) + 1));
        assert_eq!(verdict(&long), Verdict::kind("too-long").figures(1 << 20, (1 << 20) - 8));
    }
    text.seek(SeekFrom::Start(0)).expect("sought");
    file.write_all_at(b"AAAAAAAA", 0).expect("room");
    for setup in file_setups() {
        let error = from_file(setup, &Scanner::new(Encoding::Base64), &file).expect_err("a hole is no text");
        assert_eq!(Verdict::of(&error), Verdict::byte("invalid-symbol", 8, 0));
    }
}

#[test]
fn a_cbtlog_in_a_sparse_volume() {
    let bits = Rng::new(23).bits(5000);
    let head = naive::encode_cbtlog(&bits, 20_000 * 65_536);
    let Some(file) = sparse(4 << 20, &[(0, &head), (2 << 20, &[0xff; 100])]) else { return };
    let expected = naive::extents(&bits);
    for setup in file_setups() {
        let extents = from_file(setup, &Scanner::new(Encoding::CbtLog), &file).expect("a good log");
        assert_eq!(pairs(&extents), expected, "{setup:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn two_tebibytes_of_holes_take_no_time() {
    const LEN: u64 = 2 << 40;
    let places = [5, (1 << 29) - 1, 1 << 32, (1 << 40) + 12_345, LEN - 1];
    let pieces: Vec<(u64, &[u8])> = places.iter().map(|&place| (place, &[0x18][..])).collect();
    let Some(file) = sparse(LEN, &pieces) else { return };
    let expected: Runs = places.iter().map(|&place| (place * 8 + 3, place * 8 + 5)).collect();
    assert!(expected[4].0 > 1 << 43 && expected[4].0 * 65_536 > 1 << 53);
    // An emulator may not have as much address space.
    let mappable = Mapped::new(&file).is_ok();
    if !mappable {
        skip("mapping 2 TiB (not on this machine)");
    }
    for tier in tiers() {
        for (threads, kind) in
            [(None, Kind::File), (None, Kind::Mapped), (Some(3), Kind::File), (Some(3), Kind::Mapped)]
        {
            if kind == Kind::Mapped && !mappable {
                continue;
            }
            for encoding in [MSB0, LSB0] {
                let setup = Setup { threads, kind, ..Setup::plain(tier) };
                let expect = Expect::new(encoding).blocks(LEN * 8);
                let started = Instant::now();
                let extents = from_file(setup, &expect.scanner(), &file).expect("a good bitmap");
                let took = started.elapsed();
                assert_eq!(pairs(&extents), expected, "{setup:?}");
                assert!(took < Duration::from_secs(1), "{setup:?} took {took:?}");
            }
        }
    }
    let disk = Geometry { block_size: BlockSize::DEFAULT, virtual_size: VirtualSize::new((LEN * 8 * 65_536) - 1).ok() };
    let last = disk.byte_range(Extent::new(LEN * 8 - 1, LEN * 8)).expect("on the disk");
    assert_eq!((last.offset_bytes, last.len_bytes), ((LEN * 8 - 1) << 16, 65_535));
}

#[test]
fn a_file_is_read_from_its_present_position() {
    let bits = Rng::new(29).bits(40_000);
    for (encoding, bytes) in [
        (Encoding::Base64, naive::encode_base64(&bits).into_bytes()),
        (LSB0, naive::encode_raw_lsb0(&bits)),
        (Encoding::CbtLog, naive::encode_cbtlog(&bits, 40_000 * 65_536)),
    ] {
        for before in [1u64, 48, 4096, 10_001] {
            let mut file = tempfile::tempfile().expect("a temporary file");
            // All ones, so that a run shows if reading starts too early.
            file.write_all(&vec![0xff; usize::try_from(before).expect("small")]).expect("room");
            file.write_all(&bytes).expect("room");
            for setup in file_setups().into_iter().filter(|setup| setup.kind == Kind::File) {
                file.seek(SeekFrom::Start(before)).expect("sought");
                let scanner = setup.apply(&Scanner::new(encoding), bytes.len());
                let extents = setup.on_threads(|| scanner.extents(&file)).expect("good");
                assert_eq!(pairs(&extents), naive::extents(&bits), "{setup:?} {encoding} {before}");
            }
        }
    }
}

/// A second scan of the same file must not begin in the middle: that would be a shorter list without any error.
#[test]
fn a_scan_leaves_the_position_where_it_was() {
    let bits = [Rng::new(43).bits(30_000), vec![false; 400_000]].concat();
    for (encoding, bytes) in [
        (Encoding::Base64, naive::encode_base64(&bits).into_bytes()),
        (MSB0, naive::encode_raw_msb0(&bits)),
        (LSB0, naive::encode_raw_lsb0(&bits)),
        (Encoding::CbtLog, naive::encode_cbtlog(&bits, 430_000 * 65_536)),
    ] {
        let end = bytes.iter().rposition(|&byte| byte != 0).expect("not all zeros") + 1;
        // The zeros of a raw bitmap become a hole.
        let Some(file) = sparse(bytes.len() as u64, &[(0, &bytes[..end])]) else { return };
        for scan in ["first", "second", "third"] {
            let extents = Scanner::new(encoding).extents(&file).map(|extents| pairs(&extents));
            assert_eq!(extents.expect("a good bitmap"), naive::extents(&bits), "{scan} scan, {encoding}");
        }
    }
}

/// The worst of it: a scan that was stopped, and then one that is taken for a scan of all.
#[test]
fn a_scan_that_was_stopped_leaves_the_position_where_it_was() {
    let ones = [0xff; 4096];
    let Some(file) = sparse(1 << 20, &[(0, &ones), (1 << 19, &ones)]) else { return };
    let scanner = Scanner::new(LSB0).parallel(false).chunk_bytes(4096);
    let expected = scanner.extents(&Mapped::new(&file).expect("a map")).expect("good");
    for chunks in 1..4 {
        (&file).seek(SeekFrom::Start(0)).expect("sought");
        let mut batches = 0;
        let stopped = scanner.visit(&file, |_: &[Extent]| {
            batches += 1;
            if batches == chunks { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert!(stopped.is_ok());
        assert_eq!(scanner.extents(&file).expect("good"), expected, "after {chunks}");
    }
}

/// Offsets count from where reading starts, as for every other source.
#[test]
fn an_error_in_a_file_read_from_the_middle_names_the_place_in_the_input() {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(b"####AAAAAAAA#AAA").expect("room");
    for setup in file_setups().into_iter().filter(|setup| setup.kind == Kind::File) {
        file.seek(SeekFrom::Start(4)).expect("sought");
        let scanner = setup.apply(&Scanner::new(Encoding::Base64), 0);
        let error = setup.on_threads(|| scanner.extents(&file)).expect_err("bad");
        assert_eq!(Verdict::of(&error), Verdict::byte("invalid-symbol", 8, b'#'), "{setup:?}");
    }
}

#[test]
fn nothing_is_left_behind_the_end() {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(b"AAAA").expect("room");
    for position in [4, 5, 1 << 40] {
        file.seek(SeekFrom::Start(position)).expect("sought");
        let error = Scanner::new(Encoding::Base64).extents(&file).expect_err("nothing");
        assert_eq!(Verdict::of(&error), Verdict::kind("empty"), "{position}");
    }
}

/// Setups whose first batch comes long before the end of a file has been read; by default, every third of them.
fn early_batches() -> impl Iterator<Item = Setup> {
    let all = tiers()
        .flat_map(|tier| THREADS.map(|threads| Setup { tier, threads, chunk_bytes: Some(4096), kind: Kind::File }));
    all.step_by(cases(3, 1))
}

#[test]
fn a_file_that_shrinks_while_it_is_read_is_an_error() {
    const LEN: u64 = 6 << 20;
    for encoding in [LSB0, Encoding::Base64] {
        for setup in early_batches() {
            let mut file = tempfile::tempfile().expect("a temporary file");
            // 'U' is alternating bits as a byte, and a symbol with boundaries; so batches come early.
            file.write_all(&vec![b'U'; usize::try_from(LEN).expect("small")]).expect("room");
            file.seek(SeekFrom::Start(0)).expect("sought");
            let shrinking = file.try_clone().expect("a handle");
            let scanner = setup.apply(&Scanner::new(encoding), 0);
            let outcome = setup.on_threads(|| {
                let mut shrunk = false;
                scanner.visit(&file, |_: &[Extent]| {
                    if !shrunk {
                        shrinking.set_len(LEN - 70_000).expect("truncated");
                        shrunk = true;
                    }
                    ControlFlow::<()>::Continue(())
                })
            });
            let verdict = Verdict::of(&outcome.expect_err("it shrank"));
            let expected = Verdict::at("shrunk", LEN - 70_000).figures(LEN - 70_000, LEN);
            assert_eq!(verdict, expected, "{encoding} {setup:?}");
        }
    }
}

/// Where a file ended in a hole, zeros must not be made up for what it has lost.
#[test]
fn a_sparse_file_that_shrinks_within_a_hole_is_an_error() {
    const LEN: u64 = 6 << 20;
    for setup in early_batches() {
        let dense = vec![b'U'; 1 << 20];
        let Some(file) = sparse(LEN, &[(0, &dense), (LEN - 4096, &dense[..4096])]) else { return };
        let shrinking = file.try_clone().expect("a handle");
        let scanner = setup.apply(&Scanner::new(LSB0), 0);
        let outcome = setup.on_threads(|| {
            scanner.visit(&file, |_: &[Extent]| {
                shrinking.set_len(3 << 20).expect("truncated");
                ControlFlow::<()>::Continue(())
            })
        });
        let verdict = Verdict::of(&outcome.expect_err("it shrank"));
        assert_eq!((verdict.kind, verdict.figures.map(|figures| figures.1)), ("shrunk", Some(LEN)), "{setup:?}");
    }
}

/// The length that the file had is named, and not that of the part of it that is of use.
#[test]
fn a_volume_of_a_cbtlog_that_shrinks_had_the_length_it_had() {
    const BITMAP: u64 = 4 << 20;
    const LEN: u64 = BITMAP + (1 << 20);
    let mut bytes = naive::encode_cbtlog(&[], BITMAP * 8 * 65_536);
    bytes.resize(usize::try_from(LEN).expect("small"), b'U');
    let Some(file) = sparse(LEN, &[(0, &bytes)]) else { return };
    let shrinking = file.try_clone().expect("a handle");
    let outcome = Scanner::new(Encoding::CbtLog).chunk_bytes(4096).parallel(false).visit(&file, |_: &[Extent]| {
        shrinking.set_len(3 << 20).expect("truncated");
        ControlFlow::<()>::Continue(())
    });
    let verdict = Verdict::of(&outcome.expect_err("it shrank"));
    assert_eq!(verdict, Verdict::at("shrunk", 3 << 20).figures(3 << 20, LEN));
}

#[test]
fn an_empty_file_is_an_empty_bitmap() {
    let empty = Input::new([]);
    let setup = Setup { kind: Kind::File, ..Setup::plain(tiers().next().expect("one")) };
    assert_eq!(simplify(&setup.extents(&Scanner::new(LSB0), &empty)), Err(Verdict::kind("empty")));
}

/// As its documentation says.
#[test]
fn an_empty_file_cannot_be_mapped() {
    assert!(Mapped::new(&tempfile::tempfile().expect("a temporary file")).is_err());
}

#[test]
fn a_folder_cannot_be_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for encoding in Encoding::ALL {
        let file = File::open(folder.path()).expect("folders can be opened");
        let error = Scanner::new(*encoding).extents(&file).expect_err("not a file");
        assert_eq!(Verdict::of(&error), Verdict::at("read", 0), "{encoding}");
    }
}

#[test]
fn a_map_moves_no_position_that_it_shares() {
    let ones = [0xff; 4096];
    let Some(file) = sparse(64 << 20, &[(0, &ones), (32 << 20, &ones)]) else { return };
    let scanner = Scanner::new(LSB0);
    let mapped = Mapped::new(&file).expect("a map");
    let (mut before, expected) = (&file, scanner.extents(&mapped).expect("a good bitmap"));
    assert_eq!(expected.len(), 2);
    assert_eq!(before.stream_position().expect("a file"), 0);
    let outcome = scanner.visit(&mapped, |_: &[Extent]| ControlFlow::Break(())).expect("a good bitmap");
    assert!(outcome.is_break());
    assert_eq!(scanner.extents(&file).expect("a good bitmap"), expected);
}

#[test]
fn a_file_that_grows_while_it_is_read_is_an_error() {
    for encoding in [Encoding::Base64, LSB0] {
        let file = tempfile::tempfile().expect("a temporary file");
        { &file }.write_all(&[b'/'; 40_000]).expect("room");
        { &file }.seek(SeekFrom::Start(0)).expect("sought");
        let writer = file.try_clone().expect("a handle");
        let scanner = Scanner::new(encoding).parallel(false).chunk_bytes(10_000);
        let outcome = scanner.visit(&file, Growing(&writer));
        let error = outcome.expect_err("what was read is not all");
        assert!(matches!(error, Error::Grown { expected: 40_000 }), "{error}");
    }
    // The rest of a `.cbtlog` is not part of its bitmap, but nobody knows what else was written.
    let file = tempfile::tempfile().expect("a temporary file");
    { &file }.write_all(&naive::encode_cbtlog(&[true; 100_000], 100_000 * 65_536)).expect("room");
    { &file }.write_all(&[0; 10]).expect("room");
    { &file }.seek(SeekFrom::Start(0)).expect("sought");
    let writer = file.try_clone().expect("a handle");
    let outcome = Scanner::new(Encoding::CbtLog).visit(&file, Growing(&writer));
    assert!(matches!(outcome, Err(Error::Changed)), "{outcome:?}");
}

/// Size and content are the same, the time is not; a damaged text may be half of one and half of another.
#[test]
fn a_file_that_is_written_to_while_it_is_read_is_an_error() {
    let outcome_of = |encoding: Encoding, content: &[u8], write: &dyn Fn(&File)| {
        let file = tempfile::tempfile().expect("a temporary file");
        { &file }.write_all(content).expect("room");
        { &file }.seek(SeekFrom::Start(0)).expect("sought");
        // The clock for files may stand still for longer than this test takes.
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1)).expect("its owner may");
        let writer = file.try_clone().expect("a handle");
        let scanner = Scanner::new(encoding).chunk_bytes(1000);
        scanner.visit(&file, |_: &[Extent]| {
            write(&writer);
            ControlFlow::<()>::Continue(())
        })
    };
    let overwrite = |file: &File| file.write_all_at(b"U", 0).expect("room");
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| {
            for (encoding, mut content) in [(LSB0, vec![b'U'; 40_000]), (Encoding::Base64, vec![b'U'; 40_000])] {
                assert!(outcome_of(encoding, &content, &|_| ()).expect("good").is_continue(), "{encoding}");
                let outcome = outcome_of(encoding, &content, &overwrite);
                assert!(matches!(outcome, Err(Error::Changed)), "{encoding}: {outcome:?}");
                // Found to be damaged after something was read, and perhaps because of it.
                content[39_999] = b'*';
                let outcome = outcome_of(encoding, &content, &overwrite);
                assert!(matches!(outcome, Err(Error::Changed)), "{encoding}: {outcome:?}");
            }
        });
    }
    assert_eq!((Error::Changed.kind(), Error::Changed.consequence()), ("changed", Consequence::Retry));
}

/// A write shows through a map, and is noticed.
#[test]
fn a_mapped_file_that_is_written_to_while_it_is_read_is_an_error() {
    for encoding in [Encoding::Base64, LSB0] {
        let file = tempfile::tempfile().expect("a temporary file");
        file.write_all_at(&[b'U'; 40_000], 0).expect("room");
        let mapped = Mapped::new(&file).expect("a file");
        let scanner = Scanner::new(encoding).chunk_bytes(1000);
        let expected = scanner.extents(&mapped).expect("good");
        let outcome = scanner.visit(&mapped, |_: &[Extent]| {
            file.write_all_at(b"V", 39_999).expect("room");
            ControlFlow::<()>::Continue(())
        });
        assert!(matches!(outcome, Err(Error::Changed)), "{encoding}: {outcome:?}");
        // It rests again.
        assert_ne!(scanner.extents(&mapped).expect("good"), expected);
    }
}

/// Lets a file grow as soon as anything was read of it.
struct Growing<'f>(&'f File);

impl Visitor for Growing<'_> {
    type Break = ();

    fn extents(&mut self, _extents: &[Extent]) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn progress(&mut self, _input_bytes: u64) {
        let end = self.0.metadata().expect("a file").len();
        self.0.write_all_at(b"AAAA", end).expect("room");
    }
}

/// Blocks that 64 bits cannot number.
#[cfg(target_os = "linux")]
#[test]
fn a_raw_bitmap_too_long_to_number_its_blocks_is_refused() {
    // Ordinary file systems have no files of this size; that of shared memory does.
    let Ok(file) = tempfile::tempfile_in("/dev/shm") else {
        skip("a file of 2^61 bytes (there is no /dev/shm)");
        return;
    };
    let len = (1 << 61) + 1;
    if file.set_len(len).is_err() {
        skip("a file of 2^61 bytes (not on this file system)");
        return;
    }
    file.write_all_at(&[0xff], len - 1).expect("room");
    let error = Scanner::new(LSB0).extents(&file).expect_err("too long");
    assert!(matches!(error, Error::OffsetOverflow { .. }), "{error}");
}
