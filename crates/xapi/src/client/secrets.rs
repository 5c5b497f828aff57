//! The secrets that the other side must not get anyone to print: the password and the references of sessions.
//!
//! A host that is asked has seen both, and may send them back, in an error, in the name of a host, in a certificate.
//! Every error passes [`Error::without`] on its way out of the [wire](super::wire), and a text that repeats a secret is
//! withheld there as a whole: nothing prints it, and no name server is asked for it.

use base64_simd::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use uuid::Uuid;

use super::error::Error;
use super::handshake::Handshake;
use super::refusal::{Refusal, SLAVE};
use crate::plain::{WITHHELD, without_user_info};
use crate::secret::Wiped;

/// A secret with fewer bytes is looked for only as a whole text: as a part, it would be found in every other word.
const SHORT: usize = 4;

/// A secret with fewer bytes is not looked for in the random digits of a reference: some day, one would have it by chance.
const SHORT_FOR_DIGITS: usize = 8;

/// How many secrets are remembered: the password, and the sessions that came last.
const KEPT: usize = 9;

/// The secrets of a client, in the forms in which they may come back.
#[derive(Default)]
pub(super) struct Secrets(Vec<Forms>);

/// One secret: as it is, in hexadecimal, and in base64, where it may begin at any of three places.
struct Forms(Vec<Wiped>);

impl Forms {
    fn of(secret: &str) -> Self {
        let mut forms = vec![folded(secret.as_bytes())];
        if secret.len() >= SHORT {
            forms.push(hexadecimal(secret.as_bytes()));
            for before in 0..3 {
                let mut bytes = Wiped(vec![0; before]);
                bytes.0.extend_from_slice(secret.as_bytes());
                // Six bits each. The first and the last symbol may depend on what stands around it.
                let whole = (before * 8).div_ceil(6)..bytes.0.len() * 8 / 6;
                for text in [STANDARD_NO_PAD.encode_to_string(&bytes.0), URL_SAFE_NO_PAD.encode_to_string(&bytes.0)] {
                    let text = Wiped(text.into_bytes());
                    forms.push(folded(text.0.get(whole.clone()).unwrap_or_default()));
                }
            }
        }
        Self(forms)
    }

    /// How many bytes the secret has.
    fn length(&self) -> usize {
        self.0.first().map_or(0, |secret| secret.0.len())
    }

    fn are_in(&self, text: &[u8]) -> bool {
        self.0.iter().any(|form| match form.0.len() {
            0 => false,
            length if length < SHORT => text.trim_ascii() == form.0,
            length => text.windows(length).any(|part| part == form.0),
        })
    }
}

impl Secrets {
    pub(super) fn add(&mut self, secret: &str) {
        if !secret.is_empty() {
            self.0.push(Forms::of(secret));
        }
        if self.0.len() > KEPT {
            // Not the first one: that is the password.
            self.0.remove(1);
        }
    }

    /// Whether a text repeats a secret, as it is or escaped for an address, for XML or for JSON.
    pub(super) fn are_in(&self, text: &str) -> bool {
        self.are_in_at_least(0, text)
    }

    /// As above, for the reference of something.
    pub(super) fn are_in_reference(&self, reference: &str) -> bool {
        let digits = reference.strip_prefix("OpaqueRef:").is_some_and(|digits| Uuid::try_parse(digits).is_ok());
        self.are_in_at_least(if digits { SHORT_FOR_DIGITS } else { 0 }, reference)
    }

    /// Whether a text repeats a secret of at least so many bytes.
    fn are_in_at_least(&self, shortest: usize, text: &str) -> bool {
        let mut bytes = Wiped(text.as_bytes().to_vec());
        // Escapes may be escaped again.
        for _ in 0..3 {
            let text = folded(&bytes.0);
            if self.0.iter().any(|forms| forms.length() >= shortest && forms.are_in(&text.0)) {
                return true;
            }
            let next = Wiped(unescaped(&bytes.0));
            if next.0 == bytes.0 {
                break;
            }
            bytes = next;
        }
        false
    }

    fn withhold_in(&self, text: &mut String) {
        if self.are_in(text) {
            WITHHELD.clone_into(text);
        } else if let std::borrow::Cow::Owned(shown) = without_user_info(text) {
            *text = shown;
        }
    }

    fn are_in_error(&self, error: &(dyn std::error::Error + 'static)) -> bool {
        let mut next = Some(error);
        while let Some(error) = next {
            if self.are_in(&format!("{error} {error:?}")) {
                return true;
            }
            next = error.source();
        }
        false
    }
}

impl Error {
    /// This error, but for the texts of the other side that repeat a secret. Addresses stay: whoever gave one knows it,
    /// and one that the other side has named was looked at before it became one.
    #[must_use]
    pub(super) fn without(mut self, secrets: &Secrets) -> Self {
        match &mut self {
            Self::Refused { kind, code, params } => {
                params.iter_mut().for_each(|param| secrets.withhold_in(param));
                // The meaning of a code is from a list, where no secrets stand.
                let known = *kind != Refusal::Other || code == SLAVE || code.starts_with("SR_BACKEND_FAILURE_");
                if !known {
                    secrets.withhold_in(code);
                }
            }
            Self::Certificate { reason: text, .. } | Self::Handshake { cause: Handshake::Other(text), .. } => {
                secrets.withhold_in(text);
            }
            Self::Connect { source, .. } if secrets.are_in_error(source) => {
                *source = std::io::Error::new(source.kind(), WITHHELD);
            }
            Self::Transport { source, .. } if secrets.are_in_error(&**source) => *source = WITHHELD.into(),
            _ => {}
        }
        self
    }
}

/// Without differences that mean nothing: of upper and lower case, and of a space and the plus sign that stands for it.
fn folded(text: &[u8]) -> Wiped {
    let fold = |&byte: &u8| if byte == b'+' { b' ' } else { byte.to_ascii_lowercase() };
    Wiped(text.iter().map(fold).collect())
}

fn hexadecimal(bytes: &[u8]) -> Wiped {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut digits = Wiped(Vec::with_capacity(2 * bytes.len()));
    digits.0.extend(bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| DIGITS[usize::from(digit)]));
    digits
}

/// The text with the escapes of addresses (`%20`), XML (`&amp;`, `&#32;`, `&#x20;`) and JSON (`\"`, `\u0020`) undone.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let found = match byte {
            b'%' => after.get(..2).and_then(|digits| number(digits, 16)).map(|code| (code, 2)),
            b'&' => entity(after),
            b'\\' => match after.first() {
                Some(b'u') => after.get(1..5).and_then(|digits| number(digits, 16)).map(|code| (code, 5)),
                Some(&quoted @ (b'"' | b'\\' | b'/')) => Some((quoted.into(), 1)),
                _ => None,
            },
            _ => None,
        };
        match found {
            // Each of them stands for a byte of UTF-8, all others for a character.
            Some((code, length)) if byte == b'%' => {
                plain.extend(u8::try_from(code));
                rest = after.get(length..).unwrap_or_default();
            }
            Some((code, length)) => {
                let char = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                plain.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                rest = after.get(length..).unwrap_or_default();
            }
            None => {
                plain.push(byte);
                rest = after;
            }
        }
    }
    plain
}

/// The character that the rest of an entity stands for, and how long that is.
fn entity(after: &[u8]) -> Option<(u32, usize)> {
    let end = after.iter().take(10).position(|&byte| byte == b';')?;
    let code = match after.get(..end)? {
        b"amp" => '&'.into(),
        b"lt" => '<'.into(),
        b"gt" => '>'.into(),
        b"quot" => '"'.into(),
        b"apos" => '\''.into(),
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16)?,
        [b'#', digits @ ..] => number(digits, 10)?,
        _ => return None,
    };
    Some((code, end + 1))
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits
        .iter()
        .try_fold(0_u32, |number, &digit| number.checked_mul(radix)?.checked_add(char::from(digit).to_digit(radix)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(all: &[&str]) -> Secrets {
        let mut secrets = Secrets::default();
        all.iter().for_each(|secret| secrets.add(secret));
        secrets
    }

    #[test]
    fn a_secret_is_found_in_every_usual_form() {
        let secrets = secrets(&["open <sésame> & \"more\"", "OpaqueRef:1234"]);
        for text in [
            "no open <sésame> & \"more\" here",
            "OPEN <SéSAME> & \"MORE\"",
            "open%20%3Cs%C3%A9same%3e%20%26%20%22more%22",
            "open+%3cs%c3%a9same%3E+%26+%22more%22",
            "open &lt;s&#233;same&gt; &amp; &quot;more&quot;",
            "open &lt;s&#xE9;same&gt; &amp;amp; &#34;more&#34;",
            r#"{"a":"open <s\u00e9same> & \"more\""}"#,
            // As `base64` and `xxd -p` print it, with the user before it, too.
            "b3BlbiA8c8Opc2FtZT4gJiAibW9yZSI=",
            "Basic cm9vdDpvcGVuIDxzw6lzYW1lPiAmICJtb3JlIg==",
            "6f70656e203c73c3a973616d653e202620226d6f726522",
            "x OpaqueRef:1234/y",
        ] {
            assert!(secrets.are_in(text), "{text}");
        }
        for text in ["", "open", "sésame", "OpaqueRef:123", "OpaqueRef:1235", "%", "%2", "&", "&amp", "\\u12", "\\"] {
            assert!(!secrets.are_in(text), "{text}");
        }
    }

    #[test]
    fn a_short_secret_is_found_only_as_a_whole() {
        let secrets = secrets(&["VDI"]);
        assert!(secrets.are_in("VDI") && secrets.are_in(" vdi\n") && secrets.are_in("%56DI"));
        assert!(!secrets.are_in("VDI_IN_USE") && !secrets.are_in("the VDI"));
        assert!(!self::secrets(&[""]).are_in(""));
    }

    #[test]
    fn digits_of_a_reference_are_a_short_password_only_by_chance() {
        let reference = "OpaqueRef:0a51cafe-1234-4711-8dea-00000000beef";
        for password in ["cafe", "1234", "4711-8", "BEEF", "0"] {
            let secrets = secrets(&[password]);
            assert!(!secrets.are_in_reference(reference), "{password}");
            assert!(password.len() < SHORT || secrets.are_in_reference(&format!("Ref:{password}")), "{password}");
        }
        for secret in ["0a51cafe", reference] {
            assert!(secrets(&[secret]).are_in_reference(reference), "{secret}");
        }
    }

    #[test]
    fn the_password_is_remembered_however_many_sessions_there_are() {
        let mut secrets = secrets(&["sesame"]);
        (0..100).for_each(|number| secrets.add(&format!("OpaqueRef:session-{number}")));
        assert!(secrets.are_in("sesame") && secrets.are_in("OpaqueRef:session-99") && secrets.0.len() == KEPT);
    }
}
