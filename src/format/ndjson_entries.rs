//! Reader of the JSON objects, one a line, that this project writes.

use std::io::BufRead;

use super::ReadOptions;
use super::entry::{BATCH, Entries, Entry, fault};
use super::json_entries::RANGE;
use super::json_members::{Elements, entry};
use super::json_reader::{JsonReader, Token};
use crate::Result;
use crate::error::{ListFault, Place};

/// One object a line.
struct NdjsonEntries<'a> {
    json: JsonReader<'a>,
    elements: Elements<2>,
}

pub(super) fn open<'a>(from: Box<dyn BufRead + 'a>, _: &ReadOptions) -> Result<Box<dyn Entries + 'a>> {
    Ok(Box::new(NdjsonEntries { json: JsonReader::new(from), elements: Elements::new(&RANGE) }))
}

impl Entries for NdjsonEntries<'_> {
    fn read(&mut self, to: &mut Vec<Entry>) -> Result<()> {
        while to.len() < BATCH && self.json.has_document()? {
            self.json.expect(Token::StartObject, "an object")?;
            let (place, [offset, length]) = self.elements.rest(&mut self.json)?;
            to.push(entry(place, (offset, length, true))?);
        }
        // An object is whole without a line break, but a list that was cut short may end there.
        if to.is_empty() && self.json.last_byte().is_some_and(|byte| byte != b'\n') {
            return Err(fault(Place::End { offset: self.json.offset() }, ListFault::CutShort));
        }
        Ok(())
    }

    fn bytes_read(&self) -> u64 {
        self.json.offset()
    }
}

#[cfg(test)]
mod tests {
    use super::super::json::NDJSON;
    use super::*;

    #[test]
    fn ndjson_is_an_object_a_line() {
        let read = |text: &str| NDJSON.read_all(text, &ReadOptions::default());
        let list = "{\"offset\":0,\"length\":131072}\n{\"offset\":262144,\"length\":37856}\n";
        assert_eq!(read(list).expect("a good list"), [(0, 131_072), (262_144, 300_000)]);
        assert_eq!(read(&list.replace('\n', "\r\n")).expect("a good list").len(), 2);
        assert!(matches!(read(""), Err(crate::Error::EmptyList)));
        for len in 1..list.len() {
            let is_line = list.as_bytes()[len - 1] == b'\n';
            assert_eq!(read(&list[..len]).is_ok(), is_line, "{len}");
        }
        for bad in ["[]\n", "1\n", "{\"offset\":0}\n", "{\"offset\":0,\"length\":1,\"exists\":\"true\"}\n"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
