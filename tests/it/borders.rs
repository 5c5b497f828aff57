//! Every row of the table of tests that all languages read, through the library: see `tests/data/README.md`.

use changed_blocks::{BlockSize, ByteRange, Encoding, Result, Scanner, Source, VirtualSize};

use crate::common::{UnevenReader, cases, sha256};

const TABLE: &str = include_str!("../data/borders.tsv");

/// A row of the table.
struct Case<'t> {
    name: &'t str,
    encoding: Encoding,
    block_size: u64,
    virtual_size: Option<u64>,
    input: Vec<u8>,
    outcome: &'t str,
}

impl<'t> Case<'t> {
    fn new(row: &'t str) -> Self {
        let columns: Vec<&str> = row.split('\t').collect();
        let [name, encoding, block_size, virtual_size, input, outcome] = columns[..] else { panic!("columns: {row}") };
        Self {
            name,
            encoding: encoding.parse().expect("an encoding"),
            block_size: block_size.parse().expect("a number"),
            virtual_size: (virtual_size != "-").then(|| virtual_size.parse().expect("a number")),
            input: input_bytes(input),
            outcome,
        }
    }

    fn scanner(&self) -> Result<Scanner> {
        let scanner = Scanner::new(self.encoding).block_size(BlockSize::new(self.block_size)?);
        Ok(match self.virtual_size {
            Some(bytes) => scanner.virtual_size(VirtualSize::new(bytes)?),
            None => scanner,
        })
    }

    /// Holds an answer of the library against the outcome of the row. Returns the ranges of it.
    fn check(&self, answer: Result<Vec<ByteRange>>) -> Vec<ByteRange> {
        let (found, ranges) = match answer {
            Ok(ranges) if self.outcome.starts_with("digest ") => (digest(&ranges), ranges),
            Ok(ranges) => {
                let words = ranges.iter().map(|range| format!(" {}+{}", range.offset_bytes, range.len_bytes));
                (format!("ranges{}", words.collect::<String>()), ranges)
            }
            Err(error) => {
                let offset = error.offset().map_or("-".to_owned(), |offset| offset.to_string());
                (format!("error {} {offset}", error.kind()), Vec::new())
            }
        };
        assert_eq!(found, self.outcome, "{}", self.name);
        ranges
    }

    /// Holds an answer in another way against the ranges of the first.
    fn check_again(&self, ranges: &[ByteRange], answer: Result<Vec<ByteRange>>) {
        match answer {
            Ok(found) => assert!(found == ranges && !self.outcome.starts_with("error "), "{}", self.name),
            error => drop(self.check(error)),
        }
    }
}

fn input_bytes(input: &str) -> Vec<u8> {
    let words: Vec<&str> = input.split(' ').collect();
    match words[..] {
        ["file", name] => {
            let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
            std::fs::read(path).expect("test data")
        }
        ["text", text] => text.into(),
        ["hex"] => Vec::new(),
        ["hex", digits] => {
            let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("digits"));
            pairs.map(|pair| u8::from_str_radix(pair, 16).expect("digits")).collect()
        }
        ["repeat", count, text, ..] => {
            let count = count.parse().expect("a number");
            [text.repeat(count).as_bytes(), words.get(3).map_or(&b""[..], |tail| tail.as_bytes())].concat()
        }
        _ => panic!("an input: {input}"),
    }
}

fn digest(ranges: &[ByteRange]) -> String {
    let numbers = ranges.iter().flat_map(|range| [range.offset_bytes, range.len_bytes]);
    let bytes: Vec<u8> = numbers.flat_map(u64::to_le_bytes).collect();
    let sum: u64 = ranges.iter().map(|range| range.len_bytes).sum();
    format!("digest {} {sum} {}", ranges.len(), sha256(&bytes))
}

#[test]
fn every_row_has_its_outcome_however_it_is_asked_for() {
    let rows = TABLE.lines().filter(|line| !line.starts_with('#'));
    let mut count = 0;
    for case in rows.map(Case::new) {
        count += 1;
        let scanner = match case.scanner() {
            Ok(scanner) => scanner,
            Err(error) => {
                case.check(Err(error));
                continue;
            }
        };
        let ranges = case.check(scanner.byte_ranges(&case.input));
        if case.input.len() > cases(100_000, usize::MAX) {
            continue;
        }
        case.check_again(&ranges, scanner.iter_byte_ranges(&case.input).and_then(Iterator::collect));
        case.check_again(&ranges, scanner.byte_ranges(Source::reader(&mut UnevenReader::new(&case.input))));
        case.check_again(&ranges, scanner.bitmap(&case.input).and_then(|bitmap| bitmap.byte_ranges()));
    }
    assert!(count > 250, "{count} rows");
}

#[test]
fn names_are_told_apart() {
    let mut names: Vec<_> = TABLE.lines().filter_map(|line| line.split('\t').next()).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
