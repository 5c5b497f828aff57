//! Times candidates against each other: in rounds, one sample of each at a time, so that a machine that slows down or
//! speeds up does so for all of them alike.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytemuck::{cast_slice, cast_slice_mut};
use changed_blocks::{Bitmap, Extent};

use crate::inputs::{Cell, Digest};

/// How much trouble to take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// At least so many samples of each candidate, and at least so much time in them …
    pub(crate) samples: usize,
    pub(crate) time: Duration,
    /// … but no more of a slow one once it took that long, and has at least so many.
    pub(crate) patience: Duration,
    pub(crate) fewest: usize,
    /// A sample is as many runs as take about that long: a single run in cache is too short for the clock.
    pub(crate) sample: Duration,
}

impl Effort {
    pub(crate) const FULL: Self = Self {
        samples: 21,
        time: Duration::from_millis(300),
        patience: Duration::from_secs(4),
        fewest: 3,
        sample: Duration::from_millis(2),
    };
    pub(crate) const QUICK: Self = Self {
        samples: 5,
        time: Duration::from_millis(20),
        patience: Duration::from_millis(400),
        fewest: 1,
        sample: Duration::from_millis(1),
    };
}

/// The memory that candidates write into. All share it, so that none has warmer pages or a better address than another,
/// and none pays for memory in the timed part unless it allocates by itself.
pub(crate) struct Buffers {
    /// For a copy of the text.
    pub(crate) copy: Vec<u8>,
    /// For what the text decodes to. As words, so that they are aligned for whoever reads them as such.
    pub(crate) decoded: Vec<u64>,
    /// For the list.
    pub(crate) extents: Vec<Extent>,
    /// For the bitmap of large blocks: of this library, and of peers.
    pub(crate) bitmap: Bitmap,
    pub(crate) blocks: Vec<u64>,
}

impl Buffers {
    pub(crate) fn new(cell: &Cell) -> Self {
        Self {
            copy: vec![0; cell.text.len()],
            // Decoders want room for what padding could have stood for.
            decoded: vec![0; cell.bitmap.len() / 8 + 8],
            extents: Vec::new(),
            bitmap: Bitmap::default(),
            blocks: Vec::new(),
        }
    }

    pub(crate) fn decoded_bytes(&mut self) -> &mut [u8] {
        cast_slice_mut(&mut self.decoded)
    }

    /// Removes every trace of the candidate before.
    fn poison(&mut self) {
        self.copy.fill(0xa5);
        self.decoded.fill(0xa5a5_a5a5_a5a5_a5a5);
        self.extents.clear();
        self.bitmap = Bitmap::default();
        self.blocks.clear();
    }
}

/// The result of a candidate, and so the part of it that is checked. All return a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Yields {
    /// Returns the exclusive-or of all bytes of the text.
    Checksum,
    /// The text in `copy`.
    Copy,
    /// Returns the number of bytes that are in `decoded`.
    Decoded,
    /// The list in `extents`.
    Extents,
    /// Returns the number of extents.
    Count,
    /// Returns the number of large blocks, the bitmap of which is in `bitmap`.
    Bitmap,
    /// Returns the number of large blocks, the bitmap of which is in `blocks`.
    Blocks,
    /// Nothing that could be checked.
    Nothing,
}

type Run = Box<dyn FnMut(&[u8], &mut Buffers) -> u64>;

/// One way to do a job.
pub(crate) struct Candidate {
    /// Which job: candidates of one kind do the same.
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    pub(crate) yields: Yields,
    pub(crate) run: Run,
}

impl Candidate {
    pub(crate) fn new(
        kind: &'static str,
        name: impl Into<String>,
        yields: Yields,
        run: impl FnMut(&[u8], &mut Buffers) -> u64 + 'static,
    ) -> Self {
        Self { kind, name: name.into(), yields, run: Box::new(run) }
    }

    /// Runs it once and compares what comes out with what is true.
    pub(crate) fn check(&mut self, cell: &Cell, buffers: &mut Buffers) -> Result<(), String> {
        buffers.poison();
        let returned = (self.run)(&cell.text, buffers);
        let decoded: &[u8] = cast_slice(&buffers.decoded);
        let right = match self.yields {
            Yields::Checksum => returned == cell.text.iter().fold(0, |sum, &byte| sum ^ u64::from(byte)),
            Yields::Copy => buffers.copy == cell.text,
            Yields::Decoded => {
                returned == cell.bitmap.len() as u64 && decoded.get(..cell.bitmap.len()) == Some(&cell.bitmap[..])
            }
            Yields::Extents => Digest::of(&buffers.extents) == cell.truth,
            Yields::Count => returned == cell.truth.runs,
            Yields::Bitmap => (buffers.bitmap.as_words(), returned) == (&cell.blocks.0[..], cell.blocks.1),
            Yields::Blocks => (&buffers.blocks, returned) == (&cell.blocks.0, cell.blocks.1),
            Yields::Nothing => true,
        };
        if right {
            return Ok(());
        }
        Err(format!("{} {}: {} disagrees with the oracle ({:?})", cell.size, cell.input, self.name, cell.truth))
    }

    /// Seconds for a number of runs, one after the other.
    fn time(&mut self, runs: u32, text: &[u8], buffers: &mut Buffers) -> f64 {
        let start = Instant::now();
        for _ in 0..runs {
            black_box((self.run)(black_box(text), buffers));
        }
        start.elapsed().as_secs_f64()
    }
}

/// Seconds for one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) lower_quartile: f64,
    pub(crate) upper_quartile: f64,
    pub(crate) samples: usize,
}

impl Spread {
    pub(crate) fn of(mut seconds: Vec<f64>) -> Self {
        seconds.sort_by(f64::total_cmp);
        // Between two neighbours, what lies there on a straight line.
        let quantile = |share: f64| {
            let place = share * (seconds.len() - 1) as f64;
            let (below, above) = (seconds[place.floor() as usize], seconds[place.ceil() as usize]);
            below + (above - below) * place.fract()
        };
        Self {
            median: quantile(0.5),
            lower_quartile: quantile(0.25),
            upper_quartile: quantile(0.75),
            samples: seconds.len(),
        }
    }
}

/// Keeps the processor busy until it is as fast as it gets: one that was idle takes a while, and the first cell would
/// pay for it.
pub(crate) fn wake_up() {
    let start = Instant::now();
    let mut number = 1u64;
    while start.elapsed() < Duration::from_secs(1) {
        for _ in 0..1_000 {
            number = black_box(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        }
    }
}

/// A run longer than this needs none before it that is not timed: what the candidate before left in the caches, and
/// still has to be written back, costs a few milliseconds at the most.
const LONG_RUN: f64 = 0.1;

struct Series {
    /// Runs to a sample.
    runs: u32,
    /// Seconds of one run, roughly.
    one: f64,
    /// Seconds of one run, by sample.
    samples: Vec<f64>,
    spent: f64,
}

impl Series {
    fn calibrate(candidate: &mut Candidate, cell: &Cell, buffers: &mut Buffers, effort: &Effort) -> Self {
        let target = effort.sample.as_secs_f64();
        let mut runs = 1;
        loop {
            let seconds = candidate.time(runs, &cell.text, buffers);
            if seconds >= target / 2.0 {
                let one = seconds / f64::from(runs);
                let runs = (target / one).ceil().max(1.0) as u32;
                return Self { runs, one, samples: Vec::new(), spent: 0.0 };
            }
            runs *= 2;
        }
    }

    fn is_done(&self, effort: &Effort) -> bool {
        let enough = self.samples.len() >= effort.samples && self.spent >= effort.time.as_secs_f64();
        let too_slow = self.samples.len() >= effort.fewest && self.spent >= effort.patience.as_secs_f64();
        enough || too_slow
    }

    fn sample(&mut self, candidate: &mut Candidate, cell: &Cell, buffers: &mut Buffers) {
        if self.one < LONG_RUN {
            candidate.time(1, &cell.text, buffers);
        }
        let seconds = candidate.time(self.runs, &cell.text, buffers);
        self.samples.push(seconds / f64::from(self.runs));
        self.spent += seconds;
    }
}

/// Times all candidates of a cell. They must have been checked: that also touches all the memory they need.
pub(crate) fn measure(
    candidates: &mut [Candidate],
    cell: &Cell,
    buffers: &mut Buffers,
    effort: &Effort,
) -> Vec<Spread> {
    let mut series: Vec<Series> =
        candidates.iter_mut().map(|candidate| Series::calibrate(candidate, cell, buffers, effort)).collect();
    let mut round = 0;
    while series.iter().any(|series| !series.is_done(effort)) {
        for i in 0..candidates.len() {
            // There and back again, so that nobody always comes after the same neighbour.
            let i = if round % 2 == 0 { i } else { candidates.len() - 1 - i };
            if !series[i].is_done(effort) {
                series[i].sample(&mut candidates[i], cell, buffers);
            }
        }
        round += 1;
    }
    series.into_iter().map(|series| Spread::of(series.samples)).collect()
}
