//! The JSON object of a list, with further members at its end.

use changed_blocks::format::{ExtentFormat, Json, Totals};
use changed_blocks::{ByteRange, Geometry};
use serde_json::Value;

/// [`Json`] with a `warnings` array.
pub(super) struct JsonWithWarnings {
    warnings: Value,
}

impl JsonWithWarnings {
    pub(super) fn new(warnings: &[String]) -> Self {
        Self { warnings: serde_json::json!(warnings) }
    }
}

impl ExtentFormat for JsonWithWarnings {
    fn head(&self, geometry: &Geometry, totals: Option<&Totals>, to: &mut Vec<u8>) {
        Json.head(geometry, totals, to);
    }

    fn separator(&self) -> &'static [u8] {
        Json.separator()
    }

    fn ranges(&self, previous_end: u64, ranges: &[ByteRange], to: &mut Vec<u8>) {
        Json.ranges(previous_end, ranges, to);
    }

    fn foot(&self, geometry: &Geometry, totals: &Totals, head_knew: bool, end: u64, to: &mut Vec<u8>) {
        Json.foot(geometry, totals, head_knew, end, to);
        add_member(to, "warnings", &self.warnings);
    }
}

/// Adds a member to an object of which the end was written.
pub(super) fn add_member(to: &mut Vec<u8>, name: &str, value: &Value) {
    const END: &[u8] = b"}\n";
    debug_assert!(to.ends_with(END), "the end of the object");
    to.truncate(to.len() - END.len());
    to.extend_from_slice(format!(",\"{name}\":{value}").as_bytes());
    to.extend_from_slice(END);
}
