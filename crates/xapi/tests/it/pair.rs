//! Client and server of this crate, over HTTPS with a certificate that no authority stands behind.

use std::slice;

use changed_blocks::cbtlog::{Header, Uuid, WritableStore};
use changed_blocks::{ByteRange, Consequence, Encoding, Scanner, VirtualSize};
use changed_blocks_xapi::client::{
    Answer, Client, DiskSize, Error, Fingerprint, Options, Refusal, Secret, Trust, VdiRef, changed_blocks,
};
use changed_blocks_xapi::server::{self, Server, Tls};
use serde_json::json;

use crate::cases::cases;

const DISK: Uuid = Uuid::from_u128(1);

struct Pool {
    folder: tempfile::TempDir,
    url: String,
    fingerprint: Fingerprint,
    server: tokio::task::JoinHandle<()>,
    stop: tokio::sync::oneshot::Sender<()>,
}

impl Pool {
    async fn new(limits: impl FnOnce(&mut server::Limits)) -> Self {
        let folder = tempfile::tempdir().expect("room");
        let tls = Tls::self_signed(["localhost".to_owned()]).expect("possible");
        let fingerprint = Fingerprint::of(tls.certificate());
        let mut found = server::Limits::default();
        limits(&mut found);
        let options = server::Options::new(folder.path(), "root", "sesame").tls(tls).limits(found);
        let server = Server::bind("127.0.0.1:0".parse().expect("an address"), options).await.expect("a port");
        let url = format!("https://{}", server.address());
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let server = tokio::spawn(server.run(async { drop(stopped.await) }));
        Self { folder, url, fingerprint, server, stop }
    }

    fn options(&self, password: &str) -> Options {
        let options = Options::new(&self.url, "root", Secret::from(password.to_owned())).expect("an address");
        options.trust(Trust::Fingerprint(self.fingerprint))
    }

    fn writable(&self) -> WritableStore {
        WritableStore::open(self.folder.path()).expect("there")
    }

    async fn stop(self) {
        drop(self.stop);
        self.server.await.expect("it ends well");
    }
}

fn reference(value: &serde_json::Value) -> &str {
    value.as_str().expect("a reference")
}

/// The blocks of an answer.
fn blocks(answer: &Answer, virtual_size: VirtualSize) -> Vec<u64> {
    let extents = Scanner::new(Encoding::Base64).virtual_size(virtual_size).extents(answer.base64()).expect("a bitmap");
    extents.iter().flat_map(|extent| extent.start_block..extent.end_block).collect()
}

async fn uuid_of(client: &mut Client, vdi: &serde_json::Value) -> Uuid {
    let uuid = client.call("VDI.get_uuid", slice::from_ref(vdi)).await.expect("known");
    Uuid::parse_str(uuid.as_str().expect("text")).expect("a UUID")
}

async fn both_ways(client: &mut Client, from: &VdiRef, to: &VdiRef) -> Result<Answer, Error> {
    let direct = client.list_changed_blocks(from, to).await;
    let by_task = client.list_changed_blocks_task(from, to).await;
    match (&direct, &by_task) {
        (Ok(a), Ok(b)) => assert_eq!(a.base64(), b.base64()),
        (Err(a), Err(b)) => assert_eq!(a.to_string(), b.to_string()),
        other => panic!("{other:?}"),
    }
    direct
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sequence_of_the_guide() {
    let pool = Pool::new(|_| {}).await;
    let wrong = Client::login(pool.options("wrong")).await.expect_err("the password is wrong");
    assert_eq!(wrong.refusal(), Some(Refusal::LoginFailed));
    let mut client = Client::login(pool.options("sesame")).await.expect("right");
    let size = VirtualSize::new(64 << 20).expect("not 0");

    let record = json!({"name_label": "disk", "virtual_size": size.bytes()});
    let disk = client.call("VDI.create", &[record]).await.expect("possible");
    client.call("VDI.enable_cbt", slice::from_ref(&disk)).await.expect("possible");
    let disk_uuid = uuid_of(&mut client, &disk).await;
    let snapshot =
        async |client: &mut Client| client.call("VDI.snapshot", slice::from_ref(&disk)).await.expect("possible");
    let write = |block: u64| {
        let start = block * Header::BLOCK_SIZE.bytes();
        pool.writable().mark(disk_uuid, ByteRange::between(start, start + 1)).expect("on the disk");
    };
    let base = snapshot(&mut client).await;
    [0, 1, 8, 1023].into_iter().for_each(write);
    let older = snapshot(&mut client).await;
    write(500);
    let newer = snapshot(&mut client).await;
    let uuids =
        [uuid_of(&mut client, &base).await, uuid_of(&mut client, &older).await, uuid_of(&mut client, &newer).await];
    let mut vdis = Vec::new();
    for (uuid, value) in uuids.into_iter().zip([&base, &older, &newer]) {
        let vdi = client.vdi(uuid).await.expect("known");
        assert_eq!(vdi.as_str(), reference(value));
        assert_eq!(client.disk_size(&vdi).await.expect("known"), DiskSize::Exact(size));
        vdis.push(vdi);
    }
    let [base, older, newer] = &*vdis else { unreachable!() };
    let answer = both_ways(&mut client, base, older).await.expect("related");
    assert_eq!(blocks(&answer, size), [0, 1, 8, 1023]);
    client.call("VDI.data_destroy", &[json!(base.as_str())]).await.expect("possible");
    let answer = both_ways(&mut client, base, newer).await.expect("still related");
    assert_eq!(blocks(&answer, size), [0, 1, 8, 500, 1023]);
    let changed = changed_blocks(pool.options("sesame"), uuids[0], uuids[2]).await.expect("in one call as well");
    assert_eq!((changed.size, changed.answer.base64()), (DiskSize::Exact(size), answer.base64()));
    assert!(changed.warnings.is_empty(), "{:?}", changed.warnings);

    let kind = async |client: &mut Client, from: &VdiRef, to: &VdiRef| {
        let error = both_ways(client, from, to).await.expect_err("there is no answer");
        error.refusal().map(|kind| (kind, error.consequence()))
    };
    assert_eq!(kind(&mut client, base, base).await, Some((Refusal::Same, Consequence::WrongUsage)));
    assert_eq!(kind(&mut client, newer, base).await, Some((Refusal::Unrelated, Consequence::FullBackup)));
    let disk = client.vdi(disk_uuid).await.expect("known");
    pool.writable().set(disk_uuid, |header| header.consistent = false).expect("there");
    assert_eq!(kind(&mut client, base, &disk).await, Some((Refusal::InUse, Consequence::Busy)));
    let missing = client.vdi(Uuid::from_u128(99)).await.expect_err("there is none");
    assert_eq!(missing.refusal(), Some(Refusal::Missing));
    let log = pool.folder.path().join(format!("{disk_uuid}.cbtlog"));
    std::fs::write(&log, b"short").expect("room");
    assert_eq!(kind(&mut client, base, &disk).await, Some((Refusal::Inconsistent, Consequence::FullBackup)));
    std::fs::remove_file(&log).expect("there");
    std::fs::create_dir(&log).expect("room");
    assert_eq!(kind(&mut client, base, &disk).await, Some((Refusal::Unavailable, Consequence::FullBackup)));
    let unknown = client.call("VDI.update", &[json!(base.as_str())]).await.expect_err("there is no such call");
    assert_eq!(unknown.refusal(), Some(Refusal::MethodUnknown));
    let tasks = client.call("task.get_all", &[]).await.expect("possible");
    assert_eq!(tasks, json!([]), "every task was destroyed");
    client.close().await.expect("in good order");
    pool.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_that_is_given_up_leaves_nothing_in_the_pool() {
    // Room for one bitmap, so that a second listing waits.
    let pool = Pool::new(|limits| limits.bitmap_bytes = 1 << 20).await;
    pool.writable().create(DISK, VirtualSize::new(100 << 30).expect("not 0")).expect("new");
    let mut other = Client::login(pool.options("sesame")).await.expect("right");
    let disk = other.vdi(DISK).await.expect("known");
    let snapshot = other.call("VDI.snapshot", &[json!(disk.as_str())]).await.expect("possible");
    let listing = [snapshot.clone(), json!(disk.as_str())];
    let blocking = other.call("Async.VDI.list_changed_blocks", &listing).await.expect("possible");
    while other.call("task.get_status", slice::from_ref(&blocking)).await.expect("known") == json!("pending") {}

    let mut client = Client::login(pool.options("sesame")).await.expect("right");
    let older_uuid = uuid_of(&mut client, &snapshot).await;
    let older = client.vdi(older_uuid).await.expect("known");
    let waiting = client.list_changed_blocks_task(&older, &disk);
    let given_up = tokio::time::timeout(std::time::Duration::from_millis(300), waiting).await;
    assert!(given_up.is_err(), "it has to wait for the other one");
    let tasks = other.call("task.get_all", &[]).await.expect("possible");
    assert_eq!(tasks.as_array().map(Vec::len), Some(2));
    client.close().await.expect("in good order");
    assert_eq!(other.call("task.get_all", &[]).await.expect("possible"), json!([blocking]));
    other.call("task.destroy", &[blocking]).await.expect("known");
    other.list_changed_blocks(&older, &disk).await.expect("there is room now");
    other.close().await.expect("in good order");
    pool.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_answer_comes_through_whole() {
    let pool = Pool::new(|_| {}).await;
    // The largest disk of XCP-ng; by default, a tenth of it.
    let (gib, base64_bytes) = cases((1_638, 4_472_832), (16_381, 44_731_052));
    let size = VirtualSize::new(gib << 30).expect("not 0");
    pool.writable().create(DISK, size).expect("new");
    pool.writable().snapshot(DISK, Uuid::from_u128(2)).expect("possible");
    let last = size.bytes() - 1;
    for byte in [0, size.bytes() / 2, last] {
        pool.writable().mark(DISK, ByteRange::between(byte, byte + 1)).expect("on the disk");
    }
    let mut client = Client::login(pool.options("sesame")).await.expect("right");
    let (from, to) = (client.vdi(Uuid::from_u128(2)).await.expect("known"), client.vdi(DISK).await.expect("known"));
    let answer = both_ways(&mut client, &from, &to).await.expect("related");
    assert_eq!(answer.base64().len(), base64_bytes);
    assert!(answer.memory_bytes() < base64_bytes + (2 << 20), "{}", answer.memory_bytes());
    let block = |byte: u64| byte / Header::BLOCK_SIZE.bytes();
    assert_eq!(blocks(&answer, size), [0, block(size.bytes() / 2), block(last)]);
    client.close().await.expect("in good order");
    pool.stop().await;
}
