//! The engine as its users see it: what to expect of the input, and the ways to get extents.

use std::convert::Infallible;
use std::ops::ControlFlow;

use crate::encoding::{HEADER_BYTES, Header};
use crate::extent::{into_boundaries, into_extents};
use crate::pipeline::{Call, Codec, Collect, Joiner, LISTS, Outlet, ParallelVisitor, Pipeline, Plan, Prepared};
use crate::source::{Input, Opened, Source, Stamp};
use crate::{
    Bitmap, BlockSize, Consequence, Encoding, Error, Extent, Geometry, Result, Tier, VirtualSize, Visitor, length,
    words,
};

/// Turns bitmaps into extents.
///
/// A scanner holds what is expected of the input and how to work; it can be used any number of times, from several
/// threads. All ways give the same extents: sorted, disjoint, never adjacent, in blocks; see [`Geometry`] for bytes.
///
/// Working memory is bounded, but for the lists and bitmaps that are returned: some MiB for each of up to six threads.
/// At most 14 MiB of it, in all, are kept from one call for the next; usually it is less than one.
///
/// Give the virtual size wherever it is known. A base64 text that was cut short at a multiple of four characters is
/// still good base64; only the virtual size tells that changes are missing.
///
/// ```
/// use changed_blocks::{Encoding, Extent, Scanner, VirtualSize};
/// // 01100000 00000000 …: the second and third blocks changed.
/// let scanner = Scanner::new(Encoding::Base64).virtual_size(VirtualSize::new(2_000_000)?);
/// assert_eq!(scanner.extents("YAAAAA==")?, [Extent::new(1, 3)]);
/// # Ok::<(), changed_blocks::Error>(())
/// ```
///
/// # Complexity
///
/// Linear in the length of the input plus the number of extents. Memory beside the result is bounded, whatever the
/// length of the input.
#[derive(Clone, Debug)]
pub struct Scanner {
    encoding: Encoding,
    geometry: Geometry,
    allow_inconsistent: bool,
    parallel: bool,
    tier: Option<Tier>,
    chunk_bytes: Option<usize>,
    /// The size of the disk, where only the length of a stream is to be limited by it.
    limited_by: Option<VirtualSize>,
    /// The size of the largest disk whose bitmap a stream may be.
    largest_disk: Option<VirtualSize>,
    /// Whether a lock keeps others from writing to files.
    locked: bool,
}

/// What is known of a bitmap once all of it was scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// The number of blocks: those of the disk where its size is known, else the bits of the bitmap, which are a
    /// multiple of eight unless it is a 0/1 text.
    pub blocks: u64,
    /// The block size, and the virtual size if it was given or found in the header of a `.cbtlog`.
    pub geometry: Geometry,
}

impl Scanner {
    /// A scanner for bitmaps of that encoding, of blocks of 64 KiB, on all threads of the present rayon pool.
    #[must_use]
    pub const fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            geometry: Geometry { block_size: BlockSize::DEFAULT, virtual_size: None },
            allow_inconsistent: false,
            parallel: true,
            tier: None,
            chunk_bytes: None,
            limited_by: None,
            largest_disk: None,
            locked: false,
        }
    }

    /// The size of a block. Must be 64 KiB, as it is if nothing is said, for a `.cbtlog`.
    #[must_use]
    pub const fn block_size(mut self, block_size: BlockSize) -> Self {
        self.geometry.block_size = block_size;
        self
    }

    /// The size of the disk. The bitmap must then have the length that belongs to it and no block beyond the disk's end:
    /// see [`VirtualSize::fits_bitmap_bytes`] for the rule.
    #[must_use]
    pub const fn virtual_size(mut self, virtual_size: VirtualSize) -> Self {
        self.geometry.virtual_size = Some(virtual_size);
        self
    }

    /// How large a disk may be whose size is not known: a stream that goes on beyond the bitmap of such a disk is
    /// [`Error::TooLong`]. Files are read whatever their length: they have an end.
    #[must_use]
    pub const fn largest_disk(mut self, size: VirtualSize) -> Self {
        self.largest_disk = Some(size);
        self
    }

    /// Whether a `.cbtlog` may be read that is not marked as consistent. Changes may be missing from it.
    #[must_use]
    pub const fn allow_inconsistent(mut self, allow: bool) -> Self {
        self.allow_inconsistent = allow;
        self
    }

    /// Does without waiting until a file that was just written to has come to rest: a lock keeps others from it.
    pub(crate) const fn locked(mut self) -> Self {
        self.locked = true;
        self
    }

    /// Whether to work on the threads of the present rayon pool (the global one, or the one that `install` was called
    /// on), six of them at the most, or on the caller's thread alone. What is too short to be shared out is not.
    #[must_use]
    pub const fn parallel(mut self, parallel: bool) -> Self {
        self.parallel = parallel;
        self
    }

    /// The tier to use, instead of the fastest that this processor can run.
    #[must_use]
    pub const fn tier(mut self, tier: Tier) -> Self {
        self.tier = Some(tier);
        self
    }

    /// How many bytes of input to a chunk, from 1 to 16 MiB; what is outside is taken as the nearest of these. For
    /// testing and tuning: the result does not depend on it.
    #[must_use]
    pub fn chunk_bytes(mut self, bytes: usize) -> Self {
        self.chunk_bytes = Some(bytes.clamp(1, 16 << 20));
        self
    }

    /// The whole list of extents.
    ///
    /// # Errors
    ///
    /// See [`Error`]. There is never a partial list.
    pub fn extents<'a>(&self, source: impl Into<Source<'a>>) -> Result<Vec<Extent>> {
        let mut extents = Vec::new();
        self.extents_into(source, &mut extents)?;
        Ok(extents)
    }

    /// Replaces what is in `extents` by the whole list, in the same allocation if that is large enough.
    ///
    /// # Errors
    ///
    /// See [`Error`]. After an error the list is empty, and its allocation is given back.
    pub fn extents_into<'a>(&self, source: impl Into<Source<'a>>, extents: &mut Vec<Extent>) -> Result<Summary> {
        let mut boundaries = into_boundaries(std::mem::take(extents));
        boundaries.clear();
        let (summary, joiner) = match self.run(source.into(), boundaries, |_| Collect)? {
            ControlFlow::Continue(done) => done,
            ControlFlow::Break(never) => match never {},
        };
        *extents = into_extents(joiner.into_boundaries());
        Ok(summary)
    }

    /// Hands the extents to a visitor in batches, as they are found. Nothing is collected, so memory stays bounded
    /// whatever the number of extents is. The visitor may stop early; the rest of the input is then not read, and not
    /// judged.
    ///
    /// # Errors
    ///
    /// See [`Error`]. What the visitor got before an error must not be used: the error may mean that all of it is
    /// another disk's.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use changed_blocks::{Encoding, Extent, Scanner};
    /// let mut changed_blocks = 0;
    /// let outcome = Scanner::new(Encoding::Base64).visit("YAAAAA==", |batch: &[Extent]| {
    ///     changed_blocks += batch.iter().map(|extent| extent.len_blocks()).sum::<u64>();
    ///     ControlFlow::<()>::Continue(())
    /// })?;
    /// assert!(outcome.is_continue());
    /// assert_eq!(changed_blocks, 2);
    /// # Ok::<(), changed_blocks::Error>(())
    /// ```
    pub fn visit<'a, V: Visitor>(
        &self,
        source: impl Into<Source<'a>>,
        visitor: V,
    ) -> Result<ControlFlow<V::Break, Summary>> {
        let outcome = self.run(source.into(), LISTS.take(), |geometry| Call::new(visitor, geometry))?;
        Ok(outcome.map_continue(kept))
    }

    /// The same for a visitor that does part of its work on all threads. It is called by any of them, but never by two
    /// at a time.
    ///
    /// # Errors
    ///
    /// As for [`visit`](Self::visit).
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use changed_blocks::{Encoding, Extent, Geometry, ParallelVisitor, Prepare, Scanner};
    ///
    /// /// Writes extents down, on all threads.
    /// struct Write;
    ///
    /// impl Prepare for Write {
    ///     type Part = String;
    ///
    ///     fn prepare(&self, extents: &[Extent]) -> String {
    ///         extents.iter().map(|extent| format!("{}+{} ", extent.start_block, extent.len_blocks())).collect()
    ///     }
    /// }
    ///
    /// /// Puts together what was written.
    /// struct Collect<'a>(&'a mut String);
    ///
    /// impl ParallelVisitor for Collect<'_> {
    ///     type Prepare = Write;
    ///     type Break = ();
    ///
    ///     fn begin(&mut self, _geometry: &Geometry) -> Write {
    ///         Write
    ///     }
    ///
    ///     fn extents(&mut self, _extents: &[Extent], part: String) -> ControlFlow<()> {
    ///         self.0.push_str(&part);
    ///         ControlFlow::Continue(())
    ///     }
    /// }
    ///
    /// let mut all = String::new();
    /// let outcome = Scanner::new(Encoding::Base64).visit_prepared("YAAAAQ==", Collect(&mut all))?;
    /// assert!(outcome.is_continue());
    /// assert_eq!(all, "1+2 31+1 ");
    /// # Ok::<(), changed_blocks::Error>(())
    /// ```
    pub fn visit_prepared<'a, V: ParallelVisitor>(
        &self,
        source: impl Into<Source<'a>>,
        visitor: V,
    ) -> Result<ControlFlow<V::Break, Summary>> {
        let outcome = self.run(source.into(), LISTS.take(), |geometry| Prepared::new(visitor, geometry))?;
        Ok(outcome.map_continue(kept))
    }

    /// The bitmap itself, in memory.
    ///
    /// # Errors
    ///
    /// See [`Error`]: among them is [`Error::OutOfMemory`], since a sparse file may hold a bitmap that is longer than all
    /// memory.
    pub fn bitmap<'a>(&self, source: impl Into<Source<'a>>) -> Result<Bitmap> {
        // It grows as far as the input goes, whatever virtual size was claimed.
        let mut bitmap = Bitmap::default();
        let outcome = self.visit(source, |batch: &[Extent]| match bitmap.grow_and_set(batch) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        })?;
        match outcome {
            ControlFlow::Continue(summary) => bitmap.try_resize(summary.blocks).map(|()| bitmap),
            ControlFlow::Break(error) => Err(error),
        }
    }

    /// Finds the block size from the length of the bitmap and the virtual size, for storage whose block size is not
    /// known: `SMAPIv3` storage may track blocks of other than 64 KiB, and the call does not tell. Reads the whole input,
    /// so that a stream is used up. The block size that was set before does not matter.
    ///
    /// A bitmap that was cut to a half has the length of one with blocks of twice the size. Where the block size of the
    /// storage is known, set that, and such a bitmap is refused.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownBlockSize`] where the length fits several block sizes, as it may for a small disk, or none;
    /// [`Error::NoVirtualSize`]; and all that can be wrong with the bitmap itself.
    ///
    /// ```
    /// use changed_blocks::{Encoding, Scanner, VirtualSize};
    /// let scanner = Scanner::new(Encoding::Base64).virtual_size(VirtualSize::new(16 << 20)?);
    /// // 8 bytes, for 64 blocks of 256 KiB.
    /// let answer = "gAAAAAAAAAA=";
    /// let block_size = scanner.detect_block_size(answer)?;
    /// assert_eq!(block_size.bytes(), 256 << 10);
    /// assert_eq!(scanner.block_size(block_size).extents(answer)?.len(), 1);
    /// # Ok::<(), changed_blocks::Error>(())
    /// ```
    pub fn detect_block_size<'a>(&self, source: impl Into<Source<'a>>) -> Result<BlockSize> {
        if self.encoding == Encoding::CbtLog {
            return Ok(Header::BLOCK_SIZE);
        }
        let size = self.geometry.virtual_size.ok_or(Error::NoVirtualSize)?;
        let any_length = Self { geometry: Geometry::default(), limited_by: Some(size), ..self.clone() };
        let outcome = any_length.visit(source, |_: &[Extent]| ControlFlow::<Infallible>::Continue(()))?;
        let ControlFlow::Continue(Summary { blocks, .. }) = outcome;
        length::only_block_size(blocks, self.encoding, size)
    }

    /// Runs the pipeline over a source and judges the whole, and whether it was the same all the time.
    fn run<O: Outlet>(
        &self,
        source: Source<'_>,
        boundaries: Vec<u64>,
        outlet: impl FnOnce(&Geometry) -> O,
    ) -> Result<ControlFlow<O::Break, (Summary, Joiner)>> {
        let failed = |source| Error::Read { offset: 0, source };
        let watched = match source.file() {
            Some(file) if self.locked => Some((file, Stamp::of(file).map_err(failed)?)),
            Some(file) => Stamp::before_reading(file).map_err(failed)?.map(|stamp| (file, stamp)),
            None => None,
        };
        let outcome = self.run_opened(source.into(), boundaries, outlet);
        let Some((file, before)) = watched else { return outcome };
        let judged = match &outcome {
            Ok(outcome) => outcome.is_continue(),
            // A bitmap that is half another one is no reason to take a full backup.
            Err(error) => error.consequence() == Consequence::FullBackup,
        };
        if judged && Stamp::of(file).map_err(failed)? != before {
            return Err(Error::Changed);
        }
        outcome
    }

    /// Runs the pipeline over an open source and judges the whole.
    fn run_opened<O: Outlet>(
        &self,
        mut opened: Opened<'_>,
        boundaries: Vec<u64>,
        outlet: impl FnOnce(&Geometry) -> O,
    ) -> Result<ControlFlow<O::Break, (Summary, Joiner)>> {
        let tier = self.tier.map_or_else(Tier::detect, Ok)?.verify()?;
        let codec = Codec::from(self.encoding);
        let plan = Plan { codec, tier, parallel: self.parallel, chunk_bytes: self.chunk_bytes };

        if self.encoding == Encoding::Base64 {
            opened = words::refuse(opened)?;
        }
        let mut geometry = self.geometry;
        let mut done = 0;
        if self.encoding == Encoding::CbtLog {
            let (head, rest) = opened.split(HEADER_BYTES)?;
            let header = Header::parse(&head)?;
            geometry = self.geometry_of(header)?;
            opened = rest.limit(header.bitmap_bytes());
            done = HEADER_BYTES as u64;
        }
        let mut pipeline = Pipeline::new(plan, Joiner::new(boundaries, geometry.blocks()), done);
        let outlet = &mut outlet(&geometry);
        let outcome = match opened {
            Opened::Slice(input) => {
                check_addressable(codec, input.len())?;
                pipeline.run(&input, outlet)?
            }
            Opened::File(input) => {
                check_addressable(codec, input.len())?;
                let outcome = pipeline.run(&input, outlet)?;
                if outcome.is_continue() {
                    input.check_end()?;
                }
                outcome
            }
            Opened::Stream(mut reader) => {
                let known = geometry.virtual_size.or(self.limited_by).map(length::most_bits);
                let largest = || self.largest_disk.map(|size| length::most_bits_of(size, geometry.block_size));
                pipeline.run_stream(&mut *reader, outlet, known.or_else(largest))?
            }
        };
        if let ControlFlow::Break(value) = outcome {
            return Ok(ControlFlow::Break(value));
        }
        let cut_short = pipeline.is_cut_short();
        let (bits, mut joiner) = pipeline.finish()?;
        // The header of a `.cbtlog` tells how much is missing.
        if bits == 0 && self.encoding != Encoding::CbtLog {
            return Err(Error::Empty);
        }
        length::check(bits, self.encoding, &geometry)?;
        if let (true, None, Some(size)) = (cut_short, geometry.virtual_size.or(self.limited_by), self.largest_disk) {
            return Err(length::beyond(bits, self.encoding, size, geometry.block_size));
        }
        joiner.finish(bits)?;
        if let ControlFlow::Break(value) = outlet.flush(&mut joiner) {
            return Ok(ControlFlow::Break(value));
        }
        let blocks = geometry.blocks().unwrap_or(bits);
        Ok(ControlFlow::Continue((Summary { blocks, geometry }, joiner)))
    }

    /// The geometry that the header of a `.cbtlog` says, if that is what was asked for.
    fn geometry_of(&self, header: Header) -> Result<Geometry> {
        if self.geometry.block_size != Header::BLOCK_SIZE {
            let (found, expected) = (self.geometry.block_size.bytes(), Header::BLOCK_SIZE.bytes());
            return Err(Error::BlockSizeMismatch { found, expected });
        }
        if !self.allow_inconsistent {
            header.require_consistent()?;
        }
        match self.geometry.virtual_size {
            Some(expected) if expected != header.virtual_size => {
                let (found, expected) = (header.virtual_size.bytes(), expected.bytes());
                Err(Error::VirtualSizeMismatch { found, expected })
            }
            _ => Ok(Geometry { virtual_size: Some(header.virtual_size), ..self.geometry }),
        }
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

/// The summary of a visit, of which the list that nobody got is kept for the next.
fn kept((summary, joiner): (Summary, Joiner)) -> Summary {
    LISTS.give(joiner.into_boundaries());
    summary
}
