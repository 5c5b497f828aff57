//! Events: the changes since a client last asked.

use std::time::{Duration, Instant};

use changed_blocks::VirtualSize;
use changed_blocks::cbtlog::Uuid;
use serde_json::{Value, json};

use super::wire::Served;

const DISK: Uuid = Uuid::from_u128(1);

#[test]
fn everything_comes_first_and_then_what_changes() {
    let served = Served::new();
    served.writable().create(DISK, VirtualSize::new(1 << 30).expect("not 0")).expect("new");
    let session = served.login();
    let disk = session.vdi(DISK);
    let from = |classes: &Value, token: &Value, timeout: f64| {
        let answer = session.get("event.from", &[classes, token, &json!(timeout)]);
        let events: Vec<(String, String, String)> = answer["events"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|event| {
                let text = |name: &str| event[name].as_str().expect("text").to_owned();
                assert_eq!(event.get("snapshot").is_some(), text("operation") != "del");
                (text("class"), text("operation"), text("ref"))
            })
            .collect();
        (events, answer["token"].clone(), answer)
    };
    let event = |class: &str, operation: &str, reference: &Value| {
        (class.to_owned(), operation.to_owned(), reference.as_str().expect("text").to_owned())
    };
    let (events, token, answer) = from(&json!(["*"]), &json!(""), 10.0);
    assert!(events.contains(&event("vdi", "add", &disk)));
    assert_eq!(events.len(), 5, "a disk, a repository, a pool, a host, a storage plugin");
    assert_eq!(answer["valid_ref_counts"]["vdi"], json!(1));

    let snapshot = session.get("VDI.snapshot", &[&disk]);
    let (events, token, answer) = from(&json!(["VDI"]), &token, 10.0);
    assert_eq!(events, [event("vdi", "add", &snapshot), event("vdi", "mod", &disk)]);
    assert_eq!(answer["events"][0]["snapshot"]["snapshot_of"], disk);
    session.get("VDI.destroy", &[&snapshot]);
    let (events, token, _) = from(&json!(["vdi"]), &token, 10.0);
    // It is not among the disk's snapshots any more.
    assert_eq!(events, [event("vdi", "mod", &disk), event("vdi", "del", &snapshot)]);
    // Another class, or another object.
    let task = session.get("Async.VDI.disable_cbt", &[&disk]);
    let of_task = json!([format!("task/{}", task.as_str().expect("text"))]);
    let (events, ..) = from(&of_task, &token, 10.0);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].2, task.as_str().expect("text"));
    let (events, ..) = from(&json!(["sr"]), &token, 0.0);
    assert!(events.is_empty());
}

#[test]
fn a_client_waits_until_something_happens_or_its_time_is_over() {
    let served = Served::new();
    let session = served.login();
    let token = session.get("event.from", &[&json!([]), &json!(""), &json!(0)])["token"].take();
    let start = Instant::now();
    let answer = session.get("event.from", &[&json!(["pool"]), &token, &json!(0.3)]);
    assert_eq!(answer["events"], json!([]));
    assert!((Duration::from_millis(300)..Duration::from_secs(10)).contains(&start.elapsed()));

    let pools = session.get("pool.get_all", &[]);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(200));
            // As the npm client does it, to learn that it has seen everything.
            session.get("event.inject", &[&json!("pool"), &pools[0]])
        });
        let start = Instant::now();
        let answer = session.get("event.from", &[&json!(["pool"]), &token, &json!(60)]);
        assert_eq!(answer["events"][0]["ref"], pools[0]);
        assert!((Duration::from_millis(100)..Duration::from_secs(20)).contains(&start.elapsed()));
    });
    let bad = session.error("event.from", &[&json!(["pool"]), &json!("x"), &json!(1)]);
    assert_eq!(bad, ["EVENT_FROM_TOKEN_PARSE_FAILURE", "x"]);
    let right = [json!(["pool"]), token.clone(), json!(1)];
    for (place, name) in ["classes", "token", "timeout"].into_iter().enumerate() {
        let mut params = right.clone();
        params[place] = json!({});
        assert_eq!(session.error("event.from", &[&params[0], &params[1], &params[2]]), ["FIELD_TYPE_ERROR", name]);
    }
    for class in ["VM", "pool", "nonsense"] {
        assert_eq!(session.error("event.inject", &[&json!(class), &json!("x")]), ["HANDLE_INVALID", class, "x"]);
    }
    // The token of a server before this one, and one that this one has not given yet: it is told everything.
    let (run, number) = token.as_str().and_then(|token| token.split_once(',')).expect("two parts");
    for other in [format!("{run},999"), format!("1,{number}"), "1,0".to_owned()] {
        let answer = session.get("event.from", &[&json!(["pool"]), &json!(other), &json!(60)]);
        assert_eq!(answer["events"][0]["operation"], json!("add"), "{other}");
    }
}

/// Or else those who wait would keep all others out.
#[test]
fn not_all_connections_can_be_spent_on_waiting() {
    let served = Served::limited(|limits| limits.connections = 4);
    let session = served.login();
    let token = session.get("event.from", &[&json!([]), &json!(""), &json!(0)])["token"].take();
    let pools = session.get("pool.get_all", &[]);
    let wait = || session.get("event.from", &[&json!(["pool"]), &token, &json!(60)])["events"].take();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let tell = tell.clone();
            scope.spawn(move || tell.send(wait()));
        }
        // Two of them wait. For the third there is no place, and nothing to tell.
        let limit = Duration::from_secs(20);
        let first = told.recv_timeout(limit);
        session.get("event.inject", &[&json!("pool"), &pools[0]]);
        assert_eq!(first, Ok(json!([])));
        for _ in 0..2 {
            assert_eq!(told.recv_timeout(limit).expect("it waited")[0]["ref"], pools[0]);
        }
    });
}

#[test]
fn clients_note_things_down_at_the_pool() {
    let served = Served::new();
    let session = served.login();
    let pool = session.get("pool.get_all", &[])[0].take();
    let note =
        |key: &str, value: &str| session.call("pool.add_to_other_config", &[pool.clone(), json!(key), json!(value)]);
    assert_eq!(note("a", "1"), Ok(json!("")));
    assert_eq!(note("a", "2").expect_err("it is there")[0], "MAP_DUPLICATE_KEY");
    assert_eq!(session.get("pool.get_other_config", &[&pool]), json!({"a": "1"}));
    session.get("pool.remove_from_other_config", &[&pool, &json!("a")]);
    session.get("pool.remove_from_other_config", &[&pool, &json!("a")]);
    assert_eq!(session.get("pool.get_other_config", &[&pool]), json!({}));
    assert_eq!(note("long", &"x".repeat(5000)).expect_err("too long")[0], "INTERNAL_ERROR");
}
