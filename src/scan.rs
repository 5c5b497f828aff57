//! One pass over a source, pulled step by step: opened, read, judged at its end.
//!
//! ```text
//! start   note the file's stamp; refuse a word that is no bitmap; read the header of a log; make the output
//! step    the next chunk or batch of chunks goes through the pipeline into the output       (again and again)
//! end     judge the length and the last run; compare the stamp
//! ```
//!
//! Invariant: a summary is there only after all of the source was read and judged. After an error there is none, and
//! nothing that the output has may be used.

use std::fs::File;

use crate::encoding::Encoding;
use crate::pipeline::{Codec, Output, Pipeline, Plan, Stream};
use crate::source::{FileInput, Input, Opened, Slice, Source, Stamp};
use crate::{Consequence, Error, Geometry, Result, Summary, VirtualSize, length};

/// The expectations against which a source is judged.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) encoding: Encoding,
    /// The size of the disk, where only the length of a stream is to be limited by it.
    pub(crate) limited_by: Option<VirtualSize>,
    /// The size of the largest disk whose bitmap a stream may be.
    pub(crate) largest_disk: Option<VirtualSize>,
}

/// A pass over a source into an output.
pub(crate) struct Scan<'a, O> {
    input: ScanInput<'a>,
    pipeline: Pipeline,
    output: O,
    expected: Expected,
    geometry: Geometry,
    watch: Watch<'a>,
    /// Whether the input is at its end.
    ended: bool,
    summary: Option<Summary>,
}

enum ScanInput<'a> {
    Slice(Slice<'a>),
    File(FileInput<'a>),
    Stream(Stream<'a>),
}

/// A file that must be the same before and after.
pub(crate) struct Watch<'a>(Option<(&'a File, Stamp)>);

impl<'a> Watch<'a> {
    /// Notes the file's stamp. One that was written to a moment ago is let come to rest first, unless it is `locked`.
    pub(crate) fn begin(source: &Source<'a>, locked: bool) -> Result<Self> {
        let watched = match source.file() {
            Some(file) if locked => Stamp::of(file).map(|stamp| Some((file, stamp))),
            Some(file) => Stamp::before_reading(file).map(|stamp| stamp.map(|stamp| (file, stamp))),
            None => Ok(None),
        };
        watched.map(Self).map_err(|source| Error::Read { offset: 0, source })
    }

    /// Passes an error on, unless it may only say that the file changed: a bitmap that is half another one is no reason to
    /// take a full backup.
    pub(crate) fn judge<T>(&self, result: Result<T>) -> Result<T> {
        match &result {
            Err(error) if error.consequence() == Consequence::FullBackup => self.require_same()?,
            _ => {}
        }
        result
    }

    fn require_same(&self) -> Result<()> {
        let Some((file, before)) = &self.0 else { return Ok(()) };
        let now = Stamp::of(file).map_err(|source| Error::Read { offset: 0, source })?;
        if now == *before { Ok(()) } else { Err(Error::Changed) }
    }
}

impl<'a, O: Output> Scan<'a, O> {
    /// A scan of an open source, of which `done` bytes were read before.
    pub(crate) fn new(
        opened: Opened<'a>,
        done: u64,
        plan: Plan,
        output: O,
        geometry: Geometry,
        expected: Expected,
        watch: Watch<'a>,
    ) -> Result<Self> {
        let check = |len| check_addressable(plan.codec, len);
        let input = match opened {
            Opened::Slice(input) => check(input.len()).map(|()| ScanInput::Slice(input)),
            Opened::File(input) => check(input.len()).map(|()| ScanInput::File(input)),
            Opened::Stream(reader) => {
                let known = geometry.virtual_size.or(expected.limited_by).map(length::most_bits);
                let largest = || expected.largest_disk.map(|size| length::most_bits_of(size, geometry.block_size));
                Stream::new(reader, &plan, done, known.or_else(largest)).map(ScanInput::Stream)
            }
        };
        let pipeline = Pipeline::new(plan, done);
        Ok(Self {
            input: watch.judge(input)?,
            pipeline,
            output,
            expected,
            geometry,
            watch,
            ended: false,
            summary: None,
        })
    }

    pub(crate) const fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The summary, once the whole was judged.
    pub(crate) const fn summary(&self) -> Option<Summary> {
        self.summary
    }

    pub(crate) const fn output(&mut self) -> &mut O {
        &mut self.output
    }

    /// How many bytes of the input have been dealt with.
    pub(crate) const fn done_bytes(&self) -> u64 {
        self.pipeline.done_bytes()
    }

    /// Takes the next step. The last one judges the whole, after the caller has dealt with all that was read, and returns the
    /// summary.
    pub(crate) fn step(&mut self) -> Result<Option<Summary>> {
        if !self.ended {
            let ended = self.step_unwatched();
            self.ended = self.watch.judge(ended)?;
        } else if self.summary.is_none() {
            let summary = self.finish();
            let summary = self.watch.judge(summary)?;
            self.watch.require_same()?;
            self.summary = Some(summary);
        }
        Ok(self.summary)
    }

    pub(crate) fn into_output(self) -> O {
        self.output
    }

    /// Takes all steps.
    pub(crate) fn run(mut self) -> Result<(Summary, O)> {
        loop {
            if let Some(summary) = self.step()? {
                return Ok((summary, self.output));
            }
        }
    }

    /// Returns whether the input is at its end.
    fn step_unwatched(&mut self) -> Result<bool> {
        let Self { pipeline, output, .. } = self;
        match &mut self.input {
            ScanInput::Slice(input) => pipeline.step(input, output),
            ScanInput::File(input) => {
                let ended = pipeline.step(input, output)?;
                if ended {
                    input.check_end()?;
                }
                Ok(ended)
            }
            ScanInput::Stream(stream) => stream.step(pipeline, output),
        }
    }

    /// Judges the whole.
    fn finish(&mut self) -> Result<Summary> {
        let Expected { encoding, limited_by, largest_disk } = self.expected;
        let geometry = self.geometry;
        let cut_short = matches!(&self.input, ScanInput::Stream(stream) if stream.is_cut_short());
        let bits = self.pipeline.finish(self.output.position(), cut_short)?;
        // The header of a `.cbtlog` tells how much is missing.
        if bits == 0 && encoding != Encoding::CbtLog {
            return Err(Error::Empty);
        }
        length::check(bits, encoding, &geometry)?;
        if let (true, None, Some(size)) = (cut_short, geometry.virtual_size.or(limited_by), largest_disk) {
            return Err(length::beyond(bits, encoding, size, geometry.block_size));
        }
        self.output.finish(bits)?;
        Ok(Summary { blocks: geometry.blocks().unwrap_or(bits), geometry })
    }
}

/// Whether the blocks of a raw bitmap of that many bytes can be numbered at all. A text would have to be longer than
/// any file for that to matter.
fn check_addressable(codec: Codec, len: u64) -> Result<()> {
    match codec {
        Codec::Raw(_) if len > u64::MAX / 8 => Err(Error::OffsetOverflow { block: u64::MAX, block_size: 1 }),
        _ => Ok(()),
    }
}
