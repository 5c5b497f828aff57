//! A list too long to be held back: every other block changed.

use std::io::Read;

/// A bitmap of 1010…, whose list has a line for every other block.
pub(crate) struct LongList {
    /// How many bytes 0xaa the bitmap has.
    bytes: usize,
}

impl LongList {
    /// 4 MB of base64 text, a list of 12,000,004 lines, 231 MB.
    pub(crate) const HUGE: Self = Self { bytes: 3_000_001 };
    /// 2 MB of base64 text, a list of 6,000,004 lines, 113 MB: from a stream, more than is read before output flows.
    pub(crate) const MIDDLE: Self = Self { bytes: 1_500_001 };
    /// 750 kB of base64 text, a list of 2,250,004 lines, 42 MB: also more than the two million lines that are held back.
    pub(crate) const LARGE: Self = Self { bytes: 562_501 };
    /// A list of 1,600,000 lines, 29 MB: less than what is held back.
    pub(crate) const HELD: Self = Self { bytes: 400_000 };

    /// The base64 text, which ends in `qqqg==`, without a newline.
    pub(crate) fn base64(&self) -> String {
        assert_eq!(self.bytes % 3, 1);
        // 0xaaaaaa is qqqq; a single 0xaa is 101010 10(0000).
        let mut text = "qqqq".repeat(self.bytes / 3);
        text.push_str("qg==");
        text
    }

    /// The text with its last symbol damaged: bits under the padding that are not zero.
    pub(crate) fn bad_at_its_end(&self) -> String {
        let mut text = self.base64();
        text.replace_range(text.len() - 3..text.len() - 2, "h");
        text
    }

    /// Where that symbol is.
    pub(crate) fn bad_offset(&self) -> usize {
        self.bytes / 3 * 4 + 1
    }

    /// The number of extents.
    pub(crate) const fn extents(&self) -> u64 {
        self.bytes as u64 * 4
    }

    /// The number of bytes of the list as text.
    pub(crate) fn text_len(&self) -> u64 {
        // Every line has one digit at least, and one more from each power of ten on.
        let longer = |power: u32| self.extents().saturating_sub(10u64.pow(power).div_ceil(131_072));
        self.extents() * "0 65536\n".len() as u64 + (1..19).map(longer).sum::<u64>()
    }

    /// Whether lines are the whole list and nothing else. Each is an offset between `before` and `after`.
    ///
    /// Many lines are compared at once: one by one, that would take longer than the command does.
    #[track_caller]
    pub(crate) fn assert_lines(&self, mut from: impl Read, before: &str, after: &str) {
        let (mut expected, mut found) = (String::new(), Vec::new());
        let mut next = 0;
        while next < self.extents() {
            let first = next;
            next = self.extents().min(first + 10_000);
            expected.clear();
            for extent in first..next {
                expected.push_str(before);
                expected.push_str(&(extent * 131_072).to_string());
                expected.push_str(after);
            }
            found.clear();
            from.by_ref().take(expected.len() as u64).read_to_end(&mut found).expect("readable");
            let from_difference = || {
                let same = expected.bytes().zip(&found).take_while(|(expected, found)| expected == *found).count();
                String::from_utf8_lossy(&found[same..]).chars().take(100).collect::<String>()
            };
            assert!(found == expected.as_bytes(), "in extents {first} to {next}: {:?}", from_difference());
        }
        assert_eq!(from.read(&mut [0]).expect("readable"), 0, "more than all extents");
    }

    /// Whether that is the whole list as text.
    #[track_caller]
    pub(crate) fn assert_text(&self, from: impl Read) {
        self.assert_lines(from, "", " 65536\n");
    }
}
