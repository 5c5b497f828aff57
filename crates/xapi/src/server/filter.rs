//! The expressions of `get_all_records_where`, as xapi reads them.
//!
//! `field "NAME"` and `"TEXT"` are compared by `=`; comparisons, `true` and `false` are joined by `and`, `or`, `not` and
//! parentheses. A text ends at the next quotation mark. `and` and `or` bind equally and from left to right, and `not`
//! binds the loosest: `not a and b` is `not (a and b)`.
//!
//! Expressions come from clients: reading takes time linear in their length, and nesting is bounded.

use std::borrow::Cow;

use super::call::DEPTH;
use super::failure::Failure;
use super::value::{Value, time_text};

/// An expression that was understood.
#[derive(Debug, PartialEq)]
pub(super) enum Filter {
    Constant(bool),
    Equal(Operand, Operand),
    Not(Box<Self>),
    /// The first one, and what is joined to it, from left to right. A list, so that a long chain is no deep tree.
    Joined(Box<Self>, Vec<(Joint, Self)>),
}

#[derive(Debug, PartialEq)]
pub(super) enum Operand {
    Field(String),
    Text(String),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Joint {
    And,
    Or,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Token<'t> {
    Word(&'static str),
    Text(&'t str),
    End,
}

/// The words and signs of the language. None begins another one, and white space between them is optional.
const WORDS: &[&str] = &["=", "(", ")", "true", "false", "field", "and", "or", "not"];

impl Filter {
    /// Reads an expression.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let mut parser = Parser { text, at: 0, next: Token::End, next_at: 0 };
        let read = parser.advance().and_then(|()| parser.expression(DEPTH)).and_then(|filter| match parser.next {
            Token::End => Ok(filter),
            _ => Err(parser.expected("\"and\", \"or\", or the end")),
        });
        read.map_err(|why| Failure::new("INVALID_VALUE", [text.to_owned(), why]))
    }

    /// Whether it is true of a record. Fields are looked up only as far as they are needed.
    pub(super) fn holds<'r>(&self, field: &impl Fn(&str) -> Result<Cow<'r, str>, Failure>) -> Result<bool, Failure> {
        match self {
            Self::Constant(constant) => Ok(*constant),
            Self::Equal(left, right) => Ok(left.text(field)? == right.text(field)?),
            Self::Not(filter) => Ok(!filter.holds(field)?),
            Self::Joined(first, rest) => {
                let mut holds = first.holds(field)?;
                for (joint, filter) in rest {
                    if holds == (*joint == Joint::And) {
                        holds = filter.holds(field)?;
                    }
                }
                Ok(holds)
            }
        }
    }
}

impl Operand {
    fn text<'t, 'r: 't>(
        &'t self,
        field: &impl Fn(&str) -> Result<Cow<'r, str>, Failure>,
    ) -> Result<Cow<'t, str>, Failure> {
        match self {
            Self::Field(name) => field(name),
            Self::Text(text) => Ok(Cow::Borrowed(text)),
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    /// Where the token after the next one is looked for.
    at: usize,
    next: Token<'t>,
    next_at: usize,
}

impl<'t> Parser<'t> {
    fn advance(&mut self) -> Result<(), String> {
        let rest = self.text[self.at..].trim_start_matches([' ', '\t', '\n']);
        self.next_at = self.text.len() - rest.len();
        let (token, len) = if let Some(word) = WORDS.iter().find(|word| rest.starts_with(**word)) {
            (Token::Word(word), word.len())
        } else if let Some(text) = rest.strip_prefix('"') {
            let end = text.find('"').ok_or_else(|| format!("at byte {}: the text has no end", self.next_at))?;
            (Token::Text(&text[..end]), end + 2)
        } else if rest.is_empty() {
            (Token::End, 0)
        } else {
            return Err(format!("at byte {}: this is no word of the language", self.next_at));
        };
        (self.next, self.at) = (token, self.next_at + len);
        Ok(())
    }

    fn expected(&self, what: &str) -> String {
        let found = match self.next {
            Token::Word(word) => format!("{word:?}"),
            Token::Text(_) => "a text".to_owned(),
            Token::End => "the end".to_owned(),
        };
        format!("at byte {}: {what} was expected, not {found}", self.next_at)
    }

    /// Takes a word if it comes next.
    fn take(&mut self, word: &str) -> Result<bool, String> {
        let found = matches!(self.next, Token::Word(found) if found == word);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expression(&mut self, depth: usize) -> Result<Filter, String> {
        let depth = depth.checked_sub(1).ok_or_else(|| format!("at byte {}: it is nested too deeply", self.next_at))?;
        let first = self.joined(depth)?;
        let mut rest = Vec::new();
        loop {
            let joint = match self.next {
                Token::Word("and") => Joint::And,
                Token::Word("or") => Joint::Or,
                _ => break,
            };
            self.advance()?;
            rest.push((joint, self.joined(depth)?));
        }
        Ok(if rest.is_empty() { first } else { Filter::Joined(Box::new(first), rest) })
    }

    /// An operand of `and` and `or`.
    fn joined(&mut self, depth: usize) -> Result<Filter, String> {
        if self.take("true")? {
            return Ok(Filter::Constant(true));
        }
        if self.take("false")? {
            return Ok(Filter::Constant(false));
        }
        if self.take("not")? {
            return Ok(Filter::Not(Box::new(self.expression(depth)?)));
        }
        if self.take("(")? {
            let filter = self.expression(depth)?;
            return if self.take(")")? { Ok(filter) } else { Err(self.expected("\")\"")) };
        }
        let left = self.operand()?;
        if !self.take("=")? {
            return Err(self.expected("\"=\""));
        }
        Ok(Filter::Equal(left, self.operand()?))
    }

    fn operand(&mut self) -> Result<Operand, String> {
        let field = self.take("field")?;
        let Token::Text(text) = self.next else {
            return Err(self.expected(if field { "the name of a field" } else { "a comparison" }));
        };
        self.advance()?;
        Ok(if field { Operand::Field(text.to_owned()) } else { Operand::Text(text.to_owned()) })
    }
}

/// A value as it is compared: the text that xapi's database has for it.
pub(super) fn stored(value: &Value) -> Cow<'_, str> {
    let quoted = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
    match value {
        Value::Text(text) => Cow::Borrowed(text),
        Value::Int(number) => number.to_string().into(),
        Value::Bool(bool) => bool.to_string().into(),
        Value::Float(number) => number.to_string().into(),
        Value::Time(seconds) => time_text(*seconds).into(),
        Value::List(values) => {
            let values: Vec<String> = values.iter().map(|value| quoted(&stored(value))).collect();
            format!("({})", values.join(" ")).into()
        }
        Value::Struct(members) => {
            let pair = |(name, value): &(Cow<'_, str>, Value)| format!("({} {})", quoted(name), quoted(&stored(value)));
            let pairs: Vec<String> = members.iter().map(pair).collect();
            format!("({})", pairs.join(" ")).into()
        }
        // Those are no fields.
        Value::Bitmap(_) | Value::TaskBitmap(_) | Value::Records(_) | Value::Items(_) => Cow::Borrowed(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether an expression holds for a record whose fields have their own names in capitals as values.
    fn holds(text: &str) -> Result<bool, Failure> {
        Filter::parse(text)?.holds(&|name| match name {
            "missing" => Err(Failure::internal("missing")),
            name => Ok(name.to_uppercase().into()),
        })
    }

    #[test]
    fn expressions_mean_what_xapi_takes_them_to_mean() {
        for (text, expected) in [
            ("true", true),
            (" \t\n false ", false),
            ("\"a\"=\"a\"", true),
            ("field \"a\" = \"A\"", true),
            ("\"A\" = field \"a\"", true),
            ("field\"a\"=\"a\"", false),
            ("field \"a\" = field \"a\"", true),
            ("\"\" = \"\"", true),
            ("\"it's (not) = \\\" = \"it's (not) = \\\"", true),
            ("not true", false),
            ("not not true", true),
            ("true and false", false),
            ("trueandtrueorfalse", true),
            // Equal in rank, from left to right.
            ("true or true and false", false),
            ("false and true or true", true),
            ("true or (true and false)", true),
            // Takes all that follows.
            ("not true and false", true),
            ("(not true) and false", false),
            ("true and not false or true", false),
            ("true and (not false) or true", true),
            // Fields are looked up only if need be.
            ("false and field \"missing\" = \"\"", false),
            ("true or field \"missing\" = \"\" or true", true),
        ] {
            assert_eq!(holds(text), Ok(expected), "{text}");
        }
        assert_eq!(holds("true and field \"missing\" = \"\""), Err(Failure::internal("missing")));
    }

    #[test]
    fn errors_are_located() {
        for (text, why) in [
            ("", "at byte 0: a comparison was expected, not the end"),
            ("  True", "at byte 2: this is no word of the language"),
            ("true true", "at byte 5: \"and\", \"or\", or the end was expected, not \"true\""),
            ("true and", "at byte 8: a comparison was expected, not the end"),
            ("field = \"a\"", "at byte 6: the name of a field was expected, not \"=\""),
            ("field \"a\"", "at byte 9: \"=\" was expected, not the end"),
            ("\"a\" = (true)", "at byte 6: a comparison was expected, not \"(\""),
            ("\"ä\" = \"b", "at byte 7: the text has no end"),
            ("(true", "at byte 5: \")\" was expected, not the end"),
            ("true)", "at byte 4: \"and\", \"or\", or the end was expected, not \")\""),
            ("true\r", "at byte 4: this is no word of the language"),
            ("true and \"a\" \"b\"", "at byte 13: \"=\" was expected, not a text"),
        ] {
            assert_eq!(holds(text), Err(Failure::new("INVALID_VALUE", [text, why])));
        }
    }

    #[test]
    fn long_expressions_are_read_and_deep_ones_refused() {
        let long = "true and ".repeat(100_000) + "false";
        assert_eq!(holds(&long), Ok(false));
        for (open, close) in [("(", ")"), ("not ", ""), ("false or (", ")")] {
            let nested = |n: usize| open.repeat(n) + "true" + &close.repeat(n);
            assert!(holds(&nested(DEPTH - 1)).is_ok());
            assert_eq!(holds(&nested(DEPTH)).expect_err("too deep").code, "INVALID_VALUE");
            assert_eq!(holds(&nested(100_000)).expect_err("too deep").code, "INVALID_VALUE");
        }
    }

    #[test]
    fn values_are_compared_as_the_database_has_them() {
        for (value, text) in [
            (Value::text("a"), "a"),
            (Value::Int(-5), "-5"),
            (Value::Bool(true), "true"),
            (Value::Float(0.5), "0.5"),
            (Value::Float(1.0), "1"),
            (Value::Time(0), "19700101T00:00:00Z"),
            (Value::List(Vec::new()), "()"),
            (Value::texts(["a", "it's \\"]), "('a' 'it\\'s \\\\')"),
            (Value::Struct(vec![("k".into(), Value::text("v")), ("l".into(), Value::EMPTY)]), "(('k' 'v') ('l' ''))"),
        ] {
            assert_eq!(stored(&value), text);
        }
    }
}
