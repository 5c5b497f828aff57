//! An input as byte ranges: a bitmap that is scanned, or a list that is read.

use std::cell::RefCell;
use std::io::BufReader;
use std::iter::FusedIterator;

use changed_blocks::format::{Identity, ListFormat, ListReader, ReadOptions};
use changed_blocks::{BlockSize, ByteRange, Error, Extents, Scanner, VirtualSize};

use crate::args::{BlockSizeArg, InputArgs, InputFormat};
use crate::failure::Failure;
use crate::image;
use crate::input::Input;
use crate::output::buffer::MAX_BUFFERED_BYTES;
use crate::scan_options;

/// How many ranges of a list are read at a time, and of how many bytes.
const LIST_BATCH: usize = 1024;
const READ_BYTES: usize = 256 << 10;

/// An open input, which can be read again if it is a file.
pub(crate) struct RangeInput {
    pub(crate) input: Input,
    content: Content,
    pub(crate) block_size: BlockSize,
    /// The fault that was found before the sizes, until it is told.
    fault: Option<Error>,
}

enum Content {
    Bitmap(Box<Scanner>),
    List(&'static ListFormat, Box<ReadOptions>),
}

impl RangeInput {
    pub(crate) fn open(args: &InputArgs) -> Result<Self, Failure> {
        args.meaning.refuse_misplaced(&[args.from])?;
        Self::open_lenient(args)
    }

    /// Opens an input; options that are not for its format are for others.
    pub(crate) fn open_lenient(args: &InputArgs) -> Result<Self, Failure> {
        let format = match args.from {
            InputFormat::Bitmap(encoding) => {
                let (scanner, block_size, input) = scan_options::open(args, encoding)?;
                return Ok(Self::bitmap(scanner, block_size, input));
            }
            InputFormat::Image => {
                let (scanner, block_size, input) = image::open(args)?;
                return Ok(Self::bitmap(scanner, block_size, input));
            }
            InputFormat::List(format) => format,
        };
        let given = match args.block_size {
            None => None,
            Some(BlockSizeArg::Size(block_size)) => Some(block_size),
            Some(BlockSizeArg::Auto) => {
                let message = "--block-size auto is for a bitmap: the length of a list tells nothing".to_owned();
                return Err(Failure::Usage {
                    message,
                    hint: "leave it out, or give the size in which to count blocks",
                });
            }
        };
        scan_options::prepare_threads(args.threads);
        let mut input = Input::open(args)?;
        let mut options = scan_options::read_options(args);
        options.block_size = given.unwrap_or_default();
        let ((virtual_size, said), fault) = match sizes(&mut input, format, &options, given) {
            Ok(found) => (found, None),
            Err(fault) => ((options.virtual_size, None), Some(fault)),
        };
        options.virtual_size = virtual_size;
        let block_size = given.or(said).unwrap_or_default();
        Ok(Self { input, content: Content::List(format, Box::new(options)), block_size, fault })
    }

    /// Opens several inputs. A stream that is two of them would be shared out between these, and each would lack a part.
    pub(crate) fn open_all(args: &[InputArgs]) -> Result<Vec<Self>, Failure> {
        let inputs: Vec<Self> = args.iter().map(Self::open_lenient).collect::<Result<_, _>>()?;
        Self::refuse_one_stream(&inputs)?;
        Ok(inputs)
    }

    /// Refuses inputs of which two are one stream.
    pub(crate) fn refuse_one_stream(inputs: &[Self]) -> Result<(), Failure> {
        for (number, input) in inputs.iter().enumerate() {
            let Some(identity) = input.input.stream_identity() else { continue };
            if let Some(other) = inputs[..number].iter().find(|other| other.input.stream_identity() == Some(identity)) {
                let message =
                    format!("{} and {} are one stream, which can be read once", other.input.name, input.input.name);
                return Err(Failure::Usage { message, hint: "write it to a file first, or give it once" });
            }
        }
        Ok(())
    }

    /// A bitmap that was opened.
    pub(crate) fn bitmap(scanner: Scanner, block_size: BlockSize, input: Input) -> Self {
        Self { input, content: Content::Bitmap(Box::new(scanner)), block_size, fault: None }
    }

    /// The scanner and the input, if it is a bitmap.
    pub(crate) fn as_bitmap(&mut self) -> Option<(&Scanner, &mut Input)> {
        match &self.content {
            Content::Bitmap(scanner) => Some((scanner, &mut self.input)),
            Content::List(..) => None,
        }
    }

    /// The size of the disk, as far as it is known before the input is read.
    pub(crate) fn virtual_size(&self) -> Option<VirtualSize> {
        match &self.content {
            Content::Bitmap(_) => None,
            Content::List(_, options) => options.virtual_size,
        }
    }

    /// Whether the input does not tell where the disk ends, not even at its own end.
    pub(crate) fn lacks_end(&self) -> bool {
        matches!(&self.content, Content::List(_, options) if options.virtual_size.is_none())
    }

    /// Begins a pass over the input. An error is kept in the source.
    pub(crate) fn start(&mut self) -> RangeSource<'_> {
        let block_size = self.block_size;
        let started = match self.fault.take() {
            Some(fault) => Err(fault),
            None => self.start_reading(),
        };
        let (ranges, error) = match started {
            Ok(ranges) => (ranges, None),
            Err(error) => (Ranges::None, Some(error)),
        };
        RangeSource { ranges, block_size, disk_size: None, batch: Vec::new(), given: 0, error }
    }

    fn start_reading(&mut self) -> Result<Ranges<'_>, Error> {
        Ok(match &self.content {
            Content::Bitmap(scanner) => Ranges::Bitmap(Box::new(scanner.iter_extents(self.input.source())?)),
            Content::List(format, options) => {
                let reader = BufReader::with_capacity(READ_BYTES, self.input.reader()?);
                Ranges::List(Box::new(format.read(reader, options)?.expect("readable")), options.virtual_size)
            }
        })
    }
}

/// The sizes that a list says, as far as they can be known before it is read, so that they are held against other inputs and
/// written at the start of the output. A file is read once more than otherwise, up to where it says them. Of a stream, as much is
/// looked at as may be held back. A fault that comes before the sizes is told, rather than that they are not known.
fn sizes(
    input: &mut Input,
    format: &ListFormat,
    options: &ReadOptions,
    block_size: Option<BlockSize>,
) -> Result<(Option<VirtualSize>, Option<BlockSize>), Error> {
    let wants_virtual_size = format.has_virtual_size && options.virtual_size.is_none();
    let wants_block_size = format.has_block_size && block_size.is_none();
    if !wants_virtual_size && !wants_block_size {
        return Ok((options.virtual_size, None));
    }
    let from = BufReader::with_capacity(READ_BYTES, input.beginning(MAX_BUFFERED_BYTES)?);
    let mut reader = match format.read(from, options) {
        Ok(Some(reader)) => reader,
        // The pass that counts says what is wrong.
        _ => return Ok((options.virtual_size, None)),
    };
    let lacks_some = |reader: &ListReader<'_>| {
        wants_virtual_size && reader.virtual_size().is_none() || wants_block_size && reader.block_size().is_none()
    };
    let mut fault = None;
    while fault.is_none()
        && lacks_some(&reader)
        && let Some(range) = reader.next()
    {
        fault = range.err();
    }
    let found = (reader.virtual_size(), reader.block_size());
    drop(reader);
    match fault {
        // A stream may go on after the bytes that were looked at.
        Some(fault) if input.is_rereadable() => Err(fault),
        _ => Ok(found),
    }
}

enum Ranges<'a> {
    Bitmap(Box<Extents<'a>>),
    List(Box<ListReader<'a>>, Option<VirtualSize>),
    /// It could not be started.
    None,
}

/// The ranges of an input up to its end or to the first error, which is kept.
pub(crate) struct RangeSource<'a> {
    ranges: Ranges<'a>,
    block_size: BlockSize,
    /// The size of the disk, where only another input knows it.
    disk_size: Option<VirtualSize>,
    /// Ranges that were read, of which some were given.
    batch: Vec<ByteRange>,
    given: usize,
    pub(crate) error: Option<Error>,
}

impl RangeSource<'_> {
    pub(crate) fn virtual_size(&self) -> Option<VirtualSize> {
        match &self.ranges {
            Ranges::Bitmap(ranges) => ranges.geometry().virtual_size,
            Ranges::List(_, virtual_size) => *virtual_size,
            Ranges::None => None,
        }
    }

    /// Holds the ranges against the size of the disk, if the input itself does not know it.
    pub(crate) fn limit_to(&mut self, disk_size: VirtualSize) {
        match &mut self.ranges {
            Ranges::List(reader, None) => reader.set_virtual_size(disk_size),
            Ranges::Bitmap(extents) if extents.geometry().virtual_size.is_none() => self.disk_size = Some(disk_size),
            _ => {}
        }
    }

    /// The end of the disk as far as the input knows it, in bytes, once it was read.
    pub(crate) fn known_end(&self) -> Option<u64> {
        match &self.ranges {
            Ranges::Bitmap(ranges) => {
                let blocks = ranges.summary()?.blocks;
                Some(self.virtual_size().map_or(blocks.saturating_mul(self.block_size.bytes()), VirtualSize::bytes))
            }
            Ranges::List(reader, _) => reader.virtual_size().map(VirtualSize::bytes),
            Ranges::None => None,
        }
    }

    /// The origin of a list, once it was read.
    pub(crate) fn identity(&self) -> Identity {
        match &self.ranges {
            Ranges::List(reader, _) => reader.identity(),
            _ => Identity::default(),
        }
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        match &self.ranges {
            Ranges::Bitmap(ranges) => ranges.bytes_read(),
            Ranges::List(reader, _) => reader.bytes_read(),
            Ranges::None => 0,
        }
    }

    /// The next ranges, many at a time. There are none at the end, and after an error.
    pub(crate) fn next_batch(&mut self) -> &[ByteRange] {
        if self.given == self.batch.len() {
            self.refill();
        }
        let given = std::mem::replace(&mut self.given, self.batch.len());
        &self.batch[given..]
    }

    /// Reads the next ranges. There are none at the end, and after an error.
    fn refill(&mut self) {
        self.given = 0;
        self.batch.clear();
        if self.error.is_none()
            && let Err(error) = self.read_batch().and_then(|()| self.hold_against_disk())
        {
            self.batch.clear();
            self.error = Some(error);
        }
    }

    fn read_batch(&mut self) -> Result<(), Error> {
        match &mut self.ranges {
            Ranges::Bitmap(extents) => {
                while self.batch.is_empty() && extents.summary().is_none() {
                    extents.read_more(0)?;
                    let geometry = *extents.geometry();
                    geometry.byte_ranges(extents.buffered(), &mut self.batch)?;
                    extents.consume();
                }
                Ok(())
            }
            Ranges::List(reader, _) => reader.take(LIST_BATCH).try_for_each(|range| {
                self.batch.push(range?);
                Ok(())
            }),
            Ranges::None => Ok(()),
        }
    }

    /// Holds the batch of a bitmap against the size of the disk, if only another input knows that. Its last block may reach
    /// beyond the disk.
    fn hold_against_disk(&mut self) -> Result<(), Error> {
        let (Some(size), Some(last)) = (self.disk_size, self.batch.last_mut()) else { return Ok(()) };
        let blocks = size.blocks(self.block_size);
        let last_block = (last.end_bytes() - 1) / self.block_size.bytes();
        if last_block >= blocks {
            return Err(Error::BlockBeyondEnd { block: last_block, blocks });
        }
        *last = last.clip(ByteRange::between(0, size.bytes())).unwrap_or(*last);
        Ok(())
    }
}

/// Gives the ranges of a source that others can look at meanwhile.
pub(crate) struct SharedSource<'s, 'a>(pub(crate) &'s RefCell<RangeSource<'a>>);

impl Iterator for SharedSource<'_, '_> {
    type Item = ByteRange;

    fn next(&mut self) -> Option<ByteRange> {
        let source = &mut *self.0.borrow_mut();
        if source.given == source.batch.len() {
            source.refill();
        }
        let range = source.batch.get(source.given).copied();
        source.given += usize::from(range.is_some());
        range
    }
}

impl FusedIterator for SharedSource<'_, '_> {}
