//! Measures changed-blocks and its peers on the same inputs in one run, checks that all agree, and prints ratios.
//!
//! ```text
//! cargo run --release --manifest-path benches/versus/Cargo.toml -- --csv benches/record/versus.csv
//! ```
//!
//! Peers choose by themselves what they use of the processor. To see what they do on one without AVX-512, keep the one
//! that has it, and is measured with run finders, from using it: `RUSTFLAGS='--cfg base64_turbo_backend="avx2"'`.

mod ceiling;
mod commands;
mod inputs;
mod machine;
mod measure;
mod options;
mod ours;
mod peers;
mod picture;
mod reblock;
mod report;
mod results;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use commands::{CBT, COMMAND};
use inputs::Cell;
use measure::{Buffers, Candidate};
use options::{Options, USAGE};
use peers::processes::{Outcome, PROCESS, Process, TextFile};
use peers::{decode, processes, runs};
use results::{Results, Row};

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) if error.is_empty() => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    if let Some(path) = &options.from {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let results = Results::from_csv(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("{}", report::text(&results));
        return write_pictures(path, &results);
    }
    if cfg!(debug_assertions) {
        return Err("the figures of a build without --release say nothing".to_owned());
    }
    ours::two_threads()?;
    for line in ours::skipped() {
        println!("{line}");
    }
    let (processes, skipped) = if options.processes { processes::find() } else { Default::default() };
    for line in skipped {
        println!("{line}");
    }
    let mut machine = machine::describe(&processes);
    print!("{machine}");
    let watch = machine::Watch::start();
    if let Some(path) = &options.csv {
        write(&path.with_extension("machine.txt"), &machine)?;
    }
    measure::wake_up();
    let mut results = Results::default();
    for cell in inputs::cells(options) {
        let cell = cell?;
        eprintln!("{} {}: {} runs", cell.size, cell.input, cell.truth.runs);
        measure_cell(options, &cell, &processes, &mut results)?;
        // After every cell, so that a run that is ended early has not been for nothing.
        if let Some(path) = &options.csv {
            write(path, &results.to_csv())?;
        }
    }
    if let Some(cell) = options.processes.then(|| inputs::largest_disk(options)).flatten() {
        measure_commands(options, &cell, &mut results)?;
    }
    let meanwhile = watch.stop();
    print!("{meanwhile}");
    machine.push_str(&meanwhile);
    println!("all candidates agree with the oracle, and so with each other");
    print!("{}", report::text(&results));
    let Some(path) = &options.csv else { return Ok(()) };
    write(&path.with_extension("machine.txt"), &machine)?;
    write_pictures(path, &results)
}

fn measure_cell(options: &Options, cell: &Cell, processes: &[Process], results: &mut Results) -> Result<(), String> {
    let mut candidates = candidates(options, cell)?;
    let mut buffers = Buffers::new(cell);
    for candidate in &mut candidates {
        candidate.check(cell, &mut buffers)?;
    }
    let spreads = measure::measure(&mut candidates, cell, &mut buffers, &options.effort);
    for (candidate, spread) in candidates.iter().zip(spreads) {
        results.0.push(Row::new(cell, candidate.kind, &candidate.name, spread));
    }
    // Their memory may be needed.
    drop(buffers);
    let wanted = processes.iter().filter(|process| options.wants_candidate(PROCESS, process.name));
    let wanted: Vec<&Process> = wanted.collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let file = TextFile::new(cell)?;
    for process in wanted {
        match process.measure(cell, file.path(), &options.effort)? {
            Outcome::Measured(spread) => results.0.push(Row::new(cell, PROCESS, process.name, spread)),
            Outcome::Skipped(reason) => {
                println!("skipped: {} at {}, {} ({reason})", process.name, cell.size, cell.input);
            }
        }
    }
    Ok(())
}

fn measure_commands(options: &Options, cell: &Cell, results: &mut Results) -> Result<(), String> {
    if !options.wants_candidate(COMMAND, CBT) {
        return Ok(());
    }
    eprintln!("{} {}: {} runs", cell.size, cell.input, cell.truth.runs);
    let file = TextFile::new(cell)?;
    for (name, spread) in commands::measure(&commands::build()?, cell, file.path(), &options.effort)? {
        results.0.push(Row::new(cell, COMMAND, name, spread));
    }
    let Some(path) = &options.csv else { return Ok(()) };
    write(path, &results.to_csv())
}

fn candidates(options: &Options, cell: &Cell) -> Result<Vec<Candidate>, String> {
    let mut all = ceiling::candidates(cell);
    all.extend(decode::candidates());
    all.extend(ours::candidates()?);
    all.extend(runs::candidates());
    all.extend(reblock::candidates());
    all.retain(|candidate| options.wants_candidate(candidate.kind, &candidate.name));
    Ok(all)
}

/// The files that are made of the CSV file, beside it.
fn write_pictures(csv: &Path, results: &Results) -> Result<(), String> {
    write(&csv.with_extension("svg"), &picture::svg(results))?;
    write(&csv.with_extension("md"), &report::markdown(results))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
