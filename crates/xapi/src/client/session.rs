//! A session with a pool: logging in, calls in it, logging out.
//!
//! Invariant: a task is in the session's list from before it is begun until it is known to be destroyed.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::answer::Answer;
use super::backoff::BusyRetry;
use super::error::Error;
use super::options::Options;
use super::refusal::{Refusal, SLAVE};
use super::rpc::{self, Reply, SessionParams};
use super::wire::Wire;

/// How long closing waits for the tasks to be destroyed, and then as long again for logging out.
pub(super) const CLOSING: Duration = Duration::from_secs(10);

/// How long both together may take beyond the [limit](Options::time_limit) of a listing.
pub(super) const CLOSING_LATE: Duration = Duration::from_secs(5);

/// How many times a member of the pool may name another as the master.
const HOPS: usize = 3;

/// A session with a pool.
///
/// It should be [closed](Self::close). If it is dropped instead, the same is tried in the background, for as long as
/// the runtime that it was used on goes on.
pub struct Client {
    pub(super) options: Options,
    pub(super) wire: Wire,
    /// Empty once it is logged out. A new one takes the place of an old one only when it is there.
    pub(super) session: String,
    /// Those that were begun and are not yet known to be destroyed.
    pub(super) tasks: Vec<String>,
    /// Whether a task is being begun, and only the answer of the pool will tell which.
    pub(super) begins_task: Arc<AtomicBool>,
    /// Whether the pool has let this user in once and did not another time. It is not asked again then: a wrong password
    /// that is tried a few times locks the account.
    locked_out: bool,
    /// When closing has to be over, if there is such a time.
    pub(super) closed_by: Option<Instant>,
}

/// The pool's reference of a disk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VdiRef(pub(super) String);

impl From<String> for VdiRef {
    /// A reference that some call has answered.
    fn from(reference: String) -> Self {
        Self(reference)
    }
}

impl VdiRef {
    /// As the pool gave it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Client {
    /// Logs in. If the host is not the master of its pool, it names the master, and that one is asked.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the user or the password is wrong, and all that can go wrong with addresses,
    /// certificates and connections.
    pub async fn login(options: Options) -> Result<Self, Error> {
        let mut wire = Wire::new(&options)?;
        let session = log_in(&mut wire, &options).await?;
        let begins_task = Arc::default();
        Ok(Self { options, wire, session, tasks: Vec::new(), begins_task, locked_out: false, closed_by: None })
    }

    /// Makes any call. The session is put before the parameters.
    ///
    /// If the session has ended, a new one is begun, once. While the pool is busy, the call is repeated until the
    /// [limit](Options::busy_limit) is reached. If the connection had been closed, a new one is made, once, but only
    /// if nothing was sent yet or the call only reads.
    ///
    /// # Errors
    ///
    /// A refusal of the pool, or an error on the way to it.
    pub async fn call(&mut self, method: &str, params: &[Value]) -> Result<Value, Error> {
        self.invoke_patiently(method, params).await?.value()
    }

    /// The reference of a disk.
    ///
    /// # Errors
    ///
    /// As for [`call`](Self::call).
    pub async fn vdi(&mut self, uuid: Uuid) -> Result<VdiRef, Error> {
        let reply = self.invoke_patiently("VDI.get_by_uuid", &[uuid.to_string().into()]).await?;
        self.wire.reference(&reply).map(VdiRef)
    }

    /// Lists the changed blocks in one call, whose answer may take minutes to begin.
    ///
    /// # Errors
    ///
    /// As for [`call`](Self::call), and for a result that is no text.
    pub async fn list_changed_blocks(&mut self, from: &VdiRef, to: &VdiRef) -> Result<Answer, Error> {
        let params = [from.as_str().into(), to.as_str().into()];
        let reply = self.invoke_patiently("VDI.list_changed_blocks", &params).await?;
        rpc::aside(reply.body.len(), || Answer::of_call(reply)).await
    }

    /// Destroys the tasks that were begun and not seen to their end, and logs out, whatever became of the tasks. Each
    /// of the two is given up after 10 s.
    ///
    /// # Errors
    ///
    /// The first thing that went wrong. The session has ended, or will when the pool finds that it is not used.
    pub async fn close(mut self) -> Result<(), Error> {
        self.finish().await
    }

    pub(super) async fn finish(&mut self) -> Result<(), Error> {
        let limit = self.time_to_close() / 2;
        let tasks = timeout(limit.min(CLOSING), self.end_tasks()).await;
        let tasks = tasks.unwrap_or_else(|_| Err(self.too_slow("destroying the tasks", limit.min(CLOSING))));
        let limit = self.time_to_close().min(CLOSING);
        let logout = timeout(limit, self.wire.call("session.logout", &[self.session.as_str()])).await;
        let logout = match logout {
            Err(_) => Err(self.too_slow("logging out", limit)),
            Ok(Err(error)) if error.refusal() != Some(Refusal::SessionInvalid) => Err(error),
            Ok(_) => Ok(()),
        };
        // Not before, so that a future that is dropped meanwhile leaves something to log out.
        self.session.clear();
        self.wire.finish().await;
        tasks.and(logout)
    }

    pub(super) async fn end_tasks(&mut self) -> Result<(), Error> {
        let mut outcome = Ok(());
        for task in self.tasks.clone() {
            outcome = outcome.and(self.end_task(&task, true).await);
        }
        outcome
    }

    /// How long closing may still take.
    fn time_to_close(&self) -> Duration {
        self.closed_by.map_or(CLOSING * 2, |by| by.saturating_duration_since(Instant::now()))
    }

    fn too_slow(&self, waited_for: &'static str, limit: Duration) -> Error {
        Error::Timeout { address: self.wire.address().to_string(), waited_for, limit }
    }

    pub(super) async fn invoke_patiently(&mut self, method: &str, params: &[Value]) -> Result<Reply, Error> {
        let mut retry = BusyRetry::new(self.options.busy_limit);
        self.invoke(method, params, &mut retry).await
    }

    /// A call in the session, repeated where that helps.
    pub(super) async fn invoke(
        &mut self,
        method: &str,
        params: &[Value],
        retry: &mut BusyRetry,
    ) -> Result<Reply, Error> {
        let mut renewed = false;
        loop {
            let outcome = self.wire.call(method, &SessionParams(&self.session, params)).await;
            let Err(error) = outcome else { return outcome };
            match &error {
                Error::Refused { kind: Refusal::Busy, .. } if retry.wait().await => {}
                // A host that is no longer the master knows no sessions either. It names the new one at the login.
                Error::Refused { kind, code, .. }
                    if !renewed && !self.locked_out && (*kind == Refusal::SessionInvalid || code == SLAVE) =>
                {
                    renewed = true;
                    let session = log_in(&mut self.wire, &self.options).await;
                    self.locked_out =
                        session.as_ref().is_err_and(|error| error.refusal() == Some(Refusal::LoginFailed));
                    self.session = session?;
                }
                _ => return Err(error),
            }
        }
    }
}

/// Begins a session, with the host or with the master that it names.
async fn log_in(wire: &mut Wire, options: &Options) -> Result<String, Error> {
    let mut retry = BusyRetry::new(options.busy_limit);
    let mut hosts = vec![wire.address().host.clone()];
    loop {
        let params = [&options.user, options.password.expose(), "1.0", &options.originator];
        let error = match wire.call("session.login_with_password", &params).await {
            Ok(reply) => {
                let session = reply.reference()?;
                wire.withhold(&session);
                return Ok(session);
            }
            Err(error) => error,
        };
        match &error {
            Error::Refused { kind: Refusal::Busy, .. } if retry.wait().await => {}
            Error::Refused { code, params, .. } if code == SLAVE => {
                let Some(master) = params.first() else { return Err(error) };
                let circle = hosts.contains(master);
                hosts.push(master.clone());
                if circle || hosts.len() > HOPS + 1 {
                    return Err(Error::NoMaster { hosts });
                }
                if !wire.redirect(master) {
                    return Err(error);
                }
            }
            _ => return Err(error),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.session.is_empty() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let session = std::mem::take(&mut self.session);
        let tasks = std::mem::take(&mut self.tasks);
        let mut wire = self.wire.take();
        // Nobody is left who could be told how it goes.
        runtime.spawn(async move {
            let all = async {
                for task in tasks {
                    for method in ["task.cancel", "task.destroy"] {
                        drop(wire.call(method, &[session.as_str(), task.as_str()]).await);
                    }
                }
            };
            drop(timeout(CLOSING, all).await);
            drop(timeout(CLOSING, wire.call("session.logout", &[session.as_str()])).await);
            wire.finish().await;
        });
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("address", &format_args!("{}", self.wire.address()))
            .field("options", &self.options)
            .field("tasks", &self.tasks)
            .finish_non_exhaustive()
    }
}
