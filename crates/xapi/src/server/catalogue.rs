//! The methods by name: how each is carried out, and whether it may be called as `Async.…`, too.
//!
//! Methods that read every class in the same way are not listed one by one; see [`CLASSES`].

use std::sync::Arc;

use super::api::Api;
use super::call::Call;
use super::failure::Failure;
use super::records::{HOST_FIELDS, POOL_FIELDS, SR_FIELDS, VDI_FIELDS};
use super::session_methods;
use super::value::Value;
use super::{empty, plugin, task};

/// The classes of objects, and the fields of their records.
pub(super) const CLASSES: &[(&str, &[&str])] = &[
    ("VDI", VDI_FIELDS),
    ("SR", SR_FIELDS),
    ("pool", POOL_FIELDS),
    ("host", HOST_FIELDS),
    ("task", task::FIELDS),
    ("SM", plugin::FIELDS),
    ("VM", empty::VM_FIELDS),
    ("VBD", empty::VBD_FIELDS),
    // Of a message, only the whole record is read.
    ("message", &[]),
];

/// The methods of every class.
const READ: &[&str] =
    &["get_all", "get_all_records", "get_all_records_where", "get_all_where", "get_by_uuid", "get_record"];

/// The classes whose objects are found by their names.
const NAMED: &[&str] = &["SM", "SR", "VDI", "VM", "host", "task"];

/// The prefix of a method that is called in a task.
pub(super) const ASYNC: &str = "Async.";

/// Carries out a call of one who has logged in.
type Handler = fn(&Api, &Call) -> Result<Value, Failure>;

/// Reads for one who has logged in. It may be done again.
type Reader = fn(&Arc<Api>, &Call) -> Result<Value, Failure>;

/// How a method is carried out.
#[derive(Clone, Copy)]
pub(super) enum Work {
    /// It reads. At any time; the answer may be long.
    Read(Reader),
    /// It reads little, or changes what is not kept. At any time.
    Beside(Handler),
    /// It changes the store. One after the other, and not at all if the store is only read.
    InTurn(Handler),
    /// A listing, which waits for its turn and for memory.
    List,
    /// It waits for events.
    Events,
    /// It is about logging in and out, and has been dealt with before.
    Session,
}

struct Method {
    name: &'static str,
    work: Work,
    /// Whether it may be called as `Async.…`, too.
    in_task: bool,
}

const fn direct(name: &'static str, work: Work) -> Method {
    Method { name, work, in_task: false }
}

const fn both(name: &'static str, work: Work) -> Method {
    Method { name, work, in_task: true }
}

/// The methods that are not the same for every class.
const METHODS: &[Method] = &[
    both("SR.scan", Work::Beside(Api::scan)),
    direct("VBD.destroy", Work::InTurn(Api::no_such_object)),
    direct("VDI.add_tags", Work::InTurn(Api::label_vdi)),
    direct("VDI.add_to_other_config", Work::InTurn(Api::label_vdi)),
    both("VDI.create", Work::InTurn(Api::change)),
    both("VDI.data_destroy", Work::InTurn(Api::change)),
    both("VDI.destroy", Work::InTurn(Api::change)),
    both("VDI.disable_cbt", Work::InTurn(Api::change)),
    both("VDI.enable_cbt", Work::InTurn(Api::change)),
    both("VDI.get_nbd_info", Work::Beside(Api::nbd_info)),
    both("VDI.list_changed_blocks", Work::List),
    direct("VDI.remove_from_other_config", Work::InTurn(Api::label_vdi)),
    direct("VDI.remove_tags", Work::InTurn(Api::label_vdi)),
    both("VDI.resize", Work::InTurn(Api::resize)),
    both("VDI.resize_online", Work::InTurn(Api::resize)),
    both("VDI.set_name_description", Work::InTurn(Api::label_vdi)),
    both("VDI.set_name_label", Work::InTurn(Api::label_vdi)),
    direct("VDI.set_other_config", Work::InTurn(Api::label_vdi)),
    direct("VDI.set_tags", Work::InTurn(Api::label_vdi)),
    both("VDI.snapshot", Work::InTurn(Api::change)),
    both("VM.destroy", Work::InTurn(Api::no_such_object)),
    both("VM.snapshot", Work::InTurn(Api::no_such_object)),
    direct("event.from", Work::Events),
    direct("event.inject", Work::Beside(Api::inject)),
    direct("message.get", Work::Beside(Api::no_messages)),
    direct("message.get_since", Work::Beside(Api::no_messages)),
    direct("pool.add_to_other_config", Work::Beside(Api::note_at_pool)),
    direct("pool.remove_from_other_config", Work::Beside(Api::note_at_pool)),
    direct("session.get_all_subject_identifiers", Work::Beside(Api::subject_identifiers)),
    direct("session.login_with_password", Work::Session),
    direct("session.logout", Work::Session),
    direct("system.listMethods", Work::Session),
    direct("task.add_to_other_config", Work::Beside(Api::change_task)),
    both("task.cancel", Work::Beside(Api::change_task)),
    direct("task.create", Work::Beside(Api::change_task)),
    direct("task.destroy", Work::Beside(Api::change_task)),
    direct("task.remove_from_other_config", Work::Beside(Api::change_task)),
    direct("task.set_error_info", Work::Beside(Api::change_task)),
    direct("task.set_other_config", Work::Beside(Api::change_task)),
    direct("task.set_progress", Work::Beside(Api::change_task)),
    direct("task.set_result", Work::Beside(Api::change_task)),
    direct("task.set_status", Work::Beside(Api::change_task)),
];

/// How a method is carried out, and whether it may be in a task, if there is one of that name.
pub(super) fn find(name: &str) -> Option<(Work, bool)> {
    if let Some(method) = METHODS.iter().find(|method| method.name == name) {
        return Some((method.work, method.in_task));
    }
    let (class, verb) = name.split_once('.')?;
    if class == "session" {
        return session_methods::reads(verb).then_some((Work::Beside(Api::read_session), false));
    }
    let (class, fields) = CLASSES.iter().find(|(name, _)| *name == class)?;
    reads(class, fields, verb).then_some((Work::Read(Api::read), false))
}

/// The name as it is listed: clients may write an underscore for its first point. Nothing if there is no such method.
pub(super) fn listed(name: &str) -> Option<String> {
    let plain = name.strip_prefix(ASYNC).unwrap_or(name);
    let prefix = &name[..name.len() - plain.len()];
    [plain.to_owned(), plain.replacen('_', ".", 1)]
        .into_iter()
        .find(|name| find(name).is_some_and(|(_, in_task)| in_task || prefix.is_empty()))
        .map(|name| format!("{prefix}{name}"))
}

/// All methods, in order.
pub(super) fn names() -> Vec<String> {
    let of_classes =
        CLASSES.iter().flat_map(|(class, fields)| all_reads(class, fields).map(move |verb| format!("{class}.{verb}")));
    let of_sessions = session_methods::all_reads().map(|verb| format!("session.{verb}"));
    let in_tasks = METHODS.iter().filter(|method| method.in_task).map(|method| format!("{ASYNC}{}", method.name));
    let listed = METHODS.iter().map(|method| method.name.to_owned());
    let mut names: Vec<String> = of_classes.chain(of_sessions).chain(in_tasks).chain(listed).collect();
    names.sort_unstable();
    names
}

/// Whether a class can be read in that way.
fn reads(class: &str, fields: &[&str], verb: &str) -> bool {
    READ.contains(&verb)
        || (verb == "get_by_name_label" && NAMED.contains(&class))
        || verb.strip_prefix("get_").is_some_and(|field| fields.contains(&field))
}

/// All the ways in which a class can be read.
fn all_reads(class: &str, fields: &'static [&str]) -> impl Iterator<Item = String> {
    let by_name = NAMED.contains(&class).then_some("get_by_name_label");
    let verbs = READ.iter().copied().chain(by_name).map(str::to_owned);
    verbs.chain(fields.iter().map(|field| format!("get_{field}")))
}

/// The class of that name, in whatever case: in events, names are written in lower case.
pub(super) fn class_named(name: &str) -> Option<&'static str> {
    CLASSES.iter().map(|(class, _)| *class).find(|class| class.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_listed_once_and_found() {
        let names = names();
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]));
        for name in &names {
            assert_eq!(listed(name).as_ref(), Some(name));
            let (prefix, plain) = name.split_at(if name.starts_with(ASYNC) { ASYNC.len() } else { 0 });
            assert_eq!(listed(&format!("{prefix}{}", plain.replacen('.', "_", 1))).as_ref(), Some(name));
        }
    }
}
