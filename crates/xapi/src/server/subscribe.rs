//! `event.from`: the objects that have changed, in the records that they have now.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::answers::{Lane, Outcome};
use super::api::Api;
use super::budgets::{EVENT_CLASSES, EVENT_CLASSES_TEXT};
use super::call::Call;
use super::caller::while_there;
use super::catalogue::CLASSES;
use super::events::{Event, Operation};
use super::failure::Failure;
use super::records;
use super::util::now;
use super::value::{Many, Struct, Value};
use super::vdis::{Vdi, Vdis};

/// The longest time that a client waits for an event.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// The objects that a client wants to hear of, in lower case.
#[derive(Debug, Default)]
struct Wanted {
    all: bool,
    classes: HashSet<String>,
    /// As `class/reference`.
    objects: HashSet<String>,
}

impl Wanted {
    /// Classes, objects as `class/reference`, or `*` for all, in whatever case.
    fn new(classes: &[Value]) -> Result<Self, Failure> {
        let names = || classes.iter().filter_map(Value::as_text);
        if classes.len() > EVENT_CLASSES || names().map(str::len).sum::<usize>() > EVENT_CLASSES_TEXT {
            let why =
                format!("more than {EVENT_CLASSES} classes and objects, or {EVENT_CLASSES_TEXT} bytes of their names");
            return Err(Failure::new("EVENT_SUBSCRIPTION_PARSE_FAILURE", [why]));
        }
        let mut wanted = Self::default();
        for name in names().map(str::to_ascii_lowercase) {
            match name.contains('/') {
                _ if name == "*" => wanted.all = true,
                true => drop(wanted.objects.insert(name)),
                false => drop(wanted.classes.insert(name)),
            }
        }
        Ok(wanted)
    }

    fn has(&self, event: &Event) -> bool {
        let object = || format!("{}/{}", event.class, event.reference).to_ascii_lowercase();
        self.all
            || self.classes.contains(&event.class.to_ascii_lowercase())
            || (!self.objects.is_empty() && self.objects.contains(&object()))
    }

    /// Whether other programs can change one of them: tasks, the pool and the host change by this server only.
    fn has_folder(&self) -> bool {
        let mut of_objects = self.objects.iter().filter_map(|object| object.split_once('/'));
        self.all
            || ["vdi", "sr"].iter().any(|class| self.classes.contains(*class))
            || of_objects.any(|(class, _)| matches!(class, "vdi" | "sr"))
    }
}

impl Api {
    /// The events of some objects since a token. If there are none, one is waited for, unless too many clients wait.
    pub(super) async fn event_from(self: &Arc<Self>, mut call: Call) -> Result<Outcome, Failure> {
        // The names take it up until this client has a place to wait.
        let mut room = call.room.take();
        let [classes, token, timeout] = &*call.params else { return Err(call.wrong_count(3)) };
        let Value::List(classes) = classes else { return Err(Failure::field_type("classes")) };
        let wanted = Wanted::new(classes)?;
        let since = self.number_of(token.as_text().ok_or_else(|| Failure::field_type("token"))?)?;
        let end = Instant::now() + wait_of(timeout)?;
        drop(call);
        let mut changes = self.events.watch();
        let mut stopping = self.stopping.subscribe();
        let place = self.waiting.try_acquire();
        let mut next_look = None;
        let mut looked_at = 0;
        if wanted.has_folder() {
            let api = Arc::clone(self);
            next_look = Some(Instant::now() + self.answers.in_turn(Lane::Disks, move || api.look()).await?);
        }
        loop {
            changes.borrow_and_update();
            let number = self.events.number();
            let known = since.and_then(|since| self.events.since(since, looked_at, |event| wanted.has(event)));
            looked_at = number;
            // One who has seen nothing, or too little to catch up, gets everything at once.
            let everything = known.is_none();
            let events = match known {
                Some(events) => events,
                None => self.everything().await?.into_iter().filter(|event| wanted.has(event)).collect(),
            };
            let left = end.saturating_duration_since(Instant::now());
            let waits = place.is_ok() && !left.is_zero() && !*stopping.borrow_and_update();
            if !events.is_empty() || everything || !waits {
                let (api, events) = (Arc::clone(self), Arc::from(events));
                return Ok(Outcome::Read(Lane::Records, Arc::new(move || api.events(&events, number))));
            }
            // Changes of the folder are found out by looking again.
            let until_look = next_look.map(|look| look.saturating_duration_since(Instant::now()));
            let waiting = async {
                tokio::select! {
                    _ = changes.changed() => {}
                    _ = stopping.changed() => {}
                    () = tokio::time::sleep(until_look.map_or(left, |look| look.min(left))) => {}
                }
            };
            drop(room.take());
            while_there(waiting).await;
            // A clock of its own: other events must not put the next look off.
            if next_look.is_some_and(|look| look <= Instant::now()) {
                let pause = self.look_now_and_then().await;
                next_look = Some(Instant::now() + pause);
            }
        }
    }

    /// The number of the last event that a client has seen, as its token says; nothing if it has seen none of this
    /// server's.
    fn number_of(&self, token: &str) -> Result<Option<u64>, Failure> {
        match token.split_once(',').map(|(run, number)| (run.parse::<u64>(), number.parse::<u64>())) {
            Some((Ok(run), Ok(number))) => Ok(Some(number).filter(|_| run == self.events.run())),
            None if token.is_empty() => Ok(None),
            _ => Err(Failure::new("EVENT_FROM_TOKEN_PARSE_FAILURE", [token])),
        }
    }

    /// All objects, as if they had just come.
    async fn everything(self: &Arc<Self>) -> Result<Vec<Event>, Failure> {
        let api = Arc::clone(self);
        let all = move || {
            let mut events = Vec::new();
            let vdis = api.vdis()?;
            for (class, _) in CLASSES {
                let add = |reference| Event { number: 0, class, reference, operation: Operation::Add, added: 0 };
                events.extend(api.references(&vdis, class)?.into_iter().map(add));
            }
            Ok(events)
        };
        self.answers.in_turn(Lane::Records, all).await
    }

    /// The answer of `event.from`.
    fn events(self: &Arc<Self>, events: &Arc<[Event]>, number: u64) -> Result<Value, Failure> {
        let vdis = self.vdis()?;
        let all = vdis.all()?;
        let mut counts = Struct::new();
        for (class, _) in CLASSES {
            let count = if *class == "VDI" { all.len() } else { self.references(&vdis, class)?.len() };
            counts.push((class.to_lowercase().into(), int(count as u64)));
        }
        drop(vdis);
        let (api, events) = (Arc::clone(self), Arc::clone(events));
        let each = move |take: &mut dyn FnMut(String, Value)| {
            let vdis = api.vdis_as_read();
            for event in &*events {
                // One that has gone since will have an event of its own.
                if let Some(event) = api.event(event, &vdis, &all) {
                    take(String::new(), Value::Struct(event));
                }
            }
        };
        Ok(Value::Struct(vec![
            ("events".into(), Value::Items(Many::new(each))),
            ("valid_ref_counts".into(), Value::Struct(counts)),
            ("token".into(), Value::text(self.events.token(number))),
        ]))
    }

    /// An event, with the record of its object.
    fn event(&self, event: &Event, vdis: &Vdis, all: &[Vdi]) -> Option<Struct> {
        let Event { number, class, reference, operation, .. } = event;
        let snapshot = match *class {
            _ if *operation == Operation::Delete => None,
            "VDI" => {
                let uuid = vdis.uuid_of(reference)?;
                // They are in the order of their UUIDs.
                let vdi = all.get(all.binary_search_by_key(&uuid, |vdi| vdi.uuid).ok()?)?;
                Some(records::vdi(vdis, vdi))
            }
            "SR" => Some(records::sr(vdis, all)),
            class => Some(self.record(vdis, class, reference).ok()?),
        };
        let mut members: Struct = vec![
            ("id".into(), int(*number)),
            ("timestamp".into(), Value::text(now().to_string())),
            ("class".into(), Value::text(class.to_lowercase())),
            ("operation".into(), Value::text(operation.name())),
            ("ref".into(), Value::text(reference.clone())),
        ];
        members.extend(snapshot.map(|record| ("snapshot".into(), Value::Struct(record))));
        Some(members)
    }
}

fn int(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

/// How long a client waits for an event.
fn wait_of(timeout: &Value) -> Result<Duration, Failure> {
    let seconds = match timeout {
        Value::Float(seconds) => *seconds,
        #[expect(clippy::cast_precision_loss, reason = "it is cut to five minutes")]
        Value::Int(seconds) => *seconds as f64,
        _ => return Err(Failure::field_type("timeout")),
    };
    Ok(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT))
}
