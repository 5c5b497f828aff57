//! Flat JSON objects, by a table of their members: the entries of nearly all formats in JSON.
//!
//! Every value becomes a number: a number itself, `true` and a word their index. So a format is a table, and a function from
//! an array of numbers to an entry:
//!
//! ```text
//! const MEMBERS: [Member; 3] = [number("offset"), number("length"), word("exists", &["false", "true"])];
//! |[offset, length, _]| Ok((offset, length, true))
//! ```

use super::entry::{BATCH, Entries, Entry, Layout, fault};
use super::json_reader::{JsonReader, MAX_NUMBER, Token, not, number as parse_number};
use crate::Result;
use crate::error::{ListFault, Place};

/// The value of a member that is not there, if its absence is no fault.
pub(super) const ABSENT: u64 = u64::MAX;

/// A member of an object.
#[derive(Clone, Copy)]
pub(super) struct Member {
    name: &'static str,
    kind: Kind,
    /// The value if it is not there; `None` if that is a fault.
    default: Option<u64>,
}

#[derive(Clone, Copy)]
enum Kind {
    Number,
    NumberOrText,
    Boolean,
    Word(&'static [&'static str]),
    Any,
}

impl Kind {
    /// The number that stands for a value, if it is of this kind.
    fn value(self, token: Token, text: &str) -> Option<u64> {
        match (self, token) {
            (Self::Number | Self::NumberOrText, Token::Number) | (Self::NumberOrText, Token::Text) => {
                parse_number(text)
            }
            (Self::Boolean, Token::Boolean(value)) => Some(value.into()),
            (Self::Word(words), Token::Text) => words.iter().position(|word| *word == text).map(|index| index as u64),
            _ => None,
        }
    }

    fn expected(self) -> String {
        match self {
            Self::Number | Self::NumberOrText => "a whole number from 0 to 2^63 - 1".to_owned(),
            Self::Boolean => "true or false".to_owned(),
            Self::Word(words) => format!("one of the words {words:?}"),
            Self::Any => "a value".to_owned(),
        }
    }
}

impl Member {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, default: None }
    }

    /// One that need not be there.
    pub(super) const fn or(self, default: u64) -> Self {
        Self { default: Some(default), ..self }
    }
}

/// A whole number.
pub(super) const fn number(name: &'static str) -> Member {
    Member::new(name, Kind::Number)
}

/// A whole number, or a text of its digits.
pub(super) const fn number_or_text(name: &'static str) -> Member {
    Member::new(name, Kind::NumberOrText)
}

/// `true`, which becomes 1, or `false`.
pub(super) const fn boolean(name: &'static str) -> Member {
    Member::new(name, Kind::Boolean)
}

/// One of these words, which becomes its index.
pub(super) const fn word(name: &'static str, words: &'static [&'static str]) -> Member {
    Member::new(name, Kind::Word(words))
}

/// Anything: it is passed over, and becomes 0.
pub(super) const fn any(name: &'static str) -> Member {
    Member::new(name, Kind::Any).or(ABSENT)
}

/// The objects of an array, one after the other.
pub(super) struct Elements<const N: usize> {
    members: &'static [Member; N],
    count: u64,
}

impl<const N: usize> Elements<N> {
    pub(super) const fn new(members: &'static [Member; N]) -> Self {
        Self { members, count: 0 }
    }

    /// The next element of the array that is open, and its place; `None` at the end of the array.
    pub(super) fn next(&mut self, json: &mut JsonReader<'_>) -> Result<Option<(Place, [u64; N])>> {
        match json.next()? {
            Token::EndArray => Ok(None),
            Token::StartObject => self.rest(json).map(Some),
            _ => json.fail(not("an object")),
        }
    }

    /// The element of which the start was read.
    pub(super) fn rest(&mut self, json: &mut JsonReader<'_>) -> Result<(Place, [u64; N])> {
        self.count += 1;
        let place = json.entry_place(self.count);
        let mut values = self.members.map(|_| None);
        while json.next()? != Token::EndObject {
            let Some(index) = self.members.iter().position(|member| member.name == json.text()) else {
                let reason = format!("has the member {}, which is not known here", json.quoted());
                return Err(fault(place, ListFault::Syntax(reason.into())));
            };
            let value = value(json, place, &self.members[index])?;
            if values[index].replace(value).is_some() {
                let reason = format!("has the member \"{}\" twice", self.members[index].name);
                return Err(fault(place, ListFault::Syntax(reason.into())));
            }
        }
        let mut all = [0; N];
        for ((member, value), to) in self.members.iter().zip(values).zip(&mut all) {
            let Some(value) = value.or(member.default) else {
                return Err(fault(place, ListFault::Syntax(format!("has no \"{}\"", member.name).into())));
            };
            *to = value;
        }
        Ok((place, all))
    }
}

/// The value of the member whose name was read.
fn value(json: &mut JsonReader<'_>, place: Place, member: &Member) -> Result<u64> {
    if let Kind::Any = member.kind {
        return json.skip().map(|()| 0);
    }
    let token = json.next()?;
    member.kind.value(token, json.text()).ok_or_else(|| {
        let reason = format!("has a value of \"{}\" that is not {}", member.name, member.kind.expected());
        fault(place, ListFault::Syntax(reason.into()))
    })
}

/// The range of an entry, and whether it is a change.
pub(super) type Change = (u64, u64, bool);

/// The entry of a range, which may not end beyond the largest number.
pub(super) fn entry(place: Place, (offset_bytes, len_bytes, is_changed): Change) -> Result<Entry> {
    match offset_bytes.checked_add(len_bytes) {
        Some(end) if end <= MAX_NUMBER => Ok(Entry { place, offset_bytes, len_bytes, is_changed }),
        _ => Err(fault(place, ListFault::Syntax("ends beyond 2^63 - 1 bytes".into()))),
    }
}

/// A document that is one array of entries.
pub(super) struct ArrayEntries<'a, const N: usize> {
    json: JsonReader<'a>,
    elements: Elements<N>,
    change: Box<dyn FnMut([u64; N]) -> Result<Change, ListFault> + 'a>,
    layout: Layout,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Before,
    Inside,
    After,
}

impl<'a, const N: usize> ArrayEntries<'a, N> {
    pub(super) fn new(
        from: Box<dyn std::io::BufRead + 'a>,
        members: &'static [Member; N],
        layout: Layout,
        change: impl FnMut([u64; N]) -> Result<Change, ListFault> + 'a,
    ) -> Self {
        let (json, elements) = (JsonReader::new(from), Elements::new(members));
        Self { json, elements, change: Box::new(change), layout, state: State::Before }
    }
}

impl<const N: usize> Entries for ArrayEntries<'_, N> {
    fn read(&mut self, to: &mut Vec<Entry>) -> Result<()> {
        if self.state == State::Before {
            self.json.expect(Token::StartArray, "an array")?;
            self.state = State::Inside;
        }
        while self.state == State::Inside && to.len() < BATCH {
            match self.elements.next(&mut self.json)? {
                Some((place, values)) => {
                    let change = (self.change)(values).map_err(|found| fault(place, found))?;
                    to.push(entry(place, change)?);
                }
                None => {
                    self.json.end()?;
                    self.state = State::After;
                }
            }
        }
        Ok(())
    }

    fn bytes_read(&self) -> u64 {
        self.json.offset()
    }

    /// An array that covers the disk has something in it.
    fn is_whole_without_any(&self) -> bool {
        !self.layout.is_covering()
    }

    fn layout(&self) -> Layout {
        self.layout
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    const MEMBERS: [Member; 5] = [
        number("offset"),
        number_or_text("length").or(7),
        boolean("dirty").or(0),
        word("kind", &["a", "b"]).or(ABSENT),
        any("x"),
    ];

    fn read(text: &str) -> Result<Vec<(Place, [u64; 5])>> {
        let mut json = JsonReader::new(Box::new(text.as_bytes()));
        let mut elements = Elements::new(&MEMBERS);
        json.expect(Token::StartArray, "an array")?;
        let mut all = Vec::new();
        while let Some(element) = elements.next(&mut json)? {
            all.push(element);
        }
        json.end()?;
        Ok(all)
    }

    #[test]
    fn values_become_numbers_in_the_order_of_the_table() {
        let text = r#"[{"kind":"b","dirty":true,"offset":5,"x":{"y":[1.5,{}]},"length":"12"}, {"offset":6}]"#;
        let expected = [
            (Place::Entry { number: 1, offset: 1 }, [5, 12, 1, 1, 0]),
            (Place::Entry { number: 2, offset: 72 }, [6, 7, 0, ABSENT, ABSENT]),
        ];
        assert_eq!(read(text).expect("a list"), expected);
    }

    #[test]
    fn an_element_that_is_not_as_its_table_has_it_is_refused() {
        const NOT_WHOLE: &str = "that is not a whole number from 0 to 2^63 - 1";
        for (element, expected) in [
            (r#"{"offset":5,"offset":5}"#, "has the member \"offset\" twice".to_owned()),
            (r#"{"offset":5,"x":1,"x":1}"#, "has the member \"x\" twice".to_owned()),
            (r#"{"offset":5,"\u001b[2J":1}"#, "has the member \"\\u{1b}[2J\", which is not known here".to_owned()),
            (r#"{"dirty":true}"#, "has no \"offset\"".to_owned()),
            (r#"{"offset":null}"#, format!("has a value of \"offset\" {NOT_WHOLE}")),
            (r#"{"offset":"5"}"#, format!("has a value of \"offset\" {NOT_WHOLE}")),
            (r#"{"offset":5.0}"#, format!("has a value of \"offset\" {NOT_WHOLE}")),
            (r#"{"offset":-5}"#, format!("has a value of \"offset\" {NOT_WHOLE}")),
            (r#"{"offset":5e0}"#, format!("has a value of \"offset\" {NOT_WHOLE}")),
            (r#"{"offset":9223372036854775808}"#, format!("has a value of \"offset\" {NOT_WHOLE}")),
            (r#"{"offset":{"y":5}}"#, format!("has a value of \"offset\" {NOT_WHOLE}")),
            (r#"{"offset":5,"length":"05"}"#, format!("has a value of \"length\" {NOT_WHOLE}")),
            (r#"{"offset":5,"dirty":1}"#, "has a value of \"dirty\" that is not true or false".to_owned()),
            (
                r#"{"offset":5,"kind":"c"}"#,
                "has a value of \"kind\" that is not one of the words [\"a\", \"b\"]".to_owned(),
            ),
        ] {
            match read(&format!("[{{\"offset\":1}},{element}]")) {
                Err(Error::List { place: Place::Entry { number: 2, offset: 14 }, fault: ListFault::Syntax(found) }) => {
                    assert_eq!(found, expected, "{element}");
                }
                other => panic!("{other:?} of {element}"),
            }
        }
        for text in ["{}", "[[]]", "[1]", "[null]", "\"\""] {
            assert!(matches!(read(text), Err(Error::List { fault: ListFault::Syntax(_), .. })), "{text}");
        }
    }

    #[test]
    fn an_entry_ends_below_2_to_the_63() {
        let place = Place::Entry { number: 1, offset: 0 };
        assert!(entry(place, (MAX_NUMBER - 5, 5, true)).is_ok());
        assert!(entry(place, (MAX_NUMBER - 5, 6, true)).is_err());
        assert!(entry(place, (MAX_NUMBER, MAX_NUMBER, true)).is_err());
    }
}
