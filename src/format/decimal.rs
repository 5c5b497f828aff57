//! Numbers in decimal, four digits at a time out of a table of all of them: half the instructions of two at a time.

/// The four digits of every number below 10^4, the first in the lowest byte.
static FOUR_DIGITS: [u32; 10_000] = {
    let mut table = [0; 10_000];
    let mut number = 0;
    while number < 10_000 {
        let digits = (number / 1000) | ((number / 100 % 10) << 8) | ((number / 10 % 10) << 16) | ((number % 10) << 24);
        table[number as usize] = digits | 0x3030_3030;
        number += 1;
    }
    table
};

const EIGHT_ZEROS: u64 = u64::from_ne_bytes(*b"00000000");

/// The eight digits of a number below 10^8, the first in the lowest byte.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "both halves are below 10^4")]
fn eight_digits(number: u64) -> u64 {
    let (first, last) = (number / 10_000, number % 10_000);
    u64::from(FOUR_DIGITS[first as usize]) | u64::from(FOUR_DIGITS[last as usize]) << 32
}

/// Writes a number in decimal to `to[at..]`, which has room for eight digits more than it needs. Returns the place
/// behind it.
#[inline]
pub(super) fn write_decimal(number: u64, to: &mut [u8], at: usize) -> usize {
    const EIGHT: u64 = 100_000_000;
    if number < EIGHT {
        return write_leading(number, to, at);
    }
    let (leading, last) = (number / EIGHT, number % EIGHT);
    let at = if leading < EIGHT {
        write_leading(leading, to, at)
    } else {
        let at = write_leading(leading / EIGHT, to, at);
        write_eight(leading % EIGHT, to, at)
    };
    write_eight(last, to, at)
}

/// Writes a number below 10^8 without zeros before it.
#[inline]
fn write_leading(number: u64, to: &mut [u8], at: usize) -> usize {
    let digits = eight_digits(number);
    // The last digit is written in any case.
    let zeros = ((digits ^ EIGHT_ZEROS).trailing_zeros() / 8).min(7);
    to[at..at + 8].copy_from_slice(&(digits >> (8 * zeros)).to_le_bytes());
    at + 8 - zeros as usize
}

/// Writes a number below 10^8 with zeros before it.
#[inline]
fn write_eight(number: u64, to: &mut [u8], at: usize) -> usize {
    to[at..at + 8].copy_from_slice(&eight_digits(number).to_le_bytes());
    at + 8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(number: u64) {
        let mut text = [b'-'; 1 + 20 + 8];
        let end = write_decimal(number, &mut text, 1);
        assert_eq!(String::from_utf8_lossy(&text[..end]), format!("-{number}"));
    }

    #[test]
    fn numbers_around_every_power_of_ten_and_of_two() {
        for power in 0..20 {
            let middle = 10u64.pow(power);
            (middle - 1..=middle + 1).for_each(check);
            (2..10).for_each(|times| check(middle.saturating_mul(times)));
        }
        for power in 0..64 {
            let middle = 1u64 << power;
            (middle - 1..=middle + 1).for_each(check);
        }
        (u64::MAX - 9..=u64::MAX).for_each(check);
    }

    #[test]
    fn every_four_digits() {
        (0..10_000).for_each(check);
        (0..10_000).for_each(|number| check(number * 10_000 + 9_999 - number));
    }

    #[test]
    fn numbers_here_and_there() {
        for i in 0..200_000u64 {
            let number = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            check(number >> (i % 64));
            check(i);
        }
    }
}
