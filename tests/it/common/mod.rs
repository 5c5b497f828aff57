//! One runner for every way in which the library can be asked to do the same: every tier of this machine, serial and
//! on pools of several sizes, with pieces of several sizes, from every kind of source.

pub(crate) mod bitmaps;
mod cases;
mod reader;
mod rng;
mod sha256;

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::sync::{Once, OnceLock};

use changed_blocks::parallel::ParallelVisitor;
use changed_blocks::{
    Bitmap, BlockSize, Error, Extent, Geometry, Mapped, Scanner, Source, Summary, Tier, is_canonical,
};
use rayon::{ThreadPool, ThreadPoolBuilder};

pub(crate) use cases::cases;
pub(crate) use reader::{FailingReader, UnevenReader};
pub(crate) use rng::Rng;
pub(crate) use sha256::sha256;

use crate::naive::{Expect, Found, Runs, Verdict};

/// The numbers of threads; `None` is the caller's thread alone.
pub(crate) const THREADS: [Option<usize>; 5] = [None, Some(1), Some(2), Some(3), Some(8)];

/// The sizes of chunks in bytes; `None` is what the library chooses.
pub(crate) const CHUNKS: [Option<usize>; 12] = [
    None,
    Some(1),
    Some(3),
    Some(7),
    Some(48),
    Some(64),
    Some(65),
    Some(3071),
    Some(4096),
    Some(4097),
    Some(12_288),
    Some(100_000),
];

/// More pieces than this to one input take long and show nothing new.
const MAX_PIECES: usize = 2000;

/// Where the bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Slice,
    Reader,
    File,
    Mapped,
}

pub(crate) const KINDS: [Kind; 4] = [Kind::Slice, Kind::Reader, Kind::File, Kind::Mapped];

/// One way of asking.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) tier: Tier,
    pub(crate) threads: Option<usize>,
    pub(crate) chunk_bytes: Option<usize>,
    pub(crate) kind: Kind,
}

/// Says what was not tested here. Straight to standard error: what is printed in the usual way is kept from the log of a
/// test that passes.
pub(crate) fn skip(what: &str) {
    writeln!(std::io::stderr(), "skipped: {what}").expect("standard error is there");
}

/// The tiers that this machine can run. Says once which it cannot.
pub(crate) fn tiers() -> impl Iterator<Item = Tier> {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        for tier in Tier::ALL.iter().filter(|tier| !tier.is_available()) {
            skip(&format!("{tier} (not on this machine)"));
        }
    });
    Tier::available()
}

/// Calls `run` with every setup there is; by default, with every 29th. 29 has no divisor in common with the numbers of
/// kinds, chunks, threads and tiers, so each of these has its turn all the same.
pub(crate) fn for_every_setup(run: impl FnMut(Setup)) {
    (0..setups()).step_by(cases(29, 1)).map(setup).for_each(run);
}

/// One setup for each number, all of them for a range long enough: for property tests.
pub(crate) fn setup(number: usize) -> Setup {
    let tiers: Vec<Tier> = tiers().collect();
    let (number, kind) = (number / KINDS.len(), KINDS[number % KINDS.len()]);
    let (number, chunk_bytes) = (number / CHUNKS.len(), CHUNKS[number % CHUNKS.len()]);
    let (number, threads) = (number / THREADS.len(), THREADS[number % THREADS.len()]);
    Setup { tier: tiers[number % tiers.len()], threads, chunk_bytes, kind }
}

/// How many numbers [`setup`] knows before it repeats itself.
pub(crate) fn setups() -> usize {
    KINDS.len() * CHUNKS.len() * THREADS.len() * tiers().count()
}

impl Setup {
    /// On the caller's thread, from a slice, with whatever chunks the library chooses.
    pub(crate) const fn plain(tier: Tier) -> Self {
        Self { tier, threads: None, chunk_bytes: None, kind: Kind::Slice }
    }

    /// The scanner, set up for an input of that length.
    pub(crate) fn apply(&self, scanner: &Scanner, len: usize) -> Scanner {
        let scanner = scanner.clone().tier(self.tier).parallel(self.threads.is_some());
        match self.chunk_bytes {
            Some(bytes) => scanner.chunk_bytes(bytes.max(len / MAX_PIECES)),
            None => scanner,
        }
    }

    /// Runs something on the threads of the setup.
    pub(crate) fn on_threads<R: Send>(&self, run: impl FnOnce() -> R + Send) -> R {
        match self.threads {
            Some(threads) => pool(threads).install(run),
            None => run(),
        }
    }

    /// The whole list of extents of an input.
    pub(crate) fn extents(&self, scanner: &Scanner, input: &Input) -> Result<(Summary, Vec<Extent>), Error> {
        let scanner = self.apply(scanner, input.bytes.len());
        self.on_threads(|| {
            let mut extents = Vec::new();
            let summary = input
                .with_source(self.kind, |source| scanner.extents_into(source, &mut extents))
                .inspect_err(|_| {
                    // A caller that overlooks the error must not find a shorter list.
                    assert!(extents.is_empty());
                })?;
            Ok((summary, extents))
        })
    }

    /// The bitmap at a block size.
    pub(crate) fn bitmap_at(&self, scanner: &Scanner, input: &Input, block_size: BlockSize) -> Result<Bitmap, Error> {
        let scanner = self.apply(scanner, input.bytes.len());
        self.on_threads(|| input.with_source(self.kind, |source| scanner.bitmap_at(source, block_size)))
    }

    /// As `extents`, but put together from the extents that a visitor gets, of whichever kind, or that an iterator gives.
    /// By default, the numbers that are asked of the iterator take turns.
    pub(crate) fn visited(&self, scanner: &Scanner, input: &Input) -> Result<(Summary, Vec<Extent>), Error> {
        let visited = self.called(scanner, input);
        assert_eq!(simplify(&visited), simplify(&self.prepared(scanner, input)), "{self:?}");
        let (turn, every) = (self.chunk_bytes.unwrap_or(0) + input.bytes.len(), cases(4, 1));
        for most in [None, Some(0), Some(5), Some(1_000_000)].into_iter().skip(turn % every).step_by(every) {
            assert_eq!(simplify(&visited), simplify(&self.pulled(scanner, input, most)), "{self:?} {most:?}");
        }
        visited
    }

    /// By an iterator: all one by one, or every third one so and the others in slices, if that many of them are `wanted`.
    fn pulled(&self, scanner: &Scanner, input: &Input, wanted: Option<usize>) -> Result<(Summary, Vec<Extent>), Error> {
        let scanner = self.apply(scanner, input.bytes.len());
        let pull = |source: Source<'_>| {
            let mut extents = scanner.iter_extents(source)?;
            let mut pulled = Vec::new();
            let Some(wanted) = wanted else {
                for extent in extents.by_ref() {
                    pulled.push(extent?);
                }
                let summary = extents.summary().expect("the whole was judged");
                assert!(extents.next().is_none() && extents.buffered().is_empty(), "nothing more");
                return Ok((summary, pulled));
            };
            let mut bytes_read = 0;
            for number in 0.. {
                let more = match extents.read_more(wanted) {
                    Ok(more) => more,
                    Err(error) => {
                        assert!(extents.buffered().is_empty() && extents.next().is_none(), "nothing after an error");
                        assert!(extents.summary().is_none() && !extents.read_more(wanted)?);
                        return Err(error);
                    }
                };
                assert!(extents.bytes_read() >= bytes_read, "progress goes on");
                bytes_read = extents.bytes_read();
                if !more {
                    break;
                }
                if number % 3 == 2 && !extents.buffered().is_empty() {
                    pulled.push(extents.next().expect("it is buffered")?);
                }
                if extents.buffered().len() >= wanted {
                    pulled.extend_from_slice(extents.buffered());
                    extents.consume();
                }
            }
            let summary = extents.summary().expect("the whole was judged");
            pulled.extend(extents.into_buffered());
            Ok((summary, pulled))
        };
        self.on_threads(|| input.with_source(self.kind, pull))
    }

    /// Put together from what a visitor gets that has all threads copy the extents first.
    fn prepared(&self, scanner: &Scanner, input: &Input) -> Result<(Summary, Vec<Extent>), Error> {
        let scanner = self.apply(scanner, input.bytes.len());
        self.on_threads(|| {
            let mut copies = Copies::default();
            let outcome = input.with_source(self.kind, |source| scanner.visit_parallel(source, &mut copies))?;
            assert!(is_canonical(&copies.extents), "batches that overlap or touch");
            match outcome {
                ControlFlow::Continue(summary) => Ok((summary, copies.extents)),
                ControlFlow::Break(()) => panic!("the visitor never stops"),
            }
        })
    }

    fn called(&self, scanner: &Scanner, input: &Input) -> Result<(Summary, Vec<Extent>), Error> {
        let scanner = self.apply(scanner, input.bytes.len());
        self.on_threads(|| {
            let mut extents: Vec<Extent> = Vec::new();
            let outcome = input.with_source(self.kind, |source| {
                scanner.visit(source, |batch: &[Extent]| {
                    extents.extend_from_slice(batch);
                    ControlFlow::<()>::Continue(())
                })
            })?;
            assert!(is_canonical(&extents), "batches that overlap or touch");
            match outcome {
                ControlFlow::Continue(summary) => Ok((summary, extents)),
                ControlFlow::Break(()) => panic!("the visitor never stops"),
            }
        })
    }

    /// Holds the library against the oracle's answer.
    pub(crate) fn check(&self, expect: &Expect, input: &Input, expected: &Result<Found, Verdict>) {
        let scanner = expect.scanner();
        let actual = self.extents(&scanner, input);
        assert_eq!(simplify(&actual), *expected, "{self:?} {expect:?} {}", input.shown());
    }
}

/// Puts together what was copied on all threads.
#[derive(Default)]
pub(crate) struct Copies {
    pub(crate) extents: Vec<Extent>,
    pub(crate) batches: usize,
    /// After how many batches to stop.
    pub(crate) stop_after: Option<usize>,
    pub(crate) input_bytes: u64,
}

impl ParallelVisitor for &mut Copies {
    type Mapped = Vec<Extent>;
    type Break = ();

    fn begin(&mut self, _geometry: &Geometry) {
        assert_eq!(self.batches, 0, "before the first extents");
    }

    fn map(&self, extents: &[Extent]) -> Vec<Extent> {
        extents.to_vec()
    }

    fn extents(&mut self, extents: &[Extent], mapped: Vec<Extent>) -> ControlFlow<()> {
        assert!(!extents.is_empty(), "no batch of nothing");
        assert_eq!(mapped, extents, "mapped from other extents");
        self.extents.extend(mapped);
        self.batches += 1;
        if Some(self.batches) == self.stop_after { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn progress(&mut self, input_bytes: u64) {
        assert!(input_bytes >= self.input_bytes, "progress goes on");
        self.input_bytes = input_bytes;
    }
}

/// The pool of that many threads; built once, since building takes longer than most tests.
fn pool(threads: usize) -> &'static ThreadPool {
    static POOLS: [OnceLock<ThreadPool>; 9] = [const { OnceLock::new() }; 9];
    POOLS[threads].get_or_init(|| ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool"))
}

/// The library's answer in the oracle's words.
pub(crate) fn simplify(answer: &Result<(Summary, Vec<Extent>), Error>) -> Result<Found, Verdict> {
    match answer {
        Ok((summary, extents)) => {
            assert!(is_canonical(extents));
            Ok(Found { blocks: summary.blocks, runs: pairs(extents) })
        }
        Err(error) => Err(Verdict::of(error)),
    }
}

/// Extents as the oracle has them.
pub(crate) fn pairs(extents: &[Extent]) -> Runs {
    extents.iter().map(|extent| (extent.start_block, extent.end_block)).collect()
}

/// Bytes as every kind of source.
pub(crate) struct Input {
    bytes: Vec<u8>,
    file: OnceLock<File>,
    mapped: OnceLock<Mapped>,
}

impl Input {
    pub(crate) fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), file: OnceLock::new(), mapped: OnceLock::new() }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Runs something on the bytes as that kind of source. What cannot be mapped, an empty file, is read.
    pub(crate) fn with_source<R>(&self, kind: Kind, run: impl FnOnce(Source<'_>) -> R) -> R {
        match kind {
            Kind::Slice => run(Source::from(&self.bytes)),
            Kind::Reader => run(Source::reader(&mut UnevenReader::new(&self.bytes))),
            Kind::Mapped if !self.bytes.is_empty() => run(Source::from(self.mapped())),
            Kind::File | Kind::Mapped => {
                let mut file = self.file();
                file.seek(SeekFrom::Start(0)).expect("a file can be sought in");
                run(Source::from(file))
            }
        }
    }

    fn file(&self) -> &File {
        self.file.get_or_init(|| {
            let mut file = tempfile::tempfile().expect("a temporary file");
            file.write_all(&self.bytes).expect("room for it");
            file
        })
    }

    fn mapped(&self) -> &Mapped {
        self.mapped.get_or_init(|| {
            let file = self.file().try_clone().expect("a second handle");
            Mapped::new(&file).expect("mappable")
        })
    }

    /// The input as people can read it, if it is short.
    fn shown(&self) -> String {
        match self.bytes.len() {
            0..=400 => format!("\"{}\"", self.bytes.escape_ascii()),
            len => format!("({len} bytes)"),
        }
    }
}
