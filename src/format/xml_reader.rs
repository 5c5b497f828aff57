//! XML documents, element by element, in bounded memory. The formats that use it ask for the elements that they know, one
//! level after the other; so any other element is refused where it is, and nesting is as deep as the formats go.
//!
//! Invariant: no byte of the document is passed over but white space, comments, and the declaration at the start. Document
//! types, entities, processing instructions and CDATA are refused: none of the formats has any.

use std::io::{self, BufRead, Chain, Cursor, Read};

use quick_xml::Error as XmlError;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::entry::fault;
use crate::error::{ListFault, Place};
use crate::{Error, Result};

/// The most bytes that a tag, a text or a comment may have.
const MAX_PIECE_BYTES: u64 = 64 << 10;

/// A reader of a document.
pub(super) struct XmlReader<R> {
    reader: Reader<Limited<Chain<Cursor<Vec<u8>>, R>>>,
    buffer: Vec<u8>,
    /// Where the piece begins that was read last; at first, nothing was read.
    offset: Option<u64>,
    /// The length of the byte order mark.
    mark_bytes: u64,
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// An element that was just opened.
pub(super) struct Element {
    pub(super) name: String,
    pub(super) offset: u64,
    attributes: Vec<(String, String)>,
}

/// A piece of a document that means something.
enum Piece {
    Open(Element),
    Close,
    Text(String),
    End,
}

impl<R: BufRead> XmlReader<R> {
    pub(super) fn new(from: R) -> Self {
        let mut reader = Reader::from_reader(Limited { from: Cursor::default().chain(from), left: 0 });
        reader.config_mut().expand_empty_elements = true;
        Self { reader, buffer: Vec::new(), offset: None, mark_bytes: 0 }
    }

    /// The number of bytes that were read.
    pub(super) fn bytes_read(&self) -> u64 {
        self.mark_bytes + self.reader.buffer_position()
    }

    /// The next element inside the one that is open; `None` where that ends.
    pub(super) fn child(&mut self) -> Result<Option<Element>> {
        match self.piece()? {
            Piece::Open(element) => Ok(Some(element)),
            Piece::Close => Ok(None),
            Piece::Text(_) => Err(self.syntax("is a text where an element should be")),
            Piece::End => Err(self.cut_short()),
        }
    }

    /// Opens the element of that name, which has to come next.
    pub(super) fn open(&mut self, name: &str) -> Result<Element> {
        match self.child()? {
            Some(element) if element.name == name => Ok(element),
            _ => Err(self.syntax(format!("is not the element {name}, which should be here"))),
        }
    }

    /// Checks that the element that is open ends without another one.
    pub(super) fn close(&mut self) -> Result<()> {
        match self.child()? {
            None => Ok(()),
            Some(element) => Err(unknown(&element)),
        }
    }

    /// The text of the element that is open, up to its end.
    pub(super) fn text(&mut self) -> Result<String> {
        match self.piece()? {
            Piece::Close => Ok(String::new()),
            Piece::Text(text) => self.close().map(|()| text),
            Piece::Open(element) => Err(unknown(&element)),
            Piece::End => Err(self.cut_short()),
        }
    }

    /// The text of the element that is open, which has to be a number.
    pub(super) fn number(&mut self) -> Result<u64> {
        let text = self.text()?;
        parse(&text).map_err(|found| fault(self.place(), found))
    }

    /// Checks that the document has ended.
    pub(super) fn end(&mut self) -> Result<()> {
        match self.piece()? {
            Piece::End => Ok(()),
            _ => Err(self.syntax("is after the end of the document")),
        }
    }

    fn place(&self) -> Place {
        Place::Byte { offset: self.offset.unwrap_or(0) }
    }

    fn syntax(&self, reason: impl Into<std::borrow::Cow<'static, str>>) -> Error {
        fault(self.place(), ListFault::Syntax(reason.into()))
    }

    fn cut_short(&self) -> Error {
        fault(Place::End { offset: self.bytes_read() }, ListFault::CutShort)
    }

    /// The next piece that means something.
    fn piece(&mut self) -> Result<Piece> {
        if self.offset.is_none() {
            self.find_mark()?;
        }
        loop {
            let offset = self.bytes_read();
            self.offset = Some(offset);
            self.reader.get_mut().left = MAX_PIECE_BYTES;
            self.buffer.clear();
            let event = match self.reader.read_event_into(&mut self.buffer) {
                Ok(event) => event,
                Err(error) => return Err(self.fault_of(&error)),
            };
            let refused = match event {
                Event::Start(tag) => {
                    let found = element(&tag, offset);
                    return found.map(Piece::Open).map_err(|reason| self.syntax(reason));
                }
                Event::End(_) => return Ok(Piece::Close),
                Event::Eof => return Ok(Piece::End),
                Event::Text(text) => match text.trim_ascii() {
                    "" => continue,
                    text => return Ok(Piece::Text(text.to_owned())),
                },
                Event::Comment(_) => continue,
                Event::Decl(_) if offset == self.mark_bytes => continue,
                Event::Decl(_) => "is a declaration that is not at the start",
                Event::DocType(_) => "is a document type",
                Event::GeneralRef(_) => "is an entity",
                Event::PI(_) => "is a processing instruction",
                Event::CData(_) => "is a CDATA section",
                Event::Empty(_) => "is an empty element",
            };
            return Err(self.syntax(format!("{refused}, which no such list has")));
        }
    }

    /// Hands on as many bytes as the mark has in one piece: the parser takes away a mark, and does not count it, only if it
    /// comes in one.
    fn find_mark(&mut self) -> Result<()> {
        let (start, rest) = self.reader.get_mut().from.get_mut();
        let start = start.get_mut();
        let mark_bytes = BYTE_ORDER_MARK.len() as u64;
        rest.take(mark_bytes).read_to_end(start).map_err(|source| Error::Read { offset: 0, source })?;
        if start == BYTE_ORDER_MARK {
            self.mark_bytes = mark_bytes;
        }
        Ok(())
    }

    fn fault_of(&self, error: &XmlError) -> Error {
        match error {
            XmlError::Io(_) if self.reader.get_ref().left == 0 => self.syntax("is longer than anything in such a list"),
            XmlError::Io(source) => {
                Error::Read { offset: self.bytes_read(), source: io::Error::new(source.kind(), source.to_string()) }
            }
            XmlError::Syntax(_) => fault(self.place(), ListFault::CutShort),
            error => self.syntax(format!("is not well-formed XML: {error}")),
        }
    }
}

impl Element {
    /// The attribute of that name, which has to be a number.
    pub(super) fn number(&self, name: &str) -> Result<u64> {
        match self.attributes.iter().find(|(key, _)| key == name) {
            Some((_, value)) => parse(value).map_err(|found| self.fault(found)),
            None => Err(self.fault(ListFault::Syntax(format!("is an element without {name}").into()))),
        }
    }

    pub(super) fn has_attributes(&self) -> bool {
        !self.attributes.is_empty()
    }

    /// Refuses attributes of other names.
    pub(super) fn check_attributes(&self, known: &[&str]) -> Result<()> {
        match self.attributes.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some((key, _)) => Err(self.fault(ListFault::Syntax(format!("has the unknown attribute {key}").into()))),
        }
    }

    pub(super) const fn fault(&self, found: ListFault) -> Error {
        fault(Place::Byte { offset: self.offset }, found)
    }
}

/// The error of an element that no format has there.
pub(super) fn unknown(element: &Element) -> Error {
    element.fault(ListFault::Syntax(format!("is an element {} in a place where none is known", element.name).into()))
}

fn element(tag: &BytesStart<'_>, offset: u64) -> Result<Element, String> {
    let mut attributes = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|error| format!("is not well-formed XML: {error}"))?;
        attributes.push((attribute.key.as_ref().to_owned(), attribute.value.into_owned()));
    }
    Ok(Element { name: tag.name().as_ref().to_owned(), offset, attributes })
}

/// A number in decimal digits, and nothing else.
fn parse(text: &str) -> Result<u64, ListFault> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ListFault::Syntax("is no decimal number".into()));
    }
    text.parse::<i64>().ok().and_then(|number| u64::try_from(number).ok()).ok_or(ListFault::TooLarge)
}

/// Bytes of which only so many are given.
struct Limited<R> {
    from: R,
    left: u64,
}

impl<R: BufRead> Read for Limited<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let len = available.len().min(to.len());
        to[..len].copy_from_slice(&available[..len]);
        self.consume(len);
        Ok(len)
    }
}

impl<R: BufRead> BufRead for Limited<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let available = self.from.fill_buf()?;
        let len = usize::try_from(self.left).map_or(available.len(), |left| left.min(available.len()));
        Ok(&available[..len])
    }

    fn consume(&mut self, len: usize) {
        self.left -= len as u64;
        self.from.consume(len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a document of an element `a` that has elements `n` with a number and an attribute.
    fn read(text: &[u8]) -> Result<Vec<(u64, u64)>, String> {
        read_from(text)
    }

    fn read_from(from: impl BufRead) -> Result<Vec<(u64, u64)>, String> {
        let mut xml = XmlReader::new(from);
        let mut read = || {
            xml.open("a")?;
            let mut numbers = Vec::new();
            while let Some(element) = xml.child()? {
                element.check_attributes(&["x"])?;
                numbers.push((element.number("x")?, xml.number()?));
            }
            xml.end()?;
            Ok(numbers)
        };
        read().map_err(|error: Error| error.to_string())
    }

    #[test]
    fn elements_are_read_and_comments_and_white_space_passed_over() {
        let text = "\u{feff}<?xml version=\"1.0\"?>\n<!-- one -->\n<a> <n x='1'>\n2 </n><!-- two --><n x=\"03\">4</n></a>\n<!-- 3 -->";
        assert_eq!(read(text.as_bytes()), Ok(vec![(1, 2), (3, 4)]));
        assert_eq!(read(b"<a/>"), Ok(vec![]));
    }

    #[test]
    fn a_document_is_the_same_however_it_arrives() {
        for marks in ["", "\u{feff}", "\u{feff}\u{feff}"] {
            let text = format!("{marks}<?xml version=\"1.0\"?><a><n x='1'>2</n></a>").into_bytes();
            for len in 0..=text.len() {
                for piece in 1..5 {
                    let pieces = io::BufReader::with_capacity(piece, &text[..len]);
                    assert_eq!(read_from(pieces), read(&text[..len]), "{len} bytes in pieces of {piece}");
                }
            }
            assert_eq!(read(&text).is_ok(), marks.len() <= BYTE_ORDER_MARK.len());
        }
    }

    #[test]
    fn all_else_is_refused() {
        for (text, expected) in [
            ("<a><n x='1'>2</n></a><a/>", "the list at offset 21 is after the end of the document"),
            ("<a><n x='1'>2</n></a> more", "is after the end of the document"),
            ("<b/>", "the list at offset 0 is not the element a"),
            ("", "it may have been cut short"),
            ("text", "is a text where an element should be"),
            ("<a>text</a>", "the list at offset 3 is a text where an element should be"),
            ("<a></b>", "is not well-formed XML"),
            ("<a x='1' x='2'/>", "is not well-formed XML"),
            ("<a x=1/>", "is not well-formed XML"),
            ("<a><n x='1' y='2'>2</n></a>", "has the unknown attribute y"),
            ("<a><n>2</n></a>", "is an element without x"),
            ("<a><n x='1'></n></a>", "is no decimal number"),
            ("<a><n x='1'/></a>", "is no decimal number"),
            ("<a><n x='-1'>2</n></a>", "is no decimal number"),
            ("<a><n x='1.0'>2</n></a>", "is no decimal number"),
            ("<a><n x='&#49;'>2</n></a>", "is no decimal number"),
            ("<a><n x='9223372036854775808'>2</n></a>", "ends beyond"),
            ("<a><n x='1'>1<!-- -->2</n></a>", "is a text where an element should be"),
            ("<a><n x='1'>&lt;</n></a>", "is an entity"),
            ("<a><n x='1'><![CDATA[2]]></n></a>", "is a CDATA section"),
            ("<a><n x='1'><m/></n></a>", "is an element m in a place where none is known"),
            ("<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", "is a document type"),
            ("<?other?><a/>", "is a processing instruction"),
            ("<a/><?xml version='1.0'?>", "is a declaration that is not at the start"),
        ] {
            let message = read(text.as_bytes()).expect_err(text);
            assert!(message.contains(expected), "{message}, not {expected}");
        }
    }

    #[test]
    fn a_document_cut_at_any_byte_is_refused() {
        let text = b"<?xml version=\"1.0\"?><a><!-- one --><n x='1'>2</n></a>";
        assert!(read(text).is_ok());
        for len in 0..text.len() {
            assert!(read(&text[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn no_piece_takes_memory_without_end() {
        for start in ["<", "<a x='", "<!--", "<a>", "<a><n x='1'>", " "] {
            let endless = start.as_bytes().chain(io::BufReader::new(io::repeat(b' ')));
            let mut xml = XmlReader::new(endless);
            let error = xml.open("a").and_then(|_| xml.open("n")).and_then(|_| xml.text()).expect_err("refused");
            assert!(error.to_string().contains("is longer than anything in such a list"), "{start}: {error}");
            assert!(xml.buffer.len() <= 64 << 10);
        }
        let nested = "<a>".repeat(100_000);
        assert!(read(nested.as_bytes()).is_err());
    }
}
