//! From what was asked to what is done.

use changed_blocks::{Encoding, Scanner, TIER_VARIABLE, Tier};

use crate::args::InputArgs;
use crate::failure::Failure;

/// The scanner that the options ask for, and the threads for it.
pub(crate) fn scanner(args: &InputArgs) -> Result<Scanner, Failure> {
    let mut scanner = scanner_of(args.from.into(), args.threads)?
        .block_size(args.block_size)
        .allow_longer(args.allow_longer)
        .allow_inconsistent(args.allow_inconsistent);
    if let Some(size) = args.virtual_size {
        scanner = scanner.virtual_size(size);
    }
    prepare_threads(args.threads);
    Ok(scanner)
}

/// A scanner for an encoding.
pub(crate) fn scanner_of(encoding: Encoding, threads: Option<u16>) -> Result<Scanner, Failure> {
    Ok(Scanner::new(encoding).tier(tier()?).parallel(threads != Some(1)))
}

/// The tier that scans. Found out before anything is opened: it is no property of the input.
pub(crate) fn tier() -> Result<Tier, Failure> {
    Tier::detect().map_err(|error| Failure::Bitmap { input: TIER_VARIABLE.to_owned(), error })
}

/// Makes the threads that all work is shared out to. This thread is one of them.
pub(crate) fn prepare_threads(threads: Option<u16>) {
    // The only way to fail is that threads cannot be had; the work gets done anyway.
    let threads = threads.unwrap_or(0).into();
    let _ = rayon::ThreadPoolBuilder::new().num_threads(threads).use_current_thread().build_global();
}
