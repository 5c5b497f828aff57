//! Peers in other languages. Each is a process of its own, which reads the text from a file, says what it found, and
//! measures itself, so that neither its start nor the reading of the file counts.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::inputs::Cell;
use crate::measure::{Effort, Spread};

/// The kind of candidates here, as it stands in the results.
pub(crate) const PROCESS: &str = "process";

/// A run that would take longer than this is left out.
const LIMIT_SECONDS: f64 = 15.0;
/// So is one whose list is longer than this: Python and Node hold it several times over.
const LIMIT_OUTPUT: usize = 1 << 30;

/// A peer that can run here.
pub(crate) struct Process {
    pub(crate) name: &'static str,
    program: &'static str,
    script: &'static str,
    argument: &'static str,
    pub(crate) version: String,
}

/// The output of a process.
pub(crate) enum Outcome {
    Measured(Spread),
    /// With the reason.
    Skipped(String),
}

const ALL: [(&str, &str, &str, &str); 3] = [
    ("Python bitarray", "python3", "python_peers.py", "bitarray"),
    ("Python numpy", "python3", "python_peers.py", "numpy"),
    ("Node", "node", "node_peer.js", "node"),
];

/// Those that this machine has, and for each other one a line that says what is missing.
pub(crate) fn find() -> (Vec<Process>, Vec<String>) {
    let mut found = Vec::new();
    let mut skipped = Vec::new();
    for (name, program, script, argument) in ALL {
        let mut process = Process { name, program, script, argument, version: String::new() };
        match process.say(&[]) {
            Ok(said) => match said.split_once(' ') {
                Some(("version", version)) => {
                    process.version = version.trim().to_owned();
                    found.push(process);
                }
                Some(("skipped", reason)) => skipped.push(format!("skipped: {name} ({})", reason.trim())),
                _ => skipped.push(format!("skipped: {name} (it answered {said:?})")),
            },
            Err(reason) => skipped.push(format!("skipped: {name} ({reason})")),
        }
    }
    (found, skipped)
}

impl Process {
    /// Measures a cell whose text is in a file.
    pub(crate) fn measure(&self, cell: &Cell, file: &Path, effort: &Effort) -> Result<Outcome, String> {
        if cell.output_bytes() > LIMIT_OUTPUT {
            return Ok(Outcome::Skipped(format!("a list of {} MiB", cell.output_bytes() >> 20)));
        }
        let file = file.to_str().ok_or("the folder for temporary files has a name that is no text")?;
        let numbers = [
            effort.samples.to_string(),
            effort.fewest.to_string(),
            effort.patience.as_secs_f64().to_string(),
            LIMIT_SECONDS.to_string(),
        ];
        let said = self.say(&[file, &numbers[0], &numbers[1], &numbers[2], &numbers[3]])?;
        let mut seconds = Vec::new();
        let mut digest = None;
        for line in said.lines() {
            match line.split_once(' ') {
                Some(("skipped", reason)) => return Ok(Outcome::Skipped(reason.to_owned())),
                Some(("digest", rest)) => digest = Some(rest.to_owned()),
                Some(("seconds", rest)) => seconds = rest.split(' ').filter_map(|number| number.parse().ok()).collect(),
                _ => {}
            }
        }
        let right = format!("{} {}", cell.truth.runs, cell.truth.blocks);
        if digest.as_deref() != Some(&right) {
            let Self { name, .. } = self;
            return Err(format!("{} {}: {name} found {digest:?}, the oracle {right:?}", cell.size, cell.input));
        }
        if seconds.is_empty() {
            return Err(format!("{} said no times: {said:?}", self.name));
        }
        Ok(Outcome::Measured(Spread::of(seconds)))
    }

    /// Starts it with further arguments and returns what it prints.
    fn say(&self, arguments: &[&str]) -> Result<String, String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(self.script);
        let output = Command::new(self.program).arg(script).arg(self.argument).args(arguments).output();
        let output = output.map_err(|error| format!("{}: {error}", self.program))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let last = said.trim().lines().last().unwrap_or_default();
            return Err(format!("{} ended with {}: {last}", self.program, output.status));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// A file with the text of a cell, which is removed when this goes.
pub(crate) struct TextFile(PathBuf);

impl TextFile {
    pub(crate) fn new(cell: &Cell) -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("changed-blocks-versus-{}.b64", std::process::id()));
        std::fs::write(&path, &cell.text).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TextFile {
    fn drop(&mut self) {
        // A file left behind is no reason to lose the figures.
        let _ = std::fs::remove_file(&self.0);
    }
}
