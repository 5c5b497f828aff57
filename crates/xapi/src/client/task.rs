//! A listing that runs as a task of the pool.

use std::borrow::Cow;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::{sleep, timeout};

use super::answer::Answer;
use super::backoff::BusyRetry;
use super::error::Error;
#[cfg(doc)]
use super::options::Options;
use super::refusal::Refusal;
use super::rpc::{self, Reply};
use super::session::{CLOSING, Client, VdiRef};

/// The pauses between two looks at a task.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How a task stands.
pub(super) enum State {
    Pending,
    Done(Result<Answer, Error>),
}

impl Client {
    /// Lists the changed blocks in a task of the pool, which takes as long as it takes: no connection has to stay open
    /// meanwhile. There is no limit to it but the caller's.
    ///
    /// While the task runs, a pool that cannot be asked about it (refused and broken connections, HTTP 5xx, a host that
    /// starts or is upgraded, one with too much to do) is asked again until the [limit](Options::away_limit) is reached.
    /// Then the task is left running: not to see it is not to know that it failed.
    ///
    /// Whatever else becomes of the task, it is destroyed. If that fails, or if the future is dropped before, then
    /// [`close`](Self::close) does it. Only if the future is dropped while the request that starts the task is under
    /// way is the task not known: the pool then ends it by itself, at the latest when it collects what sessions leave.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] also if the task fails or is cancelled, [`Error::Away`] if the pool stays away while it runs; or
    /// what goes wrong on the way.
    pub async fn list_changed_blocks_task(&mut self, from: &VdiRef, to: &VdiRef) -> Result<Answer, Error> {
        let mut retry = BusyRetry::new(self.options.busy_limit);
        loop {
            let outcome = self.run_task(from, to).await;
            // A task may be let in, and find only then that something else is under way.
            let busy = outcome.as_ref().is_err_and(|error| error.refusal() == Some(Refusal::Busy));
            if !(busy && retry.wait().await) {
                return outcome;
            }
        }
    }

    async fn run_task(&mut self, from: &VdiRef, to: &VdiRef) -> Result<Answer, Error> {
        let params = [from.as_str().into(), to.as_str().into()];
        self.begins_task.store(true, Relaxed);
        let task = self.invoke("Async.VDI.list_changed_blocks", &params, &mut BusyRetry::new(Duration::ZERO)).await;
        self.begins_task.store(false, Relaxed);
        let task = self.wire.reference(&task?)?;
        self.tasks.push(task.clone());
        let watched = self.watch(&task).await;
        if matches!(watched, Err(Error::Away { .. })) {
            // Left running, also by `close`.
            self.tasks.retain(|known| *known != task);
            return watched?;
        }
        // The answer counts, not whether the pool is clean. What is left here, `close` tries again.
        let running = watched.is_err();
        drop(timeout(CLOSING, self.end_task(&task, running)).await);
        watched?.map_err(|error| self.wire.without_secrets(error))
    }

    /// Looks at a task until it has an outcome. The outer error is for looking, the inner one for the task.
    async fn watch(&mut self, task: &str) -> Result<Result<Answer, Error>, Error> {
        let mut pause = FIRST_PAUSE;
        loop {
            let reply = match self.invoke_until_back("task.get_record", &[task.into()]).await {
                Err(error) if error.is_away() => {
                    let (address, limit) = (self.wire.address().to_string(), self.options.away_limit);
                    return Err(Error::Away { address, task: task.to_owned(), limit, source: Box::new(error) });
                }
                reply => reply?,
            };
            let name = task.to_owned();
            if let State::Done(outcome) = rpc::aside(reply.body.len(), move || State::of(reply, &name)).await? {
                return Ok(outcome);
            }
            sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    }

    /// Makes a call that only reads. A pool that is away, or too busy to answer, is asked again until the
    /// [limit](Options::away_limit) is reached.
    pub(super) async fn invoke_until_back(&mut self, method: &str, params: &[Value]) -> Result<Reply, Error> {
        let mut away = BusyRetry::new(self.options.away_limit);
        loop {
            match self.invoke(method, params, &mut BusyRetry::new(Duration::ZERO)).await {
                Err(error) if error.is_away() && away.wait().await => {}
                outcome => return outcome,
            }
        }
    }

    /// Destroys a task, and stops it before if it may be running: a task that is only destroyed runs on unseen.
    pub(super) async fn end_task(&mut self, task: &str, running: bool) -> Result<(), Error> {
        if running {
            match self.invoke_patiently("task.cancel", &[task.into()]).await {
                // It may be done by now, or past the point where it can be stopped.
                Ok(_) | Err(Error::Refused { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        match self.invoke_patiently("task.destroy", &[task.into()]).await {
            Err(Error::Refused { code, .. }) if code == "HANDLE_INVALID" => {}
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        self.tasks.retain(|known| known != task);
        Ok(())
    }
}

impl State {
    pub(super) fn of(reply: Reply, task: &str) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Record<'a> {
            #[serde(borrow)]
            status: Cow<'a, str>,
            #[serde(borrow, default, deserialize_with = "rpc::present")]
            result: Option<&'a RawValue>,
            #[serde(default)]
            error_info: Vec<String>,
        }
        let record: Record<'_> = reply.read("the record of a task")?;
        let mut error_info = record.error_info.into_iter();
        let outcome = match record.status.as_ref() {
            "pending" | "cancelling" => return Ok(Self::Pending),
            "success" => {
                let result = record.result.ok_or_else(|| reply.wrong("the record of the task has no result"))?;
                let result = rpc::range_in(&reply.body, result);
                Answer::of_task(reply, result)
            }
            "failure" => match error_info.next() {
                Some(code) => Err(rpc::refusal(code, error_info.collect())),
                None => Err(reply.wrong("the task failed, but does not say why")),
            },
            "cancelled" => match error_info.next() {
                Some(code) if code == "TASK_CANCELLED" => Err(rpc::refusal(code, error_info.collect())),
                _ => Err(rpc::refusal("TASK_CANCELLED".to_owned(), vec![task.to_owned()])),
            },
            _ => return Err(reply.wrong("the task has a status that there is not")),
        };
        Ok(Self::Done(outcome))
    }
}
