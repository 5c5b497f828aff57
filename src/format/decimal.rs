//! Numbers in decimal, four digits at a time out of a table of all of them: half the instructions of two at a time.
//!
//! Lines are put together from their end to their start. A number is then written at its full width, and what comes next
//! covers the zeros before it; the other way round it would first have to be shifted by how many there are.

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

/// The digits of the first multiples of 64 KiB, which is what most runs are long.
static MULTIPLES: [u64; 256] = {
    let mut table = [0; 256];
    let mut times = 0;
    while times < table.len() {
        table[times] = eight_digits(times as u64 * MULTIPLE);
        times += 1;
    }
    table
};
const MULTIPLE: u64 = 64 << 10;

/// The digits of the first multiples and a line break, in the highest of eight bytes, and how many of these remain below
/// one more that may come before.
static LINE_ENDS: [(u64, u32); 16] = {
    let mut table = [(0, 0); 16];
    let mut times = 0;
    while times < table.len() {
        let digits = MULTIPLES[times];
        let zeros = leading_zeros(digits);
        let end = digits >> 8 | (b'\n' as u64) << 56;
        table[times] = (end >> (8 * (zeros - 1)) << (8 * (zeros - 1)), zeros - 2);
        times += 1;
    }
    table
};

const EIGHT_ZEROS: u64 = u64::from_ne_bytes(*b"00000000");
/// The first number of nine digits.
const NINE_DIGITS: u64 = 100_000_000;

/// The eight digits of a number below 10^8, the first in the lowest byte.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "it is below 10^8, and 32 bits are divided with fewer instructions"
)]
const fn eight_digits(number: u64) -> u64 {
    let (first, last) = (number as u32 / 10_000, number as u32 % 10_000);
    FOUR_DIGITS[first as usize] as u64 | (FOUR_DIGITS[last as usize] as u64) << 32
}

/// How many of eight digits are zeros before the number, which has one digit at the least.
#[inline(always)]
const fn leading_zeros(digits: u64) -> u32 {
    // The highest bit is one of the last digit, which is no such zero in any case.
    (digits ^ EIGHT_ZEROS | 1 << 63).trailing_zeros() / 8
}

/// The entry of a table of multiples for a number, if that is one of them.
#[inline(always)]
fn of_multiple<T: Copy>(table: &[T], number: u64) -> Option<T> {
    let entry = table.get(usize::try_from(number / MULTIPLE).ok()?)?;
    number.is_multiple_of(MULTIPLE).then_some(*entry)
}

/// Room that is filled from its end to its start.
pub(super) struct Room<'a> {
    free: &'a mut [u8],
}

impl<'a> Room<'a> {
    /// The bytes that a number needs beyond its digits.
    pub(super) const SPARE: usize = 8;

    pub(super) const fn new(free: &'a mut [u8]) -> Self {
        Self { free }
    }

    /// How many bytes are left before what was written.
    pub(super) const fn free(&self) -> usize {
        self.free.len()
    }

    /// Writes text before what was written last. There has to be room for it.
    #[inline(always)]
    pub(super) fn text(&mut self, text: &[u8]) {
        let free = self.free.len() - text.len();
        let (free, place) = std::mem::take(&mut self.free).split_at_mut(free);
        place.copy_from_slice(text);
        self.free = free;
    }

    /// Writes a number. Inlined in any case: a call costs a fifth of the whole line.
    #[inline(always)]
    pub(super) fn decimal(&mut self, number: u64) {
        if number < NINE_DIGITS {
            return self.leading(eight_digits(number));
        }
        let (number, last) = (number / NINE_DIGITS, eight_digits(number % NINE_DIGITS));
        if number < NINE_DIGITS {
            let first = eight_digits(number);
            let both = u128::from(first) | u128::from(last) << 64;
            return self.put(&both.to_le_bytes(), leading_zeros(first));
        }
        self.text(&last.to_le_bytes());
        self.text(&eight_digits(number % NINE_DIGITS).to_le_bytes());
        self.leading(eight_digits(number / NINE_DIGITS));
    }

    /// Writes a number that is likely to be a small multiple of 64 KiB.
    #[inline(always)]
    pub(super) fn length(&mut self, number: u64) {
        match of_multiple(&MULTIPLES, number) {
            Some(digits) => self.leading(digits),
            None => self.decimal(number),
        }
    }

    /// Writes a byte, a number that is likely to be a small multiple of 64 KiB, and a line break: all at once if it is.
    #[inline(always)]
    pub(super) fn line_end(&mut self, before: u8, number: u64) {
        match of_multiple(&LINE_ENDS, number) {
            Some((end, unused)) => {
                let bytes = end | u64::from(before) << (8 * unused);
                self.put(&bytes.to_le_bytes(), unused);
            }
            None => {
                self.text(b"\n");
                self.decimal(number);
                self.text(&[before]);
            }
        }
    }

    /// Writes eight digits, and leaves free what the zeros before them take.
    #[inline(always)]
    fn leading(&mut self, digits: u64) {
        self.put(&digits.to_le_bytes(), leading_zeros(digits));
    }

    /// Writes bytes, and leaves free the first so many of them. There has to be room for all.
    #[inline(always)]
    fn put<const N: usize>(&mut self, bytes: &[u8; N], unused: u32) {
        *self.free.last_chunk_mut().expect("room for the bytes") = *bytes;
        let free = self.free.len() - N + unused as usize;
        self.free = &mut std::mem::take(&mut self.free)[..free];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(number: u64) {
        let text = |write: fn(&mut Room<'_>, u64)| {
            let mut text = [b'-'; 20 + Room::SPARE + 4];
            let mut room = Room::new(&mut text);
            room.text(b";");
            write(&mut room, number);
            room.text(b":");
            let free = room.free();
            String::from_utf8_lossy(&text[free..]).into_owned()
        };
        let expected = format!(":{number};");
        assert_eq!(text(|room, number| room.decimal(number)), expected);
        assert_eq!(text(|room, number| room.length(number)), expected);
        assert_eq!(text(|room, number| room.line_end(b'=', number)), format!(":={number}\n;"));
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
            check(i * MULTIPLE);
        }
    }
}
