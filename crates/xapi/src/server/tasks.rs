//! Calls that go on while the client asks how far they are.

use std::collections::BTreeMap;

use tokio::task::AbortHandle;
use uuid::Uuid;

use super::value::{Struct, Value};
use super::{Failure, NULL};

/// Tasks that may be there at a time.
const MOST: usize = 1000;

/// Seconds after which a task that has ended makes room for other tasks, if no one destroys it.
const KEPT_SECONDS: i64 = 3600;

/// The same for one that has a bitmap as its result, if others wait for the memory that it takes.
const BITMAP_KEPT_SECONDS: i64 = 60;

/// All of them, by reference.
#[derive(Debug, Default)]
pub(super) struct Tasks(BTreeMap<String, Task>);

#[derive(Debug)]
struct Task {
    uuid: Uuid,
    name: String,
    created: i64,
    finished: i64,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    /// Not known yet. What can be stopped gets its handle right after the task.
    Pending(Option<AbortHandle>),
    Success(Value),
    Failure(Failure),
    Cancelled,
}

/// The fields of a task's record.
pub(super) const FIELDS: &[&str] = &[
    "uuid",
    "name_label",
    "name_description",
    "allowed_operations",
    "current_operations",
    "created",
    "finished",
    "status",
    "resident_on",
    "progress",
    "type",
    "result",
    "error_info",
    "other_config",
    "subtask_of",
    "subtasks",
    "backtrace",
];

impl Tasks {
    /// A new task.
    pub(super) fn begin(&mut self, name: &str, now: i64) -> Result<String, Failure> {
        if self.0.len() >= MOST {
            self.0.retain(|_, task| {
                matches!(task.outcome, Outcome::Pending(_)) || now.saturating_sub(task.finished) < KEPT_SECONDS
            });
        }
        if self.0.len() >= MOST {
            return Err(Failure::new("TOO_MANY_PENDING_TASKS", [] as [String; 0]));
        }
        let reference = format!("OpaqueRef:{}", Uuid::new_v4());
        let task = Task {
            uuid: Uuid::new_v4(),
            name: name.to_owned(),
            created: now,
            finished: 0,
            outcome: Outcome::Pending(None),
        };
        self.0.insert(reference.clone(), task);
        Ok(reference)
    }

    /// Forgets what has waited for long and takes much memory.
    pub(super) fn make_room(&mut self, now: i64) {
        self.0.retain(|_, task| {
            let large = matches!(task.outcome, Outcome::Success(Value::Bitmap(_)));
            !large || now.saturating_sub(task.finished) < BITMAP_KEPT_SECONDS
        });
    }

    /// What stops the task.
    pub(super) fn can_be_stopped(&mut self, reference: &str, with: AbortHandle) {
        if let Some(Task { outcome: Outcome::Pending(handle), .. }) = self.0.get_mut(reference) {
            *handle = Some(with);
        }
    }

    /// What has come of a task. If it was cancelled or destroyed meanwhile, no one wants to know.
    pub(super) fn end(&mut self, reference: &str, result: Result<Value, Failure>, now: i64) {
        if let Some(task) = self.0.get_mut(reference)
            && matches!(task.outcome, Outcome::Pending(_))
        {
            task.outcome = result.map_or_else(Outcome::Failure, Outcome::Success);
            task.finished = now;
        }
    }

    /// Stops a task that has not ended, if it can be stopped.
    pub(super) fn cancel(&mut self, reference: &str, now: i64) -> Result<(), Failure> {
        let task = self.0.get_mut(reference).ok_or_else(|| unknown(reference))?;
        match &task.outcome {
            Outcome::Pending(Some(handle)) => handle.abort(),
            Outcome::Pending(None) => return Err(Failure::not_allowed("task cannot be cancelled")),
            _ => return Ok(()),
        }
        task.outcome = Outcome::Cancelled;
        task.finished = now;
        Ok(())
    }

    /// Forgets a task, and stops it if it can be stopped.
    pub(super) fn destroy(&mut self, reference: &str) -> Result<(), Failure> {
        let task = self.0.remove(reference).ok_or_else(|| unknown(reference))?;
        if let Outcome::Pending(Some(handle)) = task.outcome {
            handle.abort();
        }
        Ok(())
    }

    pub(super) fn references(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    pub(super) fn by_uuid(&self, uuid: &str) -> Result<String, Failure> {
        let mut tasks = self.0.iter().filter(|(_, task)| task.uuid.to_string() == uuid);
        let found = tasks.next().map(|(reference, _)| reference.clone());
        found.ok_or_else(|| Failure::new("UUID_INVALID", ["task", uuid]))
    }

    /// The record of a task.
    pub(super) fn record(&self, reference: &str) -> Result<Struct, Failure> {
        let task = self.0.get(reference).ok_or_else(|| unknown(reference))?;
        Ok(FIELDS.iter().map(|&name| (name.into(), task.field(name, reference))).collect())
    }
}

impl Task {
    fn field(&self, name: &str, reference: &str) -> Value {
        match name {
            "uuid" => Value::text(self.uuid.to_string()),
            "name_label" => Value::text(self.name.clone()),
            "created" => Value::Time(self.created),
            "finished" => Value::Time(self.finished),
            "status" => Value::text(match self.outcome {
                Outcome::Pending(_) => "pending",
                Outcome::Success(_) => "success",
                Outcome::Failure(_) => "failure",
                Outcome::Cancelled => "cancelled",
            }),
            "progress" => Value::Float(if matches!(self.outcome, Outcome::Pending(_)) { 0.0 } else { 1.0 }),
            "type" => Value::text("<none/>"),
            "result" => match &self.outcome {
                Outcome::Success(Value::Bitmap(bitmap)) => Value::TaskBitmap(bitmap.clone()),
                // A call that has nothing to tell.
                Outcome::Success(Value::Text(text)) if text.is_empty() => Value::EMPTY,
                Outcome::Success(Value::Text(text)) => Value::text(format!("<value>{text}</value>")),
                _ => Value::EMPTY,
            },
            "error_info" => match &self.outcome {
                Outcome::Failure(failure) => Value::texts(failure.description().map(str::to_owned)),
                Outcome::Cancelled => Value::texts(["TASK_CANCELLED".to_owned(), reference.to_owned()]),
                _ => Value::List(Vec::new()),
            },
            "allowed_operations" => {
                let cancel = matches!(self.outcome, Outcome::Pending(Some(_))).then_some("cancel");
                Value::texts(cancel.into_iter().chain(["destroy"]))
            }
            "subtasks" => Value::List(Vec::new()),
            "current_operations" | "other_config" => Value::Struct(Vec::new()),
            "resident_on" | "subtask_of" => Value::text(NULL),
            "backtrace" => Value::text("()"),
            _ => Value::EMPTY,
        }
    }
}

fn unknown(reference: &str) -> Failure {
    Failure::bad_handle("task", reference)
}
