//! The objects of the API as records.

use std::borrow::Cow;

use uuid::Uuid;

use super::notes::{self, Notes};
use super::operations;
use super::value::{NULL, Struct, Value};
use super::vdis::{Vdi, Vdis};

/// The size in records where it is not known. No disk has it.
const UNKNOWN: i64 = -1;

/// The type of the storage repository, and of the plugin that it is of.
pub(super) const SR_TYPE: &str = "cbtlog";

/// The fields of a disk's record.
pub(super) const VDI_FIELDS: &[&str] = &[
    "uuid",
    "name_label",
    "name_description",
    "allowed_operations",
    "current_operations",
    "SR",
    "VBDs",
    "crash_dumps",
    "virtual_size",
    "physical_utilisation",
    "type",
    "sharable",
    "read_only",
    "other_config",
    "storage_lock",
    "location",
    "managed",
    "missing",
    "parent",
    "xenstore_data",
    "sm_config",
    "is_a_snapshot",
    "snapshot_of",
    "snapshots",
    "snapshot_time",
    "tags",
    "allow_caching",
    "on_boot",
    "metadata_of_pool",
    "metadata_latest",
    "is_tools_iso",
    "cbt_enabled",
];

pub(super) const SR_FIELDS: &[&str] = &[
    "uuid",
    "name_label",
    "name_description",
    "VDIs",
    "PBDs",
    "virtual_allocation",
    "physical_utilisation",
    "physical_size",
    "type",
    "content_type",
    "shared",
    "other_config",
    "sm_config",
    "tags",
];

pub(super) const POOL_FIELDS: &[&str] =
    &["uuid", "name_label", "name_description", "master", "default_SR", "other_config", "tags"];

pub(super) const HOST_FIELDS: &[&str] = &[
    "uuid",
    "name_label",
    "name_description",
    "hostname",
    "address",
    "enabled",
    "API_version_major",
    "API_version_minor",
    "API_version_vendor",
    "software_version",
    "resident_VMs",
    "PBDs",
    "other_config",
    "tags",
];

/// The versions of a host's software. Clients look for them by these names, and for those of the API's own software they
/// compare numbers: it is as the one whose answers are given here.
const SOFTWARE: &[(&str, &str)] = &[
    ("product_brand", "changed-blocks"),
    ("product_version", env!("CARGO_PKG_VERSION")),
    ("product_version_text", env!("CARGO_PKG_VERSION")),
    ("product_version_text_short", env!("CARGO_PKG_VERSION")),
    ("platform_name", "XCP"),
    ("platform_version", "3.4.0"),
    ("build_number", "0"),
    ("hostname", "localhost"),
    ("xapi", "24.16"),
    ("xapi_build", "24.16.0"),
];

/// The record of a disk.
pub(super) fn vdi(vdis: &Vdis, vdi: &Vdi) -> Struct {
    record(VDI_FIELDS, |name| vdi_field(vdis, vdi, name))
}

/// One field of it.
pub(super) fn vdi_field(vdis: &Vdis, vdi: &Vdi, name: &str) -> Value {
    let Vdi { uuid, entry, .. } = vdi;
    let size = vdi.reported_size.map_or(UNKNOWN, |size| i64::try_from(size).unwrap_or(i64::MAX));
    match name {
        "uuid" | "location" => Value::text(uuid.to_string()),
        "name_label" => Value::text(entry.name_label.clone()),
        "name_description" => Value::text(entry.name_description.clone()),
        "allowed_operations" => Value::texts(operations::allowed(vdi, &vdis.reference(*uuid))),
        "SR" => Value::text(vdis.sr_reference()),
        "virtual_size" => Value::Int(size),
        "physical_utilisation" => Value::Int(if entry.data_destroyed { 0 } else { size }),
        "type" => Value::text(vdi.kind()),
        "managed" => Value::Bool(true),
        "read_only" | "is_a_snapshot" => Value::Bool(entry.is_a_snapshot),
        "snapshot_of" => Value::text(entry.snapshot_of.map_or(NULL.to_owned(), |of| vdis.reference(of))),
        "snapshots" => Value::texts(vdi.snapshots.iter().map(|&snapshot| vdis.reference(snapshot))),
        "snapshot_time" => Value::Time(entry.snapshot_time),
        "cbt_enabled" => Value::Bool(vdi.tracked),
        "on_boot" => Value::text("persist"),
        "parent" | "metadata_of_pool" => Value::text(NULL),
        "VBDs" | "crash_dumps" => Value::List(Vec::new()),
        "tags" => Value::texts(entry.tags.iter().cloned()),
        "other_config" => notes::value(&entry.other_config),
        "current_operations" | "xenstore_data" | "sm_config" => Value::Struct(Vec::new()),
        _ => Value::Bool(false),
    }
}

/// The record of the storage repository: the folder.
pub(super) fn sr(vdis: &Vdis, all: &[Vdi]) -> Struct {
    let sum = |sum: u64, vdi: &Vdi| Some(sum.saturating_add(vdi.reported_size?));
    let bytes = all.iter().try_fold(0, sum).map_or(UNKNOWN, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
    let bytes = Value::Int(bytes);
    record(SR_FIELDS, |name| match name {
        "uuid" => Value::text(vdis.sr.to_string()),
        "name_label" => Value::text("changed-blocks"),
        "VDIs" => Value::texts(all.iter().map(|vdi| vdis.reference(vdi.uuid))),
        "virtual_allocation" | "physical_utilisation" | "physical_size" => bytes.clone(),
        "type" => Value::text(SR_TYPE),
        "content_type" => Value::text("user"),
        "shared" => Value::Bool(true),
        "PBDs" | "tags" => Value::List(Vec::new()),
        "other_config" | "sm_config" => Value::Struct(Vec::new()),
        _ => Value::EMPTY,
    })
}

/// The reference of the one pool, or of its one host.
pub(super) fn reference(vdis: &Vdis, class: &str) -> String {
    format!("OpaqueRef:{}", Uuid::new_v5(&vdis.sr, class.as_bytes()))
}

/// The UUID of either.
pub(super) fn uuid(vdis: &Vdis, class: &str) -> Uuid {
    Uuid::new_v5(&vdis.sr, format!("{class} UUID").as_bytes())
}

pub(super) fn pool(vdis: &Vdis, notes: &Notes) -> Struct {
    record(POOL_FIELDS, |name| match name {
        "uuid" => Value::text(uuid(vdis, "pool").to_string()),
        "name_label" => Value::text("changed-blocks"),
        "master" => Value::text(reference(vdis, "host")),
        "default_SR" => Value::text(vdis.sr_reference()),
        "other_config" => notes::value(notes),
        "tags" => Value::List(Vec::new()),
        _ => Value::EMPTY,
    })
}

pub(super) fn host(vdis: &Vdis) -> Struct {
    let version = |&(name, text): &(&'static str, &'static str)| (Cow::Borrowed(name), Value::text(text));
    record(HOST_FIELDS, |name| match name {
        "uuid" => Value::text(uuid(vdis, "host").to_string()),
        "name_label" => Value::text("changed-blocks"),
        "hostname" => Value::text("localhost"),
        "address" => Value::text("127.0.0.1"),
        "enabled" => Value::Bool(true),
        "API_version_major" => Value::Int(2),
        "API_version_minor" => Value::Int(21),
        "API_version_vendor" => Value::text("changed-blocks"),
        "software_version" => Value::Struct(SOFTWARE.iter().map(version).collect()),
        "other_config" => Value::Struct(Vec::new()),
        "resident_VMs" | "PBDs" | "tags" => Value::List(Vec::new()),
        _ => Value::EMPTY,
    })
}

fn record(fields: &'static [&'static str], value: impl Fn(&str) -> Value) -> Struct {
    fields.iter().map(|&name| (Cow::Borrowed(name), value(name))).collect()
}
