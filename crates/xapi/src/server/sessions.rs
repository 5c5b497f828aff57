//! Who has logged in.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::Secret;

/// After so long without a call, a session ends.
const IDLE: Duration = Duration::from_secs(24 * 3600);

/// If there would be more, the one that was not used for the longest time ends.
const MOST: usize = 500;

/// The sessions, and who may have one.
pub(super) struct Sessions {
    user: String,
    password: Secret,
    last_used: HashMap<String, Instant>,
}

impl Sessions {
    pub(super) fn new(user: String, password: Secret) -> Self {
        Self { user, password, last_used: HashMap::new() }
    }

    /// A session, if that is the password.
    pub(super) fn login(&mut self, user: &str, password: &str, now: Instant) -> Option<String> {
        let right =
            user.as_bytes().ct_eq(self.user.as_bytes()) & password.as_bytes().ct_eq(self.password.expose().as_bytes());
        if !bool::from(right) {
            return None;
        }
        self.last_used.retain(|_, used| now.duration_since(*used) < IDLE);
        if self.last_used.len() >= MOST
            && let Some(oldest) = self.last_used.iter().min_by_key(|(_, used)| **used).map(|(name, _)| name.clone())
        {
            self.last_used.remove(&oldest);
        }
        let reference = format!("OpaqueRef:{}", Uuid::new_v4());
        self.last_used.insert(reference.clone(), now);
        Some(reference)
    }

    /// Whether there is that session. It counts as used.
    pub(super) fn has(&mut self, reference: &str, now: Instant) -> bool {
        match self.last_used.get_mut(reference) {
            Some(used) if now.duration_since(*used) < IDLE => {
                *used = now;
                true
            }
            _ => false,
        }
    }

    pub(super) fn logout(&mut self, reference: &str) {
        self.last_used.remove(reference);
    }
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} sessions", self.last_used.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_opens_a_session_and_it_does_not_last_for_ever() {
        let now = Instant::now();
        let mut sessions = Sessions::new("root".to_owned(), "secret".into());
        for (user, password) in [("root", ""), ("", ""), ("root", "secre"), ("root", "secret "), ("admin", "secret")] {
            assert!(sessions.login(user, password, now).is_none(), "{user} {password}");
        }
        let session = sessions.login("root", "secret", now).expect("right");
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
            sessions.login("root", "secret", start + Duration::from_secs(second)).expect("right")
        };
        let first = login(&mut sessions, 0);
        let second = login(&mut sessions, 1);
        let later = start + Duration::from_secs(2);
        assert!(sessions.has(&first, later));
        (0..MOST as u64 - 1).for_each(|i| drop(login(&mut sessions, 3 + i)));
        assert!(sessions.has(&first, later));
        assert!(!sessions.has(&second, later));
    }
}
