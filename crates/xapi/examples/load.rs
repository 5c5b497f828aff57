//! Many clients at once against `cbt serve`, on the store of a disk of 16 TiB: how many calls a second it answers, and
//! how much memory it takes.
//!
//! ```text
//! cargo build --profile dist -p changed-blocks-cli
//! cargo run --profile dist -p changed-blocks-xapi --example load -- target/dist/cbt [CLIENTS [CALLS]]
//! ```
//!
//! One call in a hundred lists changed blocks, half of them in a task. Every answer is compared with what it has to be;
//! the first one that is not ends the run.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use changed_blocks::cbtlog::{Header, Uuid, WritableStore};
use changed_blocks::{Bitmap, ByteRange, Extent, VirtualSize};
use changed_blocks_xapi::client::{Client, Options, Secret, Trust};
use serde_json::json;

const DISK: Uuid = Uuid::from_u128(1);
const OLDER: Uuid = Uuid::from_u128(2);
const PASSWORD: &str = "load";

/// One in so many calls is a listing.
const LISTING: usize = 100;

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let program = args.next().ok_or("the first argument has to be the program cbt")?;
    let clients = args.next().map_or(Ok(64), |text| text.parse())?;
    let calls = args.next().map_or(Ok(1000), |text| text.parse())?;

    let folder = tempfile::tempdir()?;
    let size = VirtualSize::new(16 << 40)?;
    let writable = WritableStore::open(folder.path())?;
    writable.create(DISK, size)?;
    writable.snapshot(DISK, OLDER)?;
    let blocks = size.blocks(Header::BLOCK_SIZE);
    let mut changed = Vec::new();
    for part in 0..16 {
        let start = part * (blocks / 16) + part * 17;
        changed.push(Extent::new(start, start + 1000 * (part + 1)));
        let range = ByteRange::between(start << 16, (start + 1000 * (part + 1)) << 16);
        writable.mark(DISK, range)?;
    }
    let expected: Arc<[u8]> = Bitmap::from_extents(blocks, &changed).to_base64().into_bytes().into();

    let mut server = Command::new(program)
        .args(["serve", "--listen", "127.0.0.1:0", "--store"])
        .arg(folder.path())
        .env("CBT_PASSWORD", PASSWORD)
        .stdout(Stdio::piped())
        .spawn()?;
    let outcome = run(&mut server, clients, calls, &expected);
    server.kill()?;
    server.wait()?;
    outcome
}

fn run(server: &mut Child, clients: usize, calls: usize, expected: &Arc<[u8]>) -> Result<()> {
    let mut line = String::new();
    BufReader::new(server.stdout.take().ok_or("no output")?).read_line(&mut line)?;
    let url = line.trim().strip_prefix("url ").ok_or("no url")?.to_owned();

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let start = Instant::now();
    let listings: usize = runtime.block_on(async {
        let work: Vec<_> =
            (0..clients).map(|number| tokio::spawn(client(url.clone(), number, calls, Arc::clone(expected)))).collect();
        let mut listings = 0;
        for work in work {
            listings += work.await??;
        }
        Ok::<_, Box<dyn Error + Send + Sync>>(listings)
    })?;
    let seconds = start.elapsed().as_secs_f64();

    let mut out = io::stdout().lock();
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let (all, bytes) = ((clients * calls) as f64, (listings * expected.len()) as f64);
    writeln!(out, "{clients} clients, {calls} calls each: {seconds:.1} s, no error")?;
    writeln!(out, "calls           {:>8.0} a second", all / seconds)?;
    writeln!(
        out,
        "listings        {listings:>8}, of {} bytes each: {:.0} MB/s",
        expected.len(),
        bytes / seconds / 1e6
    )?;
    match peak_kib(server.id()) {
        Some(kib) => writeln!(out, "server's memory {:>8} MiB at its peak", kib / 1024)?,
        None => writeln!(out, "skipped: the server's memory (this system does not tell)")?,
    }
    Ok(())
}

/// Makes calls one after the other, and tells how many of them were listings.
async fn client(url: String, number: usize, calls: usize, expected: Arc<[u8]>) -> Result<usize> {
    let options = Options::new(&url, "root", Secret::from(PASSWORD.to_owned()))?.trust(Trust::System);
    let mut client = Client::login(options).await?;
    let (from, to) = (client.vdi(OLDER).await?, client.vdi(DISK).await?);
    let mut listings = 0;
    for call in 0..calls {
        // Not all of them list at the same time.
        if (call + number).is_multiple_of(LISTING) {
            let task = listings % 2 == 1;
            let answer = if task {
                client.list_changed_blocks_task(&from, &to).await?
            } else {
                client.list_changed_blocks(&from, &to).await?
            };
            if answer.base64() != &*expected {
                return Err("an answer is not what it has to be".into());
            }
            listings += 1;
            continue;
        }
        let (method, right) = match call % 4 {
            0 => ("VDI.get_uuid", json!(DISK.to_string())),
            1 => ("VDI.get_virtual_size", json!(16_u64 << 40)),
            2 => ("VDI.get_cbt_enabled", json!(true)),
            _ => ("VDI.get_snapshots", json!([from.as_str()])),
        };
        let found = client.call(method, &[json!(to.as_str())]).await?;
        if found != right {
            return Err(format!("{method}: {found}, not {right}").into());
        }
    }
    client.close().await?;
    Ok(listings)
}

/// The most memory that a process has had, in KiB.
fn peak_kib(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}
