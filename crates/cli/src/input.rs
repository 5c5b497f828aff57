//! The input: a file, which can be read again, a stream, which comes only once, or bytes in memory.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::mem;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use changed_blocks::{BlockSize, Consequence, Encoding, Error, Scanner, Source, Stamp};

use crate::args::{BlockSizeArg, InputArgs, InputFormat};
use crate::failure::Failure;
use crate::standard_streams;

/// An open input.
pub(crate) struct Input {
    /// Its name in messages.
    pub(crate) name: String,
    content: Content,
    /// If it is a file, another handle to it, and its stamp before anything was read.
    stamped: Option<(File, Stamp)>,
    /// If it is a stream, its device and number, by which it is known under every name.
    stream_identity: Option<(u64, u64)>,
    /// Whether it may go on after the part that is needed.
    has_surplus: bool,
}

enum Content {
    /// A file that can be read again, from its position on; and the number of bytes from there.
    File {
        file: File,
        start: u64,
        len: u64,
    },
    Memory(Box<dyn AsRef<[u8]>>),
    /// A stream, after the bytes of it that were looked at already.
    Stream(io::Chain<Cursor<Vec<u8>>, File>),
}

impl Content {
    /// The bytes for one pass.
    fn reader(&mut self) -> Result<Box<dyn Read + '_>, Error> {
        Ok(match self {
            Self::File { file, start, len } => {
                file.seek(SeekFrom::Start(*start)).map_err(|source| Error::Read { offset: 0, source })?;
                Box::new(file.take(*len))
            }
            Self::Memory(bytes) => Box::new((**bytes).as_ref()),
            Self::Stream(stream) => Box::new(stream),
        })
    }
}

/// How much of a volume is read that is not needed: there may be no end to it. The volumes of logs are a few MiB longer
/// than these.
const MAX_SURPLUS_BYTES: usize = 16 << 20;
/// How long it is read.
const MAX_SURPLUS_TIME: Duration = Duration::from_secs(10);
/// How long to wait for more of it.
const MAX_SILENCE: Duration = Duration::from_secs(1);

/// How much of an input is looked at before it is decoded.
const PROBE_BYTES: u64 = 64;

impl Input {
    /// Opens what the options name: a file, or standard input if there is none or it is `-`.
    pub(crate) fn open(args: &InputArgs) -> Result<Self, Failure> {
        let (name, file) = match args.input.as_deref() {
            Some(path) if path.as_os_str() != "-" => (path.display().to_string(), File::open(path)),
            _ => ("standard input".to_owned(), Ok(standard_streams::input()?)),
        };
        let any_length = args.virtual_size.is_none() || args.block_size == Some(BlockSizeArg::Auto);
        let is_base64 = matches!(args.from, InputFormat::Bitmap(Encoding::Base64));
        let wanted = if is_base64 && any_length { PROBE_BYTES } else { 0 };
        match file.and_then(|file| Ok((stamp(&file)?, probe(file, wanted)?))) {
            Ok((stamped, (content, first_bytes))) => {
                refuse_bits(&name, &first_bytes)?;
                let stream_identity = match &content {
                    Content::Stream(stream) => identity(stream.get_ref().1),
                    _ => None,
                };
                Ok(Self { name, content, stamped, stream_identity, has_surplus: args.from.is_cbtlog() })
            }
            Err(error) => Err(Failure::Open { input: name, error }),
        }
    }

    /// The block size that fits the length of the input. A stream is kept in memory, since it is read once more with it.
    pub(crate) fn detect_block_size(&mut self, scanner: &Scanner, encoding: Encoding) -> Result<BlockSize, Failure> {
        let found = match &mut self.content {
            // The header of a .cbtlog tells, so its stream is not read yet.
            Content::Stream(stream) if encoding != Encoding::CbtLog => {
                let mut tee = TeeReader { stream, bytes: Vec::new() };
                let found = scanner.detect_block_size(Source::reader(&mut tee));
                self.content = Content::Memory(Box::new(tee.bytes));
                found
            }
            _ => scanner.detect_block_size(self.source()),
        };
        found.map_err(|error| Failure::Bitmap { input: self.name.clone(), error })
    }

    /// Bytes in memory.
    pub(crate) fn memory(name: String, bytes: impl AsRef<[u8]> + 'static) -> Self {
        let content = Content::Memory(Box::new(bytes));
        Self { name, content, stamped: None, stream_identity: None, has_surplus: false }
    }

    /// The file, if it is one that can be sought in.
    pub(crate) const fn file(&self) -> Option<&File> {
        match &self.content {
            Content::File { file, .. } => Some(file),
            _ => None,
        }
    }

    /// This input, of which these bytes count. It is still noticed if the file changes.
    pub(crate) fn holding(self, bytes: Vec<u8>) -> Self {
        Self { content: Content::Memory(Box::new(bytes)), ..self }
    }

    /// The number of bytes, if it is known.
    pub(crate) fn len(&self) -> Option<u64> {
        match &self.content {
            Content::File { len, .. } => Some(*len),
            Content::Memory(bytes) => Some((**bytes).as_ref().len() as u64),
            Content::Stream(_) => None,
        }
    }

    /// The source for one pass.
    pub(crate) fn source(&mut self) -> Source<'_> {
        match &mut self.content {
            Content::File { file, .. } => Source::File(file),
            Content::Memory(bytes) => Source::from((**bytes).as_ref()),
            Content::Stream(stream) => Source::reader(stream),
        }
    }

    /// The bytes for one pass.
    pub(crate) fn reader(&mut self) -> Result<Box<dyn Read + '_>, Error> {
        self.content.reader()
    }

    /// The beginning, before the first pass: all of a file; of a stream, as many bytes as `most`. A stream that has no more can be
    /// read again afterwards.
    pub(crate) fn beginning(&mut self, most: usize) -> Result<Box<dyn Read + '_>, Error> {
        if let Content::Stream(stream) = &mut self.content {
            let (first_bytes, file) = stream.get_mut();
            let mut bytes = mem::take(first_bytes).into_inner();
            let wanted = (most + 1).saturating_sub(bytes.len()) as u64;
            let read = file.take(wanted).read_to_end(&mut bytes);
            read.map_err(|source| Error::Read { offset: bytes.len() as u64, source })?;
            if bytes.len() > most {
                *first_bytes = Cursor::new(bytes);
            } else {
                self.content = Content::Memory(Box::new(bytes));
            }
        }
        match &mut self.content {
            Content::Stream(stream) => Ok(Box::new(stream.get_ref().0.get_ref().as_slice())),
            content => content.reader(),
        }
    }

    /// The device and the number of a stream, by which it is known under every name.
    pub(crate) const fn stream_identity(&self) -> Option<(u64, u64)> {
        self.stream_identity
    }

    /// Whether there can be another pass.
    pub(crate) fn is_rereadable(&self) -> bool {
        self.len().is_some()
    }

    /// Refuses a file that is not as it was when it was opened. The library notices changes while it reads; changes
    /// between two passes are noticed here.
    pub(crate) fn refuse_if_changed(&self) -> Result<(), Failure> {
        let Some((file, stamp)) = &self.stamped else { return Ok(()) };
        match Stamp::of(file) {
            Ok(now) if now == *stamp => Ok(()),
            Ok(_) => Err(Failure::Changed { input: self.name.clone() }),
            Err(error) => Err(Failure::Open { input: self.name.clone(), error }),
        }
    }

    /// As [`refuse_if_changed`](Self::refuse_if_changed), before a pass without an error is taken for good, or before an error is
    /// told that says something of the content.
    pub(crate) fn refuse_if_changed_before(&self, error: Option<&Error>) -> Result<(), Failure> {
        let is_of_content = error.is_none_or(|error| error.consequence() == Consequence::FullBackup);
        if is_of_content { self.refuse_if_changed() } else { Ok(()) }
    }

    /// Reads the rest of a stream after a `.cbtlog`: a program that writes a volume into a pipe should not find it closed.
    /// Gives up where there is too much of it, or nothing for too long.
    pub(crate) fn drain(self) {
        let Content::Stream(mut stream) = self.content else { return };
        if !self.has_surplus {
            return;
        }
        // In a thread of its own, which may wait for ever: the process does not. It reads no further than is counted.
        let (more, read) = mpsc::sync_channel(0);
        let drain = move || {
            let mut buffer = vec![0; 64 << 10];
            // If it cannot be read, it was not needed either.
            while let Ok(read @ 1..) = stream.read(&mut buffer)
                && more.send(read).is_ok()
            {}
        };
        if thread::Builder::new().spawn(drain).is_err() {
            return;
        }
        let (started, mut surplus) = (Instant::now(), 0);
        while let Ok(more) = read.recv_timeout(MAX_SILENCE)
            && surplus < MAX_SURPLUS_BYTES
            && started.elapsed() < MAX_SURPLUS_TIME
        {
            surplus += more;
        }
    }
}

#[cfg(unix)]
fn identity(file: &File) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let metadata = file.metadata().ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(_file: &File) -> Option<(u64, u64)> {
    None
}

/// A reader that keeps a copy of all that it reads.
struct TeeReader<'s, R> {
    stream: &'s mut R,
    bytes: Vec<u8>,
}

impl<R: Read> Read for TeeReader<'_, R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(to)?;
        self.bytes.try_reserve(read)?;
        self.bytes.extend_from_slice(&to[..read]);
        Ok(read)
    }
}

/// The stamp of a file and another handle to it, if it is one.
fn stamp(file: &File) -> io::Result<Option<(File, Stamp)>> {
    Stamp::before_reading(file)?.map(|stamp| Ok((file.try_clone()?, stamp))).transpose()
}

/// Looks at the first bytes, so many, without losing them.
fn probe(mut file: File, wanted: u64) -> io::Result<(Content, Vec<u8>)> {
    let mut first_bytes = Vec::new();
    if let Some((start, len)) = position_and_len(&file) {
        file.by_ref().take(wanted).read_to_end(&mut first_bytes)?;
        file.seek(SeekFrom::Start(start))?;
        return Ok((Content::File { file, start, len }, first_bytes));
    }
    file.by_ref().take(wanted).read_to_end(&mut first_bytes)?;
    Ok((Content::Stream(Cursor::new(first_bytes.clone()).chain(file)), first_bytes))
}

/// Refuses the 0/1 text of another encoding, which may happen to be good base64: it would give a list that has
/// nothing to do with the changes. With a virtual size and a block size its length gives it away.
fn refuse_bits(name: &str, first_bytes: &[u8]) -> Result<(), Failure> {
    let text = first_bytes.trim_ascii();
    if text.len() >= 4 && text.iter().all(|byte| matches!(byte, b'0' | b'1' | b'\r' | b'\n')) {
        let message = format!("{name}: this looks like one 0 or 1 for each block, not like base64");
        return Err(Failure::NotABitmap { message, hint: "say --from bits" });
    }
    Ok(())
}

/// The position in a file and the number of bytes from there, if it can be sought in and is not at its end.
fn position_and_len(mut file: &File) -> Option<(u64, u64)> {
    let start = file.stream_position().ok()?;
    let end = file.seek(SeekFrom::End(0)).ok()?;
    file.seek(SeekFrom::Start(start)).ok()?;
    (end > start).then(|| (start, end - start))
}
