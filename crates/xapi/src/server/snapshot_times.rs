//! The times that clients are told of snapshots.
//!
//! In a chain, an older snapshot has an earlier time than a newer one, and no two snapshots of a store have the same:
//! tools sort by them. Logs know no times, the API knows only whole seconds, and a snapshot of a snapshot comes before
//! the one that it was taken of. So a time is given when a snapshot is first seen, as close as can be to when it was
//! taken, and is kept from then on. It only changes if the chain leaves no room for a new one otherwise.

use std::collections::BTreeMap;

use uuid::Uuid;

/// The last second that the API can write.
const LAST: i64 = 253_402_300_799;

/// The times of snapshots, in seconds since 1970.
pub(super) type Times = BTreeMap<Uuid, i64>;

/// A snapshot that is to have a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Snapshot {
    pub(super) uuid: Uuid,
    /// The disk that it is a snapshot of.
    pub(super) of: Option<Uuid>,
    /// When it was taken, as far as that is known.
    pub(super) taken: i64,
}

/// Snapshots that follow each other in a chain of logs.
#[derive(Debug)]
pub(super) struct Chain {
    /// The oldest first.
    pub(super) snapshots: Vec<Snapshot>,
    /// The snapshot of another chain that comes next, if there is one.
    pub(super) next: Option<Uuid>,
}

/// Gives each snapshot a time, and forgets those that are gone. A chain that leads into another comes after that one in
/// the list. Returns whether a time has changed.
pub(super) fn settle(times: &mut Times, mut chains: Vec<Chain>) -> bool {
    let before = times.clone();
    // Those that were taken first come first, so that others move up rather than down. Those that join another stay in
    // their order: one may join another that joins.
    let taken = |chain: &Chain| chain.snapshots.last().map(|newest| newest.taken);
    chains.sort_by_key(|chain| (chain.next.is_some(), taken(chain).filter(|_| chain.next.is_none())));
    let siblings: BTreeMap<Uuid, Option<Uuid>> =
        chains.iter().flat_map(|chain| &chain.snapshots).map(|snapshot| (snapshot.uuid, snapshot.of)).collect();
    times.retain(|uuid, time| siblings.contains_key(uuid) && (1..=LAST).contains(time));
    let mut taken = kept(times, &chains);
    for Chain { snapshots, next } in &chains {
        let mut limit = next.and_then(|next| times.get(&next).copied());
        let mut newest = None;
        for (i, snapshot) in snapshots.iter().enumerate().rev() {
            if let Some(&time) = times.get(&snapshot.uuid) {
                (limit, newest) = (Some(time), None);
                continue;
            }
            if limit.is_none() && snapshot.of.is_some() {
                // Those that are no longer part of the chain are older, too.
                let others = times.iter().filter(|(uuid, _)| siblings.get(uuid) == Some(&snapshot.of));
                newest = others.map(|(_, &time)| time).max();
            }
            let older = snapshots[..i].iter().rposition(|older| times.contains_key(&older.uuid));
            let floor = older.map(|older| times[&snapshots[older].uuid]).max(newest);
            // Others between have to have a time, too.
            let between = i - older.map_or(0, |older| older + 1);
            let floor = floor.map(|floor| floor + i64::try_from(between).unwrap_or(LAST));
            let time = place(times, &mut taken, snapshot.taken, floor, limit);
            times.insert(snapshot.uuid, time);
            taken.insert(time, snapshot.uuid);
            limit = Some(time);
        }
    }
    *times != before
}

/// Forgets the times that do not follow the chain, or are another's. Returns the others.
fn kept(times: &mut Times, chains: &[Chain]) -> BTreeMap<i64, Uuid> {
    let mut taken = BTreeMap::new();
    for Chain { snapshots, next } in chains {
        let mut limit = next.and_then(|next| times.get(&next).copied());
        for Snapshot { uuid, .. } in snapshots.iter().rev() {
            let Some(&time) = times.get(uuid) else { continue };
            if limit.is_some_and(|limit| time >= limit) || taken.contains_key(&time) {
                times.remove(uuid);
            } else {
                taken.insert(time, *uuid);
                limit = Some(time);
            }
        }
    }
    taken
}

/// A free time after `floor` and before `limit`, as close as can be to the wanted one. If there is none, those before the
/// limit move down.
fn place(
    times: &mut Times,
    taken: &mut BTreeMap<i64, Uuid>,
    wanted: i64,
    floor: Option<i64>,
    limit: Option<i64>,
) -> i64 {
    let mut up = floor.map_or(wanted, |floor| wanted.max(floor + 1));
    while taken.contains_key(&up) {
        up += 1;
    }
    let Some(limit) = limit.filter(|&limit| up >= limit) else { return up };
    let mut down = limit - 1;
    while taken.contains_key(&down) {
        down -= 1;
    }
    if floor.is_none_or(|floor| down > floor) {
        return down;
    }
    for time in down + 1..limit {
        if let Some(uuid) = taken.remove(&time) {
            times.insert(uuid, time - 1);
            taken.insert(time - 1, uuid);
        }
    }
    limit - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISK: Uuid = Uuid::from_u128(1000);

    /// A chain of snapshots by number and time.
    fn chain(snapshots: &[(u128, i64)]) -> Chain {
        let snapshot = |&(n, taken): &(u128, i64)| Snapshot { uuid: Uuid::from_u128(n), of: Some(DISK), taken };
        Chain { snapshots: snapshots.iter().map(snapshot).collect(), next: None }
    }

    fn times(of: &[(u128, i64)]) -> Times {
        of.iter().map(|&(n, time)| (Uuid::from_u128(n), time)).collect()
    }

    #[track_caller]
    fn settles(before: &[(u128, i64)], chains: Vec<Chain>, after: &[(u128, i64)]) {
        let mut found = times(before);
        assert_eq!(settle(&mut found, chains), before != after);
        assert_eq!(found, times(after));
    }

    #[test]
    fn snapshots_of_one_second_get_neighbouring_times() {
        settles(&[], vec![chain(&[(3, 100), (1, 100), (2, 100)])], &[(1, 99), (2, 100), (3, 98)]);
        settles(&[(3, 100)], vec![chain(&[(3, 50), (1, 100), (2, 100)])], &[(1, 101), (2, 102), (3, 100)]);
    }

    #[test]
    fn times_are_those_of_the_logs_where_they_follow_the_chain() {
        settles(&[], vec![chain(&[(1, 10), (2, 20), (3, 30)])], &[(1, 10), (2, 20), (3, 30)]);
        settles(&[], vec![chain(&[(1, 40), (2, 20), (3, 30)])], &[(1, 19), (2, 20), (3, 30)]);
    }

    #[test]
    fn a_time_stays_whatever_becomes_of_the_log() {
        settles(&[(1, 10), (2, 20)], vec![chain(&[(1, 500), (2, 500)])], &[(1, 10), (2, 20)]);
        settles(&[(1, 10), (2, 20)], vec![chain(&[(2, 500)])], &[(2, 20)]);
    }

    #[test]
    fn a_snapshot_of_a_snapshot_comes_before_it() {
        settles(&[(1, 10), (2, 20)], vec![chain(&[(1, 0), (3, 99), (2, 0)])], &[(1, 10), (2, 20), (3, 19)]);
        // There is no second left between the two: the older ones give way.
        settles(
            &[(0, 9), (1, 10), (2, 11)],
            vec![chain(&[(0, 0), (1, 0), (3, 99), (2, 0)])],
            &[(0, 8), (1, 9), (2, 11), (3, 10)],
        );
    }

    #[test]
    fn no_two_are_equal_over_all_chains_and_without_one() {
        let three = vec![chain(&[(1, 100), (2, 100)]), chain(&[(3, 100)]), chain(&[(4, 100)])];
        let mut found = Times::new();
        settle(&mut found, three);
        let different: std::collections::BTreeSet<_> = found.values().collect();
        assert_eq!((found.len(), different.len()), (4, 4));
    }

    #[test]
    fn a_new_snapshot_of_a_disk_is_later_than_those_before_its_chain_began_anew() {
        settles(&[(1, 50)], vec![chain(&[(1, 50)]), chain(&[(2, 50)])], &[(1, 50), (2, 51)]);
        settles(&[(1, 50)], vec![chain(&[(3, 40), (2, 40)]), chain(&[(1, 50)])], &[(1, 50), (2, 52), (3, 51)]);
    }

    #[test]
    fn times_that_contradict_the_chain_or_each_other_are_given_anew() {
        settles(&[(1, 20), (2, 10)], vec![chain(&[(1, 5), (2, 5)])], &[(1, 5), (2, 10)]);
        settles(&[(1, 20), (2, 20)], vec![chain(&[(1, 20)]), chain(&[(2, 20)])], &[(1, 20), (2, 21)]);
        settles(&[(1, i64::MAX)], vec![chain(&[(1, 20)])], &[(1, 20)]);
    }

    #[test]
    fn a_chain_that_joins_another_is_older_than_where_it_joins() {
        let joining = Chain { next: Some(Uuid::from_u128(1)), ..chain(&[(3, 90)]) };
        settles(&[], vec![chain(&[(1, 10), (2, 20)]), joining], &[(1, 10), (2, 20), (3, 9)]);
        // Also if that one joins another in its turn, whichever was taken first.
        let joining = |next, snapshot| Chain { next: Some(Uuid::from_u128(next)), ..chain(&[snapshot]) };
        let chains = vec![chain(&[(1, 10)]), joining(1, (2, 60)), joining(2, (3, 50))];
        settles(&[], chains, &[(1, 10), (2, 9), (3, 8)]);
    }
}
