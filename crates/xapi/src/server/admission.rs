//! Admission: which client has to go when there is no room for one more.
//!
//! Each client takes up some of a resource: one of the connections, or the bytes of a request. If one more does not fit,
//! clients go in this order: those without a session, of the address that takes up the most of it the one that has been
//! so for the longest time; then those that are idle. A client with a call under way stays. A quarter is kept for those
//! with a session, so however many come without one, they keep no one out who has. Another quarter is kept from those
//! that are idle, or newcomers would push each other out before they have logged in.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use super::util::lock;

/// Where one comes from: an address or, with IPv6, a network of which one has all addresses as a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Origin(IpAddr);

impl Origin {
    pub(super) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
            address => address,
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V6(network) => write!(f, "{network}/64"),
            address => write!(f, "{address}"),
        }
    }
}

/// The standing of a client that has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing: the last call, if there was one, had no session.
    Unknown,
    /// The last call had a session.
    Idle,
    /// A call with a session is under way.
    Busy,
}

/// Something of which there is only so much.
#[derive(Debug)]
pub(super) struct Admission {
    most: u64,
    taken: Mutex<Taken>,
    /// Something has been given back, or someone is not busy any more.
    freed: Notify,
}

/// The units that are taken up, by each client.
#[derive(Debug, Default)]
struct Taken {
    all: u64,
    unknown: u64,
    /// The number of the next event. A lower one was longer ago.
    next: u64,
    guests: HashMap<u64, Guest>,
    /// The clients of whom nothing is known, by origin.
    crowds: HashMap<Origin, Crowd>,
    /// The origins in their order: last the one that takes up the most or, of equal ones, has done so the longest.
    order: BTreeSet<(u64, Reverse<u64>, Origin)>,
    /// The idle clients, by the number of the event since which they are.
    idle: BTreeMap<u64, u64>,
}

#[derive(Debug)]
struct Guest {
    origin: Origin,
    weight: u64,
    standing: Standing,
    since: u64,
    /// Tells it to go.
    leave: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Crowd {
    weight: u64,
    /// By the number since when.
    guests: BTreeMap<u64, u64>,
}

/// The units that a client takes up, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    of: Arc<Admission>,
    guest: u64,
}

impl Admission {
    pub(super) fn new(most: u64) -> Arc<Self> {
        Arc::new(Self { most: most.max(1), taken: Mutex::default(), freed: Notify::new() })
    }

    /// The units that clients of whom nothing is known can take up.
    const fn for_unknown(&self) -> u64 {
        self.most - self.most / 4
    }

    /// Lets someone in, and tells others to go if there is no room else. Nothing if all the others are busy.
    pub(super) fn enter(
        self: &Arc<Self>,
        origin: Origin,
        weight: u64,
        standing: Standing,
        leave: &Arc<Notify>,
    ) -> Option<Place> {
        let weight = weight.min(self.for_unknown());
        let mut taken = lock(&self.taken);
        while taken.all + weight > self.most
            || (standing == Standing::Unknown && taken.unknown + weight > self.for_unknown())
        {
            let gone = taken.first_to_go(self.most / 4).and_then(|guest| taken.remove(guest))?;
            gone.leave.notify_one();
        }
        let guest = taken.number();
        taken.add(guest, Guest { origin, weight, standing, since: guest, leave: Arc::clone(leave) });
        Some(Place { of: Arc::clone(self), guest })
    }

    /// Waits until someone has gone, or is not busy any more.
    pub(super) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// Waits until all have gone.
    pub(super) async fn emptied(&self) {
        while !lock(&self.taken).guests.is_empty() {
            self.freed().await;
        }
    }
}

impl Taken {
    const fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn add(&mut self, id: u64, guest: Guest) {
        self.all += guest.weight;
        match guest.standing {
            Standing::Unknown => {
                self.unknown += guest.weight;
                self.change_crowd(guest.origin, |crowd| {
                    crowd.weight += guest.weight;
                    crowd.guests.insert(guest.since, id);
                });
            }
            Standing::Idle => drop(self.idle.insert(guest.since, id)),
            Standing::Busy => {}
        }
        self.guests.insert(id, guest);
    }

    fn remove(&mut self, id: u64) -> Option<Guest> {
        let guest = self.guests.remove(&id)?;
        self.all -= guest.weight;
        match guest.standing {
            Standing::Unknown => {
                self.unknown -= guest.weight;
                self.change_crowd(guest.origin, |crowd| {
                    crowd.weight -= guest.weight;
                    crowd.guests.remove(&guest.since);
                });
            }
            Standing::Idle => drop(self.idle.remove(&guest.since)),
            Standing::Busy => {}
        }
        Some(guest)
    }

    /// Changes those of an origin, and its place in the order.
    fn change_crowd(&mut self, origin: Origin, change: impl FnOnce(&mut Crowd)) {
        let crowd = self.crowds.entry(origin).or_default();
        if let Some((&since, _)) = crowd.guests.first_key_value() {
            self.order.remove(&(crowd.weight, Reverse(since), origin));
        }
        change(crowd);
        match crowd.guests.first_key_value() {
            Some((&since, _)) => drop(self.order.insert((crowd.weight, Reverse(since), origin))),
            None => drop(self.crowds.remove(&origin)),
        }
    }

    /// The client that has to go first: one without a session, if these take up more than is kept for them or nobody is
    /// idle.
    fn first_to_go(&self, kept: u64) -> Option<u64> {
        let idle = self.idle.values().next().copied();
        if self.unknown < kept && idle.is_some() {
            return idle;
        }
        let unknown = self
            .order
            .last()
            .and_then(|(_, Reverse(since), origin)| self.crowds.get(origin).and_then(|crowd| crowd.guests.get(since)));
        unknown.copied().or(idle)
    }
}

impl Place {
    /// Notes what is known now. One who has been told to go does not come back by that.
    pub(super) fn set(&self, standing: Standing) {
        let mut taken = lock(&self.of.taken);
        let since = taken.number();
        if let Some(guest) = taken.remove(self.guest) {
            taken.add(self.guest, Guest { standing, since, ..guest });
        }
        drop(taken);
        self.of.freed.notify_one();
    }

    /// The standing, unless the client was told to go.
    pub(super) fn standing(&self) -> Option<Standing> {
        lock(&self.of.taken).guests.get(&self.guest).map(|guest| guest.standing)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.of.taken).remove(self.guest);
        self.of.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::of(text.parse().expect("an address"))
    }

    struct Test(Arc<Admission>);

    impl Test {
        fn enter(&self, from: &str, standing: Standing) -> Option<Place> {
            self.0.enter(origin(from), 1, standing, &Arc::default())
        }

        fn unknown(&self, from: &str) -> Place {
            self.enter(from, Standing::Unknown).expect("others go")
        }
    }

    fn there(place: &Place) -> bool {
        place.standing().is_some()
    }

    #[test]
    fn of_the_address_with_the_most_the_longest_unknown_goes_first() {
        let test = Test(Admission::new(8));
        let many: Vec<_> = (0..4).map(|_| test.unknown("10.0.0.1")).collect();
        let few: Vec<_> = (0..2).map(|_| test.unknown("10.0.0.2")).collect();
        // Six of eight can be taken up by those who are unknown.
        let seventh = test.unknown("10.0.0.3");
        assert_eq!(many.iter().map(there).collect::<Vec<_>>(), [false, true, true, true]);
        // A call without a session makes it the last in its row.
        many[1].set(Standing::Unknown);
        let eighth = test.unknown("10.0.0.3");
        assert_eq!(many.iter().map(there).collect::<Vec<_>>(), [false, true, false, true]);
        // All have two now.
        let ninth = test.unknown("10.0.0.4");
        assert_eq!(many.iter().map(there).collect::<Vec<_>>(), [false, true, false, false]);
        let tenth = test.unknown("10.0.0.4");
        assert_eq!(few.iter().map(there).collect::<Vec<_>>(), [false, true]);
        assert!([&seventh, &eighth, &ninth, &tenth].into_iter().all(there));
    }

    #[test]
    fn clients_with_a_session_go_last_and_busy_ones_never() {
        let test = Test(Admission::new(4));
        let places: Vec<_> = (0..3).map(|_| test.unknown("10.0.0.1")).collect();
        places[0].set(Standing::Busy);
        places[1].set(Standing::Idle);
        places[2].set(Standing::Idle);
        places[1].set(Standing::Idle);
        let unknown: Vec<_> = (0..5).map(|_| test.unknown("10.0.0.2")).collect();
        assert_eq!(unknown.iter().filter(|place| there(place)).count(), 1);
        assert!(places.iter().all(there));
        // With a session, it is the idle ones that go, the one of the longest time first.
        let known = test.enter("10.0.0.3", Standing::Busy).expect("the last unknown one goes");
        let next = test.enter("10.0.0.3", Standing::Busy).expect("an idle one goes");
        assert_eq!(places.iter().map(there).collect::<Vec<_>>(), [true, true, false]);
        let last = test.enter("10.0.0.3", Standing::Busy).expect("the other idle one goes");
        assert!(test.enter("10.0.0.4", Standing::Unknown).is_none());
        drop(known);
        assert!(test.enter("10.0.0.4", Standing::Unknown).is_some());
        drop((next, last, places, unknown));
        let taken = lock(&test.0.taken);
        assert_eq!((taken.all, taken.unknown, taken.guests.len(), taken.crowds.len()), (0, 0, 0, 0));
        assert!(taken.order.is_empty() && taken.idle.is_empty());
    }

    #[test]
    fn idle_clients_leave_a_quarter_to_newcomers() {
        let test = Test(Admission::new(8));
        let idle: Vec<_> = (0..8).map(|_| test.enter("10.0.0.1", Standing::Idle).expect("others go")).collect();
        let first = test.unknown("10.0.0.2");
        let second = test.unknown("10.0.0.2");
        assert!(there(&first) && there(&second));
        assert_eq!(idle.iter().filter(|place| there(place)).count(), 6);
        // From then on, they push each other out.
        let third = test.unknown("10.0.0.2");
        assert!(!there(&first) && there(&second) && there(&third));
        assert_eq!(idle.iter().filter(|place| there(place)).count(), 6);
    }

    #[test]
    fn a_network_of_ipv6_addresses_is_one_origin() {
        assert_eq!(origin("2001:db8:1:2::1"), origin("2001:db8:1:2:ffff::"));
        assert_ne!(origin("2001:db8:1:2::1"), origin("2001:db8:1:3::1"));
        assert_eq!(origin("::ffff:10.0.0.1"), origin("10.0.0.1"));
        assert_eq!(origin("2001:db8:1:2::1").to_string(), "2001:db8:1:2::/64");
    }

    #[test]
    fn a_larger_claim_makes_more_clients_go() {
        let admission = Admission::new(100);
        let enter = |weight| admission.enter(origin("10.0.0.1"), weight, Standing::Unknown, &Arc::default());
        let small: Vec<_> = (0..7).map(|_| enter(10).expect("there is room")).collect();
        let large = enter(60).expect("others go");
        assert_eq!(small.iter().filter(|place| there(place)).count(), 1);
        assert!(there(&enter(1000).expect("it counts as the most that there is")) && !there(&large));
    }
}
