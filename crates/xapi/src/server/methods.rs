//! The methods that read: `get_all`, `get_record`, `get_FIELD` and so on, the same for every class of objects.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;

use super::api::Api;
use super::call::Call;
use super::events::Operation;
use super::failure::Failure;
use super::filter::{Filter, stored};
use super::plugin;
use super::records::{self};
use super::util::lock;
use super::value::{Many, Struct, Value};
use super::vdis::Vdis;

/// The groups of fields. The expressions of `…_where` have two underscores between a group and the rest of the name.
const GROUPS: &[&str] = &["API_version", "name"];

impl Api {
    /// Reads objects of one class.
    pub(super) fn read(self: &Arc<Self>, call: &Call) -> Result<Value, Failure> {
        let (class, verb) = call.method.split_once('.').unwrap_or_default();
        if class == "task"
            && let ("get_record" | "get_result" | "get_error_info", [Value::Text(reference)]) = (verb, &*call.params)
        {
            lock(&self.tasks).was_read(reference);
        }
        match verb {
            "get_all" => {
                let [] = call.texts()?;
                self.all_references(class).map(Value::texts)
            }
            "get_all_records" => {
                let [] = call.texts()?;
                self.matching(class, &Filter::Constant(true)).map(|(_, records)| records)
            }
            "get_all_records_where" | "get_all_where" => {
                let [expression] = call.texts()?;
                let (references, records) = self.matching(class, &Filter::parse(expression)?)?;
                Ok(if verb == "get_all_where" { Value::texts(references) } else { records })
            }
            "get_by_name_label" => {
                let [name] = call.texts()?;
                self.named(class, name).map(Value::texts)
            }
            "get_by_uuid" => {
                let [uuid] = call.texts()?;
                match class {
                    "task" => lock(&self.tasks).by_uuid(uuid),
                    _ => self.by_uuid(&*self.vdis()?, class, uuid),
                }
                .map(Value::text)
            }
            "get_record" => {
                let [reference] = call.texts()?;
                self.one_record(class, reference).map(Value::Struct)
            }
            _ => {
                let [reference] = call.texts()?;
                self.field(class, reference, verb.strip_prefix("get_").unwrap_or(verb))
            }
        }
    }

    // Tasks can be asked about while a change keeps the disks.

    fn all_references(&self, class: &str) -> Result<Vec<String>, Failure> {
        match class {
            "task" => Ok(lock(&self.tasks).references().cloned().collect()),
            _ => self.references(&*self.vdis()?, class),
        }
    }

    /// The objects of which an expression is true: their references, and their records by these.
    fn matching(self: &Arc<Self>, class: &str, filter: &Filter) -> Result<(Vec<String>, Value), Failure> {
        if class == "VDI" {
            let vdis = self.vdis()?;
            let (mut found, mut references) = (Vec::new(), Vec::new());
            for vdi in vdis.all()? {
                let reference = vdis.reference(vdi.uuid);
                let all = matches!(filter, Filter::Constant(true));
                if all || holds(filter, class, &reference, &records::vdi(&vdis, &vdi))? {
                    references.push(reference);
                    found.push(vdi);
                }
            }
            drop(vdis);
            let api = Arc::clone(self);
            let records = Many::new(move |take| {
                let vdis = api.vdis_as_read();
                for vdi in &found {
                    take(vdis.reference(vdi.uuid), Value::Struct(records::vdi(&vdis, vdi)));
                }
            });
            return Ok((references, Value::Records(records)));
        }
        let mut found = Struct::new();
        for (reference, record) in self.all_records(class)? {
            if holds(filter, class, &reference, &record)? {
                found.push((reference.into(), Value::Struct(record)));
            }
        }
        Ok((found.iter().map(|(reference, _)| reference.to_string()).collect(), Value::Struct(found)))
    }

    /// All records of a class, other than the disks'.
    fn all_records(&self, class: &str) -> Result<Vec<(String, Struct)>, Failure> {
        match class {
            "task" => {
                let tasks = lock(&self.tasks);
                tasks.references().map(|name| Ok((name.clone(), tasks.record(name)?))).collect()
            }
            _ => self.records(&*self.vdis()?, class),
        }
    }

    fn one_record(&self, class: &str, reference: &str) -> Result<Struct, Failure> {
        match class {
            "task" => lock(&self.tasks).record(reference),
            _ => self.record(&*self.vdis()?, class, reference),
        }
    }

    fn field(&self, class: &str, reference: &str, field: &str) -> Result<Value, Failure> {
        if class == "VDI" {
            let vdis = self.vdis()?;
            let vdi = vdis.find(reference)?;
            return vdi.unknown(field).map_or_else(|| Ok(records::vdi_field(&vdis, &vdi, field)), Err);
        }
        let record = self.one_record(class, reference)?;
        record
            .into_iter()
            .find_map(|(name, value)| (name == field).then_some(value))
            .ok_or_else(|| Failure::internal(format!("{class} has no {field}")))
    }

    /// The references of the objects that have a name.
    fn named(&self, class: &str, name: &str) -> Result<Vec<String>, Failure> {
        if class == "VDI" {
            let vdis = self.vdis()?;
            let named = vdis.all()?.into_iter().filter(|vdi| vdi.entry.name_label == name);
            return Ok(named.map(|vdi| vdis.reference(vdi.uuid)).collect());
        }
        let has_name = |record: &Struct| {
            record.iter().any(|(field, value)| field == "name_label" && value.as_text() == Some(name))
        };
        let found = self.all_records(class)?.into_iter().filter(|(_, record)| has_name(record));
        Ok(found.map(|(reference, _)| reference).collect())
    }
    pub(super) fn references(&self, vdis: &Vdis, class: &str) -> Result<Vec<String>, Failure> {
        Ok(match class {
            "VDI" => vdis.all()?.into_iter().map(|vdi| vdis.reference(vdi.uuid)).collect(),
            "task" => lock(&self.tasks).references().cloned().collect(),
            "SR" => vec![vdis.sr_reference()],
            "pool" | "host" | "SM" => vec![records::reference(vdis, class)],
            _ => Vec::new(),
        })
    }

    fn records(&self, vdis: &Vdis, class: &str) -> Result<Vec<(String, Struct)>, Failure> {
        let record = |name: String| Ok((name.clone(), self.record(vdis, class, &name)?));
        self.references(vdis, class)?.into_iter().map(record).collect()
    }

    fn by_uuid(&self, vdis: &Vdis, class: &str, uuid: &str) -> Result<String, Failure> {
        match class {
            "VDI" => vdis.by_uuid(uuid).map(|vdi| vdis.reference(vdi.uuid)),
            "SR" if uuid == vdis.sr.to_string() => Ok(vdis.sr_reference()),
            "pool" | "host" | "SM" if uuid == records::uuid(vdis, class).to_string() => {
                Ok(records::reference(vdis, class))
            }
            _ => Err(Failure::new("UUID_INVALID", [class, uuid])),
        }
    }

    pub(super) fn record(&self, vdis: &Vdis, class: &str, reference: &str) -> Result<Struct, Failure> {
        match class {
            "VDI" => Ok(records::vdi(vdis, &vdis.find(reference)?)),
            "task" => lock(&self.tasks).record(reference),
            "SR" if reference == vdis.sr_reference() => Ok(records::sr(vdis, &vdis.all()?)),
            "pool" if reference == records::reference(vdis, class) => Ok(records::pool(vdis, &lock(&self.pool_notes))),
            "host" if reference == records::reference(vdis, class) => Ok(records::host(vdis)),
            "SM" if reference == records::reference(vdis, class) => Ok(plugin::record(vdis)),
            _ => Err(Failure::bad_handle(class, reference)),
        }
    }

    pub(super) fn tasks_gone(&self, references: &[String]) {
        references.iter().for_each(|reference| self.task_changed(reference, Operation::Delete));
    }

    pub(super) fn task_changed(&self, reference: &str, operation: Operation) {
        self.events.add("task", reference, operation);
    }
}

/// Whether an expression is true of an object.
fn holds(filter: &Filter, class: &str, reference: &str, record: &Struct) -> Result<bool, Failure> {
    // Each field is written out once, however often the expression has it.
    let texts = vec![OnceCell::new(); record.len()];
    filter.holds(&|name| match name {
        "_ref" => Ok(Cow::Borrowed(reference)),
        name => {
            let at = field_index(class, record, name)?;
            Ok(Cow::Borrowed(&**texts[at].get_or_init(|| stored(&record[at].1))))
        }
    })
}

/// The place of a field that an expression names.
fn field_index(class: &str, record: &Struct, name: &str) -> Result<usize, Failure> {
    // Only the pool's names are in no group.
    let groups = if class == "pool" { &[] } else { GROUPS };
    let field = match name.split_once("__") {
        Some((group, rest)) if groups.contains(&group) => Some(Cow::Owned(format!("{group}_{rest}"))),
        _ if groups.iter().any(|group| name.strip_prefix(group).is_some_and(|rest| rest.starts_with('_'))) => None,
        _ => Some(Cow::Borrowed(name)),
    };
    let found = field.and_then(|field| record.iter().position(|(name, _)| *name == field));
    found.ok_or_else(|| Failure::new("INTERNAL_ERROR", ["missing field", name, ""]))
}
