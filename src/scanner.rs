//! The engine as its users see it: what to expect of the input, and the ways to get extents.

use std::convert::Infallible;
use std::ops::ControlFlow;

use crate::bitmap::MergeOutput;
use crate::encoding::{HEADER_BYTES, Header};
use crate::extent::{into_boundaries, into_extents};
use crate::iter::{ByteRanges, Extents};
use crate::parallel::{InWaves, ParallelVisitor};
use crate::pipeline::{Codec, ExtentOutput, Output, Plan};
use crate::scan::{Expected, Scan, Watch};
use crate::source::{Opened, Source};
use crate::{
    Bitmap, BlockSize, ByteRange, Encoding, Error, Extent, Geometry, Result, Summary, Tier, VirtualSize, Visitor,
    length, not_a_bitmap,
};

/// Turns bitmaps into extents.
///
/// A scanner holds what is expected of the input and how to work; it can be used any number of times, from several
/// threads. All ways give the same extents: sorted, disjoint, never adjacent, in blocks; see [`Geometry`] for bytes.
///
/// Working memory is bounded, but for the lists and bitmaps that are returned: at most some 3 MiB for each thread, and
/// 64 MiB in all. A part of it, usually less than 1 MiB and at most 16, is kept for the next call, until
/// [`release_buffers`](crate::release_buffers).
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

impl Scanner {
    /// A scanner for bitmaps of that encoding, of blocks of 64 KiB, on the threads of the present rayon pool.
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

    /// How many bytes of the disk one bit of this bitmap stands for. It is a fact about the bitmap: extents are not converted
    /// to it. 64 KiB if nothing is said, and always for a `.cbtlog`.
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
    /// on), as far as there are processors for them, or on the caller's thread alone. An input that is too short to be worth
    /// several threads is scanned by one.
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
    /// testing: the result does not depend on it, and all threads of the pool take part, also if there are fewer processors.
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
        let on_list = |plan: &Plan, geometry: &Geometry| ExtentOutput::list(plan, geometry.blocks(), boundaries);
        let (summary, output) = self.start(source.into(), on_list)?.run()?;
        *extents = into_extents(output.into_boundaries());
        Ok(summary)
    }

    /// The byte ranges that a backup has to read.
    ///
    /// ```
    /// use changed_blocks::{Encoding, Scanner, VirtualSize};
    /// let scanner = Scanner::new(Encoding::Base64).virtual_size(VirtualSize::new(2_000_000)?);
    /// let ranges = scanner.byte_ranges("YAAAAA==")?;
    /// assert_eq!((ranges[0].offset_bytes, ranges[0].len_bytes), (65_536, 131_072));
    /// # Ok::<(), changed_blocks::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// See [`Error`]. There is never a partial list.
    pub fn byte_ranges<'a>(&self, source: impl Into<Source<'a>>) -> Result<Vec<ByteRange>> {
        let mut extents = Vec::new();
        let summary = self.extents_into(source, &mut extents)?;
        let mut ranges = Vec::new();
        summary.geometry.byte_ranges(&extents, &mut ranges)?;
        Ok(ranges)
    }

    /// An iterator over the extents, which scans as it is asked, in bounded memory.
    ///
    /// # Errors
    ///
    /// See [`Error`]: here of the source's beginning, later as the iterator's last item. The extents before an error must
    /// not be used.
    ///
    /// ```
    /// use changed_blocks::{Encoding, Scanner};
    /// let mut changed_blocks = 0;
    /// for extent in Scanner::new(Encoding::Base64).iter_extents("YAAAAA==")? {
    ///     changed_blocks += extent?.len_blocks();
    /// }
    /// assert_eq!(changed_blocks, 2);
    /// # Ok::<(), changed_blocks::Error>(())
    /// ```
    pub fn iter_extents<'a>(&self, source: impl Into<Source<'a>>) -> Result<Extents<'a>> {
        self.start_batches(source.into()).map(Extents::new)
    }

    /// An iterator over the byte ranges, which scans as it is asked, in bounded memory.
    ///
    /// # Errors
    ///
    /// As for [`iter_extents`](Self::iter_extents).
    pub fn iter_byte_ranges<'a>(&self, source: impl Into<Source<'a>>) -> Result<ByteRanges<'a>> {
        self.iter_extents(source).map(ByteRanges::new)
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
        let mut visitor = visitor;
        let mut scan = self.start_batches(source.into())?;
        visitor.begin(scan.geometry());
        loop {
            let summary = scan.step()?;
            let batch = scan.output().ready();
            if !batch.is_empty()
                && let ControlFlow::Break(value) = visitor.extents(batch)
            {
                return Ok(ControlFlow::Break(value));
            }
            scan.output().discard_ready();
            visitor.progress(scan.done_bytes());
            if let Some(summary) = summary {
                scan.into_output().recycle();
                return Ok(ControlFlow::Continue(summary));
            }
        }
    }

    /// As [`visit`](Self::visit), for a visitor that has a part of its work done by all threads: see
    /// [`parallel`](crate::parallel) for an example.
    ///
    /// # Errors
    ///
    /// As for [`visit`](Self::visit).
    pub fn visit_parallel<'a, V: ParallelVisitor>(
        &self,
        source: impl Into<Source<'a>>,
        visitor: V,
    ) -> Result<ControlFlow<V::Break, Summary>> {
        self.visit(source, InWaves::new(visitor, self.parallel))
    }

    /// The bitmap itself, in memory. One thread decodes it.
    ///
    /// # Errors
    ///
    /// See [`Error`]: among them is [`Error::OutOfMemory`], since a sparse file may hold a bitmap that is longer than all
    /// memory.
    pub fn bitmap<'a>(&self, source: impl Into<Source<'a>>) -> Result<Bitmap> {
        let mut bitmap = Bitmap::default();
        self.bitmap_into(source, &mut bitmap)?;
        Ok(bitmap)
    }

    /// Replaces what is in `bitmap` by the bitmap itself, in the same allocation if that is large enough.
    ///
    /// # Errors
    ///
    /// As for [`bitmap`](Self::bitmap). After an error the bitmap has no blocks, and its allocation is given back.
    pub fn bitmap_into<'a>(&self, source: impl Into<Source<'a>>, bitmap: &mut Bitmap) -> Result<Summary> {
        self.bitmap_of_larger_blocks(self.geometry.block_size, source.into(), bitmap)
    }

    /// The bitmap at another block size, in memory. A larger block is changed if any byte of it is part of a changed block; a
    /// smaller one, if it is part of a changed block: see [`Bitmap::reblock`], which gives the same.
    ///
    /// All threads decode it, if blocks become larger and the text has no line breaks. Beside the result, memory is bounded:
    /// a bitmap of smaller blocks is never held.
    ///
    /// ```
    /// use changed_blocks::{BlockSize, Encoding, Extent, Scanner, VirtualSize};
    /// let scanner = Scanner::new(Encoding::Base64).virtual_size(VirtualSize::new(5 << 20)?);
    /// // Of 80 blocks of 64 KiB, the second and the third, and the last.
    /// let blocks = scanner.bitmap_at("YAAAAAAAAAAAAQ==", BlockSize::new(2 << 20)?)?;
    /// assert_eq!((blocks.blocks(), blocks.extents()), (3, vec![Extent::new(0, 1), Extent::new(2, 3)]));
    /// assert_eq!(blocks.byte_ranges()?[1].len_bytes, 1 << 20);
    /// # Ok::<(), changed_blocks::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`bitmap`](Self::bitmap).
    ///
    /// # Complexity
    ///
    /// Linear in the length of the input and of the result.
    pub fn bitmap_at<'a>(&self, source: impl Into<Source<'a>>, block_size: BlockSize) -> Result<Bitmap> {
        let mut bitmap = Bitmap::default();
        self.bitmap_of_larger_blocks(block_size, source.into(), &mut bitmap)?;
        if block_size < self.geometry.block_size { bitmap.reblock(block_size) } else { Ok(bitmap) }
    }

    /// Replaces what is in `bitmap` by the bitmap at `block_size`, or at its own block size if that is larger.
    fn bitmap_of_larger_blocks(
        &self,
        block_size: BlockSize,
        source: Source<'_>,
        bitmap: &mut Bitmap,
    ) -> Result<Summary> {
        bitmap.empty();
        let own = self.geometry.block_size;
        let ratio_log2 = block_size.log2().saturating_sub(own.log2());
        let outcome = self.merge(source, ratio_log2, bitmap).and_then(|summary| {
            let geometry = Geometry { block_size: block_size.max(own), ..summary.geometry };
            bitmap.fit(geometry, summary.blocks.div_ceil(1 << ratio_log2)).map(|()| summary)
        });
        outcome.inspect_err(|_| *bitmap = Bitmap::default())
    }

    /// Marks the blocks in a bitmap as changed that the source has marked. The bitmap grows as far as there are changed
    /// blocks. After an error it holds a part of them.
    pub(crate) fn merge_into<'a>(&self, source: impl Into<Source<'a>>, bitmap: &mut Bitmap) -> Result<Summary> {
        self.merge(source.into(), 0, bitmap)
    }

    /// As [`merge_into`](Self::merge_into), for a bitmap each of whose blocks has 2 to the power of `ratio_log2` blocks of the
    /// source.
    fn merge(&self, source: Source<'_>, ratio_log2: u8, bitmap: &mut Bitmap) -> Result<Summary> {
        let scan =
            self.start(source, |plan, geometry| MergeOutput::new(plan, bitmap, ratio_log2, geometry.blocks()))?;
        scan.run().map(|(summary, _)| summary)
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

    /// Starts a scan whose extents are taken from it in batches.
    fn start_batches<'a>(&self, source: Source<'a>) -> Result<Scan<'a, ExtentOutput>> {
        self.start(source, |plan, geometry| ExtentOutput::batches(plan, geometry.blocks()))
    }

    /// Starts a scan into an output that is made once the geometry is known.
    fn start<'a, O: Output>(
        &self,
        source: Source<'a>,
        output: impl FnOnce(&Plan, &Geometry) -> O,
    ) -> Result<Scan<'a, O>> {
        let watch = Watch::begin(&source, self.locked)?;
        let (opened, done, plan, geometry) = watch.judge(self.open(source))?;
        let output = output(&plan, &geometry);
        let expected =
            Expected { encoding: self.encoding, limited_by: self.limited_by, largest_disk: self.largest_disk };
        Scan::new(opened, done, plan, output, geometry, expected, watch)
    }

    /// Opens a source up to the start of the bitmap. Returns also how many bytes come before that.
    fn open<'a>(&self, source: Source<'a>) -> Result<(Opened<'a>, u64, Plan, Geometry)> {
        let tier = self.tier.map_or_else(Tier::detect, Ok)?.verify()?;
        let codec = Codec::from(self.encoding);
        let plan = Plan { codec, tier, parallel: self.parallel, chunk_bytes: self.chunk_bytes };
        let opened = Opened::from(source);
        match self.encoding {
            Encoding::Base64 => Ok((not_a_bitmap::refuse(opened)?, 0, plan, self.geometry)),
            Encoding::CbtLog => {
                let (head, rest) = opened.split(HEADER_BYTES)?;
                let header = Header::parse(&head)?;
                let geometry = self.geometry_of(header)?;
                Ok((rest.limit(header.bitmap_bytes()), HEADER_BYTES as u64, plan, geometry))
            }
            Encoding::Raw(_) | Encoding::Bits => Ok((opened, 0, plan, self.geometry)),
        }
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
