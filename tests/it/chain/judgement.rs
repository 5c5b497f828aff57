//! The judgement of a store against the call over all pairs of its disks.

use changed_blocks::Consequence;
use changed_blocks::cbtlog::{Chain, ChainEnd, ChainError, Judgement, Store, Uuid};
use proptest::collection::vec;
use proptest::prelude::*;

use super::logs::*;
use crate::common::cases;

/// A log of a store of a few, which names any of them, or one that has none, as its neighbours.
fn content() -> impl Strategy<Value = (u8, u8, bool, u64)> {
    (0..6u8, 0..6u8, prop::bool::weighted(0.8), prop_oneof![4 => Just(20u64), 1 => Just(30), 1 => Just(10)])
}

/// Random stores in which most links fit to each other.
fn chain_with_faults() -> impl Strategy<Value = Vec<(u8, u8, bool, u64)>> {
    (2..6u8, vec(content(), 5), vec(prop::bool::weighted(0.2), 15)).prop_map(|(count, odd, faults)| {
        let of = |number: u8, (parent, child, consistent, blocks): (u8, u8, bool, u64)| {
            let fault = |field: usize| faults[usize::from(number - 1) * 3 + field];
            let parent = if fault(0) { parent } else { number - 1 };
            let child = if fault(1) {
                child
            } else if number < count {
                number + 1
            } else {
                0
            };
            let (consistent, blocks) = if fault(2) { (consistent, blocks) } else { (true, 20) };
            (parent, child, consistent, blocks)
        };
        (1..=count).zip(odd).map(|(number, odd)| of(number, odd)).collect()
    })
}

fn uuids(chain: &Chain) -> Vec<Uuid> {
    chain.logs.iter().map(|log| log.as_ref().expect("good").uuid).collect()
}

/// Whether the call refuses the two for good. A newer disk that is in use is none of that.
fn is_refused(store: &Store, from: Uuid, to: Uuid) -> bool {
    match store.list_changed_blocks(from, to) {
        Ok(_) | Err(ChainError::InUse { .. }) => false,
        Err(error) => {
            assert_eq!(error.consequence(), Consequence::FullBackup, "{error}");
            true
        }
    }
}

fn check(store: &Store, chain: &Chain, judgement: &Judgement) {
    let uuids = uuids(chain);
    let pairs = || uuids.iter().enumerate().flat_map(|(i, from)| uuids[i + 1..].iter().map(move |to| (*from, *to)));
    let refusals = &judgement.refusals;
    // Past its end, too.
    let further = match chain.end {
        ChainEnd::Broken { child } | ChainEnd::Joins { child } => Some(child),
        _ => None,
    };
    let beyond = further.into_iter().flat_map(|child| uuids.iter().map(move |from| (*from, child)));
    if refusals.is_empty() {
        for (from, to) in pairs().chain(beyond) {
            assert!(!is_refused(store, from, to), "{from} {to}: {judgement:?}\n{chain:?}");
        }
    } else if matches!(chain.end, ChainEnd::Circle { .. }) {
        // Whatever is asked for that the circle does not lead to.
        assert!(is_refused(store, uuids[0], Uuid::from_u128(99)));
    } else {
        assert!(pairs().chain(beyond).any(|(from, to)| is_refused(store, from, to)), "{judgement:?}\n{chain:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(32, 256)))]

    #[test]
    fn a_chain_is_faulty_where_the_call_refuses_it(logs in prop_oneof![vec(content(), 1..6), chain_with_faults()]) {
        let folder = Folder::new();
        let named = |number: u8| (number != 0).then(|| id(number));
        for (number, &(parent, child, consistent, blocks)) in (1..).zip(&logs) {
            let content = Content {
                parent: named(parent),
                child: named(child),
                consistent: consistent.into(),
                size: blocks * BLOCK,
                changed: vec![number.into()],
            };
            folder.write(number, content.bytes());
        }
        let store = folder.store();
        let chains = store.chains();
        let judgements = store.judge(&chains).expect("good headers");
        prop_assert_eq!(chains.len(), judgements.len());
        for (chain, judgement) in chains.iter().zip(&judgements) {
            check(&store, chain, judgement);
        }
    }
}
