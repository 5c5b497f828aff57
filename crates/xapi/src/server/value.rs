//! The values of calls and answers, whatever their notation.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::budgets::{SHORT_ANSWER, VALUE};

/// The reference to nothing.
pub(super) const NULL: &str = "OpaqueRef:NULL";

/// A value of a call or of an answer.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// Text, a reference, or a UUID.
    Text(Cow<'static, str>),
    /// 64 bits: digits in XML-RPC, a number in JSON.
    Int(i64),
    Bool(bool),
    Float(f64),
    /// Seconds since 1970, UTC.
    Time(i64),
    List(Vec<Value>),
    Struct(Struct),
    /// A struct, and a list, of what is made as it is written.
    Records(Many),
    Items(Many),
    /// Base64 text of a bitmap, which is encoded only as it is sent.
    Bitmap(Arc<Bitmap>),
    /// Base64 text of a bitmap in a task: `<value>…</value>`.
    TaskBitmap(Arc<Bitmap>),
}

/// The members of a struct, in their order.
pub(super) type Struct = Vec<(Cow<'static, str>, Value)>;

/// Values that are made only as they are written, one after the other: all of them at once would take several times the
/// room of their text.
#[derive(Clone)]
pub(super) struct Many(Arc<Each>);

/// Makes one value after the other, with the name that it has in a struct.
type Each = dyn Fn(&mut dyn FnMut(String, Value)) + Send + Sync;

impl Many {
    pub(super) fn new(each: impl Fn(&mut dyn FnMut(String, Value)) + Send + Sync + 'static) -> Self {
        Self(Arc::new(each))
    }

    pub(super) fn each(&self, mut take: impl FnMut(String, Value)) {
        (self.0)(&mut take);
    }
}

impl std::fmt::Debug for Many {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Many")
    }
}

/// A bitmap that is part of an answer.
pub(super) struct Bitmap {
    pub(super) bitmap: changed_blocks::Bitmap,
    /// Whether it is filled up with zeros to a multiple of four bytes.
    pub(super) padded: bool,
    /// The share of the memory for bitmaps that it takes up.
    pub(super) _room: OwnedSemaphorePermit,
}

impl std::fmt::Debug for Bitmap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bitmap of {} blocks", self.bitmap.blocks())
    }
}

impl Bitmap {
    /// The bytes of its answer, before they become text. Its words are never fewer.
    pub(super) fn bytes(&self) -> u64 {
        let bytes = self.bitmap.blocks().div_ceil(8);
        if self.padded { bytes.next_multiple_of(4) } else { bytes }
    }
}

impl Value {
    pub(super) const EMPTY: Self = Self::Text(Cow::Borrowed(""));

    pub(super) fn text(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Text(text.into())
    }

    /// A set of references, or of names.
    pub(super) fn texts<T: Into<Cow<'static, str>>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(texts.into_iter().map(Self::text).collect())
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The memory that a value of a call takes up, about.
    pub(super) fn bytes(&self) -> usize {
        let inner = match self {
            Self::Text(text) => text.len(),
            Self::List(values) => values.iter().map(Self::bytes).sum(),
            Self::Struct(members) => members.iter().map(|(name, value)| name.len() + value.bytes()).sum(),
            _ => 0,
        };
        VALUE + inner
    }

    /// The member of a struct that has a name.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Struct(members) => members.iter().find(|(found, _)| found == name).map(|(_, value)| value),
            _ => None,
        }
    }
}

/// Bytes of text that are counted as one.
pub(super) const ROOM_UNIT: usize = 1 << 10;

/// Bytes of text that are kept, and sent, as one piece.
const PIECE: usize = 64 << 10;

/// A piece of an answer.
#[derive(Debug)]
pub(super) enum Piece {
    Text {
        text: Bytes,
        /// The part of the memory for answers that it takes up.
        _room: Option<OwnedSemaphorePermit>,
    },
    Bitmap(Arc<Bitmap>),
}

impl Piece {
    /// A short text.
    pub(super) fn text(text: impl Into<Bytes>) -> Self {
        Self::Text { text: text.into(), _room: None }
    }
}

/// Why an answer could not be written.
#[derive(Debug)]
pub(super) enum TooMuch {
    /// It would have so many bytes.
    Bytes(usize),
    Memory,
}

/// The notation of an answer as it is written.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    done: Vec<Piece>,
    text: String,
    /// The length of the pieces that are done.
    bytes: usize,
    /// Where room has to be found, if the answer may be long.
    room: Option<Arc<Semaphore>>,
    /// Room that it has already.
    held: Option<OwnedSemaphorePermit>,
    /// From then on, text is only counted.
    full: bool,
    no_memory: bool,
}

impl Pieces {
    /// An answer whose text takes up room.
    pub(super) fn within(room: Arc<Semaphore>, held: Option<OwnedSemaphorePermit>) -> Self {
        Self { room: Some(room), held, ..Self::default() }
    }

    pub(super) fn push(&mut self, text: &str) {
        if self.text.try_reserve(text.len()).is_err() {
            (self.full, self.no_memory) = (true, true);
            return;
        }
        self.text.push_str(text);
        if self.text.len() >= PIECE {
            self.cut();
        }
    }

    pub(super) fn push_char(&mut self, char: char) {
        self.push(char.encode_utf8(&mut [0; 4]));
    }

    pub(super) fn push_bitmap(&mut self, bitmap: Arc<Bitmap>) {
        self.cut();
        if !self.full {
            self.done.push(Piece::Bitmap(bitmap));
        }
    }

    /// Ends a piece of text. An answer that has no room for it is let go.
    fn cut(&mut self) {
        let text = std::mem::take(&mut self.text);
        self.bytes += text.len();
        let room = match &self.room {
            None => Some(None),
            Some(_) if self.bytes <= SHORT_ANSWER => Some(None),
            Some(room) => {
                let units = text.len().div_ceil(ROOM_UNIT);
                let held = self.held.as_mut().and_then(|held| held.split(units));
                let units = u32::try_from(units).unwrap_or(u32::MAX);
                held.or_else(|| Arc::clone(room).try_acquire_many_owned(units).ok()).map(Some)
            }
        };
        match room {
            Some(room) if !self.full => self.done.push(Piece::Text { text: text.into(), _room: room }),
            _ => {
                self.full = true;
                self.done.clear();
            }
        }
    }

    pub(super) fn finish(mut self) -> Result<Vec<Piece>, TooMuch> {
        self.cut();
        match (self.full, self.no_memory) {
            (_, true) => Err(TooMuch::Memory),
            (true, _) => Err(TooMuch::Bytes(self.bytes)),
            _ => Ok(self.done),
        }
    }
}

/// Time as the API writes it: `20261124T12:00:00Z`.
pub(super) fn time_text(seconds: i64) -> String {
    let format = time::macros::format_description!("[year][month][day]T[hour]:[minute]:[second]Z");
    time::OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|time| time.format(format).ok())
        .unwrap_or_else(|| "19700101T00:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn time_is_written_as_the_api_does() {
        assert_eq!(super::time_text(0), "19700101T00:00:00Z");
        assert_eq!(super::time_text(1_795_521_600), "20261124T12:00:00Z");
        assert_eq!(super::time_text(i64::MAX), "19700101T00:00:00Z");
    }
}
