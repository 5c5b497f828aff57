//! The options of the command line.

use std::path::PathBuf;

use crate::inputs::{self, LARGEST, REAL};
use crate::measure::Effort;

pub(crate) const USAGE: &str = "\
Measures changed-blocks and its peers on the same inputs, checks that all agree, and prints ratios.

Usage: changed-blocks-versus [OPTIONS]

  --quick           few samples of a few inputs: shows that everything works; no figures to quote
  --sizes LIST      lengths of the base64 text, for example 32k,2M,128M; the real bitmaps are the size \"real\", and
                    \"largest disk\" is the one on which `cbt extents` is set against `cat`
  --inputs LIST     names of inputs, for example no-change,database-hour
  --only LIST       only candidates whose name or kind holds one of these, for example read,decode,ours
  --csv FILE        write the figures there, and beside it the machine (.machine.txt), a picture (.svg) and a
                    table (.md)
  --from FILE       measure nothing: print, draw and tabulate an earlier --csv FILE again
  --no-processes    leave out Python and Node, and whole commands";

/// The sizes of the text that a full run measures: within L1, within L2, and in memory.
const SIZES: [usize; 3] = [32 << 10, 2 << 20, 128 << 20];
/// The inputs of a quick run.
const QUICK: [&str; 6] =
    ["no-change", "0.1%-runs-of-16", "1%-runs-of-4", "5%-runs-of-8", "50%-random", "database-hour"];

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) sizes: Vec<usize>,
    pub(crate) real: bool,
    pub(crate) largest: bool,
    pub(crate) inputs: Vec<String>,
    pub(crate) only: Vec<String>,
    pub(crate) effort: Effort,
    pub(crate) csv: Option<PathBuf>,
    pub(crate) from: Option<PathBuf>,
    pub(crate) processes: bool,
}

impl Options {
    /// Reads the arguments after the program's name. An error says what is wrong with them; an empty one asks for
    /// help.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            sizes: SIZES.to_vec(),
            real: true,
            largest: true,
            inputs: Vec::new(),
            only: Vec::new(),
            effort: Effort::FULL,
            csv: None,
            from: None,
            processes: true,
        };
        let mut quick = false;
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--quick" => quick = true,
                "--sizes" => {
                    let (named, sizes): (Vec<String>, Vec<String>) =
                        list(&value()?).into_iter().partition(|part| [REAL, LARGEST].contains(&part.as_str()));
                    options.real = named.iter().any(|part| part == REAL);
                    options.largest = named.iter().any(|part| part == LARGEST);
                    options.sizes = sizes.iter().map(|part| size(part)).collect::<Result<_, _>>()?;
                }
                "--inputs" => options.inputs = list(&value()?),
                "--only" => options.only = list(&value()?),
                "--csv" => options.csv = Some(value()?.into()),
                "--from" => options.from = Some(value()?.into()),
                "--no-processes" => options.processes = false,
                "-h" | "--help" => return Err(String::new()),
                // Options that `cargo bench` and test runners add.
                "--bench" => {}
                _ => return Err(format!("unknown argument {argument:?}")),
            }
        }
        if quick {
            options.effort = Effort::QUICK;
            if options.inputs.is_empty() {
                options.inputs = QUICK.map(str::to_owned).to_vec();
            }
        }
        for name in &options.inputs {
            if !inputs::names().any(|known| known == name) {
                let known: Vec<&str> = inputs::names().collect();
                return Err(format!("unknown input {name:?}; known are: {}", known.join(", ")));
            }
        }
        Ok(options)
    }

    /// Whether an input of that name is asked for.
    pub(crate) fn wants_input(&self, name: &str) -> bool {
        self.inputs.is_empty() || self.inputs.iter().any(|input| input == name)
    }

    /// Whether a candidate is asked for.
    pub(crate) fn wants_candidate(&self, kind: &str, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| kind.contains(part) || name.contains(part))
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn size(text: &str) -> Result<usize, String> {
    let upper = text.to_ascii_uppercase();
    let number = upper.trim_end_matches("IB");
    let (number, shift) = match number.as_bytes().last() {
        Some(b'K') => (&number[..number.len() - 1], 10),
        Some(b'M') => (&number[..number.len() - 1], 20),
        _ => (number, 0),
    };
    let bytes = number.parse().ok().and_then(|number: usize| number.checked_mul(1 << shift));
    // 32 symbols are 24 bytes: whole words and no padding, whatever is done with them. RoaringBitmap ends at 2^32 blocks.
    match bytes {
        Some(bytes) if bytes > 0 && bytes % 32 == 0 && bytes <= 512 << 20 => Ok(bytes),
        Some(_) => Err(format!("the size {text:?} is no multiple of 32 from 32 to 512M")),
        None => Err(format!("{text:?} is no size")),
    }
}
