//! The plan of a run: from the options to the scanner, the threads and the input.

use changed_blocks::cbtlog::WritableStore;
use changed_blocks::format::ReadOptions;
use changed_blocks::{BlockSize, Encoding, Scanner, TIER_VARIABLE, Tier, VirtualSize};

use crate::args::{BlockSizeArg, InputArgs};
use crate::failure::Failure;
use crate::input::Input;

/// The scanner for a bitmap of that encoding that the options ask for, its block size, and the open input.
pub(crate) fn open(args: &InputArgs, encoding: Encoding) -> Result<(Scanner, BlockSize, Input), Failure> {
    let mut scanner = scanner_of(encoding, args.threads)?.allow_inconsistent(args.meaning.allow_inconsistent);
    scanner = scanner.largest_disk(VirtualSize::new(WritableStore::LARGEST).expect("not 0"));
    if let Some(size) = args.virtual_size {
        scanner = scanner.virtual_size(size);
    }
    prepare_threads(args.threads);
    let mut input = Input::open(args)?;
    let block_size = match args.block_size {
        None => BlockSize::DEFAULT,
        Some(BlockSizeArg::Size(block_size)) => block_size,
        // Reads the input once more than otherwise.
        Some(BlockSizeArg::Auto) => input.detect_block_size(&scanner, encoding)?,
    };
    Ok((scanner.block_size(block_size), block_size, input))
}

/// The facts that a file cannot say, as far as they are given.
pub(crate) fn read_options(args: &InputArgs) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.virtual_size = args.virtual_size;
    options.allow_empty = args.meaning.allow_empty;
    options.context.clone_from(&args.meaning.context);
    options.since = args.meaning.since;
    options.allocation = args.meaning.allocation;
    options
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
