//! One extent a line: `OFFSET LENGTH`. Also a valid extentlist for nbdkit's filter of that name, which takes decimal
//! bytes, no comments and no blank lines.

use super::ExtentFormat;
use super::lines::{Line, push_lines};
use crate::ByteRange;

/// `OFFSET LENGTH` a line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Text;

impl ExtentFormat for Text {
    fn ranges(&self, ranges: &[ByteRange], to: &mut Vec<u8>) {
        push_lines::<Self>(ranges, to);
    }
}

impl Line for Text {
    const BEFORE: &'static [u8] = b"";
    const BETWEEN: &'static [u8] = b" ";
    const BEHIND: &'static [u8] = b"\n";
}
