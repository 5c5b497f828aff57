//! The methods by name, and those that read.

use std::sync::{PoisonError, RwLockReadGuard};

use super::api::{ASYNC, Api, lock, now};
use super::events::Operation;
use super::records::{self, HOST_FIELDS, POOL_FIELDS, SR_FIELDS, VDI_FIELDS};
use super::value::{Struct, Value};
use super::vdis::Vdis;
use super::{Call, Failure, tasks};

/// The classes of objects, and the fields of their records.
pub(super) const CLASSES: &[(&str, &[&str])] =
    &[("VDI", VDI_FIELDS), ("SR", SR_FIELDS), ("pool", POOL_FIELDS), ("host", HOST_FIELDS), ("task", tasks::FIELDS)];

/// What is called on every class.
const READ: &[&str] = &["get_all", "get_all_records", "get_by_uuid", "get_record"];

const OTHER: &[&str] = &[
    "VDI.create",
    "VDI.data_destroy",
    "VDI.destroy",
    "VDI.disable_cbt",
    "VDI.enable_cbt",
    "VDI.get_by_name_label",
    "VDI.list_changed_blocks",
    "VDI.snapshot",
    "event.from",
    "event.inject",
    "pool.add_to_other_config",
    "pool.remove_from_other_config",
    "session.login_with_password",
    "session.logout",
    "system.listMethods",
    "task.cancel",
    "task.destroy",
];

/// Notes that a pool has room for.
const MOST_NOTES: usize = 1000;

/// Bytes of a note.
const LONGEST_NOTE: usize = 4096;

/// All methods, in order.
pub(super) fn names() -> Vec<String> {
    let of_classes = CLASSES.iter().flat_map(|(class, fields)| {
        let read = READ.iter().map(move |verb| format!("{class}.{verb}"));
        read.chain(fields.iter().map(move |field| format!("{class}.get_{field}")))
    });
    let asynchronous = ASYNC.iter().map(|method| format!("Async.{method}"));
    let mut names: Vec<String> =
        of_classes.chain(asynchronous).chain(OTHER.iter().map(|&name| name.to_owned())).collect();
    names.sort_unstable();
    names
}

impl Api {
    /// Answers a call that reads or changes objects.
    pub(super) fn call(&self, call: &Call) -> Result<Value, Failure> {
        match call.method.as_str() {
            "VDI.create" | "VDI.data_destroy" | "VDI.destroy" | "VDI.disable_cbt" | "VDI.enable_cbt"
            | "VDI.snapshot" => self.change(call),
            "event.inject"
            | "pool.add_to_other_config"
            | "pool.remove_from_other_config"
            | "task.cancel"
            | "task.destroy" => self.manage(call),
            _ => self.read(call),
        }
    }

    /// What is no disk, and not kept.
    fn manage(&self, call: &Call) -> Result<Value, Failure> {
        match call.method.as_str() {
            "task.cancel" => {
                let [task] = call.texts()?;
                lock(&self.tasks).cancel(task, now())?;
                self.task_changed(task, Operation::Modify);
            }
            "task.destroy" => {
                let [task] = call.texts()?;
                lock(&self.tasks).destroy(task)?;
                self.task_changed(task, Operation::Delete);
            }
            "pool.add_to_other_config" => {
                let [pool, key, value] = call.texts()?;
                self.record(&self.vdis(), "pool", pool)?;
                let mut notes = lock(&self.pool_notes);
                if notes.contains_key(key) {
                    return Err(Failure::new("MAP_DUPLICATE_KEY", ["pool", "other_config", pool, key]));
                }
                if notes.len() >= MOST_NOTES || key.len() + value.len() > LONGEST_NOTE {
                    return Err(Failure::internal("the pool has no room for more notes"));
                }
                notes.insert(key.to_owned(), value.to_owned());
                drop(notes);
                self.events.add("pool", pool, Operation::Modify);
            }
            "pool.remove_from_other_config" => {
                let [pool, key] = call.texts()?;
                self.record(&self.vdis(), "pool", pool)?;
                if lock(&self.pool_notes).remove(key).is_some() {
                    self.events.add("pool", pool, Operation::Modify);
                }
            }
            "event.inject" => {
                let [class, reference] = call.texts()?;
                let class = class_of(class).ok_or_else(|| Failure::new("EVENT_SUBSCRIPTION_PARSE_FAILURE", [class]))?;
                self.record(&self.vdis(), known_as(class), reference)?;
                let number = self.events.add(class, reference, Operation::Modify);
                return Ok(Value::text(self.events.token(number)));
            }
            _ => return Err(Failure::unknown_method(call)),
        }
        Ok(Value::EMPTY)
    }

    fn read(&self, call: &Call) -> Result<Value, Failure> {
        let unknown = || Failure::unknown_method(call);
        let (class, verb) = call.method.split_once('.').ok_or_else(unknown)?;
        let (class, fields) = CLASSES.iter().find(|(name, _)| *name == class).ok_or_else(unknown)?;
        // Tasks can be asked about while a change keeps the disks.
        if *class == "task" {
            return self.read_task(verb, fields, call);
        }
        let vdis = self.vdis();
        match verb {
            "get_all" => {
                let [] = call.texts()?;
                Ok(Value::texts(self.references(&vdis, class)?))
            }
            "get_all_records" => {
                let [] = call.texts()?;
                let records = self.records(&vdis, class)?;
                Ok(Value::Struct(records.into_iter().map(|(name, of)| (name.into(), Value::Struct(of))).collect()))
            }
            "get_by_uuid" => {
                let [uuid] = call.texts()?;
                self.by_uuid(&vdis, class, uuid).map(Value::text)
            }
            "get_record" => {
                let [reference] = call.texts()?;
                self.record(&vdis, class, reference).map(Value::Struct)
            }
            "get_by_name_label" if *class == "VDI" => {
                let [name] = call.texts()?;
                let named = vdis.all()?.into_iter().filter(|vdi| vdi.entry.name_label == name);
                Ok(Value::texts(named.map(|vdi| vdis.reference(vdi.uuid))))
            }
            _ => {
                let field = verb.strip_prefix("get_").filter(|field| fields.contains(field)).ok_or_else(unknown)?;
                let [reference] = call.texts()?;
                self.field(&vdis, class, reference, field)
            }
        }
    }

    fn read_task(&self, verb: &str, fields: &[&str], call: &Call) -> Result<Value, Failure> {
        let tasks = lock(&self.tasks);
        match verb {
            "get_all" => {
                let [] = call.texts()?;
                Ok(Value::texts(tasks.references().cloned()))
            }
            "get_all_records" => {
                let [] = call.texts()?;
                let record = |name: &String| Ok((name.clone().into(), Value::Struct(tasks.record(name)?)));
                tasks.references().map(record).collect::<Result<Struct, Failure>>().map(Value::Struct)
            }
            "get_by_uuid" => {
                let [uuid] = call.texts()?;
                tasks.by_uuid(uuid).map(Value::text)
            }
            "get_record" => {
                let [reference] = call.texts()?;
                tasks.record(reference).map(Value::Struct)
            }
            _ => {
                let field = verb.strip_prefix("get_").filter(|field| fields.contains(field));
                let field = field.ok_or_else(|| Failure::unknown_method(call))?;
                let [reference] = call.texts()?;
                let record = tasks.record(reference)?;
                Ok(record.into_iter().find(|(name, _)| name == field).map_or(Value::EMPTY, |(_, value)| value))
            }
        }
    }

    pub(super) fn references(&self, vdis: &Vdis, class: &str) -> Result<Vec<String>, Failure> {
        Ok(match class {
            "VDI" => vdis.all()?.into_iter().map(|vdi| vdis.reference(vdi.uuid)).collect(),
            "task" => lock(&self.tasks).references().cloned().collect(),
            "SR" => vec![vdis.sr_reference()],
            _ => vec![records::reference(vdis, class)],
        })
    }

    fn records(&self, vdis: &Vdis, class: &str) -> Result<Vec<(String, Struct)>, Failure> {
        if class == "VDI" {
            let all = vdis.all()?;
            return Ok(all.iter().map(|vdi| (vdis.reference(vdi.uuid), records::vdi(vdis, vdi))).collect());
        }
        let record = |name: String| Some((self.record(vdis, class, &name).ok()?, name));
        Ok(self.references(vdis, class)?.into_iter().filter_map(record).map(|(record, name)| (name, record)).collect())
    }

    fn by_uuid(&self, vdis: &Vdis, class: &str, uuid: &str) -> Result<String, Failure> {
        match class {
            "VDI" => vdis.by_uuid(uuid).map(|vdi| vdis.reference(vdi.uuid)),
            "SR" if uuid == vdis.sr.to_string() => Ok(vdis.sr_reference()),
            "pool" | "host" if uuid == records::uuid(vdis, class).to_string() => Ok(records::reference(vdis, class)),
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
            _ => Err(Failure::bad_handle(class, reference)),
        }
    }

    fn field(&self, vdis: &Vdis, class: &str, reference: &str, field: &str) -> Result<Value, Failure> {
        if class == "VDI" {
            return Ok(records::vdi_field(vdis, &vdis.find(reference)?, field));
        }
        let record = self.record(vdis, class, reference)?;
        record
            .into_iter()
            .find_map(|(name, value)| (name == field).then_some(value))
            .ok_or_else(|| Failure::internal(format!("{class} has no {field}")))
    }

    /// The disks, to be read. Whoever has them must not ask for them again: someone may be waiting to change them.
    pub(super) fn vdis(&self) -> RwLockReadGuard<'_, Vdis> {
        self.vdis.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn task_changed(&self, reference: &str, operation: Operation) {
        self.events.add("task", reference, operation);
    }
}

/// The name of a class of events elsewhere.
pub(super) fn known_as(class: &str) -> &'static str {
    CLASSES.iter().map(|(name, _)| *name).find(|name| name.eq_ignore_ascii_case(class)).unwrap_or_default()
}

/// The name of a class in events.
pub(super) fn class_of(class: &str) -> Option<&'static str> {
    ["vdi", "sr", "pool", "host", "task"].into_iter().find(|name| name.eq_ignore_ascii_case(class))
}
