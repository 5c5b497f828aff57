//! The options of a call, from the text in which they come: `name=value`, one a line.

use std::num::{NonZeroU64, NonZeroUsize};

use changed_blocks::shape::Shape;
use changed_blocks::{BlockSize, Encoding, Scanner, VirtualSize};

use crate::failure::Failure;

/// How byte counts are written down in a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// As the bits of a JavaScript number, in a `Float64Array`.
    #[default]
    Floats,
    /// As they are, in a `BigUint64Array`.
    Integers,
}

/// The options of a call.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) scanner: Scanner,
    pub(crate) virtual_size: Option<VirtualSize>,
    /// The block size of the bitmap that is asked for, if it is not that of the input.
    pub(crate) at: Option<BlockSize>,
    pub(crate) shape: Shape,
    pub(crate) form: Form,
}

impl Request {
    /// Reads the options.
    pub(crate) fn parse(options: &str) -> Result<Self, Failure> {
        let mut encoding = Encoding::Base64;
        let mut block_size = BlockSize::DEFAULT;
        let (mut allow_inconsistent, mut parallel) = (false, true);
        let (mut virtual_size, mut at) = (None, None);
        let (mut shape, mut form) = (Shape::default(), Form::default());
        for line in options.lines() {
            let (name, value) =
                line.split_once('=').ok_or_else(|| Failure::argument(format!("{line:?} has no value")))?;
            match name {
                "encoding" => encoding = value.parse()?,
                "block_size" => block_size = BlockSize::new(number(name, value)?)?,
                "virtual_size" => virtual_size = Some(VirtualSize::new(number(name, value)?)?),
                "allow_inconsistent" => allow_inconsistent = flag(name, value)?,
                "parallel" => parallel = flag(name, value)?,
                "at" => at = Some(BlockSize::new(number(name, value)?)?),
                "merge_gap" => shape.merge_gap = number(name, value)?,
                "align" => shape.align = Some(nonzero(name, value)?),
                "at_most" => shape.max_extents = Some(count(name, value)?),
                "split" => shape.max_extent = Some(nonzero(name, value)?),
                "bigint" => form = if flag(name, value)? { Form::Integers } else { Form::Floats },
                _ => return Err(Failure::argument(format!("{name:?} is no option"))),
            }
        }
        let mut scanner =
            Scanner::new(encoding).block_size(block_size).allow_inconsistent(allow_inconsistent).parallel(parallel);
        if let Some(virtual_size) = virtual_size {
            scanner = scanner.virtual_size(virtual_size);
        }
        Ok(Self { scanner, virtual_size, at, shape, form })
    }
}

fn number(name: &str, value: &str) -> Result<u64, Failure> {
    value.parse().map_err(|_| Failure::argument(format!("{name} is {value:?}, which is no number from 0 to 2^64 - 1")))
}

fn nonzero(name: &str, value: &str) -> Result<NonZeroU64, Failure> {
    NonZeroU64::new(number(name, value)?).ok_or_else(|| Failure::argument(format!("{name} is 0")))
}

fn count(name: &str, value: &str) -> Result<NonZeroUsize, Failure> {
    // More ranges than memory holds are no limit.
    let count = usize::try_from(number(name, value)?).unwrap_or(usize::MAX);
    NonZeroUsize::new(count).ok_or_else(|| Failure::argument(format!("{name} is 0")))
}

fn flag(name: &str, value: &str) -> Result<bool, Failure> {
    value.parse().map_err(|_| Failure::argument(format!("{name} is {value:?}, neither true nor false")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_read() {
        let options = "encoding=bits\nblock_size=4096\nvirtual_size=100000\nallow_inconsistent=true\nat=2097152\n\
                       merge_gap=0\nalign=512\nat_most=7\nsplit=1048576\nbigint=true\nparallel=false";
        let request = Request::parse(options).expect("good options");
        assert_eq!(request.virtual_size.map(VirtualSize::bytes), Some(100_000));
        assert_eq!(request.at.map(BlockSize::bytes), Some(2 << 20));
        assert_eq!((request.shape.align, request.shape.max_extent), (NonZeroU64::new(512), NonZeroU64::new(1 << 20)));
        assert_eq!((request.shape.max_extents, request.form), (NonZeroUsize::new(7), Form::Integers));
        assert_eq!(request.scanner.extents("0110000000000000000000000").expect("25 blocks").len(), 1);
    }

    #[test]
    fn options_that_make_no_sense_are_refused() {
        for (options, kind) in [
            ("encoding=base65", "unknown-encoding"),
            ("block_size=65537", "block-size"),
            ("at=100", "block-size"),
            ("virtual_size=0", "virtual-size"),
            ("virtual_size=-1", "invalid-argument"),
            ("virtual_size=18446744073709551616", "invalid-argument"),
            ("align=0", "invalid-argument"),
            ("at_most=0", "invalid-argument"),
            ("split=0", "invalid-argument"),
            ("bigint=1", "invalid-argument"),
            ("virtualsize=1", "invalid-argument"),
            ("virtual_size", "invalid-argument"),
        ] {
            let failure = Request::parse(options).expect_err(options).to_lines();
            assert_eq!(failure.lines().next(), Some(kind), "{options}");
        }
    }
}
