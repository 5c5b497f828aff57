//! The methods of tasks: those that clients make, to tell others how far they are, and those of their calls.

use std::time::Instant;

use super::api::Api;
use super::call::Call;
use super::events::Operation;
use super::failure::Failure;
use super::notes;
use super::task::{Status, Texts};
use super::tasks::Tasks;
use super::util::lock;
use super::value::Value;

impl Api {
    /// Makes, changes, ends or removes a task. Tasks are not kept.
    pub(super) fn change_task(&self, call: &Call) -> Result<Value, Failure> {
        let verb = call.method.trim_start_matches("task.");
        if verb == "create" {
            let [name, description] = call.texts()?;
            let reference = self.new_task(&call.session, |tasks| tasks.create(&call.session, name, description))?;
            return Ok(Value::text(reference));
        }
        let mut tasks = lock(&self.tasks);
        let mut gone = Vec::new();
        let reference = match verb {
            "destroy" => {
                let [reference] = call.texts()?;
                tasks.destroy(reference)?;
                self.task_changed(reference, Operation::Delete);
                return Ok(Value::EMPTY);
            }
            "cancel" => {
                let [reference] = call.texts()?;
                tasks.cancel(reference)?;
                reference
            }
            "add_to_other_config" => {
                let [reference, key, value] = call.texts()?;
                let add = |of: &mut Texts| notes::add(&mut of.other_config, "task", reference, (key, value));
                gone = tasks.change(reference, add)?;
                reference
            }
            "remove_from_other_config" => {
                let [reference, key] = call.texts()?;
                let remove = |of: &mut Texts| {
                    of.other_config.remove(key);
                    Ok(())
                };
                gone = tasks.change(reference, remove)?;
                reference
            }
            _ => {
                let [Value::Text(reference), value] = &*call.params else {
                    return Err(if call.params.len() == 2 { Failure::field_type("self") } else { call.wrong_count(2) });
                };
                gone = set(&mut tasks, reference, verb, value)?;
                reference
            }
        };
        drop(tasks);
        self.tasks_gone(&gone);
        self.task_changed(reference, Operation::Modify);
        Ok(Value::EMPTY)
    }

    /// A new task of a session, if there is a place for it.
    pub(super) fn new_task(
        &self,
        session: &str,
        make: impl FnOnce(&mut Tasks) -> Result<String, Failure>,
    ) -> Result<String, Failure> {
        let sessions = lock(&self.sessions).references(Instant::now());
        let mut tasks = lock(&self.tasks);
        self.tasks_gone(&tasks.sessions_are(&sessions));
        self.tasks_gone(&tasks.make_place(session));
        let reference = make(&mut tasks)?;
        self.task_changed(&reference, Operation::Add);
        Ok(reference)
    }
}

/// Returns the tasks that have made room for what is said of this one.
fn set(tasks: &mut Tasks, reference: &str, verb: &str, value: &Value) -> Result<Vec<String>, Failure> {
    let wrong = || Failure::field_type("value");
    match (verb, value) {
        ("set_status", Value::Text(name)) => {
            let status = Status::parse(name).ok_or_else(|| Failure::new("INVALID_VALUE", ["status", name]))?;
            tasks.set_status(reference, status)?;
        }
        ("set_progress", Value::Float(progress)) if progress.is_finite() => tasks.get(reference)?.progress = *progress,
        #[expect(clippy::cast_precision_loss, reason = "progress is a fraction")]
        ("set_progress", Value::Int(progress)) => tasks.get(reference)?.progress = *progress as f64,
        ("set_result", Value::Text(text)) => {
            return tasks.change(reference, |of| {
                of.result = text.to_string();
                Ok(())
            });
        }
        ("set_error_info", Value::List(texts)) => {
            let texts: Option<Vec<String>> = texts.iter().map(|text| text.as_text().map(str::to_owned)).collect();
            let texts = texts.ok_or_else(wrong)?;
            return tasks.change(reference, |of| {
                of.error_info = texts;
                Ok(())
            });
        }
        ("set_other_config", value) => {
            let notes = notes::all("task", value)?;
            return tasks.change(reference, |of| {
                of.other_config = notes;
                Ok(())
            });
        }
        _ => return Err(wrong()),
    }
    Ok(Vec::new())
}
