//! Tokens, places and faults of documents.

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
