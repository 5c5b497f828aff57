//! Calls that go on while the client asks how far they are.

use std::collections::BTreeMap;

use tokio::task::AbortHandle;
use uuid::Uuid;

use super::notes::{self, Notes};
use super::value::{Struct, Value};
use super::{Failure, NULL, xmlrpc};

/// Tasks that may be there at a time.
const MOST: usize = 1000;

/// Bytes of the name and the description of a client's task.
const LONGEST_NAME: usize = 4096;

/// Seconds after which a task that has ended makes room for other tasks, if no one destroys it.
const KEPT_SECONDS: i64 = 3600;

/// Seconds after which a task with a bitmap makes room, if others wait for the memory that it takes.
const BITMAP_KEPT_SECONDS: i64 = 60;

/// Seconds after which a task makes room that a client has made and not ended.
const PENDING_KEPT_SECONDS: i64 = 24 * 3600;

/// All of them, by reference.
#[derive(Debug, Default)]
pub(super) struct Tasks(BTreeMap<String, Task>);

#[derive(Debug)]
pub(super) struct Task {
    uuid: Uuid,
    name: String,
    description: String,
    created: i64,
    finished: i64,
    status: Status,
    pub(super) progress: f64,
    pub(super) result: Value,
    pub(super) error_info: Vec<String>,
    pub(super) other_config: Notes,
    work: Work,
}

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Pending,
    Success,
    Failure,
    Cancelling,
    Cancelled,
}

/// Where a task comes from.
#[derive(Debug)]
enum Work {
    /// A client has made it, and says how far it is.
    Client,
    /// A call. What can be stopped gets its handle right after the task.
    Call(Option<AbortHandle>),
}

impl Status {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Pending, "pending"),
        (Self::Success, "success"),
        (Self::Failure, "failure"),
        (Self::Cancelling, "cancelling"),
        (Self::Cancelled, "cancelled"),
    ];

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known)| *known == name).map(|(status, _)| status)
    }

    fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(status, _)| *status == self).map_or("", |(_, name)| name)
    }

    const fn has_ended(self) -> bool {
        matches!(self, Self::Success | Self::Failure | Self::Cancelled)
    }
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
    /// A new task for a call.
    pub(super) fn begin(&mut self, name: &str, now: i64) -> Result<String, Failure> {
        self.add(name, "", Work::Call(None), now)
    }

    /// A new task of a client.
    pub(super) fn create(&mut self, name: &str, description: &str, now: i64) -> Result<String, Failure> {
        if name.len() + description.len() > LONGEST_NAME {
            return Err(Failure::internal("the names of a task are too long"));
        }
        self.add(name, description, Work::Client, now)
    }

    fn add(&mut self, name: &str, description: &str, work: Work, now: i64) -> Result<String, Failure> {
        if self.0.len() >= MOST {
            return Err(Failure::new("TOO_MANY_PENDING_TASKS", [] as [String; 0]));
        }
        let reference = format!("OpaqueRef:{}", Uuid::new_v4());
        let task = Task {
            uuid: Uuid::new_v4(),
            name: name.to_owned(),
            description: description.to_owned(),
            created: now,
            finished: 0,
            status: Status::Pending,
            progress: 0.0,
            result: Value::EMPTY,
            error_info: Vec::new(),
            other_config: Notes::new(),
            work,
        };
        self.0.insert(reference.clone(), task);
        Ok(reference)
    }

    /// Forgets tasks that no one has destroyed for long, if there is no place for one more. Returns their references.
    pub(super) fn make_place(&mut self, now: i64) -> Vec<String> {
        if self.0.len() < MOST {
            return Vec::new();
        }
        self.forget(|task| match (task.status.has_ended(), &task.work) {
            (true, _) => now.saturating_sub(task.finished) >= KEPT_SECONDS,
            (false, Work::Client) => now.saturating_sub(task.created) >= PENDING_KEPT_SECONDS,
            (false, Work::Call(_)) => false,
        })
    }

    /// Forgets tasks that have waited for long and take much memory. Returns their references.
    pub(super) fn make_room(&mut self, now: i64) -> Vec<String> {
        self.forget(|task| {
            let large = matches!(task.result, Value::Bitmap(_));
            large && now.saturating_sub(task.finished) >= BITMAP_KEPT_SECONDS
        })
    }

    fn forget(&mut self, goes: impl Fn(&Task) -> bool) -> Vec<String> {
        let gone: Vec<String> = self.0.iter().filter(|(_, task)| goes(task)).map(|(name, _)| name.clone()).collect();
        for reference in &gone {
            self.0.remove(reference);
        }
        gone
    }

    /// What stops the task.
    pub(super) fn can_be_stopped(&mut self, reference: &str, with: AbortHandle) {
        if let Some(Task { work: Work::Call(handle), status: Status::Pending, .. }) = self.0.get_mut(reference) {
            *handle = Some(with);
        }
    }

    /// Ends the task of a call. If the task was cancelled, ended or destroyed meanwhile, no one wants to know.
    pub(super) fn end(&mut self, reference: &str, result: Result<Value, Failure>, now: i64) {
        if let Some(task) = self.0.get_mut(reference)
            && !task.status.has_ended()
        {
            task.end(if result.is_ok() { Status::Success } else { Status::Failure }, now);
            match result {
                Ok(value) => task.result = value,
                Err(failure) => task.error_info = failure.description().map(str::to_owned).collect(),
            }
        }
    }

    /// Stops a task that has not ended, if it can be stopped.
    pub(super) fn cancel(&mut self, reference: &str, now: i64) -> Result<(), Failure> {
        let task = self.get(reference)?;
        match &task.work {
            _ if task.status.has_ended() => return Ok(()),
            Work::Call(Some(handle)) => handle.abort(),
            _ => return Err(Failure::not_allowed("task cannot be cancelled")),
        }
        task.end(Status::Cancelled, now);
        task.error_info = vec!["TASK_CANCELLED".to_owned(), reference.to_owned()];
        Ok(())
    }

    /// How far a client says that a task is.
    pub(super) fn set_status(&mut self, reference: &str, status: Status, now: i64) -> Result<(), Failure> {
        let task = self.get(reference)?;
        if status.has_ended() && !task.status.has_ended() {
            task.finished = now;
        }
        task.status = status;
        Ok(())
    }

    /// Forgets a task, and stops it if it can be stopped.
    pub(super) fn destroy(&mut self, reference: &str) -> Result<(), Failure> {
        let task = self.0.remove(reference).ok_or_else(|| unknown(reference))?;
        if let Work::Call(Some(handle)) = task.work {
            handle.abort();
        }
        Ok(())
    }

    /// A task, to be changed.
    pub(super) fn get(&mut self, reference: &str) -> Result<&mut Task, Failure> {
        self.0.get_mut(reference).ok_or_else(|| unknown(reference))
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
        Ok(FIELDS.iter().map(|&name| (name.into(), task.field(name))).collect())
    }
}

impl Task {
    const fn end(&mut self, status: Status, now: i64) {
        self.status = status;
        self.finished = now;
        self.progress = 1.0;
    }

    fn field(&self, name: &str) -> Value {
        match name {
            "uuid" => Value::text(self.uuid.to_string()),
            "name_label" => Value::text(self.name.clone()),
            "name_description" => Value::text(self.description.clone()),
            "created" => Value::Time(self.created),
            "finished" => Value::Time(self.finished),
            "status" => Value::text(self.status.name()),
            "progress" => Value::Float(self.progress),
            "type" => Value::text("<none/>"),
            "result" => match (&self.result, &self.work) {
                (Value::Bitmap(bitmap), _) => Value::TaskBitmap(bitmap.clone()),
                // A call that has nothing to tell.
                (Value::Text(text), _) if text.is_empty() => Value::EMPTY,
                (result, Work::Client) => result.clone(),
                (result, Work::Call(_)) => Value::text(xmlrpc::text(result.clone())),
            },
            "error_info" => Value::texts(self.error_info.iter().cloned()),
            "allowed_operations" => {
                let can_be_stopped = matches!(self.work, Work::Call(Some(_))) && !self.status.has_ended();
                Value::texts(can_be_stopped.then_some("cancel").into_iter().chain(["destroy"]))
            }
            "other_config" => notes::value(&self.other_config),
            "subtasks" => Value::List(Vec::new()),
            "current_operations" => Value::Struct(Vec::new()),
            "resident_on" | "subtask_of" => Value::text(NULL),
            "backtrace" => Value::text("()"),
            _ => Value::EMPTY,
        }
    }
}

fn unknown(reference: &str) -> Failure {
    Failure::bad_handle("task", reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_that_make_place_for_others_are_told() {
        let mut tasks = Tasks::default();
        let made: Vec<String> = (0..MOST).map(|_| tasks.create("", "", 0).expect("room")).collect();
        tasks.end(&made[0], Ok(Value::EMPTY), 10);
        assert_eq!(tasks.make_place(KEPT_SECONDS), [] as [String; 0]);
        assert!(tasks.create("", "", 0).is_err());
        assert_eq!(tasks.make_place(KEPT_SECONDS + 10), made[..1]);
        tasks.create("", "", KEPT_SECONDS).expect("room");
        let mut gone = tasks.make_place(PENDING_KEPT_SECONDS);
        gone.sort();
        let mut expected = made[1..].to_vec();
        expected.sort();
        assert_eq!(gone, expected);
    }
}
