//! A server that is killed at any moment loses nothing that it has said is done.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use changed_blocks::cbtlog::{Store, Uuid, WritableStore};
use changed_blocks::{ByteRange, VirtualSize};
use changed_blocks_xapi::client::{Client, Error, Options, Secret};
use serde_json::{Value, json};

use crate::common::served::{PASSWORD, Served};
use crate::common::{Scratch, cases, cbt};

/// Numbers that are as good as random, and the same each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // Knuth's generator; its upper half is the better one.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, limit: usize) -> Option<usize> {
        usize::try_from(self.next()).ok()?.checked_rem(limit)
    }
}

const DISK: Uuid = Uuid::from_u128(1);
const BLOCKS: u64 = 64;

/// The disks that have to be there, by the answers of the server.
#[derive(Debug, Default)]
struct Model {
    /// When each snapshot was taken. What may or may not have happened is not asked about.
    snapshots: BTreeMap<Uuid, usize>,
    destroyed: Vec<Uuid>,
    data_destroyed: Vec<Uuid>,
    /// When each block was written.
    written: Vec<(usize, u64)>,
    now: usize,
}

struct Rounds {
    store: PathBuf,
    model: Model,
}

impl Rounds {
    /// Changes the store until the server is gone, and tells of each change that it begins.
    async fn change(&mut self, url: &str, random: &mut Random, begun: Sender<()>) -> Result<(), Error> {
        let mut client = login(url).await?;
        let writable = WritableStore::open(&self.store).expect("there");
        let disk = json!(client.vdi(DISK).await?.as_str());
        loop {
            // The listener has heard enough once the server is killed.
            let _ = begun.send(());
            let model = &mut self.model;
            model.now += 1;
            let now = model.now;
            let chosen = random.below(model.snapshots.len()).and_then(|n| model.snapshots.keys().copied().nth(n));
            match (random.next() % 8, chosen) {
                (0..=2, _) if model.snapshots.len() <= 6 => {
                    let block = random.next() % BLOCKS;
                    writable.mark(DISK, ByteRange::between(block << 16, (block << 16) + 1)).expect("on the disk");
                    model.written.push((now, block));
                }
                (verb, Some(snapshot)) if verb == 3 || model.snapshots.len() > 6 => {
                    // Whether it is gone is not known before the server says so.
                    model.snapshots.remove(&snapshot);
                    model.data_destroyed.retain(|&other| other != snapshot);
                    let vdi = client.vdi(snapshot).await?;
                    client.call("VDI.destroy", &[json!(vdi.as_str())]).await?;
                    model.destroyed.push(snapshot);
                }
                (4, Some(snapshot)) => {
                    let vdi = client.vdi(snapshot).await?;
                    client.call("VDI.data_destroy", &[json!(vdi.as_str())]).await?;
                    model.data_destroyed.push(snapshot);
                }
                _ => {
                    let snapshot = client.call("VDI.snapshot", std::slice::from_ref(&disk)).await?;
                    let uuid = client.call("VDI.get_uuid", &[snapshot]).await?;
                    model.snapshots.insert(uuid.as_str().and_then(|uuid| uuid.parse().ok()).expect("a UUID"), now);
                }
            }
        }
    }

    /// Asks a server that has just begun for everything that has to be there.
    async fn check(&self, url: &str) -> Result<(), Error> {
        let mut client = login(url).await?;
        let model = &self.model;
        let records = client.call("VDI.get_all_records", &[]).await?;
        let records: BTreeMap<Uuid, &Value> = records
            .as_object()
            .expect("an object")
            .values()
            .map(|record| (record["uuid"].as_str().and_then(|uuid| uuid.parse().ok()).expect("a UUID"), record))
            .collect();
        let disk = client.vdi(DISK).await?;
        for uuid in model.snapshots.keys() {
            let record = records.get(uuid).unwrap_or_else(|| panic!("{uuid} is lost"));
            assert_eq!((&record["snapshot_of"], &record["cbt_enabled"]), (&json!(disk.as_str()), &json!(true)));
        }
        for uuid in &model.data_destroyed {
            assert_eq!(records[uuid]["type"], json!("cbt_metadata"));
        }
        for uuid in &model.destroyed {
            assert!(!records.contains_key(uuid), "{uuid} is back");
        }
        client.close().await?;
        let store = Store::open(&self.store).expect("there");
        for (&from, &since) in &model.snapshots {
            let answer = store.list_changed_blocks(from, DISK).unwrap_or_else(|error| panic!("{error}"));
            for &(when, block) in model.written.iter().filter(|(when, _)| *when > since) {
                assert_eq!(answer.bitmap.get(block), Some(true), "block {block}, written at {when}, since {since}");
            }
        }
        Ok(())
    }
}

async fn login(url: &str) -> Result<Client, Error> {
    Client::login(Options::new(url, "root", Secret::from(PASSWORD.to_owned()))?).await
}

#[test]
fn kills_at_any_moment_lose_nothing() {
    let scratch = Scratch::new();
    let writable = WritableStore::open(scratch.path()).expect("there");
    writable.create(DISK, VirtualSize::new(BLOCKS << 16).expect("not 0")).expect("new");
    let mut rounds = Rounds { store: scratch.path().to_owned(), model: Model::default() };
    let mut random = Random(7);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let kills = cases(10, 200);
    for round in 0..kills {
        let mut served = Served::new(scratch.path(), &[]);
        runtime.block_on(rounds.check(&served.url)).unwrap_or_else(|error| panic!("round {round}: {error}"));
        let (changes, part) = (1 + random.next() % 4, random.next() % 2000);
        let killed = &AtomicBool::new(false);
        let url = served.url.clone();
        let (begun, listener) = channel();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                if sleep_until(&listener, changes, part) {
                    killed.store(true, Ordering::SeqCst);
                    served.kill();
                }
            });
            let error = runtime.block_on(rounds.change(&url, &mut random, begun)).expect_err("it goes on until then");
            assert!(killed.load(Ordering::SeqCst), "round {round}: {error}");
        });
    }
    // Leftovers of the last kills are gone once the store is opened for writing.
    Served::new(scratch.path(), &[]).kill();
    let ours = |name: &String| name.ends_with(".cbtlog") || name == "vdis.json" || name == "vdis.lock";
    assert_eq!(scratch.names().into_iter().filter(|name| !ours(name)).collect::<Vec<_>>(), [""; 0]);
    // Each round has come to do something.
    assert!(rounds.model.now > 2 * kills, "{}", rounds.model.now);
}

/// Kills in the middle of writing a log leave a temporary file each, whose name is never used again.
#[test]
fn what_kills_have_left_does_not_pile_up() {
    let scratch = Scratch::new();
    let writable = WritableStore::open(scratch.path()).expect("there");
    // 8 MiB take a while to write.
    writable.create(DISK, VirtualSize::new(1 << 42).expect("not 0")).expect("new");
    let (folder, disk) = (scratch.path().to_str().expect("text"), DISK.to_string());
    let temporary = || scratch.names().into_iter().filter(|name| !name.ends_with(".cbtlog")).collect::<Vec<_>>();
    let (mut before, mut left) = (Vec::new(), 0);
    for round in 0..cases(10, 40) {
        let mut child =
            cbt(["store", "mark", folder, &disk, "--offset", "0", "--length", "1"]).spawn().expect("it starts");
        // Once it has begun to write, or is done.
        while temporary().iter().all(|name| before.contains(name)) && child.try_wait().expect("it is ours").is_none() {}
        let _ = child.kill();
        child.wait().expect("it ends");
        before = temporary();
        assert!(before.len() <= 1, "round {round}: {before:?}");
        left += before.len();
    }
    assert!(left > 0, "no kill came in the middle of writing");
    writable.mark(DISK, ByteRange::between(65_536, 65_537)).expect("on the disk");
    assert_eq!(scratch.names(), [format!("{DISK}.cbtlog")]);
}

/// Sleeps until so many changes have been made, and then for so many thousandths of the time that the longest of them
/// took. So something is done before each kill, and any moment of a change may be the last, however slow the machine
/// is. Says whether it came to that.
fn sleep_until(begun: &Receiver<()>, changes: u64, thousandths: u64) -> bool {
    let (mut before, mut longest) = (None::<Instant>, 0);
    for _ in 0..=changes {
        if begun.recv().is_err() {
            return false;
        }
        let now = Instant::now();
        longest = longest.max(before.map_or(0, |before| now.duration_since(before).as_nanos()));
        before = Some(now);
    }
    let nanos = u64::try_from(longest).expect("a few seconds") / 1000 * thousandths;
    std::thread::sleep(Duration::from_nanos(nanos));
    true
}
