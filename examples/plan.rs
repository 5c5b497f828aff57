//! Plans a backup run: for each disk the byte ranges to read, or the reason why it has to be something else.
//!
//! ```sh
//! cargo run --release --example plan -- FOLDER
//! ```
//!
//! Each folder in FOLDER is a disk. Its file `size` has the virtual size in bytes, and each `*.b64` is the call's answer of
//! one day since the last backup; the plan is for all of these days together. Disks are planned on all cores, one on each.

use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use changed_blocks::{Bitmap, ByteRange, Consequence, Encoding, Lengths, Scanner, VirtualSize};
use rayon::prelude::*;

/// The next step for a disk.
enum Plan {
    Read(Vec<ByteRange>),
    /// The bitmaps cannot be used.
    FullBackup(String),
    /// Something was busy, or changed while it was read.
    TryAgain(String),
    AskSomeone(String),
}

fn plan(disk: &Path) -> Plan {
    let error = match changed_ranges(disk) {
        Ok(ranges) => return Plan::Read(ranges),
        Err(error) => error,
    };
    let consequence = error.downcast_ref::<changed_blocks::Error>().map(changed_blocks::Error::consequence);
    match consequence {
        Some(Consequence::FullBackup) => Plan::FullBackup(error.to_string()),
        Some(Consequence::Retry | Consequence::Busy) => Plan::TryAgain(error.to_string()),
        _ => Plan::AskSomeone(error.to_string()),
    }
}

/// The ranges that changed in any of the answers.
fn changed_ranges(disk: &Path) -> Result<Vec<ByteRange>, Box<dyn Error + Send + Sync>> {
    let virtual_size = VirtualSize::new(fs::read_to_string(disk.join("size"))?.trim().parse()?)?;
    // One thread a disk: there are many of them.
    let scanner = Scanner::new(Encoding::Base64).virtual_size(virtual_size).parallel(false);
    let mut changed = Bitmap::default();
    for answer in files(disk, "b64")? {
        changed.union_with(&scanner.bitmap(&File::open(answer)?)?, Lengths::Extend)?;
    }
    Ok(changed.byte_ranges()?)
}

/// The files of a folder with that extension, in order. A folder without any is an error: nothing would be read.
fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, Box<dyn Error + Send + Sync>> {
    let entries = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = entries.collect::<Result<Vec<_>, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.sort();
    if paths.is_empty() { Err("no answer".into()) } else { Ok(paths) }
}

#[expect(clippy::print_stdout, reason = "the plan is for the terminal")]
fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("which folder? plan FOLDER")?;
    let mut disks =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    disks.sort();
    let plans: Vec<Plan> = disks.par_iter().map(|disk| plan(disk)).collect();
    for (disk, plan) in disks.iter().zip(plans) {
        let disk = disk.display();
        match plan {
            Plan::Read(ranges) => {
                let bytes: u64 = ranges.iter().map(|range| range.len_bytes).sum();
                println!("{disk}: read {bytes} bytes in {} ranges", ranges.len());
            }
            Plan::FullBackup(reason) => println!("{disk}: full backup: {reason}"),
            Plan::TryAgain(reason) => println!("{disk}: try again: {reason}"),
            Plan::AskSomeone(reason) => println!("{disk}: ask someone: {reason}"),
        }
    }
    Ok(())
}
