//! The bitmap, where it lies in the body that it came in.

use std::fmt;
use std::ops::Range;

use super::error::Error;
use super::rpc::Reply;

/// The answer of [`list_changed_blocks`](super::Client::list_changed_blocks): a bitmap in base64.
///
/// It is not checked here. A [scanner](super::Changed::scanner) does that.
pub struct Answer {
    body: Vec<u8>,
    base64: Range<usize>,
}

impl Answer {
    /// The text. It is never empty.
    #[must_use]
    pub fn base64(&self) -> &[u8] {
        self.body.get(self.base64.clone()).unwrap_or_default()
    }

    /// How many bytes the bitmap has, if it is one.
    pub(super) fn bitmap_bytes(&self) -> u64 {
        let symbol = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        self.base64().iter().filter(symbol).count() as u64 * 6 / 8
    }

    /// The bytes of memory that the answer holds: little more than its text.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.body.capacity()
    }

    /// The string that is the result of a call.
    pub(super) fn of_call(reply: Reply) -> Result<Self, Error> {
        let range = reply.result.clone();
        Self::take(reply, range, None)
    }

    /// The string at that place, which is the result of a task.
    pub(super) fn of_task(reply: Reply, range: Range<usize>) -> Result<Self, Error> {
        Self::take(reply, range, Some(strip_value))
    }

    fn take(mut reply: Reply, range: Range<usize>, strip: Option<Strip>) -> Result<Self, Error> {
        let at = range.start;
        let quoted = |text: &[u8]| text.len() >= 2 && text.starts_with(b"\"") && text.ends_with(b"\"");
        if !reply.body.get(range.clone()).is_some_and(quoted) {
            return Err(reply.wrong_at("there is no string where the bitmap should be", at));
        }
        let mut base64 = range.start + 1..range.end - 1;
        let text = reply.body.get_mut(base64.clone()).unwrap_or_default();
        let Some(length) = unescape(text) else {
            return Err(reply.wrong_at("the string of the bitmap has an escape that means nothing", at));
        };
        base64.end = base64.start + length;
        if let Some(strip) = strip {
            let text = reply.body.get(base64.clone()).unwrap_or_default();
            let Some(inner) = strip(text) else {
                return Err(reply.wrong_at("the result of the task is not <value>…</value>", at));
            };
            base64 = base64.start + inner.start..base64.start + inner.end;
        }
        if reply.body.get(base64.clone()).is_none_or(|text| text.trim_ascii().is_empty()) {
            return Err(reply.wrong_at("the bitmap is empty, but no disk has no blocks", at));
        }
        Ok(Self { body: reply.body, base64 })
    }
}

/// Where the text is inside of a wrapping, if that is the expected one.
type Strip = fn(&[u8]) -> Option<Range<usize>>;

impl AsRef<[u8]> for Answer {
    fn as_ref(&self) -> &[u8] {
        self.base64()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({} bytes of base64)", self.base64.len())
    }
}

/// Where the text is in `<value>…</value>` or `<value><string>…</string></value>`.
fn strip_value(text: &[u8]) -> Option<Range<usize>> {
    let inner = text.trim_ascii().strip_prefix(b"<value>")?.strip_suffix(b"</value>")?;
    let inner = match inner.strip_prefix(b"<string>") {
        Some(inner) => inner.strip_suffix(b"</string>")?,
        None => inner,
    };
    // Some other value, such as a list. Nothing in base64 needs to be escaped either.
    if inner.contains(&b'<') || inner.contains(&b'&') {
        return None;
    }
    let start = inner.as_ptr().addr() - text.as_ptr().addr();
    Some(start..start + inner.len())
}

/// Replaces the escapes of a JSON string by what they stand for, which is never longer, and gives the new length.
fn unescape(text: &mut [u8]) -> Option<usize> {
    // There is none in most answers, and then nothing is moved.
    if !text.contains(&b'\\') {
        return Some(text.len());
    }
    let (mut from, mut to) = (0, 0);
    while let Some(&byte) = text.get(from) {
        if byte != b'\\' {
            *text.get_mut(to)? = byte;
            (from, to) = (from + 1, to + 1);
            continue;
        }
        let (char, length) = escape(text.get(from..)?)?;
        let mut utf8 = [0; 4];
        let utf8 = char.encode_utf8(&mut utf8).as_bytes();
        text.get_mut(to..to + utf8.len())?.copy_from_slice(utf8);
        (from, to) = (from + length, to + utf8.len());
    }
    Some(to)
}

/// The character that the escape at the start of a text stands for, and the length of the escape.
fn escape(text: &[u8]) -> Option<(char, usize)> {
    let char = match text.get(1)? {
        quoted @ (b'"' | b'\\' | b'/') => char::from(*quoted),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let high = hexadecimal(text.get(2..6)?)?;
            // Characters beyond the first 65,536 are written as two.
            let low = text.get(6..12).and_then(|next| hexadecimal(next.strip_prefix(b"\\u")?));
            return match (char::from_u32(high), low) {
                (Some(char), _) => Some((char, 6)),
                (None, Some(low)) => {
                    let mut pair = char::decode_utf16([u16::try_from(high).ok()?, u16::try_from(low).ok()?]);
                    Some((pair.next()?.ok()?, 12))
                }
                (None, None) => None,
            };
        }
        _ => return None,
    };
    Some((char, 2))
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, &digit| Some(number << 4 | char::from(digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_unescaped_as_serde_does_it() {
        for text in [
            "",
            "AAAA",
            r"\/\/8\/",
            r#"\"\\\/\b\f\n\r\t"#,
            r"\u002f\u00e9\u20AC\ud83d\ude00\u0000",
            r"end\u0041",
            r"\\u0041",
            r"\ud83d",
            r"\ud83dx",
            r"\ud83d\n12345",
            r"\ud83d\u0041",
            r"\ude00\ud83d",
            r"\u004",
            r"\x",
            r"\",
            r"é\/é",
        ] {
            let mut bytes = text.as_bytes().to_vec();
            let ours = unescape(&mut bytes).map(|length| String::from_utf8_lossy(&bytes[..length]).into_owned());
            assert_eq!(ours, serde_json::from_str(&format!("\"{text}\"")).ok(), "{text}");
        }
    }

    #[test]
    fn only_a_string_in_a_value_is_the_result_of_a_task() {
        let strip = |text: &str| strip_value(text.as_bytes()).map(|range| text[range].to_owned());
        assert_eq!(strip("<value>AAAA</value>").as_deref(), Some("AAAA"));
        assert_eq!(strip("<value><string>AA==</string></value>\n").as_deref(), Some("AA=="));
        assert_eq!(strip("<value></value>").as_deref(), Some(""));
        for text in [
            "",
            "AAAA",
            "<value/>",
            "<value>AAAA",
            "AAAA</value>",
            "<value><string>AAAA</value>",
            "<value>AAAA</string></value>",
            "<value><i4>1</i4></value>",
            "<value>AAAA</value><value>AAAA</value>",
            "<value>A&amp;A</value>",
        ] {
            assert_eq!(strip(text), None, "{text}");
        }
    }
}
