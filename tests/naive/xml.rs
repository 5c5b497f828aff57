//! XML read into a tree, recursively, and the lists in it: of `thin_delta`, and of Azure's page ranges.

use super::binary::in_order;
use super::pages::Changed;

struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    children: Vec<Element>,
    text: String,
}

impl Element {
    fn attribute(&self, name: &str) -> Option<u64> {
        self.attributes.iter().find(|(key, _)| key == name)?.1.parse().ok()
    }

    /// The number in the only child of that name.
    fn number(&self, name: &str) -> Option<u64> {
        self.children.iter().find(|child| child.name == name)?.text.parse().ok()
    }
}

/// The element of a document that has no document type.
fn document(text: &[u8]) -> Option<Element> {
    let text = str::from_utf8(text).ok()?;
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    if rest.starts_with("<?xml") {
        rest = rest.split_once("?>")?.1;
    }
    skip(&mut rest)?;
    let root = element(&mut rest)?;
    skip(&mut rest)?;
    rest.is_empty().then_some(root)
}

fn skip_space(rest: &mut &str) {
    *rest = rest.trim_start_matches([' ', '\t', '\r', '\n']);
}

/// Passes over white space and comments.
fn skip(rest: &mut &str) -> Option<()> {
    skip_space(rest);
    while let Some(comment) = rest.strip_prefix("<!--") {
        *rest = comment.split_once("-->")?.1;
        skip_space(rest);
    }
    Some(())
}

/// All up to one of these letters.
fn take<'a>(rest: &mut &'a str, end: &[char]) -> Option<&'a str> {
    let (taken, after) = rest.split_at(rest.find(end)?);
    *rest = after;
    Some(taken)
}

fn element(rest: &mut &str) -> Option<Element> {
    *rest = rest.strip_prefix('<')?;
    let name = take(rest, &[' ', '\t', '\r', '\n', '/', '>'])?.to_owned();
    let mut found = Element { name, attributes: Vec::new(), children: Vec::new(), text: String::new() };
    loop {
        skip_space(rest);
        if let Some(after) = rest.strip_prefix("/>") {
            *rest = after;
            return Some(found);
        }
        if let Some(after) = rest.strip_prefix('>') {
            *rest = after;
            return content(found, rest);
        }
        let key = take(rest, &['='])?.trim_ascii().to_owned();
        *rest = &rest[1..];
        skip_space(rest);
        let quote = rest.chars().next().filter(|quote| "'\"".contains(*quote))?;
        *rest = &rest[1..];
        found.attributes.push((key, take(rest, &[quote])?.to_owned()));
        *rest = &rest[1..];
    }
}

/// The rest of an element, after its first tag.
fn content(mut found: Element, rest: &mut &str) -> Option<Element> {
    loop {
        skip(rest)?;
        if let Some(after) = rest.strip_prefix("</") {
            let (name, after) = after.split_once('>')?;
            *rest = after;
            return (name.trim_ascii() == found.name).then_some(found);
        }
        if rest.starts_with('<') {
            found.children.push(element(rest)?);
        } else {
            found.text += take(rest, &['<'])?.trim_ascii();
        }
    }
}

pub(crate) fn thin_delta(text: &[u8]) -> Option<Changed> {
    let superblock = document(text)?;
    let block_bytes = superblock.attribute("data_block_size")?.checked_mul(512)?;
    let mut found = Vec::new();
    let groups = superblock.children.iter().flat_map(|diff| &diff.children).filter(|group| group.name != "same");
    for range in groups.flat_map(|group| std::iter::once(group).chain(&group.children)) {
        if let Some(begin) = range.attribute("begin") {
            let blocks = range.attribute("length")?;
            found.push((begin.checked_mul(block_bytes)?, blocks.checked_mul(block_bytes)?));
        }
    }
    Some(in_order(found))
}

pub(crate) fn azure(text: &[u8]) -> Option<Changed> {
    let list = document(text)?;
    let pages = list.children.iter().filter(|child| child.name.ends_with("Range"));
    let pages = pages.map(|page| {
        let start = page.number("Start")?;
        Some((start, page.number("End")?.checked_sub(start)?.checked_add(1)?))
    });
    pages.collect::<Option<Vec<_>>>().map(in_order)
}
