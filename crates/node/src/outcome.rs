//! The numbers that a call gives, written to memory of JavaScript's as they are made.

use changed_blocks::{Bitmap, ByteRange, Extent, Geometry};

use crate::failure::Failure;
use crate::request::Form;

/// The largest number up to which JavaScript's numbers hold every whole number.
const LARGEST_FLOAT: u64 = 1 << 53;
/// How many ranges are made at a time: they stay in the L1 cache until they are written down.
const PIECE: usize = 1024;

/// How many words of a list are worth keeping where they are. Shorter ones are copied: what is left of an allocation that was
/// meant for a longer list lies scattered in memory afterwards.
const WORTH_KEEPING: usize = 64 << 10;

/// The outcome of a call, not yet in the form in which JavaScript has it.
pub(crate) enum Outcome {
    /// Runs of blocks, which become bytes as they are written down.
    Extents { extents: Vec<Extent>, geometry: Geometry, form: Form },
    /// Ranges of bytes.
    Ranges { ranges: Vec<ByteRange>, form: Form },
    /// A bitmap.
    Blocks(Bitmap),
}

impl Outcome {
    pub(crate) fn of_extents(extents: Vec<Extent>, geometry: Geometry, form: Form) -> Result<Self, Failure> {
        // If the last one is on the disk, all are.
        if let Some(&last) = extents.last() {
            require_numbers(geometry.byte_range(last)?, form)?;
        }
        Ok(Self::Extents { extents, geometry, form })
    }

    pub(crate) fn of_ranges(ranges: Vec<ByteRange>, form: Form) -> Result<Self, Failure> {
        if let Some(&last) = ranges.last() {
            require_numbers(last, form)?;
        }
        Ok(Self::Ranges { ranges, form })
    }

    /// How many words of 64 bits it has.
    pub(crate) fn words(&self) -> usize {
        match self {
            Self::Extents { extents, .. } => 2 * extents.len(),
            Self::Ranges { ranges, .. } => 2 * ranges.len(),
            Self::Blocks(bitmap) => bitmap.as_words().len(),
        }
    }

    /// Of a bitmap: how many blocks there are, how many of them changed, the size of a block, and that of the disk or `-`.
    pub(crate) fn facts(&self) -> String {
        let Self::Blocks(bitmap) = self else { return String::new() };
        let Geometry { block_size, virtual_size } = bitmap.geometry();
        let size = virtual_size.map_or_else(|| "-".to_owned(), |size| size.bytes().to_string());
        format!("{} {} {} {size}", bitmap.blocks(), bitmap.count(), block_size.bytes())
    }

    /// Writes it to memory of just so many words.
    pub(crate) fn write(&self, to: &mut [u64]) -> Result<(), Failure> {
        if to.len() != self.words() {
            return Err(Failure::internal(format!("there are {} words of memory for {}", to.len(), self.words())));
        }
        match self {
            Self::Extents { extents, geometry, form } => {
                let mut ranges = Vec::with_capacity(PIECE);
                for (extents, to) in extents.chunks(PIECE).zip(to.chunks_mut(2 * PIECE)) {
                    ranges.clear();
                    geometry.byte_ranges(extents, &mut ranges)?;
                    write_ranges(&ranges, *form, to);
                }
            }
            Self::Ranges { ranges, form } => write_ranges(ranges, *form, to),
            Self::Blocks(bitmap) => to.iter_mut().zip(bitmap.as_words()).for_each(|(to, &word)| *to = in_halves(word)),
        }
        Ok(())
    }

    /// Makes memory of its own of it. A long list stays where it is: it is in large pages as far as there are any, so that it
    /// also takes no time to free it.
    pub(crate) fn into_words(self) -> Result<Vec<u64>, Failure> {
        match self {
            _ if self.words() < WORTH_KEEPING => self.copied(),
            Self::Extents { mut extents, geometry, form } => {
                let mut ranges = Vec::with_capacity(PIECE);
                for extents in extents.chunks_mut(PIECE) {
                    ranges.clear();
                    geometry.byte_ranges(extents, &mut ranges)?;
                    write_ranges(&ranges, form, bytemuck::cast_slice_mut(extents));
                }
                Ok(bytemuck::cast_vec(extents))
            }
            Self::Ranges { mut ranges, form } => {
                if form == Form::Floats {
                    bytemuck::cast_slice_mut(&mut ranges).iter_mut().for_each(|number| *number = float_bits(*number));
                }
                Ok(bytemuck::cast_vec(ranges))
            }
            Self::Blocks(_) => self.copied(),
        }
    }

    fn copied(&self) -> Result<Vec<u64>, Failure> {
        let words = bytemuck::try_zeroed_vec(self.words());
        let mut words = words.map_err(|()| Failure::out_of_memory(8 * self.words()))?;
        self.write(&mut words)?;
        Ok(words)
    }
}

/// Refuses a list whose last range reaches beyond the numbers of that form.
fn require_numbers(last: ByteRange, form: Form) -> Result<(), Failure> {
    let end = last.end_bytes();
    if form == Form::Floats && end > LARGEST_FLOAT { Err(Failure::unsafe_integer(end)) } else { Ok(()) }
}

fn write_ranges(ranges: &[ByteRange], form: Form, to: &mut [u64]) {
    let numbers: &[u64] = bytemuck::cast_slice(ranges);
    match form {
        Form::Integers => to.copy_from_slice(numbers),
        Form::Floats => to.iter_mut().zip(numbers).for_each(|(to, &number)| *to = float_bits(number)),
    }
}

/// The bits of a number of JavaScript's.
fn float_bits(number: u64) -> u64 {
    (number as f64).to_bits()
}

/// JavaScript sees each word as two of 32 bits, the first of which has the first blocks.
const fn in_halves(word: u64) -> u64 {
    if cfg!(target_endian = "big") { word.rotate_left(32) } else { word }
}

#[cfg(test)]
mod tests {
    use changed_blocks::{BlockSize, VirtualSize};

    use super::*;

    #[test]
    fn long_lists_are_written_whole() {
        let extents: Vec<_> = (0..WORTH_KEEPING as u64 + 5).map(|i| Extent::new(10 * i, 10 * i + 3)).collect();
        let geometry = Geometry::default();
        let expected: Vec<u64> = extents.iter().flat_map(|e| [e.start_block << 16, 3 << 16]).collect();
        for form in [Form::Integers, Form::Floats] {
            let expected: Vec<_> =
                expected.iter().map(|&n| if form == Form::Floats { float_bits(n) } else { n }).collect();
            let outcome = Outcome::of_extents(extents.clone(), geometry, form).expect("on the disk");
            let mut written = vec![0; outcome.words()];
            outcome.write(&mut written).expect("as long as it says");
            assert_eq!(written, expected);
            assert_eq!(outcome.into_words().expect("on the disk"), expected);
            let ranges: Vec<_> =
                extents.iter().map(|&extent| geometry.byte_range(extent).expect("on the disk")).collect();
            let outcome = Outcome::of_ranges(ranges, form).expect("on the disk");
            assert_eq!(outcome.into_words().expect("memory"), expected);
        }
    }

    #[test]
    fn numbers_that_a_float_does_not_hold_are_refused() {
        let disk =
            Geometry { block_size: BlockSize::MAX, virtual_size: Some(VirtualSize::new(u64::MAX).expect("not 0")) };
        let list = |end| vec![Extent::new(0, 1), Extent::new(end - 1, end)];
        let largest = LARGEST_FLOAT >> 30;
        assert!(Outcome::of_extents(list(largest), disk, Form::Floats).is_ok());
        let failure = Outcome::of_extents(list(largest + 1), disk, Form::Floats).err().expect("too large").to_lines();
        assert!(failure.starts_with("unsafe-integer\nwrong-usage\n\nask for"), "{failure}");
        assert!(Outcome::of_extents(list(largest + 1), disk, Form::Integers).is_ok());
    }

    #[test]
    fn memory_of_another_length_is_refused() {
        let outcome = Outcome::Blocks(Bitmap::new(65));
        assert_eq!((outcome.words(), outcome.facts().as_str()), (2, "65 0 65536 -"));
        assert!(outcome.write(&mut [0; 3]).is_err());
    }
}
