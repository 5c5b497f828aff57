//! The oracle for formats of lines: readers made of strings and 128-bit numbers, one line after the other.
//!
//! They return what has changed as ranges, start and end, of which those that touch each other are one; `None` if the file
//! is not good.

pub(crate) type Changes = Vec<(u128, u128)>;

/// Facts that a reader is told beside the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) size: u128,
    pub(crate) takes_allocation: bool,
    pub(crate) is_mapfile: bool,
    pub(crate) allow_empty: bool,
}

/// Reads a file of the format of that name.
pub(crate) fn read(name: &str, file: &[u8], facts: Facts) -> Option<Changes> {
    if name == "pairs" {
        return pairs(file, facts);
    }
    let text = String::from_utf8_lossy(file).into_owned();
    let mut lines: Vec<&str> = text.split('\n').collect();
    if lines.pop() != Some("") {
        return None;
    }
    let lines = lines.into_iter().map(|line| line.strip_suffix('\r').unwrap_or(line));
    match name {
        "text" => listed(lines.map(|line| two_numbers(line, ' ')).collect::<Option<_>>()?, u64::MAX.into(), facts),
        "csv" => {
            let mut lines = lines;
            if lines.next() != Some("offset,length") {
                return None;
            }
            listed(lines.map(|line| two_numbers(line, ',')).collect::<Option<_>>()?, i64::MAX as u128, facts)
        }
        "extentlist" => extentlist(lines, facts),
        "ddrescue" => ddrescue(lines, facts),
        _ => panic!("{name}"),
    }
}

/// An entry: start, end, and whether it has changed.
type Entry = (u128, u128, bool);

fn two_numbers(line: &str, between: char) -> Option<Entry> {
    let (offset, length) = line.split_once(between)?;
    let (offset, length) = (digits(offset)?, digits(length)?);
    Some((offset, offset + length, true))
}

fn digits(text: &str) -> Option<u128> {
    if text.chars().all(|digit| digit.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn pairs(file: &[u8], facts: Facts) -> Option<Changes> {
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |number, byte| number << 8 | u128::from(*byte));
    let entry = |pair: &[u8]| {
        let (offset, length) = pair.split_at(8);
        (number(offset), number(offset) + number(length), true)
    };
    if file.len().is_multiple_of(16) {
        listed(file.chunks(16).map(entry).collect(), u64::MAX.into(), facts)
    } else {
        None
    }
}

fn listed(entries: Vec<Entry>, max: u128, facts: Facts) -> Option<Changes> {
    let mut end = 0;
    for entry in &entries {
        if entry.0 < end || entry.1 <= entry.0 || entry.1 > max || entry.1 > facts.size {
            return None;
        }
        end = entry.1;
    }
    if entries.is_empty() && !facts.allow_empty { None } else { Some(changes(&entries)) }
}

fn covering(entries: Vec<Entry>, facts: Facts) -> Option<Changes> {
    let starts = entries.iter().map(|entry| entry.0).chain([facts.size]);
    let ends = [0].into_iter().chain(entries.iter().map(|entry| entry.1));
    if starts.ne(ends) { None } else { listed(entries, i64::MAX as u128, facts) }
}

fn changes(entries: &[Entry]) -> Changes {
    let mut changes = Changes::new();
    for &(start, end, _) in entries.iter().filter(|entry| entry.2) {
        match changes.last_mut() {
            Some(last) if last.1 == start => last.1 = end,
            _ => changes.push((start, end)),
        }
    }
    changes
}

fn extentlist<'a>(lines: impl Iterator<Item = &'a str>, facts: Facts) -> Option<Changes> {
    let size = |text: &str| {
        let unit = "bkmgtpe".find(text.chars().last()?.to_ascii_lowercase());
        match (unit, text.to_ascii_lowercase().strip_suffix('s')) {
            (Some(power), _) => Some(digits(&text[..text.len() - 1])? << (10 * power)),
            (None, Some(number)) => Some(digits(number)? * 512),
            (None, None) => digits(text),
        }
    };
    let entry = |line: &str| {
        let fields: Vec<&str> = line.split([' ', '\t']).filter(|field| !field.is_empty()).collect();
        let start = size(fields.first()?)?;
        let end = start + size(fields.get(1)?)?;
        match fields[2..] {
            [] | ["0"] => Some((start, end, true)),
            ["hole", "unchanged"] => Some((start, end, false)),
            ["1" | "2" | "3" | "hole" | "zero" | "hole,zero" | "zero,hole"] if facts.takes_allocation => {
                Some((start, end, false))
            }
            _ => None,
        }
    };
    let entries = lines.map(entry).collect::<Option<Vec<_>>>()?;
    if facts.takes_allocation { listed(entries, i64::MAX as u128, facts) } else { covering(entries, facts) }
}

fn ddrescue<'a>(lines: impl Iterator<Item = &'a str>, facts: Facts) -> Option<Changes> {
    let number = |text: &str| match text.to_ascii_lowercase().strip_prefix("0x") {
        Some(hexadecimal) => u128::from_str_radix(hexadecimal, 16).ok().filter(|_| !hexadecimal.starts_with('+')),
        None => digits(text).filter(|_| text == "0" || !text.starts_with('0')),
    };
    let mut lines = lines.peekable();
    let first = format!("# Changed blocks of a disk of {} bytes: ? has changed, + has not", facts.size);
    let is_own = lines.peek() == Some(&first.as_str());
    let mut lines = lines.map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let mut next = || {
        let mut fields = lines.find(|fields| !fields.is_empty() && !fields[0].starts_with('#'))?;
        fields.truncate(fields.iter().position(|field| field.starts_with('#')).unwrap_or(fields.len()));
        Some(fields)
    };
    let status = next()?;
    number(status.first()?)?;
    if !["?", "*", "/", "-", "F", "G", "+"].contains(status.get(1)?) || status.len() > 3 {
        return None;
    }
    status.get(2).map_or(Some(0), |pass| number(pass))?;
    let mut entries = Vec::new();
    while let Some(fields) = next() {
        let [position, size, sign] = fields[..] else { return None };
        if !["?", "*", "/", "-", "+"].contains(&sign) {
            return None;
        }
        entries.push((number(position)?, number(position)? + number(size)?, sign != "+"));
    }
    let is_finished = entries.iter().all(|entry| !entry.2);
    let is_understood = is_own || facts.is_mapfile && (!is_finished || facts.allow_empty);
    if is_understood { covering(entries, facts) } else { None }
}
