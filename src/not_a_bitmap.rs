//! Words that programs print where there is no answer, and that happen to be good base64.

use crate::source::Opened;
use crate::{Error, Result};

/// Words that programs print where there is no answer. Each is good base64 for 24 blocks, some of them changed, none of
/// which says what really did.
const WORDS: [&str; 10] = ["null", "Null", "NULL", "none", "None", "NONE", "true", "True", "TRUE", "void"];

/// Longer inputs are more than a word with white space around it.
const LONGEST_WORD: usize = 64;

/// Refuses an input that is only one of these words.
pub(crate) fn refuse(opened: Opened<'_>) -> Result<Opened<'_>> {
    let (short, opened) = opened.whole_if_short(LONGEST_WORD)?;
    let word = short.and_then(|text| WORDS.into_iter().find(|word| text.trim_ascii() == word.as_bytes()));
    word.map_or(Ok(opened), |word| Err(Error::NotABitmap { word }))
}
