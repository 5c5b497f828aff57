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
mod tests {
    use super::*;

    /// All tokens of a document.
    fn tokens(text: &[u8]) -> Result<Vec<(Token, String, u64)>> {
        let mut json = JsonReader::new(Box::new(text));
        let mut all = Vec::new();
        loop {
            let token = json.next()?;
            let has_text = matches!(token, Token::Name | Token::Text | Token::Number);
            all.push((token, if has_text { json.text().to_owned() } else { String::new() }, json.token_offset));
            if json.depth == 0 {
                json.end()?;
                return Ok(all);
            }
        }
    }

    #[track_caller]
    fn check_fault(text: impl AsRef<[u8]>, expected_place: Place, expected: &ListFault) {
        match tokens(text.as_ref()) {
            Err(Error::List { place, fault }) => assert_eq!((place, &fault), (expected_place, expected)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn tokens_have_their_text_and_their_place() {
        let text = " {\"a\" : [1, -2.5e3,\r\n\"x\\n\\u00e9\", true, false, null]}\n ";
        let found = tokens(text.as_bytes()).expect("a document");
        let expected = [
            (Token::StartObject, "", 1),
            (Token::Name, "a", 2),
            (Token::StartArray, "", 8),
            (Token::Number, "1", 9),
            (Token::Number, "-2.5e3", 12),
            // Escapes are longer than the character that they stand for.
            (Token::Text, "x\né", 26),
            (Token::Boolean(true), "", 34),
            (Token::Boolean(false), "", 40),
            (Token::Null, "", 47),
            (Token::EndArray, "", 51),
            (Token::EndObject, "", 52),
        ];
        assert_eq!(found, expected.map(|(token, text, offset)| (token, text.to_owned(), offset)));
    }

    #[test]
    fn a_document_cut_at_any_byte_is_cut_short() {
        let text = r#"{"a":[1,{"b":"c\u00e9"},true,null],"d":12}"#;
        for len in 0..text.len() {
            check_fault(&text[..len], Place::End { offset: len as u64 }, &ListFault::CutShort);
        }
        assert!(tokens(text.as_bytes()).is_ok());
    }

    #[test]
    fn whatever_is_not_json_is_refused_where_it_is() {
        for (text, offset) in [
            ("[1,]", 3),
            ("[01]", 2),
            ("[+1]", 1),
            ("[.5]", 1),
            ("[1 2]", 3),
            ("[tru]", 1),
            ("[NaN]", 1),
            ("{'a':1}", 1),
            ("{1:2}", 1),
            ("{\"a\" 1}", 5),
            ("{\"a\":1,}", 7),
            ("[1}", 2),
            ("[\"\u{1}\"]", 2),
            ("[\"\\x\"]", 2),
            ("[// no\n1]", 1),
        ] {
            check_fault(text, Place::Byte { offset }, &NOT_JSON);
        }
        check_fault(b"[\"\xff\"]", Place::Byte { offset: 2 }, &NOT_JSON);
    }

    #[test]
    fn nothing_but_white_space_follows_a_document() {
        let more = ListFault::Syntax("has more after the end of the document".into());
        check_fault("[]\n []", Place::Byte { offset: 4 }, &more);
        check_fault("{}x", Place::Byte { offset: 2 }, &more);
        check_fault("[]\0", Place::Byte { offset: 2 }, &more);
        check_fault("[]\x0c", Place::Byte { offset: 2 }, &more);
    }

    #[test]
    fn memory_does_not_grow_with_the_input() {
        for text in ["[\"".to_owned() + &"x".repeat(1 << 20), "[".to_owned() + &"1".repeat(1 << 20)] {
            assert!(matches!(tokens(text.as_bytes()), Err(Error::List { place: Place::Byte { offset: 1 }, .. })));
        }
        let deep = "[".repeat(1 << 20);
        assert!(matches!(tokens(deep.as_bytes()), Err(Error::List { fault: ListFault::Syntax(_), .. })));
        let white = format!("[{}1]", " \r\n".repeat(1 << 16));
        assert_eq!(tokens(white.as_bytes()).expect("a document").len(), 3);
    }

    /// A reader that gives one byte at a time.
    struct Drops<'a>(&'a [u8]);

    impl std::io::Read for Drops<'_> {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            std::io::Read::read(&mut &self.0[..self.0.len().min(1)], to).inspect(|&len| self.0 = &self.0[len..])
        }
    }

    #[test]
    fn input_in_drops_is_read_alike() {
        let text = r#"[{"offset":0,"length":65536},{"offset":131072,"length":9223372036854775807}]"#;
        let mut json = JsonReader::new(Box::new(std::io::BufReader::new(Drops(text.as_bytes()))));
        for expected in tokens(text.as_bytes()).expect("a document") {
            assert_eq!(json.next().expect("a token"), expected.0);
            assert_eq!(json.token_offset, expected.2);
        }
        json.end().expect("the end");
        assert_eq!(json.offset(), text.len() as u64);
    }

    #[test]
    fn numbers_are_whole_and_below_2_to_the_63() {
        for (digits, expected) in [
            ("0", Some(0)),
            ("9223372036854775807", Some(MAX_NUMBER)),
            ("9223372036854775808", None),
            ("99999999999999999999999", None),
            ("", None),
            ("01", None),
            ("+1", None),
            ("-0", None),
            ("1.0", None),
            ("1e3", None),
        ] {
            assert_eq!(number(digits), expected, "{digits:?}");
        }
    }
}
