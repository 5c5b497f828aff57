//! The sessions of the clients that have logged in.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::admission::Origin;
use super::util;
use crate::Secret;

/// After so long without a call, a session ends.
const IDLE: Duration = Duration::from_secs(24 * 3600);

/// If there would be more, one ends: of the address that has the most, the one that was not used for the longest time.
/// So one who never logs out ends only sessions of its own.
const MOST: usize = 500;

/// Characters of the name that a client gives itself; the rest of it is cut off.
const LONGEST_ORIGINATOR: usize = 256;

/// One that has logged in.
pub(super) struct Session {
    pub(super) uuid: Uuid,
    /// The name that the client gave itself.
    pub(super) originator: String,
    /// When it logged in, in seconds since 1970.
    pub(super) opened: i64,
    /// When it last called, likewise.
    pub(super) last_active: i64,
    last_used: Instant,
    /// Where it logged in from.
    origin: Origin,
}

/// The sessions, and who may have one.
pub(super) struct Sessions {
    user: String,
    password: Secret,
    /// By reference.
    sessions: HashMap<String, Session>,
}

impl Sessions {
    pub(super) fn new(user: String, password: Secret) -> Self {
        Self { user, password, sessions: HashMap::new() }
    }

    /// A session, if that is the password.
    pub(super) fn login(
        &mut self,
        user: &str,
        password: &str,
        originator: &str,
        origin: Origin,
        now: Instant,
    ) -> Option<String> {
        let right =
            user.as_bytes().ct_eq(self.user.as_bytes()) & password.as_bytes().ct_eq(self.password.expose().as_bytes());
        if !bool::from(right) {
            return None;
        }
        self.sessions.retain(|_, session| now.duration_since(session.last_used) < IDLE);
        if self.sessions.len() >= MOST {
            self.end_one();
        }
        let reference = format!("OpaqueRef:{}", Uuid::new_v4());
        let opened = util::now();
        let session = Session {
            uuid: Uuid::new_v4(),
            originator: originator.chars().take(LONGEST_ORIGINATOR).collect(),
            opened,
            last_active: opened,
            last_used: now,
            origin,
        };
        self.sessions.insert(reference.clone(), session);
        Some(reference)
    }

    fn end_one(&mut self) {
        let mut counts = HashMap::<Origin, usize>::new();
        self.sessions.values().for_each(|session| *counts.entry(session.origin).or_default() += 1);
        let first =
            self.sessions.iter().min_by_key(|(_, session)| (Reverse(counts[&session.origin]), session.last_used));
        if let Some(reference) = first.map(|(reference, _)| reference.clone()) {
            self.sessions.remove(&reference);
        }
    }

    /// Whether there is that session. It counts as used.
    pub(super) fn has(&mut self, reference: &str, now: Instant) -> bool {
        match self.sessions.get_mut(reference) {
            Some(session) if now.duration_since(session.last_used) < IDLE => {
                session.last_used = now;
                session.last_active = util::now();
                true
            }
            _ => false,
        }
    }

    /// The references of all that have not ended.
    pub(super) fn references(&self, now: Instant) -> HashSet<String> {
        let there = self.sessions.iter().filter(|(_, session)| now.duration_since(session.last_used) < IDLE);
        there.map(|(reference, _)| reference.clone()).collect()
    }

    /// The session of a reference.
    pub(super) fn get(&self, reference: &str) -> Option<&Session> {
        self.sessions.get(reference)
    }

    /// The reference of a session.
    pub(super) fn by_uuid(&self, uuid: &str) -> Option<&str> {
        let mut sessions = self.sessions.iter();
        sessions.find(|(_, session)| session.uuid.to_string() == uuid).map(|(reference, _)| &**reference)
    }

    pub(super) fn user(&self) -> &str {
        &self.user
    }

    pub(super) fn logout(&mut self, reference: &str) {
        self.sessions.remove(reference);
    }
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} sessions", self.sessions.len())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn origin(last: u8) -> Origin {
        Origin::of(IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)))
    }

    #[test]
    fn only_the_password_opens_a_session_and_it_does_not_last_for_ever() {
        let now = Instant::now();
        let mut sessions = Sessions::new("root".to_owned(), "secret".into());
        for (user, password) in [("root", ""), ("", ""), ("root", "secre"), ("root", "secret "), ("admin", "secret")] {
            assert!(sessions.login(user, password, "", origin(1), now).is_none(), "{user} {password}");
        }
        let session = sessions.login("root", "secret", "", origin(1), now).expect("right");
        assert!(sessions.has(&session, now + IDLE / 2));
        assert!(sessions.has(&session, now + IDLE));
        assert!(!sessions.has(&session, now + IDLE * 3));
        sessions.logout(&session);
        assert!(!sessions.has(&session, now));
        assert!(!format!("{sessions:?}").contains("secret"));
    }

    #[test]
    fn the_session_that_was_not_used_for_the_longest_time_makes_room() {
        let start = Instant::now();
        let mut sessions = Sessions::new("root".to_owned(), "secret".into());
        let login = |sessions: &mut Sessions, second| {
            sessions.login("root", "secret", "", origin(1), start + Duration::from_secs(second)).expect("right")
        };
        let first = login(&mut sessions, 0);
        let second = login(&mut sessions, 1);
        let later = start + Duration::from_secs(2);
        assert!(sessions.has(&first, later));
        (0..MOST as u64 - 1).for_each(|i| drop(login(&mut sessions, 3 + i)));
        assert!(sessions.has(&first, later));
        assert!(!sessions.has(&second, later));
    }

    #[test]
    fn a_client_that_never_logs_out_ends_only_its_own_sessions() {
        let now = Instant::now();
        let mut sessions = Sessions::new("root".to_owned(), "secret".into());
        let mut login = |last, after| {
            sessions.login("root", "secret", "", origin(last), now + Duration::from_secs(after)).expect("right")
        };
        let oldest = login(1, 0);
        let first = login(2, 1);
        (0..MOST as u64 * 3).for_each(|second| drop(login(2, 2 + second)));
        assert!(sessions.has(&oldest, now));
        assert!(!sessions.has(&first, now));
    }
}
