//! Calls that go on while the client asks how far they are.
//!
//! A task belongs to the session that made it. What a client has made and not ended goes along with its session; calls
//! that are under way go on. If there is no place, tasks that have ended make room: those first whose result was read,
//! and of those the ones of the session that has the most.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;
use uuid::Uuid;

use super::budgets::{ALL_TASKS_TEXT, SESSION_TASKS, TASK_TEXT, TASKS, TEXT_OVERHEAD};
use super::failure::Failure;
use super::task::{FIELDS, Status, Task, Texts, Work};
use super::util::now;
use super::value::{Struct, Value};
use super::xmlrpc;

/// How long a task with a bitmap is kept if others wait for the memory that it takes.
const BITMAP_KEPT: Duration = Duration::from_secs(60);

/// How long a task is kept that a client has made and not ended, if there is no place for others.
const PENDING_KEPT: Duration = Duration::from_secs(24 * 3600);

/// All of them, by reference.
#[derive(Debug, Default)]
pub(super) struct Tasks(BTreeMap<String, Task>);

impl Tasks {
    /// A new task for a call.
    pub(super) fn begin(&mut self, session: &str, name: &str) -> Result<String, Failure> {
        self.add(session, name, "", Work::Call(None))
    }

    /// A new task of a client.
    pub(super) fn create(&mut self, session: &str, name: &str, description: &str) -> Result<String, Failure> {
        self.add(session, name, description, Work::Client)
    }

    fn add(&mut self, session: &str, name: &str, description: &str, work: Work) -> Result<String, Failure> {
        if self.0.len() >= TASKS || self.count(session) >= SESSION_TASKS {
            return Err(Failure::too_much());
        }
        let texts = Texts { name: name.to_owned(), description: description.to_owned(), ..Texts::default() };
        let bytes = self.fitting(0, &texts)?;
        let reference = format!("OpaqueRef:{}", Uuid::new_v4());
        let task = Task {
            uuid: Uuid::new_v4(),
            session: session.to_owned(),
            left: false,
            created: now(),
            finished: 0,
            since: Instant::now(),
            status: Status::Pending,
            progress: 0.0,
            texts,
            bytes,
            bitmap: None,
            was_read: false,
            work,
        };
        self.0.insert(reference.clone(), task);
        Ok(reference)
    }

    fn count(&self, session: &str) -> usize {
        self.0.values().filter(|task| task.session == session).count()
    }

    /// Forgets what clients of sessions that have ended have made and not ended. Returns the references.
    pub(super) fn sessions_are(&mut self, sessions: &HashSet<String>) -> Vec<String> {
        for task in self.0.values_mut() {
            task.left = !sessions.contains(&task.session);
        }
        self.forget(|task| task.left && !task.status.has_ended() && matches!(task.work, Work::Client))
    }

    /// Forgets a task if a session has no place for one more. Returns its reference.
    pub(super) fn make_place(&mut self, session: &str) -> Vec<String> {
        let mut gone = Vec::new();
        if self.count(session) >= SESSION_TASKS {
            gone.extend(self.make_way(|_, task| task.session == session));
        }
        if self.0.len() >= TASKS {
            gone.extend(self.make_way(|_, _| true));
        }
        gone
    }

    /// Forgets the one of some tasks that is needed the least, and stops it if need be.
    fn make_way(&mut self, of: impl Fn(&str, &Task) -> bool) -> Option<String> {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        self.0.values().for_each(|task| *counts.entry(&task.session).or_default() += 1);
        let order = |task: &Task| {
            let rank = match &task.work {
                _ if task.status.has_ended() => usize::from(!task.was_read),
                Work::Client if task.since.elapsed() >= PENDING_KEPT => 2,
                // Nobody has asked for it for long.
                Work::Call(Some(_)) if task.left => 3,
                _ => return None,
            };
            Some((rank, Reverse(counts.get(&*task.session).copied()), task.since))
        };
        let ordered =
            self.0.iter().filter(|(name, task)| of(name, task)).filter_map(|(name, task)| Some((order(task)?, name)));
        let (_, first) = ordered.min()?;
        let first = first.clone();
        self.destroy(&first).ok().map(|()| first)
    }

    /// Forgets tasks that have waited for long and take much memory. Returns their references.
    pub(super) fn make_room(&mut self) -> Vec<String> {
        self.forget(|task| task.bitmap.is_some() && task.since.elapsed() >= BITMAP_KEPT)
    }

    fn forget(&mut self, goes: impl Fn(&Task) -> bool) -> Vec<String> {
        let gone: Vec<String> = self.0.iter().filter(|(_, task)| goes(task)).map(|(name, _)| name.clone()).collect();
        for reference in &gone {
            self.0.remove(reference);
        }
        gone
    }

    /// Keeps the handle that stops a task.
    pub(super) fn can_be_stopped(&mut self, reference: &str, with: AbortHandle) {
        if let Some(Task { work: Work::Call(handle), status: Status::Pending, .. }) = self.0.get_mut(reference) {
            *handle = Some(with);
        }
    }

    /// Ends the task of a call. If the task was cancelled, ended or destroyed meanwhile, no one wants to know.
    /// Returns the tasks that have made room for the result.
    pub(super) fn end(&mut self, reference: &str, result: Result<Value, Failure>) -> Vec<String> {
        let mut gone = Vec::new();
        if self.0.get(reference).is_none_or(|task| task.status.has_ended()) {
            return gone;
        }
        let mut bitmap = None;
        let told = result.and_then(|value| match value {
            Value::Bitmap(of) => {
                bitmap = Some(of);
                Ok(())
            }
            // A call that has nothing to tell.
            Value::Text(text) if text.is_empty() => Ok(()),
            value => {
                let text = xmlrpc::text(value);
                // The short result of a change is always kept: it was made.
                let kept = text.len() <= TEXT_OVERHEAD * 4;
                let texts = |texts: &mut Texts| texts.result = text;
                if kept {
                    return self.keep(reference, texts);
                }
                gone = self.change(reference, |of| {
                    texts(of);
                    Ok(())
                })?;
                Ok(())
            }
        });
        let status = if told.is_ok() { Status::Success } else { Status::Failure };
        if let Err(failure) = told {
            let texts = failure.description().map(str::to_owned).collect();
            // Short as well.
            let _ = self.keep(reference, |of| of.error_info = texts);
        }
        if let Ok(task) = self.get(reference) {
            task.end(status);
            task.bitmap = bitmap;
        }
        gone
    }

    /// Changes what is said of a task, if there is room for it. Returns the tasks that have made room.
    pub(super) fn change(
        &mut self,
        reference: &str,
        change: impl FnOnce(&mut Texts) -> Result<(), Failure>,
    ) -> Result<Vec<String>, Failure> {
        let task = self.get(reference)?;
        let (mut texts, before) = (task.texts.clone(), task.bytes);
        change(&mut texts)?;
        let mut gone = Vec::new();
        let bytes = loop {
            match self.fitting(before, &texts) {
                Ok(bytes) => break bytes,
                Err(failure) if texts.bytes() > TASK_TEXT => return Err(failure),
                Err(failure) => {
                    let ended = |name: &str, task: &Task| name != reference && task.status.has_ended();
                    gone.push(self.make_way(ended).ok_or(failure)?);
                }
            }
        };
        let task = self.get(reference)?;
        (task.texts, task.bytes) = (texts, bytes);
        Ok(gone)
    }

    /// Changes what is said of a task in any case, by texts that are short.
    fn keep(&mut self, reference: &str, change: impl FnOnce(&mut Texts)) -> Result<(), Failure> {
        let task = self.get(reference)?;
        change(&mut task.texts);
        task.bytes = task.texts.bytes();
        Ok(())
    }

    /// The bytes of texts that replace others, unless that is too much.
    fn fitting(&self, before: usize, texts: &Texts) -> Result<usize, Failure> {
        let bytes = texts.bytes();
        if bytes > TASK_TEXT {
            return Err(Failure::internal(format!("the texts of a task have at most {TASK_TEXT} bytes")));
        }
        let all: usize = self.0.values().map(|task| task.bytes).sum();
        if bytes > before && all - before + bytes > ALL_TASKS_TEXT {
            return Err(Failure::too_much());
        }
        Ok(bytes)
    }

    /// Stops a task that has not ended, if it can be stopped.
    pub(super) fn cancel(&mut self, reference: &str) -> Result<(), Failure> {
        let task = self.get(reference)?;
        match &task.work {
            _ if task.status.has_ended() => return Ok(()),
            Work::Call(Some(handle)) => handle.abort(),
            _ => return Err(Failure::not_allowed("task cannot be cancelled")),
        }
        task.end(Status::Cancelled);
        self.keep(reference, |of| of.error_info = vec!["TASK_CANCELLED".to_owned(), reference.to_owned()])
    }

    /// How far a client says that a task is.
    pub(super) fn set_status(&mut self, reference: &str, status: Status) -> Result<(), Failure> {
        let task = self.get(reference)?;
        if status.has_ended() && !task.status.has_ended() {
            (task.finished, task.since) = (now(), Instant::now());
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

    /// A client has read how a task ended, if it has.
    pub(super) fn was_read(&mut self, reference: &str) {
        if let Some(task) = self.0.get_mut(reference) {
            task.was_read = task.status.has_ended();
        }
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

fn unknown(reference: &str) -> Failure {
    Failure::bad_handle("task", reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tasks that a session has made: as many as it may.
    fn full(tasks: &mut Tasks, session: &str) -> Vec<String> {
        (0..SESSION_TASKS).map(|_| tasks.create(session, "", "").expect("room")).collect()
    }

    #[test]
    fn a_session_leaves_places_to_others_and_takes_its_tasks_along() {
        let mut tasks = Tasks::default();
        let mut made = full(&mut tasks, "one");
        assert!(tasks.make_place("one").is_empty());
        assert_eq!(tasks.create("one", "", ""), Err(Failure::too_much()));
        let others = tasks.create("two", "", "").expect("others have places");
        let runs = tasks.begin("two", "a call").expect("a place");
        let ended = made.remove(7);
        tasks.set_status(&ended, Status::Success).expect("there");
        // It was not read, but has ended.
        assert_eq!(tasks.make_place("one"), [ended]);
        made.push(tasks.create("one", "", "").expect("a place"));
        let mut gone = tasks.sessions_are(&HashSet::from(["two".to_owned()]));
        gone.sort();
        made.sort();
        assert_eq!(gone, made);
        // A call goes on.
        assert_eq!(tasks.sessions_are(&HashSet::new()), [others]);
        tasks.end(&runs, Ok(Value::text("done")));
        assert_eq!(tasks.get(&runs).expect("there").texts.result, "<value>done</value>");
    }

    #[test]
    fn of_ended_tasks_the_ones_that_were_read_go_first_and_then_the_oldest() {
        let mut tasks = Tasks::default();
        let made: Vec<Vec<String>> = ["1", "2", "3", "4"].iter().map(|session| full(&mut tasks, session)).collect();
        assert!(tasks.make_place("5").is_empty());
        assert!(tasks.create("5", "", "").is_err());
        for reference in [&made[1][1], &made[2][2], &made[0][0], &made[3][3]] {
            tasks.set_status(reference, Status::Failure).expect("there");
        }
        tasks.was_read(&made[0][0]);
        tasks.was_read(&made[0][1]);
        assert_eq!(tasks.make_place("5"), [&*made[0][0]]);
        tasks.create("5", "", "").expect("a place");
        assert_eq!(tasks.make_place("5"), [&*made[1][1]]);
        tasks.create("5", "", "").expect("a place");
        // The last ones of those that have the most.
        assert_eq!(tasks.make_place("5"), [&*made[2][2]]);
    }

    #[test]
    fn texts_of_tasks_have_an_end_and_ended_tasks_make_room_for_them() {
        let mut tasks = Tasks::default();
        let most = |texts: &mut Texts| {
            texts.result = "x".repeat(TASK_TEXT);
            Ok(())
        };
        let made: Vec<String> =
            (0..=ALL_TASKS_TEXT / TASK_TEXT).map(|_| tasks.create("", "", "").expect("room")).collect();
        for reference in &made[1..] {
            assert_eq!(tasks.change(reference, most), Ok(Vec::new()));
        }
        assert_eq!(tasks.change(&made[0], most), Err(Failure::too_much()));
        let more = |texts: &mut Texts| {
            texts.result.push('x');
            Ok(())
        };
        assert_eq!(tasks.change(&made[1], more).expect_err("too much").code, "INTERNAL_ERROR");
        tasks.set_status(&made[3], Status::Success).expect("there");
        assert_eq!(tasks.change(&made[0], most), Ok(vec![made[3].clone()]));
        // A change that was made is told in any case.
        let runs = tasks.begin("", "").expect("a place");
        tasks.end(&runs, Ok(Value::text("a reference")));
        assert_eq!(tasks.get(&runs).expect("there").status, Status::Success);
    }
}
