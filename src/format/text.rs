//! One extent a line: `OFFSET LENGTH`. Also a valid extentlist for nbdkit's filter of that name, which takes decimal
//! bytes, no comments and no blank lines.

use super::ExtentFormat;
use super::room::push_lines;
use crate::ByteRange;

/// `OFFSET LENGTH` a line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Text;

impl ExtentFormat for Text {
    fn range(&self, range: ByteRange, to: &mut Vec<u8>) {
        self.ranges(&[range], to);
    }

    fn ranges(&self, ranges: &[ByteRange], to: &mut Vec<u8>) {
        push_lines::<2>(ranges, to, |range, room| {
            room.decimal(range.offset_bytes);
            room.text(b" ");
            room.decimal(range.len_bytes);
            room.text(b"\n");
        });
    }
}
