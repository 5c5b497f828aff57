//! JSON documents, read token by token.
//!
//! Invariant: nothing is rounded, and nothing is passed over in silence. Numbers are whole and below 2^63, an object has
//! each member once and only those that its format names, and a document is closed before it is found to be whole. The
//! memory in use does not depend on the length of the input: a text of more than [`MAX_TOKEN_BYTES`] is an error, and so is
//! nesting that is deeper than [`MAX_DEPTH`].

use std::borrow::Cow;
use std::io::{BufRead, ErrorKind};

use json_event_parser::{JsonEvent, LowLevelJsonParser};

use super::entry::fault;
use crate::error::{ListFault, Place};
use crate::{Error, Result};

/// The longest name, text or number.
const MAX_TOKEN_BYTES: usize = 64 << 10;
/// More than any format has, and any member that a format passes over.
const MAX_DEPTH: usize = 32;
/// The largest number.
pub(super) const MAX_NUMBER: u64 = i64::MAX as u64;

const NOT_JSON: ListFault = ListFault::Syntax(Cow::Borrowed("is not JSON"));
const NOT_A_NUMBER: ListFault = ListFault::Syntax(Cow::Borrowed("is not a whole number from 0 to 2^63 - 1"));

/// A token. The text of a name, a text or a number is that of [`JsonReader::text`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    StartObject,
    EndObject,
    StartArray,
    EndArray,
    Name,
    Text,
    Number,
    Boolean(bool),
    Null,
}

/// A reader of one JSON document, or of several, one after the other.
pub(super) struct JsonReader<'a> {
    from: Box<dyn BufRead + 'a>,
    /// Bytes that were read, of which those from `start` are not parsed.
    buffer: Vec<u8>,
    start: usize,
    /// The offset in the input of the first byte that is not parsed.
    offset: u64,
    /// Where the last token begins.
    token_offset: u64,
    is_at_end: bool,
    parser: LowLevelJsonParser,
    /// Where the document begins.
    document_offset: u64,
    /// How many arrays and objects are open.
    depth: usize,
    text: String,
}

impl<'a> JsonReader<'a> {
    pub(super) fn new(from: Box<dyn BufRead + 'a>) -> Self {
        Self {
            from,
            buffer: Vec::new(),
            start: 0,
            offset: 0,
            token_offset: 0,
            is_at_end: false,
            parser: new_parser(),
            document_offset: 0,
            depth: 0,
            text: String::new(),
        }
    }

    /// The number of bytes up to the end of the last token.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The place of the last token.
    pub(super) fn place(&self) -> Place {
        Place::Byte { offset: self.token_offset }
    }

    /// The place of an entry that begins with the last token.
    pub(super) fn entry_place(&self, number: u64) -> Place {
        Place::Entry { number, offset: self.token_offset }
    }

    /// The text of the last name, text or number.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Fails at the last token.
    pub(super) fn fail<T>(&self, found: ListFault) -> Result<T> {
        Err(fault(self.place(), found))
    }

    /// Whether another document follows, outside of one.
    pub(super) fn has_document(&mut self) -> Result<bool> {
        debug_assert_eq!(self.depth, 0, "outside of a document");
        loop {
            let rest = &self.buffer[self.start..];
            let white = rest.iter().take_while(|byte| b" \t\r\n".contains(byte)).count();
            let is_found = white < rest.len();
            self.consume(white);
            if is_found {
                (self.parser, self.document_offset) = (new_parser(), self.offset);
                return Ok(true);
            }
            if self.is_at_end {
                return Ok(false);
            }
            self.fill()?;
        }
    }

    /// Fails if anything but white space follows the document.
    pub(super) fn end(&mut self) -> Result<()> {
        if self.has_document()? {
            let reason = ListFault::Syntax("has more after the end of the document".into());
            return Err(fault(Place::Byte { offset: self.offset }, reason));
        }
        Ok(())
    }

    /// The last byte of the input, once its end was read.
    pub(super) fn last_byte(&self) -> Option<u8> {
        self.buffer.last().copied()
    }

    /// The next token of a document.
    pub(super) fn next(&mut self) -> Result<Token> {
        if self.depth == 0 && !self.has_document()? {
            return self.cut_short();
        }
        loop {
            let result = self.parser.parse_next(&self.buffer[self.start..], self.is_at_end);
            let consumed = result.consumed_bytes;
            let found = result.event.map(|event| event.map(|event| take(event, &mut self.text)));
            self.consume(consumed);
            match found {
                Some(Ok(Some((token, token_len)))) => {
                    self.token_offset = self.offset - token_len as u64;
                    match token {
                        Token::StartObject | Token::StartArray => self.depth += 1,
                        Token::EndObject | Token::EndArray => self.depth -= 1,
                        _ => {}
                    }
                    return Ok(token);
                }
                // A token that is not whole is an error only at the end.
                Some(_) if self.is_at_end => return self.cut_short(),
                Some(Err(error)) => {
                    let offset = self.document_offset + error.location().start.offset;
                    return Err(fault(Place::Byte { offset }, NOT_JSON));
                }
                Some(Ok(None)) | None => self.fill()?,
            }
        }
    }

    /// The next token, which has to be this one; `expected` says so: "an array".
    pub(super) fn expect(&mut self, token: Token, expected: &str) -> Result<()> {
        if self.next()? == token { Ok(()) } else { self.fail(not(expected)) }
    }

    /// The next member of an object, as its index in the names; `None` at the end of the object. `seen` has a bit for each
    /// member that was there already.
    pub(super) fn member<const N: usize>(&mut self, names: &[&str; N], seen: &mut u32) -> Result<Option<usize>> {
        if self.next()? == Token::EndObject {
            return Ok(None);
        }
        let Some(index) = names.iter().position(|name| *name == self.text) else {
            return self
                .fail(ListFault::Syntax(format!("has the member {}, which is not known here", self.quoted()).into()));
        };
        if *seen & 1 << index != 0 {
            return self.fail(ListFault::Syntax(format!("has the member {} twice", self.quoted()).into()));
        }
        *seen |= 1 << index;
        Ok(Some(index))
    }

    /// A whole number.
    pub(super) fn number(&mut self) -> Result<u64> {
        let token = self.next()?;
        self.as_number(token)
    }

    /// A whole number, or `null`.
    pub(super) fn number_or_null(&mut self) -> Result<Option<u64>> {
        match self.next()? {
            Token::Null => Ok(None),
            token => self.as_number(token).map(Some),
        }
    }

    /// The value of the last token, which has to be a number.
    pub(super) fn as_number(&self, token: Token) -> Result<u64> {
        match (token, number(&self.text)) {
            (Token::Number, Some(number)) => Ok(number),
            _ => self.fail(NOT_A_NUMBER),
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self) -> Result<bool> {
        match self.next()? {
            Token::Boolean(value) => Ok(value),
            _ => self.fail(not("true or false")),
        }
    }

    /// Passes over the next value, whatever is in it.
    pub(super) fn skip(&mut self) -> Result<()> {
        let depth = self.depth;
        self.next()?;
        while self.depth > depth {
            self.next()?;
        }
        Ok(())
    }

    /// The last text, as a message can have it.
    pub(super) fn quoted(&self) -> String {
        const MOST: usize = 40;
        match self.text.char_indices().nth(MOST) {
            Some((end, _)) => format!("{:?}…", &self.text[..end]),
            None => format!("{:?}", self.text),
        }
    }

    fn cut_short<T>(&self) -> Result<T> {
        Err(fault(Place::End { offset: self.end_of_read() }, ListFault::CutShort))
    }

    /// The number of bytes that were read, parsed or not.
    fn end_of_read(&self) -> u64 {
        self.offset + (self.buffer.len() - self.start) as u64
    }

    fn consume(&mut self, bytes: usize) {
        self.start += bytes;
        self.offset += bytes as u64;
    }

    /// Reads on.
    fn fill(&mut self) -> Result<()> {
        let rest = self.buffer.len() - self.start;
        if rest >= MAX_TOKEN_BYTES {
            let reason = format!("is longer than the {MAX_TOKEN_BYTES} bytes that are read of a name or a value");
            return Err(fault(Place::Byte { offset: self.offset }, ListFault::Syntax(reason.into())));
        }
        let offset = self.end_of_read();
        let more = loop {
            match self.from.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other.map_err(|source| Error::Read { offset, source })?,
            }
        };
        let len = more.len().min(MAX_TOKEN_BYTES);
        if len == 0 {
            self.is_at_end = true;
            return Ok(());
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(&more[..len]);
        self.from.consume(len);
        Ok(())
    }
}

fn new_parser() -> LowLevelJsonParser {
    LowLevelJsonParser::new().with_max_stack_size(MAX_DEPTH)
}

/// The token of an event, its text put aside, and its length in the input, but for escapes in it; `None` at the end.
fn take(event: JsonEvent<'_>, text: &mut String) -> Option<(Token, usize)> {
    let mut keep = |token, from: &str, quotes| {
        text.clear();
        text.push_str(from);
        (token, from.len() + quotes)
    };
    Some(match event {
        JsonEvent::ObjectKey(name) => keep(Token::Name, &name, 2),
        JsonEvent::String(string) => keep(Token::Text, &string, 2),
        JsonEvent::Number(digits) => keep(Token::Number, &digits, 0),
        JsonEvent::Boolean(value) => (Token::Boolean(value), if value { 4 } else { 5 }),
        JsonEvent::Null => (Token::Null, 4),
        JsonEvent::StartObject => (Token::StartObject, 1),
        JsonEvent::EndObject => (Token::EndObject, 1),
        JsonEvent::StartArray => (Token::StartArray, 1),
        JsonEvent::EndArray => (Token::EndArray, 1),
        JsonEvent::Eof => return None,
    })
}

/// A whole number from its digits, if it is not too large.
pub(super) fn number(digits: &str) -> Option<u64> {
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    digits.parse().ok().filter(|&number| is_plain && number <= MAX_NUMBER)
}

/// The fault of something that is not as it has to be.
pub(super) fn not(expected: &str) -> ListFault {
    ListFault::Syntax(format!("is not {expected}").into())
}

#[cfg(test)]
mod tests;
