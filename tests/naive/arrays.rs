//! Lists that are arrays of JSON objects, read as a whole.

use super::json::Json;
use super::pages::{Changed, join};

/// The changed bytes of a text in one of the formats.
pub(crate) fn read(name: &str, text: &[u8]) -> Option<Changed> {
    let documents = Json::documents(text)?;
    let (start, entries) = match (name, &documents[..]) {
        ("ndjson", lines) => ("offset", lines),
        ("json", [object]) => ("offset", object.get("extents")?.elements()?),
        ("imageio" | "qemu-map", [array]) => ("start", array.elements()?),
        (_, [array]) => ("offset", array.elements()?),
        _ => return None,
    };
    let mut ranges = Vec::new();
    for entry in entries {
        let start = entry.get(start)?.number()?;
        let is_changed = match name {
            "nbdinfo" => entry.get("type")?.number()? == 1,
            "imageio" => *entry.get("dirty")? == Json::Bool(true),
            "qemu-map" => entry.get("depth")?.number()? == 0,
            _ => true,
        };
        if is_changed {
            ranges.push((start, start + entry.get("length")?.number()?));
        }
    }
    Some(join(ranges, None))
}
