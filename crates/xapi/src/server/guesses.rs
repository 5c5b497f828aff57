//! Wrong passwords cost the one who sends them: each address has so many, which come back slowly.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::admission::Origin;

/// Addresses that are remembered. Beyond, the half of them is forgotten that has sent the fewest.
const MOST: usize = 10_000;

/// The addresses that have sent wrong passwords.
#[derive(Debug)]
pub(super) struct Guesses {
    /// In how much time one more wrong password is allowed.
    each: Duration,
    /// In how much time all of them are.
    all: Duration,
    /// When an address will have all of them again.
    whole_again: HashMap<Origin, Instant>,
}

impl Guesses {
    /// A limit of so many guesses at once, and so many more a second.
    pub(super) fn new(at_once: u32, a_second: u32) -> Self {
        let each = Duration::from_secs(1) / a_second.max(1);
        Self { each, all: each.saturating_mul(at_once.max(1)), whole_again: HashMap::new() }
    }

    /// How long an address has to wait until its password is looked at.
    pub(super) fn wait(&self, origin: Origin, now: Instant) -> Option<Duration> {
        let left = self.whole_again.get(&origin)?.saturating_duration_since(now);
        let wait = (left + self.each).saturating_sub(self.all);
        (!wait.is_zero()).then_some(wait)
    }

    /// Counts a wrong one.
    pub(super) fn wrong(&mut self, origin: Origin, now: Instant) {
        if self.whole_again.len() >= MOST && !self.whole_again.contains_key(&origin) {
            let mut ends: Vec<Instant> = self.whole_again.values().copied().collect();
            let (_, &mut middle, _) = ends.select_nth_unstable(MOST / 2);
            self.whole_again.retain(|_, end| *end > middle.max(now));
        }
        let end = self.whole_again.entry(origin).or_insert(now);
        *end = (*end).max(now) + self.each;
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn origin(number: u32) -> Origin {
        Origin::of(IpAddr::V4(Ipv4Addr::from_bits(number)))
    }

    #[test]
    fn an_address_has_so_many_and_they_come_back() {
        let mut guesses = Guesses::new(10, 2);
        let mut now = Instant::now();
        for _ in 0..10 {
            assert_eq!(guesses.wait(origin(1), now), None);
            guesses.wrong(origin(1), now);
        }
        assert_eq!(guesses.wait(origin(1), now), Some(Duration::from_millis(500)));
        assert_eq!(guesses.wait(origin(2), now), None, "it is no one else's fault");
        now += Duration::from_millis(499);
        assert_eq!(guesses.wait(origin(1), now), Some(Duration::from_millis(1)));
        now += Duration::from_millis(1);
        assert_eq!(guesses.wait(origin(1), now), None);
        guesses.wrong(origin(1), now);
        assert!(guesses.wait(origin(1), now).is_some());
        // After a long time it has as many as in the beginning, not more.
        now += Duration::from_secs(3600);
        (0..10).for_each(|_| guesses.wrong(origin(1), now));
        assert!(guesses.wait(origin(1), now).is_some());
    }

    #[test]
    fn there_is_an_end_to_what_is_remembered_and_the_worst_are_not_forgotten() {
        let mut guesses = Guesses::new(10, 1);
        let now = Instant::now();
        (0..10).for_each(|_| guesses.wrong(origin(0), now));
        for number in 1..=100_000 {
            guesses.wrong(origin(number), now);
            assert!(guesses.whole_again.len() <= MOST);
        }
        assert!(guesses.wait(origin(0), now).is_some());
    }
}
