//! The JSON object of a list with warnings.

use changed_blocks::format::{ExtentFormat, Json, Totals};
use changed_blocks::{ByteRange, Geometry};

/// [`Json`] with a `warnings` array at its end.
pub(crate) struct JsonWithWarnings {
    /// The array.
    warnings: String,
}

impl JsonWithWarnings {
    pub(crate) fn new(warnings: &[String]) -> Self {
        Self { warnings: serde_json::json!(warnings).to_string() }
    }
}

impl ExtentFormat for JsonWithWarnings {
    fn head(&self, geometry: &Geometry, totals: Option<&Totals>, to: &mut Vec<u8>) {
        Json.head(geometry, totals, to);
    }

    fn separator(&self) -> &'static [u8] {
        Json.separator()
    }

    fn ranges(&self, ranges: &[ByteRange], to: &mut Vec<u8>) {
        Json.ranges(ranges, to);
    }

    fn foot(&self, geometry: &Geometry, totals: &Totals, head_knew: bool, to: &mut Vec<u8>) {
        const END: &[u8] = b"}\n";
        Json.foot(geometry, totals, head_knew, to);
        debug_assert!(to.ends_with(END), "the end of the object");
        to.truncate(to.len() - END.len());
        to.extend_from_slice(b",\"warnings\":");
        to.extend_from_slice(self.warnings.as_bytes());
        to.extend_from_slice(END);
    }
}
