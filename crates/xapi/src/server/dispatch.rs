//! From a call to its outcome: who may call a method, and which calls wait for others.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;

use super::answers::{Lane, Notation, Outcome, QUEUE_TIMEOUT};
use super::api::{Api, BITMAP_UNIT};
use super::call::Call;
use super::caller::{Caller, while_there};
use super::catalogue::{self, ASYNC, Work};
use super::events::Operation;
use super::failure::Failure;
use super::util::{bitmap_bytes, blocking, lock, there_is_memory_for};
use super::value::{Bitmap, Piece, Value};

/// The one call of a session that needs none.
const LOGIN: &str = "session.login_with_password";

/// The time after which a wrong password is refused, to slow down guesses.
const DELAY: Duration = Duration::from_millis(300);

/// The time that a call waits before it looks whether finished tasks could give memory back.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Bytes of the bitmap of a disk of 16 TiB: a change may read one.
const LARGEST_LOG: u64 = 32 << 20;

impl Api {
    /// Answers a call.
    pub(super) async fn answer(self: &Arc<Self>, call: Call, notation: &Notation, caller: &Caller) -> Vec<Piece> {
        match self.outcome(call, caller).await {
            Ok(Outcome::Read(lane, read)) => self.answers.make(lane, read, notation).await,
            Ok(Outcome::Value(value)) => notation.short(Ok(value)),
            Err(failure) => notation.short(Err(failure)),
        }
    }

    async fn outcome(self: &Arc<Self>, mut call: Call, caller: &Caller) -> Result<Outcome, Failure> {
        let listed = catalogue::listed(&call.method);
        if let Some(name) = &listed {
            call.method.clone_from(name);
        }
        match call.method.as_str() {
            "system.listMethods" => return Ok(Outcome::Value(Value::texts(catalogue::names()))),
            LOGIN => return self.login(call, caller).await.map(Outcome::Value),
            _ => {}
        }
        let Some(session) = call.params.first().and_then(Value::as_text).map(str::to_owned) else {
            return Err(Failure::new("SESSION_INVALID", [""]));
        };
        if !lock(&self.sessions).has(&session, Instant::now()) {
            return Err(Failure::new("SESSION_INVALID", [session]));
        }
        caller.is_known();
        call.params.remove(0);
        if call.method == "session.logout" {
            let left = {
                let mut sessions = lock(&self.sessions);
                sessions.logout(&session);
                sessions.references(Instant::now())
            };
            let gone = lock(&self.tasks).sessions_are(&left);
            self.tasks_gone(&gone);
            return Ok(Outcome::Value(Value::EMPTY));
        }
        call.session = session;
        call.room = self.answers.room_for_call(&call).await?;
        if listed.is_none() {
            return Err(call.unknown_method());
        }
        if let Some(method) = call.method.strip_prefix(ASYNC) {
            call.method = method.to_owned();
            return self.begin(call).map(Outcome::Value);
        }
        match catalogue::find(&call.method) {
            Some((Work::Read(read), _)) => {
                let (api, lane) = (Arc::clone(self), Lane::of(&call.method));
                Ok(Outcome::Read(lane, Arc::new(move || read(&api, &call))))
            }
            Some((Work::Events, _)) => self.event_from(call).await,
            _ => self.run(call).await.map(Outcome::Value),
        }
    }

    /// Carries out a call of one who has logged in, if its answer is short.
    async fn run(self: &Arc<Self>, call: Call) -> Result<Value, Failure> {
        let api = Arc::clone(self);
        match catalogue::find(&call.method) {
            Some((Work::List, _)) => self.list(&call).await,
            Some((Work::Beside(handler), _)) => {
                self.answers.in_turn(Lane::of(&call.method), move || handler(&api, &call)).await
            }
            Some((Work::InTurn(handler), _)) => {
                if self.read_only {
                    let permission = call.method.to_lowercase();
                    let why = "No permission in user session: this store is only read";
                    return Err(Failure::new("RBAC_PERMISSION_DENIED", [permission, why.to_owned()]));
                }
                // Changes wait for each other here, not on the threads that all others need.
                let turn = tokio::time::timeout(QUEUE_TIMEOUT, Arc::clone(&self.changing).write_owned());
                let turn = while_there(turn).await.map_err(|_| Failure::busy(""))?;
                blocking(move || {
                    // Even if no one waits for the answer any more, the next change comes after this one.
                    let _turn = turn;
                    there_is_memory_for(LARGEST_LOG)?;
                    let result = handler(&api, &call);
                    // Even if that fails, the change is made. The next look tells of it.
                    let _ = api.look();
                    result
                })
                .await
            }
            Some((Work::Session | Work::Read(_) | Work::Events, _)) | None => Err(call.unknown_method()),
        }
    }

    async fn login(&self, call: Call, caller: &Caller) -> Result<Value, Failure> {
        // A version and the name of the client may follow.
        if !(2..=4).contains(&call.params.len()) {
            return Err(call.wrong_count(2));
        }
        let [Value::Text(user), Value::Text(password), ..] = &*call.params else {
            return Err(Failure::field_type("uname or pwd"));
        };
        let originator = call.params.get(3).and_then(Value::as_text).unwrap_or_default();
        let (origin, now) = (caller.origin(), Instant::now());
        let wait = lock(&self.guesses).wait(origin, now);
        let why = match wait {
            Some(wait) => {
                let seconds = wait.as_secs() + 1;
                format!("too many wrong passwords came from {origin}: the next is looked at in {seconds} s")
            }
            None => {
                let session = lock(&self.sessions).login(user, password, originator, origin, now);
                if let Some(reference) = session {
                    caller.is_known();
                    return Ok(Value::text(reference));
                }
                lock(&self.guesses).wrong(origin, now);
                "Authentication failure".to_owned()
            }
        };
        let failure = Failure::new("SESSION_AUTHENTICATION_FAILED", [&**user, &why]);
        // It may be long, and many may wait here.
        drop(call);
        tokio::select! {
            () = tokio::time::sleep(DELAY) => {}
            () = caller.gone() => {}
        }
        Err(failure)
    }

    /// Goes on with a call in a task.
    fn begin(self: &Arc<Self>, call: Call) -> Result<Value, Failure> {
        let place = Arc::clone(&self.in_tasks).try_acquire_owned().map_err(|_| Failure::too_much())?;
        let name = format!("{ASYNC}{}", call.method);
        let reference = self.new_task(&call.session, |tasks| tasks.begin(&call.session, &name))?;
        let stoppable = call.method == "VDI.list_changed_blocks";
        let (api, name) = (Arc::clone(self), reference.clone());
        let work = tokio::spawn(async move {
            let _place = place;
            let result = api.run(call).await;
            let gone = lock(&api.tasks).end(&name, result);
            api.tasks_gone(&gone);
            api.task_changed(&name, Operation::Modify);
        });
        // A change goes on in any case, and its outcome must not be hidden.
        if stoppable {
            lock(&self.tasks).can_be_stopped(&reference, work.abort_handle());
        }
        Ok(Value::text(reference))
    }

    async fn list(self: &Arc<Self>, call: &Call) -> Result<Value, Failure> {
        let [from, to] = call.texts()?.map(str::to_owned);
        let api = Arc::clone(self);
        let find = self.answers.in_turn(Lane::Disks, move || {
            let vdis = api.vdis()?;
            let all = vdis.all()?;
            let (from, newer) = (vdis.find_among(&all, &from)?, vdis.find_among(&all, &to)?);
            // A size that lies is damage. All else is the library's to judge.
            let units = api.units_of(bitmap_bytes(newer.entry.virtual_size));
            let units = units.map_err(|too_large| newer.damage.unwrap_or(too_large))?;
            Ok((from.uuid, newer.uuid, units))
        });
        let (from, to, units) = find.await?;
        let turn = async {
            let room = self.memory_for(units).await;
            let turn = Arc::clone(&self.listing).acquire_owned().await;
            let no_change = Arc::clone(&self.changing).read_owned().await;
            turn.ok().zip(room).map(|(turn, room)| ((turn, no_change), room))
        };
        let Ok(Some((turn, room))) = while_there(tokio::time::timeout(QUEUE_TIMEOUT, turn)).await else {
            return Err(Failure::too_much());
        };
        let api = Arc::clone(self);
        blocking(move || {
            // Even if no one waits for the answer any more, the next listing comes after this one.
            let _turn = turn;
            // Its own, and those that are read for it.
            there_is_memory_for(2 * u64::from(units) * BITMAP_UNIT)?;
            let (store, newer) = {
                let vdis = api.vdis()?;
                (vdis.store()?, vdis.reference(to))
            };
            // Without the disks: others may have the folder.
            let changed = store.list_changed_blocks(from, to);
            let bitmap = changed.map_err(|error| Failure::listing(&error, &newer))?.bitmap;
            Ok(Value::Bitmap(Arc::new(Bitmap { bitmap, padded: api.pad_like_vhd, _room: room })))
        })
        .await
    }

    /// Waits for memory for a bitmap. Results that no client fetches give theirs back after a while.
    async fn memory_for(&self, units: u32) -> Option<OwnedSemaphorePermit> {
        let mut memory = pin!(Arc::clone(&self.bitmap_memory).acquire_many_owned(units));
        loop {
            if let Ok(memory) = tokio::time::timeout(LOOK_AGAIN, memory.as_mut()).await {
                return memory.ok();
            }
            let gone = lock(&self.tasks).make_room();
            self.tasks_gone(&gone);
        }
    }
}
