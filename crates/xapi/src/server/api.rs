//! The methods: who may call them, and which of them take their time.

use std::pin::pin;
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::access::Folder;
use super::answers::{Answers, Lane, Notation, Outcome, QUEUE_TIMEOUT};
use super::connection::{Caller, while_there};
use super::events::Events;
use super::guesses::Guesses;
use super::look::Seen;
use super::nbd::DataServer;
use super::notes::Notes;
use super::sessions::Sessions;
use super::sync::{blocking, lock};
use super::table::{self, ASYNC, Work};
use super::tasks::Tasks;
use super::value::{Bitmap, Piece, Value};
use super::vdis::{Vdis, bitmap_bytes};
use super::{Call, Failure, Limits, budgets};

/// The one call of a session that needs none.
const LOGIN: &str = "session.login_with_password";

/// How long a wrong password is thought about.
const DELAY: Duration = Duration::from_millis(300);

/// Clients that wait for events at a time.
const MOST_WAITING: usize = 256;

/// How long a call waits before it looks whether others could make room.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Bytes of the bitmap of a disk of 16 TiB: a change may read one.
const LARGEST_LOG: u64 = 32 << 20;

/// Bytes of bitmaps that are counted as one.
const BITMAP_UNIT: u64 = 1 << 20;

/// The server behind the wire.
#[derive(Debug)]
pub(super) struct Api {
    /// What to have of it, and how, says [`access`](super::access).
    pub(super) vdis: RwLock<Vdis>,
    pub(super) folder: Folder,
    pub(super) tasks: Mutex<Tasks>,
    pub(super) answers: Answers,
    pub(super) events: Events,
    read_only: bool,
    /// Whether bitmaps are filled up to a multiple of four bytes.
    pad_like_vhd: bool,
    /// Where the data of the disks is, if it is anywhere.
    pub(super) nbd: Option<DataServer>,
    /// What clients note down at the pool, such as the npm client to learn that its events have come. It is not kept.
    pub(super) pool_notes: Mutex<Notes>,
    /// Clients that wait for events. They keep their connection for minutes, which others need too.
    pub(super) waiting: Semaphore,
    /// Whether the server is to stop. Nobody is kept waiting then.
    pub(super) stopping: watch::Sender<bool>,
    /// The disks as they were when clients were last told of changes.
    pub(super) seen: Mutex<Seen>,
    pub(super) sessions: Mutex<Sessions>,
    /// Listings come one after the other, as on a host.
    listing: Arc<Semaphore>,
    /// Calls that change something, too. They and listings wait for each other.
    changing: Arc<tokio::sync::RwLock<()>>,
    guesses: Mutex<Guesses>,
    /// For each call that goes on in a task: also after that was destroyed, which stops only some of them.
    in_tasks: Arc<Semaphore>,
    /// Memory for bitmaps that are on their way, or wait in a task.
    room: Arc<Semaphore>,
    units: u32,
}

impl Api {
    pub(super) fn new(
        vdis: Vdis,
        sessions: Sessions,
        nbd: Option<DataServer>,
        read_only: bool,
        limits: Limits,
    ) -> Result<Self, Failure> {
        let units = u32::try_from(limits.bitmap_bytes.div_ceil(BITMAP_UNIT).max(1)).unwrap_or(u32::MAX >> 3);
        let seen = Seen::new(vdis.all()?);
        Ok(Self {
            folder: vdis.folder(),
            vdis: RwLock::new(vdis),
            tasks: Mutex::default(),
            answers: Answers::default(),
            events: Events::default(),
            read_only,
            pad_like_vhd: false,
            nbd,
            pool_notes: Mutex::default(),
            waiting: Semaphore::new(limits.connections.div_ceil(2).min(MOST_WAITING)),
            stopping: watch::Sender::new(false),
            seen: Mutex::new(seen),
            sessions: Mutex::new(sessions),
            listing: Arc::new(Semaphore::new(1)),
            changing: Arc::default(),
            guesses: Mutex::new(Guesses::new(limits.wrong_passwords, limits.wrong_passwords_a_second)),
            in_tasks: Arc::new(Semaphore::new(budgets::TASKS)),
            room: Arc::new(Semaphore::new(units as usize)),
            units,
        })
    }

    /// Whether bitmaps are filled up as VHD storage does it.
    pub(super) const fn pad_like_vhd(mut self, pad: bool) -> Self {
        self.pad_like_vhd = pad;
        self
    }

    /// Answers a call.
    pub(super) async fn answer(self: &Arc<Self>, call: Call, notation: &Notation, caller: &Caller) -> Vec<Piece> {
        match self.outcome(call, caller).await {
            Ok(Outcome::Read(lane, read)) => self.answers.make(lane, read, notation).await,
            Ok(Outcome::Value(value)) => notation.short(Ok(value)),
            Err(failure) => notation.short(Err(failure)),
        }
    }

    async fn outcome(self: &Arc<Self>, mut call: Call, caller: &Caller) -> Result<Outcome, Failure> {
        let listed = table::listed(&call.method);
        if let Some(name) = &listed {
            call.method.clone_from(name);
        }
        match call.method.as_str() {
            "system.listMethods" => return Ok(Outcome::Value(Value::texts(table::names()))),
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
            return Err(Failure::unknown_method(&call));
        }
        if let Some(method) = call.method.strip_prefix(ASYNC) {
            call.method = method.to_owned();
            return self.begin(call).map(Outcome::Value);
        }
        match table::find(&call.method) {
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
        match table::find(&call.method) {
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
                    budgets::there_is_memory_for(LARGEST_LOG)?;
                    let result = handler(&api, &call);
                    // Even if that fails, the change is made. The next look tells of it.
                    let _ = api.look();
                    result
                })
                .await
            }
            Some((Work::Session | Work::Read(_) | Work::Events, _)) | None => Err(Failure::unknown_method(&call)),
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
            api.task_changed(&name, super::events::Operation::Modify);
        });
        // What changes something goes on in any case, and its outcome must not be hidden.
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
            let room = self.room_for(units).await;
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
            budgets::there_is_memory_for(2 * u64::from(units) * BITMAP_UNIT)?;
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
}

impl Api {
    /// How much of the room a bitmap takes up, if it is not too much at any time.
    pub(super) fn units_of(&self, bytes: u64) -> Result<u32, Failure> {
        let units = u32::try_from(bytes.div_ceil(BITMAP_UNIT).max(1)).unwrap_or(u32::MAX);
        if units > self.units {
            return Err(Failure::internal(format!("a bitmap of {bytes} bytes is more than this server has room for")));
        }
        Ok(units)
    }

    /// Waits for room. Results that nobody fetches do not take it up for ever.
    async fn room_for(&self, units: u32) -> Option<OwnedSemaphorePermit> {
        let mut room = pin!(Arc::clone(&self.room).acquire_many_owned(units));
        loop {
            if let Ok(room) = tokio::time::timeout(LOOK_AGAIN, room.as_mut()).await {
                return room.ok();
            }
            let gone = lock(&self.tasks).make_room();
            self.tasks_gone(&gone);
        }
    }
}

impl Call {
    /// Parameters that are all texts.
    pub(super) fn texts<const N: usize>(&self) -> Result<[&str; N], Failure> {
        let mut texts = [""; N];
        if self.params.len() != N {
            return Err(self.wrong_count(N));
        }
        for (text, value) in texts.iter_mut().zip(&self.params) {
            *text = value.as_text().ok_or_else(|| Failure::field_type("parameter"))?;
        }
        Ok(texts)
    }

    /// A wrong number of parameters, the session not counted in: it has been taken off.
    pub(super) fn wrong_count(&self, expected: usize) -> Failure {
        let (expected, found) = (expected.to_string(), self.params.len().to_string());
        Failure::new("MESSAGE_PARAMETER_COUNT_MISMATCH", [&self.method, &expected, &found])
    }
}
