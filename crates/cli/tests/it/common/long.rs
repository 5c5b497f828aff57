//! A list too long to be held back: every other block changed.

use std::io::{BufRead, BufReader, Read};

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
    /// 1 MB of base64 text, a list of 3,000,004 lines, 56 MB: also more than the two million lines that are held back.
    pub(crate) const LARGE: Self = Self { bytes: 750_001 };
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

    /// The extents one by one: offset and length in bytes.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = (u64, u64)> {
        (0..self.extents()).map(|i| (i * 131_072, 65_536))
    }

    /// The number of bytes of the list as text.
    pub(crate) fn text_len(&self) -> u64 {
        self.ranges().map(|(offset, _)| u64::from(offset.max(1).ilog10()) + 1 + " 65536\n".len() as u64).sum()
    }

    /// Whether lines are the whole list, each formatted by `line`, and nothing else.
    #[track_caller]
    pub(crate) fn assert_lines(&self, from: impl Read, line: impl Fn(u64) -> String) {
        let mut from = BufReader::with_capacity(1 << 20, from);
        let mut found = Vec::new();
        for (offset, _) in self.ranges() {
            found.clear();
            from.read_until(b'\n', &mut found).expect("readable");
            assert!(found == line(offset).as_bytes(), "at {offset}: {}", String::from_utf8_lossy(&found));
        }
        assert_eq!(from.read_until(b'\n', &mut found).expect("readable"), 0, "more lines than extents");
    }

    /// The line of the text output.
    pub(crate) fn text_line(offset: u64) -> String {
        format!("{offset} 65536\n")
    }
}
