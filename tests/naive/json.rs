//! JSON read into a tree, recursively, one character at a time.

use std::iter::Peekable;
use std::str::Chars;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// The documents of a text, with nothing but white space between them.
    pub(crate) fn documents(text: &[u8]) -> Option<Vec<Self>> {
        let mut rest = std::str::from_utf8(text).ok()?.chars().peekable();
        let mut documents = Vec::new();
        skip_space(&mut rest);
        while rest.peek().is_some() {
            documents.push(value(&mut rest)?);
            skip_space(&mut rest);
        }
        Some(documents)
    }

    /// The member of an object, if it is there and not `null`.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(found, value)| found == name && *value != Self::Null).map(|(_, value)| value)
    }

    /// A whole number below 2^63, or a text of one.
    pub(crate) fn number(&self) -> Option<u64> {
        match self {
            Self::Number(digits) | Self::Text(digits) => digits.parse().ok().filter(|&number| number < 1 << 63),
            _ => None,
        }
    }

    pub(crate) fn elements(&self) -> Option<&[Self]> {
        if let Self::Array(elements) = self { Some(elements) } else { None }
    }
}

fn skip_space(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|c| " \t\r\n".contains(*c)).is_some() {}
}

fn value(rest: &mut Peekable<Chars<'_>>) -> Option<Json> {
    skip_space(rest);
    match rest.peek()? {
        '{' => object(rest),
        '[' => array(rest),
        '"' => text(rest).map(Json::Text),
        _ => {
            let mut word = String::new();
            while let Some(c) = rest.next_if(|c| c.is_ascii_alphanumeric() || "+-.".contains(*c)) {
                word.push(c);
            }
            match &word[..] {
                "null" => Some(Json::Null),
                "true" => Some(Json::Bool(true)),
                "false" => Some(Json::Bool(false)),
                number if number.parse::<f64>().is_ok() => Some(Json::Number(word)),
                _ => None,
            }
        }
    }
}

fn object(rest: &mut Peekable<Chars<'_>>) -> Option<Json> {
    rest.next();
    let mut members = Vec::new();
    skip_space(rest);
    if rest.next_if_eq(&'}').is_some() {
        return Some(Json::Object(members));
    }
    loop {
        skip_space(rest);
        let name = text(rest)?;
        skip_space(rest);
        rest.next_if_eq(&':')?;
        members.push((name, value(rest)?));
        skip_space(rest);
        match rest.next()? {
            ',' => {}
            '}' => return Some(Json::Object(members)),
            _ => return None,
        }
    }
}

fn array(rest: &mut Peekable<Chars<'_>>) -> Option<Json> {
    rest.next();
    let mut elements = Vec::new();
    skip_space(rest);
    if rest.next_if_eq(&']').is_some() {
        return Some(Json::Array(elements));
    }
    loop {
        elements.push(value(rest)?);
        skip_space(rest);
        match rest.next()? {
            ',' => {}
            ']' => return Some(Json::Array(elements)),
            _ => return None,
        }
    }
}

fn text(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    rest.next_if_eq(&'"')?;
    let mut units = Vec::new();
    loop {
        match rest.next()? {
            '"' => return String::from_utf16(&units).ok(),
            '\\' => units.push(match rest.next()? {
                c @ ('"' | '\\' | '/') => c as u16,
                'b' => 8,
                'f' => 12,
                'n' => 10,
                'r' => 13,
                't' => 9,
                'u' => {
                    let digits: String = (0..4).map_while(|_| rest.next()).collect();
                    u16::from_str_radix(&digits, 16).ok()?
                }
                _ => return None,
            }),
            c => units.extend_from_slice(c.encode_utf16(&mut [0; 2])),
        }
    }
}
