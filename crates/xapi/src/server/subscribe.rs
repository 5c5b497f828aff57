//! `event.from`: the objects that have changed, in the records that they have now.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::api::Api;
use super::events::{Event, Operation};
use super::methods::{CLASSES, class_of, known_as};
use super::records;
use super::sync::blocking;
use super::value::{Struct, Value, now};
use super::{Call, Failure};

/// The longest time that a client waits for an event.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

impl Api {
    /// What has happened to objects of some classes since a token, after a while if need be and if there are not too many
    /// who wait.
    pub(super) async fn event_from(self: &Arc<Self>, call: &Call) -> Result<Value, Failure> {
        let [Value::List(classes), Value::Text(token), timeout] = &*call.params else {
            return Err(call.wrong_count(3));
        };
        let seconds = match timeout {
            Value::Float(seconds) => *seconds,
            #[expect(clippy::cast_precision_loss, reason = "it is cut to five minutes")]
            Value::Int(seconds) => *seconds as f64,
            _ => return Err(Failure::field_type("timeout")),
        };
        let wait = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT);
        let end = Instant::now() + wait;
        let wanted: Vec<String> = classes.iter().filter_map(Value::as_text).map(|class| class.to_lowercase()).collect();
        let wants = |event: &Event| {
            wanted.iter().any(|wanted| match wanted.split_once('/') {
                Some((class, reference)) => class == event.class && reference == event.reference.to_lowercase(),
                None => wanted == "*" || *wanted == event.class,
            })
        };
        let since = match token.split_once(',').map(|(run, number)| (run.parse::<u64>(), number.parse::<u64>())) {
            Some((Ok(run), Ok(number))) => Some(number).filter(|_| run == self.events.run()),
            None if token.is_empty() => None,
            _ => return Err(Failure::new("EVENT_FROM_TOKEN_PARSE_FAILURE", [token.to_string()])),
        };
        let mut changes = self.events.watch();
        let mut stopping = self.stopping.subscribe();
        let place = self.waiting.try_acquire();
        // Tasks, the pool and the host change by this server only.
        let of_folder = wanted.iter().any(|wanted| ["*", "vdi", "sr"].contains(&class_wanted(wanted)));
        if of_folder {
            let api = Arc::clone(self);
            blocking(move || api.look()).await?;
        }
        let mut next_look = Instant::now() + self.until_next_look();
        loop {
            changes.borrow_and_update();
            let number = self.events.number();
            let known: Option<Vec<Event>> = since.and_then(|since| self.events.since(since));
            // One who has seen nothing, or too little to catch up, gets everything at once.
            let everything = known.is_none();
            let events = match known {
                Some(events) => events,
                None => self.everything().await?,
            };
            let events: Vec<Event> = events.into_iter().filter(wants).collect();
            let left = end.saturating_duration_since(Instant::now());
            let waits = place.is_ok() && !left.is_zero() && !*stopping.borrow_and_update();
            if !events.is_empty() || everything || !waits {
                let api = Arc::clone(self);
                return blocking(move || api.events(events, number)).await;
            }
            // What has happened is found out by looking again.
            let pause = if of_folder { left.min(next_look.saturating_duration_since(Instant::now())) } else { left };
            tokio::select! {
                _ = changes.changed() => {}
                _ = stopping.changed() => {}
                () = tokio::time::sleep(pause) => {}
            }
            // Also while others keep waking it.
            if of_folder && next_look <= Instant::now() {
                // If that fails, the next look may not.
                let _ = self.look_now_and_then().await;
                next_look = Instant::now() + self.until_next_look();
            }
        }
    }

    /// All objects, as if they had just come.
    async fn everything(self: &Arc<Self>) -> Result<Vec<Event>, Failure> {
        let api = Arc::clone(self);
        blocking(move || {
            let mut events = Vec::new();
            let vdis = api.vdis();
            for (class, _) in CLASSES {
                let Some(class_name) = class_of(class) else { continue };
                let add =
                    |reference| Event { number: 0, class: class_name, reference, operation: Operation::Add, added: 0 };
                events.extend(api.references(&vdis, class)?.into_iter().map(add));
            }
            Ok(events)
        })
        .await
    }

    /// The answer of `event.from`.
    fn events(&self, events: Vec<Event>, number: u64) -> Result<Value, Failure> {
        let int = |number: u64| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
        let mut list = Vec::with_capacity(events.len());
        let vdis = self.vdis();
        let all = vdis.all()?;
        for Event { number, class, reference, operation, .. } in events {
            let snapshot = match class {
                _ if operation == Operation::Delete => None,
                "vdi" => {
                    let uuid = vdis.uuid_of(&reference);
                    all.iter().find(|vdi| Some(vdi.uuid) == uuid).map(|vdi| records::vdi(&vdis, vdi))
                }
                "sr" => Some(records::sr(&vdis, &all)),
                _ => self.record(&vdis, known_as(class), &reference).ok(),
            };
            // One that has gone since will have an event of its own.
            if snapshot.is_none() && operation != Operation::Delete {
                continue;
            }
            let mut event: Struct = vec![
                ("id".into(), int(number)),
                ("timestamp".into(), Value::text(now().to_string())),
                ("class".into(), Value::text(class)),
                ("operation".into(), Value::text(operation.name())),
                ("ref".into(), Value::text(reference)),
            ];
            event.extend(snapshot.map(|record| ("snapshot".into(), Value::Struct(record))));
            list.push(Value::Struct(event));
        }
        let mut counts = Struct::new();
        for (class, _) in CLASSES {
            let count = if *class == "VDI" { all.len() } else { self.references(&vdis, class)?.len() };
            counts.push((class.to_lowercase().into(), int(count as u64)));
        }
        Ok(Value::Struct(vec![
            ("events".into(), Value::List(list)),
            ("valid_ref_counts".into(), Value::Struct(counts)),
            ("token".into(), Value::text(self.events.token(number))),
        ]))
    }
}

/// The class that a client wants to hear of, as a whole or one object of it.
fn class_wanted(wanted: &str) -> &str {
    wanted.split_once('/').map_or(wanted, |(class, _)| class)
}
