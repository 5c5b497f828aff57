//! The methods that make, change and remove disks.

use super::api::Api;
use super::call::Call;
use super::failure::Failure;
use super::inventory::Entry;
use super::util::{bitmap_bytes, now};
use super::value::Value;
use super::vdi_methods::{check_labels, size_of, tags_of};
use super::{notes, operations};

impl Api {
    /// Makes, changes, or removes a disk.
    pub(super) fn change(&self, call: &Call) -> Result<Value, Failure> {
        if call.method == "VDI.create" {
            let [record] = &*call.params else { return Err(call.wrong_count(1)) };
            let entry = entry(record)?;
            self.units_of(bitmap_bytes(entry.virtual_size))?;
            let mut vdis = self.vdis_to_note();
            let uuid = vdis.create(entry)?;
            return Ok(Value::text(vdis.reference(uuid)));
        }
        let verb = call.method.trim_start_matches("VDI.");
        // Parameters for the driver may follow.
        let reference = match &*call.params {
            [Value::Text(reference)] => reference,
            [Value::Text(reference), Value::Struct(_)] if verb == "snapshot" => reference,
            [_] => return Err(Failure::field_type("self")),
            _ => return Err(call.wrong_count(1)),
        };
        let (mut vdis, logs) = self.vdis_to_change()?;
        let vdi = vdis.find(reference)?;
        if let Some(failure) = operations::refusal(verb, &vdi, reference) {
            return Err(failure);
        }
        match verb {
            "enable_cbt" => vdis.track(&logs, &vdi, true)?,
            "disable_cbt" => vdis.track(&logs, &vdi, false)?,
            "data_destroy" => vdis.destroy_data(&vdi)?,
            "destroy" => vdis.destroy(&logs, &vdi)?,
            _ => {
                let snapshot = vdis.snapshot(&logs, &vdi, now())?;
                return Ok(Value::text(vdis.reference(snapshot)));
            }
        }
        Ok(Value::EMPTY)
    }
}

/// The disk that is to be made, as the record in a call says it.
fn entry(record: &Value) -> Result<Entry, Failure> {
    let text = |name| record.get(name).and_then(Value::as_text).unwrap_or_default().to_owned();
    // A null is no value.
    let given = |name| record.get(name).filter(|value| value.as_text() != Some(""));
    let virtual_size = size_of(record.get("virtual_size")).ok_or_else(|| Failure::field_type("virtual_size"))?;
    let entry = Entry {
        name_label: text("name_label"),
        name_description: text("name_description"),
        virtual_size,
        tags: given("tags").map_or_else(|| Ok(Default::default()), tags_of)?,
        other_config: given("other_config").map_or_else(|| Ok(Default::default()), |of| notes::all("VDI", of))?,
        ..Entry::default()
    };
    check_labels(&entry)?;
    Ok(entry)
}
