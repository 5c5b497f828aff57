//! Makes a folder of `.cbtlog` files for trying things out and for measuring: daily logs of one disk.
//!
//! ```sh
//! cargo run --release --example make_store -- FOLDER DAYS GIB
//! ```
//!
//! Writes `DAYS + 1` logs of a disk of that many GiB, with 20,000 runs of eight blocks or less in each, and prints the
//! UUIDs of the first and the last disk of the chain.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use changed_blocks::cbtlog::{Header, Uuid};
use changed_blocks::{BitOrder, Bitmap, Extent, VirtualSize};

const RUNS: u64 = 20_000;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, days, gib] = &args[..] else { return Err("usage: make_store FOLDER DAYS GIB".into()) };
    let (folder, days, gib) = (PathBuf::from(folder), days.parse::<u32>()?, gib.parse::<u64>()?);
    let virtual_size = VirtualSize::new(gib << 30)?;
    let blocks = virtual_size.blocks(Header::BLOCK_SIZE);
    let uuid = |day: u32| Uuid::from_u128(u128::from(day) + 1);
    fs::create_dir_all(&folder)?;
    let mut state = 1u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 20
    };
    for day in 0..=days {
        let header = Header {
            parent: (day > 0).then(|| uuid(day - 1)),
            child: (day < days).then(|| uuid(day + 1)),
            consistent: true,
            virtual_size,
        };
        let mut bitmap = Bitmap::new(blocks);
        for _ in 0..RUNS {
            let start = random() % blocks;
            bitmap.set(Extent::new(start, blocks.min(start + 1 + random() % 8)));
        }
        let mut bytes = header.to_bytes().to_vec();
        bytes.extend(bitmap.to_raw(BitOrder::Lsb0));
        fs::write(folder.join(format!("{}.cbtlog", uuid(day))), bytes)?;
    }
    #[expect(clippy::print_stdout, reason = "what the next command needs")]
    {
        println!("{} {}", uuid(0), uuid(days));
    }
    Ok(())
}
