//! The methods that label disks, make them grow, and tell where their data is.

use std::collections::BTreeSet;

use super::api::Api;
use super::budgets::{LABELS, TAGS};
use super::call::Call;
use super::failure::Failure;
use super::inventory::Entry;
use super::util::bitmap_bytes;
use super::value::Value;
use super::{notes, operations};

impl Api {
    /// Changes a disk's names, tags, or notes.
    pub(super) fn label_vdi(&self, call: &Call) -> Result<Value, Failure> {
        let verb = call.method.trim_start_matches("VDI.");
        let count = if verb == "add_to_other_config" { 3 } else { 2 };
        if call.params.len() != count {
            return Err(call.wrong_count(count));
        }
        let [Value::Text(reference), params @ ..] = &*call.params else { return Err(Failure::field_type("self")) };
        let mut vdis = self.vdis_to_note();
        let vdi = vdis.find(reference)?;
        if let Some(failure) = vdi.unknown("is_a_snapshot") {
            // It would be noted along with the rest.
            return Err(failure);
        }
        let mut entry = vdi.entry.clone();
        match (verb, params) {
            ("set_name_label", [Value::Text(name)]) => entry.name_label = name.to_string(),
            ("set_name_description", [Value::Text(text)]) => entry.name_description = text.to_string(),
            ("set_tags", [tags]) => entry.tags = tags_of(tags)?,
            ("add_tags", [Value::Text(tag)]) => drop(entry.tags.insert(tag.to_string())),
            ("remove_tags", [Value::Text(tag)]) => drop(entry.tags.remove(&**tag)),
            ("set_other_config", [value]) => entry.other_config = notes::all("VDI", value)?,
            ("add_to_other_config", [Value::Text(key), Value::Text(value)]) => {
                notes::add(&mut entry.other_config, "VDI", reference, (key, value))?;
            }
            ("remove_from_other_config", [Value::Text(key)]) => drop(entry.other_config.remove(&**key)),
            _ => return Err(Failure::field_type("value")),
        }
        check_labels(&entry)?;
        if entry != vdi.entry {
            vdis.keep(vdi.uuid, entry)?;
        }
        Ok(Value::EMPTY)
    }

    /// Makes a disk larger.
    pub(super) fn resize(&self, call: &Call) -> Result<Value, Failure> {
        let verb = call.method.trim_start_matches("VDI.");
        let (reference, size) = match &*call.params {
            [Value::Text(reference), size] => (reference, size),
            [_, _] => return Err(Failure::field_type("vdi")),
            _ => return Err(call.wrong_count(2)),
        };
        let size = size_of(Some(size)).ok_or_else(|| Failure::field_type("size"))?;
        let (mut vdis, logs) = self.vdis_to_change()?;
        let vdi = vdis.find(reference)?;
        if let Some(failure) = operations::refusal(verb, &vdi, reference) {
            return Err(failure);
        }
        if size < vdi.entry.virtual_size {
            return Err(Failure::shrinking());
        }
        self.units_of(bitmap_bytes(size))?;
        if size > vdi.entry.virtual_size {
            vdis.resize(&logs, &vdi, size)?;
        }
        Ok(Value::EMPTY)
    }

    /// Where the data of a disk can be read, if a server for that was named.
    pub(super) fn nbd_info(&self, call: &Call) -> Result<Value, Failure> {
        let [reference] = call.texts()?;
        let vdi = self.vdis()?.find(reference)?;
        if vdi.entry.data_destroyed {
            return Err(Failure::new("VDI_INCOMPATIBLE_TYPE", [reference, vdi.kind()]));
        }
        let info = self.nbd.as_ref().map(|server| server.info(vdi.uuid, &call.session));
        Ok(Value::List(info.into_iter().collect()))
    }

    /// Looks at the repository anew, which is done at each call anyway.
    pub(super) fn scan(&self, call: &Call) -> Result<Value, Failure> {
        let [reference] = call.texts()?;
        self.record(&*self.vdis()?, "SR", reference)?;
        Ok(Value::EMPTY)
    }
}

/// Tags as a client gives them. Each is there once.
pub(super) fn tags_of(value: &Value) -> Result<BTreeSet<String>, Failure> {
    let tags: Option<_> = match value {
        Value::List(tags) => tags.iter().map(|tag| tag.as_text().map(str::to_owned)).collect(),
        _ => None,
    };
    tags.ok_or_else(|| Failure::field_type("value"))
}

/// A size that a disk can have.
pub(super) fn size_of(value: Option<&Value>) -> Option<u64> {
    let size = match value? {
        Value::Int(size) => u64::try_from(*size).ok(),
        Value::Text(size) => size.parse().ok(),
        _ => None,
    };
    size.filter(|&size| changed_blocks::VirtualSize::new(size).is_ok())
}

/// Refuses names and tags that a disk has no room for.
pub(super) fn check_labels(entry: &Entry) -> Result<(), Failure> {
    let tags: usize = entry.tags.iter().map(String::len).sum();
    if entry.tags.len() > TAGS || entry.name_label.len() + entry.name_description.len() + tags > LABELS {
        return Err(Failure::internal("the VDI has no room for such long names and tags"));
    }
    Ok(())
}
