//! The subcommand for the call itself.

use std::path::PathBuf;
use std::time::Duration;

use changed_blocks::VirtualSize;
use changed_blocks::cbtlog::Uuid;
use changed_blocks_xapi::{Fingerprint, FingerprintError};
use clap::{ArgGroup, Args};

use super::formats::{OutputFormat, output_format};
use super::options::{BlockSizeArg, FileArgs, WindowArgs, block_size, uuid, virtual_size};
use super::shape::ShapeArgs;
use super::size;

pub(crate) const LIST_EXAMPLES: &str = "\
Examples:
  cbt list-changed-blocks --store logs \\
    0f0e4c6a-52b1-4c7e-9d3a-1f6f0c1d2e3f 7c1d9a02-3e4f-4a5b-8c6d-2b7e8f901a2b
      The answer of the call VDI.list_changed_blocks, as xe prints it
  cbt list-changed-blocks --store logs --output human \\
    vdi-from-uuid=0f0e4c6a-52b1-4c7e-9d3a-1f6f0c1d2e3f \\
    vdi-to-uuid=7c1d9a02-3e4f-4a5b-8c6d-2b7e8f901a2b
      The byte ranges that changed between the two, straight away
  cbt list-changed-blocks --url https://pool.example --ca pool.pem --password-file password.txt \\
    --output json -o changed.json \\
    0f0e4c6a-52b1-4c7e-9d3a-1f6f0c1d2e3f 7c1d9a02-3e4f-4a5b-8c6d-2b7e8f901a2b
      Asks a pool; --fingerprint, in place of --ca, pins the host's own certificate

A list names changed ranges only; a gap means \"unchanged\", never \"zeros\". See docs/recipes.md before you hand it to \
another tool.

The size of the disk comes from the logs or the pool; --virtual-size is needed for a snapshot whose data was destroyed. \
Warnings go to standard error. A pool that is busy or away ends it with exit code 4; a task that could no longer be \
watched is left running and named.

A password comes from --password-file, or CBT_PASSWORD, or is asked for; it is never an argument. On Ctrl-C, the task \
in the pool is destroyed and the session logged out.";

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("source").args(["store", "url"]).required(true)))]
pub(crate) struct ListArgs {
    /// The older disk: a UUID, or either of vdi-from-uuid=UUID and vdi-to-uuid=UUID, as xe takes them
    #[arg(value_parser = disk)]
    pub(crate) from: Disk,

    /// The newer one
    #[arg(value_parser = disk)]
    pub(crate) to: Disk,

    /// Answer from a folder of UUID.cbtlog files
    #[arg(long, value_name = "DIR", help_heading = "Input")]
    pub(crate) store: Option<PathBuf>,

    /// With --store, accept logs that are not marked as consistent: their disks are attached for writing, or were when
    /// their host failed, and changes may be missing
    #[arg(long, conflicts_with = "url", help_heading = "Input")]
    pub(crate) allow_inconsistent: bool,

    /// The size of the newer disk, where it is known: it checks what the log or the pool says. A pool does not know it
    /// once the data of the disk was destroyed
    #[arg(long, value_name = "SIZE", value_parser = virtual_size, allow_hyphen_values = true, help_heading = "Input")]
    pub(crate) virtual_size: Option<VirtualSize>,

    #[command(flatten)]
    pub(crate) pool: PoolArgs,

    /// How many threads to use, at the most [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Input")]
    pub(crate) threads: Option<u16>,

    #[command(flatten)]
    pub(crate) window: WindowArgs,

    #[command(flatten)]
    pub(crate) shape: ShapeArgs,

    /// The format of the answer: cbt convert --help says what each is, docs/formats.md how other programs take it
    #[arg(long, value_name = "FORMAT", default_value = "base64", value_parser = output_format(), help_heading = "Output")]
    pub(crate) output: OutputFormat,

    /// With --output json, a digest of all that changed, by which cbt check knows the answer
    #[arg(long, help_heading = "Output")]
    pub(crate) digest: bool,

    #[command(flatten)]
    pub(crate) file: FileArgs,
}

/// A pool, and how to get in.
#[derive(Debug, Args)]
#[command(next_help_heading = "Pool", group(ArgGroup::new("trust").args(["fingerprint", "ca", "insecure"])))]
pub(crate) struct PoolArgs {
    #[arg(long, value_name = "URL", help = "Ask a pool, by the address of its master: https://HOST[:PORT]")]
    pub(crate) url: Option<String>,

    #[arg(
        long,
        value_name = "SIZE",
        default_value = "64k",
        value_parser = block_size,
        conflicts_with = "store",
        help = "The bytes of the disk that one bit of the pool's answer stands for: other than 64 KiB on SMAPIv3 \
                storage only; auto takes the size that fits the length of the answer (one that was cut to a half fits blocks of twice \
                the size)"
    )]
    pub(crate) block_size: BlockSizeArg,

    /// The user to log in as
    #[arg(long, value_name = "NAME", default_value = "root", conflicts_with = "store")]
    pub(crate) user: String,

    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "store",
        help = "A file with the password [default: CBT_PASSWORD; without that, it is asked for]"
    )]
    pub(crate) password_file: Option<PathBuf>,

    /// Trust only the certificate with this SHA-256 fingerprint
    #[arg(long, value_name = "HEX", conflicts_with = "store", value_parser = fingerprint)]
    pub(crate) fingerprint: Option<Fingerprint>,

    /// Trust certificates that lead to one in this PEM file, or are in it [default: those that this system trusts]
    #[arg(long, value_name = "FILE", conflicts_with = "store")]
    pub(crate) ca: Option<PathBuf>,

    /// Trust any certificate: whoever is on the way can read the password and change the answer
    #[arg(long, conflicts_with = "store")]
    pub(crate) insecure: bool,

    /// Give up after this time (30s, 5m, 2h) and destroy the task, within 5s more [default: wait as long as it takes]
    #[arg(long, value_name = "DURATION", conflicts_with = "store", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
}

/// A disk, and which one it is said to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Disk {
    From(Uuid),
    To(Uuid),
    ByPlace(Uuid),
}

impl ListArgs {
    /// The older and the newer disk, if there is one of each.
    pub(crate) fn ends(&self) -> Option<(Uuid, Uuid)> {
        match (self.from, self.to) {
            (Disk::ByPlace(from) | Disk::From(from), Disk::ByPlace(to) | Disk::To(to))
            | (Disk::To(to), Disk::From(from)) => Some((from, to)),
            _ => None,
        }
    }
}

fn disk(text: &str) -> Result<Disk, String> {
    match text.split_once('=') {
        Some(("vdi-from-uuid", text)) => uuid(text).map(Disk::From),
        Some(("vdi-to-uuid", text)) => uuid(text).map(Disk::To),
        Some((name, _)) => Err(format!("{name}= is neither vdi-from-uuid= nor vdi-to-uuid=")),
        None => uuid(text).map(Disk::ByPlace),
    }
}

/// A time as people write it: `30s`, `5m`, `2h`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time; write seconds (30s), minutes (5m) or hours (2h)");
    // A time of nothing is no time.
    let (number, unit) = size::number_and_unit(text).filter(|&(number, _)| number > 0).ok_or_else(wrong)?;
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    number.checked_mul(factor).filter(|&seconds| seconds <= u32::MAX.into()).map(Duration::from_secs).ok_or_else(wrong)
}

fn fingerprint(text: &str) -> Result<Fingerprint, String> {
    text.parse().map_err(|error: FingerprintError| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_people_write() {
        for (text, seconds) in [("1s", 1), ("90s", 90), ("5m", 300), ("2h", 7200), ("24h", 86_400)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "s", "30", "0s", "-1s", "+1s", "1.5h", "1 h", "1d", "1ms", "99999999999h", "4294967296s"] {
            assert!(duration(text).is_err_and(|error| error.contains("is no time")), "{text}");
        }
    }
}
