//! `cbt store`: making and changing logs.

use std::path::PathBuf;

use changed_blocks::VirtualSize;
use changed_blocks::cbtlog::Uuid;
use clap::{ArgGroup, Args, Subcommand};

use super::options::{uuid, virtual_size};
use super::size;

pub(crate) const STORE_EXAMPLES: &str = "\
Examples:
  cbt store create logs 0f0e4c6a-52b1-4c7e-9d3a-1f6f0c1d2e3f --virtual-size 1T
      Begins to track a disk; the folder is made if it is not there
  cbt store mark logs 0f0e4c6a-52b1-4c7e-9d3a-1f6f0c1d2e3f --offset 1G --length 64k
      Marks blocks as written
  cbt store snapshot logs 0f0e4c6a-52b1-4c7e-9d3a-1f6f0c1d2e3f \\
    7c1d9a02-3e4f-4a5b-8c6d-2b7e8f901a2b
      The disk's log becomes the snapshot's, and begins anew
  cbt store delete logs 7c1d9a02-3e4f-4a5b-8c6d-2b7e8f901a2b
      Removes a log; its changes go to its child's

For tests, simulation and repair. Never on a folder that a host is using.";

#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    #[command(subcommand)]
    pub(crate) change: Change,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Change {
    /// Begin to track a disk; makes the folder, and those above it, if they are not there
    Create {
        #[command(flatten)]
        log: LogArgs,
        /// The size of the disk
        #[arg(long, value_name = "SIZE", value_parser = virtual_size, allow_hyphen_values = true)]
        virtual_size: VirtualSize,
    },
    /// Mark blocks as written
    Mark {
        #[command(flatten)]
        log: LogArgs,
        /// The first byte written
        #[arg(long, value_name = "SIZE", value_parser = size::parse, allow_hyphen_values = true)]
        offset: u64,
        /// How many bytes were written, at least 1
        #[arg(long, value_name = "SIZE", value_parser = size::parse, allow_hyphen_values = true)]
        length: u64,
    },
    /// Take a snapshot
    Snapshot {
        #[command(flatten)]
        log: LogArgs,
        /// The snapshot, which has no log yet
        #[arg(value_parser = uuid)]
        snapshot: Uuid,
    },
    /// Remove a log, and add what it says to its child's
    Delete {
        #[command(flatten)]
        log: LogArgs,
    },
    /// Change the header of a log
    #[command(group(ArgGroup::new("change").args(["parent", "child", "consistent", "virtual_size"]).required(true).multiple(true)))]
    Set {
        #[command(flatten)]
        log: LogArgs,
        /// The parent: a UUID, or none
        #[arg(long, value_name = "UUID", value_parser = uuid_or_none)]
        parent: Option<Link>,
        /// The child: a UUID, or none
        #[arg(long, value_name = "UUID", value_parser = uuid_or_none)]
        child: Option<Link>,
        /// Whether the log counts as closed cleanly
        #[arg(long, value_name = "BOOL")]
        consistent: Option<bool>,
        /// The size of the disk, which can only grow
        #[arg(long, value_name = "SIZE", value_parser = virtual_size, allow_hyphen_values = true)]
        virtual_size: Option<VirtualSize>,
    },
}

/// Which log.
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// The folder of UUID.cbtlog files
    #[arg(value_name = "DIR")]
    pub(crate) store: PathBuf,
    /// The disk
    #[arg(value_parser = uuid)]
    pub(crate) uuid: Uuid,
}

/// The parent or child that a log names, if any.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link(pub(crate) Option<Uuid>);

fn uuid_or_none(text: &str) -> Result<Link, String> {
    if text == "none" { Ok(Link(None)) } else { uuid(text).map(|uuid| Link(Some(uuid))) }
}
