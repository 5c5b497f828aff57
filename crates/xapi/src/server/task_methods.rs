//! The methods of tasks: those that clients make, to tell others how far they are, and those of their calls.

use super::api::Api;
use super::events::Operation;
use super::sync::lock;
use super::tasks::{Status, Tasks};
use super::value::{Value, now};
use super::{Call, Failure, notes};

/// Bytes of the result of a client's task, and of what it says of an error.
const MOST_BYTES: usize = 64 << 10;

/// Texts that it says of an error.
const MOST_TEXTS: usize = 1000;

impl Api {
    /// Makes, changes, ends or removes a task. Tasks are not kept.
    pub(super) fn change_task(&self, call: &Call) -> Result<Value, Failure> {
        let verb = call.method.trim_start_matches("task.");
        let mut tasks = lock(&self.tasks);
        let reference = match verb {
            "create" => {
                let [name, description] = call.texts()?;
                self.tasks_gone(&tasks.make_place(now()));
                let reference = tasks.create(name, description, now())?;
                self.task_changed(&reference, Operation::Add);
                return Ok(Value::text(reference));
            }
            "destroy" => {
                let [reference] = call.texts()?;
                tasks.destroy(reference)?;
                self.task_changed(reference, Operation::Delete);
                return Ok(Value::EMPTY);
            }
            "cancel" => {
                let [reference] = call.texts()?;
                tasks.cancel(reference, now())?;
                reference
            }
            "add_to_other_config" => {
                let [reference, key, value] = call.texts()?;
                notes::add(&mut tasks.get(reference)?.other_config, "task", reference, (key, value))?;
                reference
            }
            "remove_from_other_config" => {
                let [reference, key] = call.texts()?;
                tasks.get(reference)?.other_config.remove(key);
                reference
            }
            _ => {
                let [Value::Text(reference), value] = &*call.params else {
                    return Err(if call.params.len() == 2 { Failure::field_type("self") } else { call.wrong_count(2) });
                };
                set(&mut tasks, reference, verb, value)?;
                reference
            }
        };
        drop(tasks);
        self.task_changed(reference, Operation::Modify);
        Ok(Value::EMPTY)
    }
}

fn set(tasks: &mut Tasks, reference: &str, verb: &str, value: &Value) -> Result<(), Failure> {
    let wrong = || Failure::field_type("value");
    match (verb, value) {
        ("set_status", Value::Text(name)) => {
            let status = Status::parse(name).ok_or_else(|| Failure::new("INVALID_VALUE", ["status", name]))?;
            tasks.set_status(reference, status, now())?;
        }
        ("set_progress", Value::Float(progress)) if progress.is_finite() => tasks.get(reference)?.progress = *progress,
        #[expect(clippy::cast_precision_loss, reason = "progress is a fraction")]
        ("set_progress", Value::Int(progress)) => tasks.get(reference)?.progress = *progress as f64,
        ("set_result", Value::Text(text)) if text.len() <= MOST_BYTES => tasks.get(reference)?.result = value.clone(),
        ("set_error_info", Value::List(texts)) => {
            let texts: Option<Vec<String>> = texts.iter().map(|text| text.as_text().map(str::to_owned)).collect();
            let fits = |texts: &Vec<String>| texts.len() <= MOST_TEXTS && texts.concat().len() <= MOST_BYTES;
            tasks.get(reference)?.error_info = texts.filter(fits).ok_or_else(wrong)?;
        }
        ("set_other_config", value) => {
            let task = tasks.get(reference)?;
            task.other_config = notes::all("task", value)?;
        }
        _ => return Err(wrong()),
    }
    Ok(())
}
