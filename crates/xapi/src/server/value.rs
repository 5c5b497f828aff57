//! What goes over the wire, in either of the two notations.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

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
    /// Base64 text of a bitmap, which is encoded only as it is sent.
    Bitmap(Arc<Bitmap>),
    /// Base64 text of a bitmap in a task: `<value>…</value>`.
    TaskBitmap(Arc<Bitmap>),
}

/// The members of a struct, in their order.
pub(super) type Struct = Vec<(Cow<'static, str>, Value)>;

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

    /// What a struct has under a name.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Struct(members) => members.iter().find(|(found, _)| found == name).map(|(_, value)| value),
            _ => None,
        }
    }
}

/// A piece of an answer.
#[derive(Debug)]
pub(super) enum Piece {
    Text(Bytes),
    Bitmap(Arc<Bitmap>),
}

/// The notation of an answer as it is written.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pub(super) done: Vec<Piece>,
    text: String,
}

impl Pieces {
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(super) fn push_char(&mut self, char: char) {
        self.text.push(char);
    }

    pub(super) fn push_bitmap(&mut self, bitmap: Arc<Bitmap>) {
        let before = std::mem::take(&mut self.text);
        self.done.extend([Piece::Text(before.into()), Piece::Bitmap(bitmap)]);
    }

    pub(super) fn finish(mut self) -> Vec<Piece> {
        self.done.push(Piece::Text(self.text.into()));
        self.done
    }
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
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
