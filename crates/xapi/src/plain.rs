//! Text from elsewhere, as it is shown: nothing in it is obeyed by a terminal, changes the order of what stands beside
//! it, or fills the screen.
//!
//! Whatever comes from another host or from the name of a file goes through here before anyone reads it. Programs that
//! compare or open it take the text itself.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

/// Shows a text of which nothing is known.
///
/// Control characters, line breaks, and characters that cannot be seen or that change the direction of writing are shown
/// as escapes (`\n`, `\u{1b}`). What stands between `://` and `@` is a user and a password, and is withheld. After
/// [so many characters](Self::LONGEST), the text is cut, and says how much is missing.
#[derive(Clone, Copy, Debug)]
pub struct Plain<'a> {
    text: &'a str,
    longest: usize,
}

impl<'a> Plain<'a> {
    /// How many characters are shown, unless [something else is said](Self::at_most).
    pub const LONGEST: usize = 300;

    /// The text, to be shown.
    #[must_use]
    pub const fn new(text: &'a str) -> Self {
        Self { text, longest: Self::LONGEST }
    }

    /// Shows so many characters, and not more.
    #[must_use]
    pub const fn at_most(self, longest: usize) -> Self {
        Self { longest, ..self }
    }
}

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = without_user_info(self.text);
        let mut left = self.longest;
        for (place, char) in text.char_indices() {
            let needed = if is_obeyed(char) { char.escape_default().len() } else { 1 };
            if needed > left {
                let missing = text.get(place..).map_or(0, |rest| rest.chars().count());
                let plural = if missing == 1 { "" } else { "s" };
                return write!(f, "… ({missing} more character{plural})");
            }
            left -= needed;
            if needed == 1 { f.write_char(char)? } else { write!(f, "{}", char.escape_default())? }
        }
        Ok(())
    }
}

/// The text in the place of a secret.
pub(crate) const WITHHELD: &str = "(withheld)";

/// A text in which users and passwords of addresses are withheld.
pub(crate) fn without_user_info(text: &str) -> Cow<'_, str> {
    if !(text.contains("://") && text.contains('@')) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        // A password may have an @ of its own: the host begins after the last one.
        let end = after.find(|char: char| char.is_whitespace() || "/?#\"'<>".contains(char)).unwrap_or(after.len());
        let host = after.get(..end).and_then(|authority| authority.rfind('@')).map(|at| at + 1);
        if host.is_some() {
            shown.push_str(WITHHELD);
            shown.push('@');
        }
        rest = after.get(host.unwrap_or(0)..).unwrap_or_default();
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// Whether a terminal or a reader would take it for something else than a character.
fn is_obeyed(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Plain::new(text).to_string()
    }

    #[test]
    fn characters_that_a_terminal_obeys_are_escaped() {
        for (text, expected) in [
            ("", ""),
            ("pöol 日本 \\ \"x\" 😀", "pöol 日本 \\ \"x\" 😀"),
            ("a\u{1b}[2Jb\r\nc\td\0", "a\\u{1b}[2Jb\\r\\nc\\td\\u{0}"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("gol.\u{202e}txt\u{2066}\u{2069}\u{200b}", "gol.\\u{202e}txt\\u{2066}\\u{2069}\\u{200b}"),
            ("\u{feff}a\u{ad}b\u{2028}c\u{e0041}", "\\u{feff}a\\u{ad}b\\u{2028}c\\u{e0041}"),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
            assert_eq!(shown(expected), expected, "once is enough");
        }
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        assert_eq!(shown(&"é".repeat(300)), "é".repeat(300));
        assert_eq!(shown(&"é".repeat(301)), format!("{}… (1 more character)", "é".repeat(300)));
        assert_eq!(shown(&"x".repeat(1 << 20)), format!("{}… (1048276 more characters)", "x".repeat(300)));
        // Escapes count as they are shown.
        assert!(shown(&"\u{1b}".repeat(1 << 20)).len() < 340);
        assert_eq!(Plain::new("abcd").at_most(2).to_string(), "ab… (2 more characters)");
    }

    #[test]
    fn users_and_passwords_in_addresses_are_withheld() {
        for (text, expected) in [
            ("https://root:sesame@pool/jsonrpc", "https://(withheld)@pool/jsonrpc"),
            ("https://root:ses@me@pool", "https://(withheld)@pool"),
            ("<http://a@b> and http://c:d@e, f@g", "<http://(withheld)@b> and http://(withheld)@e, f@g"),
            ("http://pool/a@b and x@y", "http://pool/a@b and x@y"),
            ("a@b://c", "a@b://c"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }
}
