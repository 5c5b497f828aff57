//! A qcow2 image as an input: its dirty bitmap is read into memory, and is then a raw bitmap as any other.

use std::io::Read;

use changed_blocks::format::qcow2::DirtyBitmap;
use changed_blocks::{BitOrder, BlockSize, Encoding, Error, Scanner};

use crate::args::{BlockSizeArg, InputArgs};
use crate::failure::Failure;
use crate::input::Input;
use crate::scan_options::{prepare_threads, read_options, scanner_of};

/// The scanner for the bitmap in an image, its block size, and the bitmap.
pub(crate) fn open(args: &InputArgs) -> Result<(Scanner, BlockSize, Input), Failure> {
    let scanner = scanner_of(Encoding::Raw(BitOrder::Lsb0), args.threads)?;
    prepare_threads(args.threads);
    let input = Input::open(args)?;
    let Some(file) = input.file() else {
        let message = format!("{}: an image is read in no order, which a stream cannot be", input.name);
        return Err(Failure::Usage { message, hint: "write it to a file first" });
    };
    let mut bytes = Vec::new();
    let read = DirtyBitmap::open(file, &read_options(args)).and_then(|mut bitmap| {
        let read = bitmap.read_to_end(&mut bytes);
        read.map_err(|source| Error::Read { offset: bytes.len() as u64, source })?;
        Ok((bitmap.virtual_size(), bitmap.block_size()))
    });
    input.refuse_if_changed_before(read.as_ref().err())?;
    let (virtual_size, block_size) = read.map_err(|error| Failure::Bitmap { input: input.name.clone(), error })?;
    if let Some(BlockSizeArg::Size(given)) = args.block_size
        && given != block_size
    {
        let message = format!("{}: the bitmap has blocks of {block_size}, not of {given}", input.name);
        return Err(Failure::Usage { message, hint: "leave out --block-size: the image says it" });
    }
    Ok((scanner.virtual_size(virtual_size).block_size(block_size), block_size, input.holding(bytes)))
}
