//! The methods that make, change and remove disks.

use std::sync::PoisonError;

use super::api::{Api, bitmap_bytes, now};
use super::events::Operation;
use super::value::Value;
use super::vdis::{Entry, Vdi};
use super::{Call, Failure};

impl Api {
    /// Makes, changes, or removes a disk.
    pub(super) fn change(&self, call: &Call) -> Result<Value, Failure> {
        if self.read_only {
            let permission = call.method.to_lowercase();
            let why = "No permission in user session: this store is only read";
            return Err(Failure::new("RBAC_PERMISSION_DENIED", [permission, why.to_owned()]));
        }
        let mut vdis = self.vdis.write().unwrap_or_else(PoisonError::into_inner);
        if call.method == "VDI.create" {
            let [record] = &*call.params else { return Err(call.wrong_count("2")) };
            let entry = entry(record)?;
            self.units_of(bitmap_bytes(entry.virtual_size))?;
            let uuid = vdis.create(entry)?;
            let reference = vdis.reference(uuid);
            self.events.add("vdi", &reference, Operation::Add);
            return Ok(Value::text(reference));
        }
        let verb = call.method.trim_start_matches("VDI.");
        // Parameters for the driver may follow.
        let reference = match &*call.params {
            [Value::Text(reference)] => reference,
            [Value::Text(reference), Value::Struct(_)] if verb == "snapshot" => reference,
            [_] => return Err(Failure::field_type("self")),
            _ => return Err(call.wrong_count("2")),
        };
        let vdi = vdis.find(reference)?;
        if let Some(failure) = refuse(verb, &vdi, reference) {
            return Err(failure);
        }
        match verb {
            "enable_cbt" => vdis.track(&vdi, true)?,
            "disable_cbt" => vdis.track(&vdi, false)?,
            "data_destroy" => vdis.destroy_data(&vdi)?,
            "destroy" => {
                vdis.destroy(&vdi)?;
                self.events.add("vdi", reference, Operation::Delete);
                return Ok(Value::EMPTY);
            }
            _ => {
                let snapshot = vdis.snapshot(&vdi, now())?;
                let snapshot = vdis.reference(snapshot);
                self.events.add("vdi", &snapshot, Operation::Add);
                self.events.add("vdi", reference, Operation::Modify);
                return Ok(Value::text(snapshot));
            }
        }
        self.events.add("vdi", reference, Operation::Modify);
        Ok(Value::EMPTY)
    }
}

/// Why a disk cannot be changed in that way.
fn refuse(verb: &str, vdi: &Vdi, reference: &str) -> Option<Failure> {
    let snapshot = vdi.entry.is_a_snapshot;
    match verb {
        // What is left of it may only go as a whole. To destroy its data once more is no error.
        "snapshot" | "enable_cbt" | "disable_cbt" if vdi.entry.data_destroyed => {
            Some(Failure::new("VDI_INCOMPATIBLE_TYPE", [reference, vdi.kind()]))
        }
        "snapshot" | "enable_cbt" | "disable_cbt" if snapshot => Some(Failure::not_allowed("VDI is a snapshot")),
        "data_destroy" if !snapshot => Some(Failure::not_allowed("VDI is not a snapshot")),
        "data_destroy" if !vdi.tracked => Some(Failure::new("VDI_NO_CBT_METADATA", [reference])),
        "destroy" if vdi.in_use => Some(Failure::new("VDI_IN_USE", [reference, "destroy"])),
        _ => None,
    }
}

/// What a record says of a disk that is to be made.
fn entry(record: &Value) -> Result<Entry, Failure> {
    let text = |name| record.get(name).and_then(Value::as_text).unwrap_or_default().to_owned();
    let size = match record.get("virtual_size") {
        Some(Value::Int(size)) => u64::try_from(*size).ok(),
        Some(Value::Text(size)) => size.parse().ok(),
        _ => None,
    };
    let virtual_size = size
        .filter(|&size| changed_blocks::VirtualSize::new(size).is_ok())
        .ok_or_else(|| Failure::field_type("virtual_size"))?;
    Ok(Entry {
        name_label: text("name_label"),
        name_description: text("name_description"),
        virtual_size,
        ..Entry::default()
    })
}
