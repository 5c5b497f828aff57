//! XML-RPC, as much of it as the API speaks.

use std::borrow::Cow;

use quick_xml::escape::unescape;
use quick_xml::events::Event;
use quick_xml::reader::Reader;

use super::budgets::CALL_VALUES;
use super::call::{Call, DEPTH, Malformed};
use super::failure::Failure;
use super::value::{Piece, Pieces, Struct, Value, time_text};

/// Reads a call.
pub(super) fn parse(body: &[u8]) -> Result<Call, Malformed> {
    let text = std::str::from_utf8(body).map_err(|error| Malformed::new(format!("not UTF-8: {error}")))?;
    let mut parser = Parser { reader: Reader::from_str(text), pending: None, values_left: CALL_VALUES };
    parser.open("methodCall")?;
    parser.open("methodName")?;
    let method = parser.text_until("methodName")?.trim().to_owned();
    let mut params = Vec::new();
    match parser.next()? {
        Token::Empty(name) if name == "params" => parser.close("methodCall")?,
        Token::Open(name) if name == "params" => {
            while parser.open_or_close("param", "params")? {
                params.push(parser.value(DEPTH)?);
                parser.close("param")?;
            }
            parser.close("methodCall")?;
        }
        Token::Close(name) if name == "methodCall" => {}
        other => return Err(other.unexpected("params")),
    }
    match parser.next()? {
        Token::End => Ok(Call::new(method, params)),
        other => Err(other.unexpected("the end")),
    }
}

struct Parser<'a> {
    reader: Reader<&'a [u8]>,
    /// The token after a text that was just read.
    pending: Option<Token>,
    /// How many values may come yet.
    values_left: usize,
}

/// A token between the texts.
#[derive(Debug)]
enum Token {
    Open(String),
    Close(String),
    /// Opened and closed at once.
    Empty(String),
    Text(String),
    End,
}

impl Token {
    fn unexpected(&self, expected: &str) -> Malformed {
        Malformed::new(format!("{self:?} where {expected} should be"))
    }
}

impl Parser<'_> {
    /// The next piece, whatever it is. Adjacent texts are one.
    fn token(&mut self) -> Result<Token, Malformed> {
        if let Some(token) = self.pending.take() {
            return Ok(token);
        }
        let mut text = String::new();
        let token = loop {
            let event = self.reader.read_event();
            match event.map_err(|error| malformed(self.reader.error_position(), &error))? {
                Event::Text(more) => text.push_str(&more),
                Event::CData(more) => text.push_str(&more),
                Event::GeneralRef(name) => {
                    let entity = unescape(&format!("&{};", &*name)).map(Cow::into_owned);
                    text.push_str(&entity.map_err(|error| malformed(self.reader.buffer_position(), &error))?);
                }
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
                Event::DocType(_) => return Err(Malformed::new("a document type has no place here".to_owned())),
                Event::Start(tag) => break Token::Open(tag.name().as_ref().to_owned()),
                Event::End(tag) => break Token::Close(tag.name().as_ref().to_owned()),
                Event::Empty(tag) => break Token::Empty(tag.name().as_ref().to_owned()),
                Event::Eof => break Token::End,
            }
        };
        if text.is_empty() {
            return Ok(token);
        }
        self.pending = Some(token);
        Ok(Token::Text(text))
    }

    /// The next piece that is not white space.
    fn next(&mut self) -> Result<Token, Malformed> {
        loop {
            match self.token()? {
                Token::Text(text) if text.trim_ascii().is_empty() => {}
                token => return Ok(token),
            }
        }
    }

    fn open(&mut self, tag: &str) -> Result<(), Malformed> {
        match self.next()? {
            Token::Open(name) if name == tag => Ok(()),
            other => Err(other.unexpected(tag)),
        }
    }

    fn close(&mut self, tag: &str) -> Result<(), Malformed> {
        match self.next()? {
            Token::Close(name) if name == tag => Ok(()),
            other => Err(other.unexpected(&format!("the end of {tag}"))),
        }
    }

    /// Whether one more of `item` begins, rather than `list` ends.
    fn open_or_close(&mut self, item: &str, list: &str) -> Result<bool, Malformed> {
        match self.next()? {
            Token::Open(name) if name == item => Ok(true),
            Token::Close(name) if name == list => Ok(false),
            other => Err(other.unexpected(item)),
        }
    }

    /// Text up to the end of a tag that is open.
    fn text_until(&mut self, tag: &str) -> Result<String, Malformed> {
        match self.token()? {
            Token::Close(name) if name == tag => Ok(String::new()),
            Token::Text(text) => {
                self.close(tag)?;
                Ok(text)
            }
            other => Err(other.unexpected(&format!("the end of {tag}"))),
        }
    }

    fn count(&mut self) -> Result<(), Malformed> {
        let left = self.values_left.checked_sub(1);
        self.values_left = left.ok_or_else(|| Malformed::new(format!("a call has at most {CALL_VALUES} values")))?;
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<Value, Malformed> {
        self.count()?;
        match self.next()? {
            Token::Open(name) if name == "value" => self.rest_of_value(depth),
            Token::Empty(name) if name == "value" => Ok(Value::EMPTY),
            other => Err(other.unexpected("value")),
        }
    }

    /// The value after `<value>`, with the tag that ends it.
    fn rest_of_value(&mut self, depth: usize) -> Result<Value, Malformed> {
        let depth = depth.checked_sub(1).ok_or_else(|| Malformed::new("values are nested too deeply".to_owned()))?;
        let mut token = self.token()?;
        if let Token::Text(text) = token {
            token = self.token()?;
            match token {
                Token::Close(name) if name == "value" => return Ok(Value::text(text)),
                _ if !text.trim_ascii().is_empty() => return Err(token.unexpected("the end of value")),
                _ => {}
            }
        }
        let value = match token {
            Token::Close(name) if name == "value" => return Ok(Value::EMPTY),
            Token::Empty(name) if name == "string" || name == "nil" => Value::EMPTY,
            Token::Empty(name) if name == "struct" => Value::Struct(Struct::new()),
            Token::Empty(name) if name == "array" => Value::List(Vec::new()),
            Token::Open(name) => self.typed(&name, depth)?,
            other => return Err(other.unexpected("a value")),
        };
        self.close("value")?;
        Ok(value)
    }

    fn typed(&mut self, name: &str, depth: usize) -> Result<Value, Malformed> {
        let bad = |text: &str| Malformed::new(format!("{text:?} is no {name}"));
        match name {
            "array" => self.array(depth),
            "struct" => self.members(depth),
            "nil" => self.text_until(name).map(|_| Value::EMPTY),
            "string" | "dateTime.iso8601" => self.text_until(name).map(Value::text),
            "int" | "i4" | "i8" => {
                let text = self.text_until(name)?;
                text.trim().parse().map(Value::Int).map_err(|_| bad(&text))
            }
            "double" => {
                let text = self.text_until(name)?;
                text.trim().parse().map(Value::Float).map_err(|_| bad(&text))
            }
            "boolean" => {
                let text = self.text_until(name)?;
                match text.trim() {
                    "0" => Ok(Value::Bool(false)),
                    "1" => Ok(Value::Bool(true)),
                    _ => Err(bad(&text)),
                }
            }
            other => Err(Malformed::new(format!("values of type {other:?} have no place here"))),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, Malformed> {
        let mut values = Vec::new();
        match self.next()? {
            Token::Empty(name) if name == "data" => {}
            Token::Open(name) if name == "data" => loop {
                match self.next()? {
                    Token::Open(name) if name == "value" => values.push(self.rest_of_value(depth)?),
                    Token::Empty(name) if name == "value" => values.push(Value::EMPTY),
                    Token::Close(name) if name == "data" => break,
                    other => return Err(other.unexpected("value")),
                }
                self.count()?;
            },
            other => return Err(other.unexpected("data")),
        }
        self.close("array")?;
        Ok(Value::List(values))
    }

    fn members(&mut self, depth: usize) -> Result<Value, Malformed> {
        let mut members = Struct::new();
        while self.open_or_close("member", "struct")? {
            self.open("name")?;
            let name = self.text_until("name")?;
            members.push((Cow::Owned(name), self.value(depth)?));
            self.close("member")?;
        }
        Ok(Value::Struct(members))
    }
}

fn malformed(byte: u64, error: &dyn std::fmt::Display) -> Malformed {
    Malformed::new(format!("not XML at byte {byte}: {error}"))
}

/// Writes a call.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn call(method: &str, params: Vec<Value>) -> Vec<Piece> {
    let mut to = Pieces::default();
    to.push("<methodCall><methodName>");
    escape(&mut to, method);
    to.push("</methodName><params>");
    for param in params {
        to.push("<param>");
        write(&mut to, param);
        to.push("</param>");
    }
    to.push("</params></methodCall>");
    to.finish().unwrap_or_default()
}

/// Writes an answer, in the struct that tells success from failure.
pub(super) fn answer(to: &mut Pieces, result: Result<Value, Failure>) {
    let (status, name, value) = match result {
        Ok(value) => ("Success", "Value", value),
        Err(failure) => {
            let description = failure.description().map(|text| Value::text(text.to_owned())).collect();
            ("Failure", "ErrorDescription", Value::List(description))
        }
    };
    bare(to, Value::Struct(vec![("Status".into(), Value::text(status)), (name.into(), value)]));
}

/// Writes an answer that has no such struct around it.
pub(super) fn bare(to: &mut Pieces, value: Value) {
    to.push("<?xml version=\"1.0\"?><methodResponse><params><param>");
    write(to, value);
    to.push("</param></params></methodResponse>");
}

/// A value as a task has it as its result. A bitmap is none of those: it is encoded as it is sent.
pub(super) fn text(value: Value) -> String {
    let mut to = Pieces::default();
    write(&mut to, value);
    let text = |piece| match piece {
        Piece::Text { text, .. } => String::from_utf8_lossy(&text).into_owned(),
        Piece::Bitmap(_) => String::new(),
    };
    to.finish().unwrap_or_default().into_iter().map(text).collect()
}

fn write(to: &mut Pieces, value: Value) {
    to.push("<value>");
    match value {
        Value::Text(text) => escape(to, &text),
        Value::Int(number) => to.push(&number.to_string()),
        Value::Bool(bool) => to.push(if bool { "<boolean>1</boolean>" } else { "<boolean>0</boolean>" }),
        Value::Float(number) => to.push(&format!("<double>{number:?}</double>")),
        Value::Time(seconds) => {
            to.push(&format!("<dateTime.iso8601>{}</dateTime.iso8601>", time_text(seconds)));
        }
        Value::List(values) => {
            to.push("<array><data>");
            values.into_iter().for_each(|value| write(to, value));
            to.push("</data></array>");
        }
        Value::Struct(members) => {
            to.push("<struct>");
            members.into_iter().for_each(|(name, value)| member(to, &name, value));
            to.push("</struct>");
        }
        Value::Records(records) => {
            to.push("<struct>");
            records.each(|name, value| member(to, &name, value));
            to.push("</struct>");
        }
        Value::Items(items) => {
            to.push("<array><data>");
            items.each(|_, value| write(to, value));
            to.push("</data></array>");
        }
        Value::Bitmap(bitmap) => to.push_bitmap(bitmap),
        Value::TaskBitmap(bitmap) => {
            to.push("&lt;value&gt;");
            to.push_bitmap(bitmap);
            to.push("&lt;/value&gt;");
        }
    }
    to.push("</value>");
}

fn member(to: &mut Pieces, name: &str, value: Value) {
    to.push("<member><name>");
    escape(to, name);
    to.push("</name>");
    write(to, value);
    to.push("</member>");
}

/// A character that XML cannot have becomes a question mark: a client could not read the answer otherwise.
pub(super) fn escape(to: &mut Pieces, text: &str) {
    for char in text.chars() {
        match char {
            '&' => to.push("&amp;"),
            '<' => to.push("&lt;"),
            '>' => to.push("&gt;"),
            '\r' => to.push("&#13;"),
            '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}' => to.push_char('?'),
            _ => to.push_char(char),
        }
    }
}
