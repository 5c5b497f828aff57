//! One task: its state, its texts, and its record.

use std::sync::Arc;
use std::time::Instant;

use tokio::task::AbortHandle;
use uuid::Uuid;

use super::budgets::TEXT_OVERHEAD;
use super::notes::{self, Notes};
use super::util::now;
use super::value::{Bitmap, NULL, Value};

#[derive(Debug)]
pub(super) struct Task {
    pub(super) uuid: Uuid,
    /// The session that made it.
    pub(super) session: String,
    /// Whether that session has ended.
    pub(super) left: bool,
    pub(super) created: i64,
    pub(super) finished: i64,
    /// When it was made, and when it ended, by a clock that is never set.
    pub(super) since: Instant,
    pub(super) status: Status,
    pub(super) progress: f64,
    pub(super) texts: Texts,
    /// The bytes that its texts take up.
    pub(super) bytes: usize,
    pub(super) bitmap: Option<Arc<Bitmap>>,
    /// Whether a client has read how it ended.
    pub(super) was_read: bool,
    pub(super) work: Work,
}

/// The texts of a task.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    pub(super) name: String,
    pub(super) description: String,
    /// As it is read: in the notation of XML-RPC if it is that of a call.
    pub(super) result: String,
    pub(super) error_info: Vec<String>,
    pub(super) other_config: Notes,
}

impl Texts {
    pub(super) fn bytes(&self) -> usize {
        let notes = self.other_config.iter().map(|(key, value)| key.len() + value.len() + 2 * TEXT_OVERHEAD);
        let errors = self.error_info.iter().map(|text| text.len() + TEXT_OVERHEAD);
        self.name.len() + self.description.len() + self.result.len() + notes.chain(errors).sum::<usize>()
    }
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
pub(super) enum Work {
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

    pub(super) fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(status, _)| *status == self).map_or("", |(_, name)| name)
    }

    pub(super) const fn has_ended(self) -> bool {
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

impl Task {
    pub(super) fn end(&mut self, status: Status) {
        self.status = status;
        (self.finished, self.since) = (now(), Instant::now());
        self.progress = 1.0;
    }

    pub(super) fn field(&self, name: &str) -> Value {
        match name {
            "uuid" => Value::text(self.uuid.to_string()),
            "name_label" => Value::text(self.texts.name.clone()),
            "name_description" => Value::text(self.texts.description.clone()),
            "created" => Value::Time(self.created),
            "finished" => Value::Time(self.finished),
            "status" => Value::text(self.status.name()),
            "progress" => Value::Float(self.progress),
            "type" => Value::text("<none/>"),
            "result" => match &self.bitmap {
                Some(bitmap) => Value::TaskBitmap(bitmap.clone()),
                None => Value::text(self.texts.result.clone()),
            },
            "error_info" => Value::texts(self.texts.error_info.iter().cloned()),
            "allowed_operations" => {
                let can_be_stopped = matches!(self.work, Work::Call(Some(_))) && !self.status.has_ended();
                Value::texts(can_be_stopped.then_some("cancel").into_iter().chain(["destroy"]))
            }
            "other_config" => notes::value(&self.texts.other_config),
            "subtasks" => Value::List(Vec::new()),
            "current_operations" => Value::Struct(Vec::new()),
            "resident_on" | "subtask_of" => Value::text(NULL),
            "backtrace" => Value::text("()"),
            _ => Value::EMPTY,
        }
    }
}
