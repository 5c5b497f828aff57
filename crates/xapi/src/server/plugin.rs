//! The storage plugin (`SM`) that the repository says it is of, by which clients learn that it has changed block tracking.

use super::records;
use super::value::{Struct, Value};
use super::vdis::Vdis;

/// The fields of its record.
pub(super) const FIELDS: &[&str] = &[
    "uuid",
    "name_label",
    "name_description",
    "type",
    "vendor",
    "copyright",
    "version",
    "required_api_version",
    "configuration",
    "capabilities",
    "features",
    "other_config",
    "driver_filename",
    "required_cluster_stack",
    "supported_image_formats",
];

/// The operations of the repository, as plugins name them.
const FEATURES: &[&str] = &[
    "SR_SCAN",
    "VDI_CONFIG_CBT",
    "VDI_CREATE",
    "VDI_DELETE",
    "VDI_RESIZE",
    "VDI_RESIZE_ONLINE",
    "VDI_SNAPSHOT",
    "VDI_UPDATE",
];

pub(super) fn record(vdis: &Vdis) -> Struct {
    let field = |name: &str| match name {
        "uuid" => Value::text(records::uuid(vdis, "SM").to_string()),
        "name_label" => Value::text("changed-blocks"),
        "name_description" => Value::text("A folder of logs of changed blocks"),
        "type" => Value::text(records::SR_TYPE),
        "vendor" => Value::text("changed-blocks"),
        "version" => Value::text(env!("CARGO_PKG_VERSION")),
        "required_api_version" => Value::text("1.0"),
        "capabilities" => Value::texts(FEATURES.iter().copied()),
        "features" => Value::Struct(FEATURES.iter().map(|&name| (name.into(), Value::Int(1))).collect()),
        "configuration" | "other_config" => Value::Struct(Vec::new()),
        "required_cluster_stack" | "supported_image_formats" => Value::List(Vec::new()),
        _ => Value::EMPTY,
    };
    FIELDS.iter().map(|&name| (name.into(), field(name))).collect()
}
