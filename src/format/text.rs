//! One extent a line: `OFFSET LENGTH`, in decimal bytes.

use super::extent_format::ExtentFormat;
use super::lines::push_lines;
use crate::ByteRange;
use crate::arch::contract::Line;

/// `OFFSET LENGTH` a line, for changed ranges only: a gap means unchanged, never zeros.
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
    const AFTER: &'static [u8] = b"\n";
}
