//! One extent a line: `OFFSET LENGTH`. Also a valid extentlist for nbdkit's filter of that name, which takes decimal
//! bytes, no comments and no blank lines.

use super::{ExtentFormat, push_decimal};
use crate::ByteRange;

/// `OFFSET LENGTH` a line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Text;

impl ExtentFormat for Text {
    fn range(&self, range: ByteRange, to: &mut Vec<u8>) {
        push_decimal(range.offset_bytes, to);
        to.push(b' ');
        push_decimal(range.len_bytes, to);
        to.push(b'\n');
    }
}
