//! One extent a line: `OFFSET LENGTH`. Also a valid extentlist for nbdkit's filter of that name, which takes decimal
//! bytes, no comments and no blank lines.

use super::ExtentFormat;
use super::lines::push_pairs;
use crate::ByteRange;

/// `OFFSET LENGTH` a line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Text;

impl ExtentFormat for Text {
    fn ranges(&self, ranges: &[ByteRange], to: &mut Vec<u8>) {
        push_pairs(ranges, b' ', to);
    }
}
