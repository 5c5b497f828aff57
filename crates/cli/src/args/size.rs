//! Sizes as people write them: `65536`, `64k`, `64KiB`, `0x10000`, `128s`. Multiples are binary.

/// The bytes that a size stands for.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u64::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+')).ok_or_else(|| wrong(text));
    }
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let factor = factor(unit).ok_or_else(|| wrong(text))?;
    let number = digits.parse::<u64>();
    match number.map(|number| number.checked_mul(factor)) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(format!("{text} is more than 2^64 bytes")),
        // All digits, but too many of them.
        Err(_) if !digits.is_empty() => Err(format!("{text} is more than 2^64 bytes")),
        Err(_) => Err(wrong(text)),
    }
}

/// A number in decimal digits and the letters after it: `30s`.
pub(super) fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let number = text.trim_end_matches(|char: char| char.is_ascii_alphabetic());
    // Numbers with a sign are no numbers here.
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    Some((number.parse().ok().filter(|_| is_number)?, &text[number.len()..]))
}

fn factor(unit: &str) -> Option<u64> {
    let unit = unit.to_ascii_lowercase();
    let power =
        match unit.strip_suffix("ib").filter(|letter| "kmgtpe".contains(letter) && !letter.is_empty()).unwrap_or(&unit)
        {
            "" | "b" => 0,
            "s" => return Some(512),
            "k" => 1,
            "m" => 2,
            "g" => 3,
            "t" => 4,
            "p" => 5,
            "e" => 6,
            _ => return None,
        };
    Some(1 << (10 * power))
}

fn wrong(text: &str) -> String {
    format!(
        "{text:?} is no size; write bytes (65536), 64k or 64KiB, M, G, T, P, E likewise, 0x10000, or sectors (128s)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_people_write() {
        for (text, bytes) in [
            ("0", 0),
            ("65536", 65_536),
            ("64k", 65_536),
            ("64K", 65_536),
            ("64KiB", 65_536),
            ("64kib", 65_536),
            ("1M", 1 << 20),
            ("16381G", 16_381 << 30),
            ("1TiB", 1 << 40),
            ("15E", 15 << 60),
            ("0x10000", 65_536),
            ("0XfF", 255),
            ("128s", 65_536),
            ("512b", 512),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in [
            "", "k", "-1", "+1", "1.5G", "64KB", "64 k", "0x", "0x+1", "0x1k", "1sib", "1ib", "1bib", "kk", "1ki", "９",
        ] {
            assert!(parse(text).is_err_and(|error| error.contains("is no size")), "{text}");
        }
        for text in ["16E", "18446744073709551616", "99999999999999999999s"] {
            assert!(parse(text).is_err_and(|error| error.contains("more than 2^64")), "{text}");
        }
    }
}
