//! Further members at the end of the JSON object of a list.

use changed_blocks::ByteRange;
use serde_json::{Value, json};

use crate::digest::{DigestBytes, digest_text};
use crate::list_plan::{ListPlan, Origin};

/// Adds a member to an object of which the end was written.
pub(super) fn add_member(to: &mut Vec<u8>, name: &str, value: &Value) {
    const END: &[u8] = b"}\n";
    debug_assert!(to.ends_with(END), "the end of the object");
    to.truncate(to.len() - END.len());
    to.extend_from_slice(format!(",\"{name}\":{value}").as_bytes());
    to.extend_from_slice(END);
}

/// Adds the part of the disk that was asked for, if it is not all of it: elsewhere, more may have changed.
pub(super) fn add_window(to: &mut Vec<u8>, window: ByteRange) {
    if window != ListPlan::WHOLE_DISK {
        let length = (window.end_bytes() < u64::MAX).then_some(window.len_bytes);
        add_member(to, "window", &json!({ "offset": window.offset_bytes, "length": length }));
    }
}

/// Adds the origin of the list, as far as it is known.
pub(super) fn add_origin(to: &mut Vec<u8>, origin: &Origin, digest: Option<&DigestBytes>) {
    for (name, uuid) in [("uuid_from", origin.uuid_from), ("uuid_to", origin.uuid_to)] {
        if let Some(uuid) = uuid {
            add_member(to, name, &json!(uuid.to_string()));
        }
    }
    if let Some(digest) = digest {
        add_member(to, "bitmap_digest", &json!(digest_text(digest)));
    }
}

/// Adds the `warnings` to an object, if there are any.
pub(super) fn add_warnings(to: &mut Vec<u8>, warnings: &[String]) {
    if !warnings.is_empty() {
        add_member(to, "warnings", &json!(warnings));
    }
}
