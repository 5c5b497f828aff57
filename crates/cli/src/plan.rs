//! From what was asked to what is done.

use changed_blocks::{Scanner, TIER_VARIABLE, Tier};

use crate::args::InputArgs;
use crate::failure::Failure;

/// The scanner that the options ask for, and the threads for it.
pub(crate) fn scanner(args: &InputArgs) -> Result<Scanner, Failure> {
    // Found out before anything is opened: it is no property of the input.
    let tier = Tier::detect().map_err(|error| Failure::Bitmap { input: TIER_VARIABLE.to_owned(), error })?;
    let mut scanner = Scanner::new(args.from.into())
        .tier(tier)
        .block_size(args.block_size)
        .allow_longer(args.allow_longer)
        .allow_inconsistent(args.allow_inconsistent)
        .parallel(args.threads != Some(1));
    if let Some(size) = args.virtual_size {
        scanner = scanner.virtual_size(size);
    }
    // This thread is one of them. The only way to fail is that threads cannot be had; the work gets done anyway.
    let threads = args.threads.unwrap_or(0).into();
    let _ = rayon::ThreadPoolBuilder::new().num_threads(threads).use_current_thread().build_global();
    Ok(scanner)
}
