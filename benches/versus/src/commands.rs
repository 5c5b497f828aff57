//! Whole commands, from their start to their end: `cbt extents` beside `cat`, which only reads.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use changed_blocks::Extent;

use crate::inputs::{Cell, Digest};
use crate::measure::{Effort, Spread};

/// The kind of candidates here, as it stands in the results.
pub(crate) const COMMAND: &str = "command";
pub(crate) const CBT: &str = "cbt extents";
pub(crate) const CAT: &str = "cat";

/// Builds the command, and says where it is.
pub(crate) fn build() -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--profile", "dist", "--package", "changed-blocks-cli", "--message-format=json"]);
    let output = build.arg("--manifest-path").arg(manifest).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("cargo: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let paths = said.split("\"executable\":\"").skip(1).filter_map(|rest| rest.split('"').next());
    let path = paths.last().filter(|_| output.status.success());
    // A path with a quote or a backslash in it is not found when it is started, which is told then.
    path.map(PathBuf::from).ok_or_else(|| format!("cargo built no cbt ({})", output.status))
}

/// Times both on the text of a cell, in turns.
pub(crate) fn measure(
    cbt: &Path,
    cell: &Cell,
    file: &Path,
    effort: &Effort,
) -> Result<[(&'static str, Spread); 2], String> {
    check(cbt, cell, file)?;
    let mut seconds = [Vec::new(), Vec::new()];
    // They spread more than what is timed inside of one process.
    for _ in 0..4 * effort.samples {
        seconds[0].push(time(&mut extents(cbt, file))?);
        seconds[1].push(time(Command::new("cat").arg(file))?);
    }
    let [cbt, cat] = seconds.map(Spread::of);
    Ok([(CBT, cbt), (CAT, cat)])
}

fn extents(cbt: &Path, file: &Path) -> Command {
    let mut command = Command::new(cbt);
    command.arg("extents").arg(file);
    command
}

/// Compares the list, as text, with the oracle's.
fn check(cbt: &Path, cell: &Cell, file: &Path) -> Result<(), String> {
    let output = extents(cbt, file).output().map_err(|error| format!("{}: {error}", cbt.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let extents: Option<Vec<Extent>> = text.lines().map(extent).collect();
    match extents.map(|extents| Digest::of(&extents)) {
        Some(found) if found == cell.truth => Ok(()),
        found => Err(format!("{CBT} listed {found:?}, the oracle {:?}", cell.truth)),
    }
}

/// The extent of a line: offset and length in bytes, whole blocks of 64 KiB.
fn extent(line: &str) -> Option<Extent> {
    let (offset, length) = line.split_once(' ')?;
    let (offset, length): (u64, u64) = (offset.parse().ok()?, length.parse().ok()?);
    let is_whole = (offset | length).is_multiple_of(1 << 16);
    is_whole.then(|| Extent::new(offset >> 16, (offset + length) >> 16))
}

/// Seconds from before a command is started to after it has ended.
fn time(command: &mut Command) -> Result<f64, String> {
    command.stdout(Stdio::null());
    let start = Instant::now();
    let status = command.status().map_err(|error| format!("{command:?}: {error}"))?;
    let seconds = start.elapsed().as_secs_f64();
    if status.success() { Ok(seconds) } else { Err(format!("{command:?} ended with {status}")) }
}
