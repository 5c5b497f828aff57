//! The work itself, by the name of the operation: of a bitmap, or of lists.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use changed_blocks::shape::{self, Shape, SortedRanges};
use changed_blocks::{ByteRange, Source};

use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::request::{Form, Request};

/// Runs `work`. A panic becomes a failure.
pub(crate) fn contained<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied());
        Err(Failure::internal(message.unwrap_or("a panic")))
    })
}

/// An operation on a bitmap: `extents` or `blocks`.
pub(crate) fn scan<'a>(operation: &str, options: &str, input: impl Into<Source<'a>>) -> Result<Outcome, Failure> {
    let request = Request::parse(options)?;
    match operation {
        "extents" => extents(&request, input.into()),
        "blocks" => Ok(Outcome::Blocks(match request.at {
            Some(at) => request.scanner.bitmap_at(input, at)?,
            None => request.scanner.bitmap(input)?,
        })),
        _ => Err(Failure::argument(format!("{operation:?} is no operation on a bitmap"))),
    }
}

fn extents(request: &Request, input: Source<'_>) -> Result<Outcome, Failure> {
    let mut extents = Vec::new();
    let geometry = request.scanner.extents_into(input, &mut extents)?.geometry;
    if request.shape == Shape::default() {
        return Outcome::of_extents(extents, geometry, request.form);
    }
    let mut ranges = Vec::new();
    geometry.byte_ranges(&extents, &mut ranges)?;
    drop(extents);
    let reads = request.shape.apply(shape::sorted(&ranges)?, geometry.virtual_size);
    Outcome::of_ranges(reads.collect(), request.form)
}

/// An operation on lists: `shape` of the first, or `union`, `intersection`, `difference` or `symmetric-difference` of both.
pub(crate) fn combine(operation: &str, options: &str, a: &[u64], b: &[u64]) -> Result<Outcome, Failure> {
    let request = Request::parse(options)?;
    let [a, b] = [a, b].map(|numbers| ranges(request.form, numbers));
    let (a, b) = (a?, b?);
    let (a, b) = (shape::pieces(&a)?, shape::pieces(&b)?);
    let ranges: Vec<ByteRange> = match operation {
        "shape" => request.shape.apply(a, request.virtual_size).collect(),
        "union" => a.union(b).collect(),
        "intersection" => a.intersection(b).collect(),
        "difference" => a.difference(b).collect(),
        "symmetric-difference" => a.symmetric_difference(b).collect(),
        _ => return Err(Failure::argument(format!("{operation:?} is no operation on lists"))),
    };
    Outcome::of_ranges(ranges, request.form)
}

/// Writes the numbers of the changed blocks, of which block 0 is in the lowest bit of the first word, to memory of just as
/// many.
#[cfg_attr(target_family = "wasm", expect(dead_code, reason = "JavaScript does it there"))]
pub(crate) fn write_indexes(bitmap: &[u32], indexes: &mut [u32]) -> Result<(), Failure> {
    let changed = bitmap.iter().map(|word| word.count_ones() as usize).sum::<usize>();
    if changed != indexes.len() {
        return Err(Failure::internal(format!("there is memory for {} blocks of {changed}", indexes.len())));
    }
    let mut places = indexes.iter_mut();
    for (&word, first) in bitmap.iter().zip((0..).step_by(32)) {
        let mut rest = word;
        while rest != 0 {
            if let Some(place) = places.next() {
                *place = first + rest.trailing_zeros();
            }
            rest &= rest - 1;
        }
    }
    Ok(())
}

/// The ranges of a list of offsets and lengths.
fn ranges(form: Form, numbers: &[u64]) -> Result<Cow<'_, [ByteRange]>, Failure> {
    if numbers.len() % 2 == 1 {
        return Err(Failure::argument(format!("a list of {} numbers has an offset without a length", numbers.len())));
    }
    match form {
        Form::Integers => Ok(Cow::Borrowed(bytemuck::cast_slice(numbers))),
        Form::Floats => {
            let whole = numbers.iter().enumerate().map(|(index, &bits)| whole(index, f64::from_bits(bits)));
            let whole = whole.collect::<Result<Vec<u64>, _>>()?;
            Ok(Cow::Owned(bytemuck::cast_slice(&whole).to_vec()))
        }
    }
}

/// A number of JavaScript's, if it is a whole number that it holds exactly.
fn whole(index: usize, number: f64) -> Result<u64, Failure> {
    if (0.0..=9_007_199_254_740_992.0).contains(&number) && number.fract() == 0.0 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole and in range")]
        return Ok(number as u64);
    }
    Err(Failure::argument(format!("number {index} of the list is {number}, which is no whole number of bytes")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(outcome: &Outcome) -> Vec<u64> {
        let mut words = vec![0; outcome.words()];
        outcome.write(&mut words).expect("as long as it says");
        words
    }

    fn floats(numbers: &[f64]) -> Vec<u64> {
        numbers.iter().map(|number| number.to_bits()).collect()
    }

    #[test]
    fn extents_come_in_both_forms() {
        let outcome = scan("extents", "virtual_size=2000000\nbigint=true", "YAAAAA==").expect("a good bitmap");
        assert_eq!(numbers(&outcome), [65_536, 131_072]);
        let outcome = scan("extents", "virtual_size=2000000", "YAAAAA==").expect("a good bitmap");
        assert_eq!(numbers(&outcome), floats(&[65_536.0, 131_072.0]));
    }

    #[test]
    fn a_shape_is_applied() {
        let outcome = scan("extents", "merge_gap=65536\nat_most=1\nbigint=true", "ygAAAA==").expect("a good bitmap");
        assert_eq!(numbers(&outcome), [0, 7 * 65_536]);
    }

    #[test]
    fn lists_are_combined() {
        let (a, b) = (floats(&[0.0, 10.0]), floats(&[5.0, 10.0]));
        for (operation, expected) in [
            ("union", &[0.0, 15.0][..]),
            ("intersection", &[5.0, 5.0]),
            ("difference", &[0.0, 5.0]),
            ("symmetric-difference", &[0.0, 5.0, 10.0, 5.0]),
        ] {
            let outcome = combine(operation, "", &a, &b).expect("good lists");
            assert_eq!(numbers(&outcome), floats(expected), "{operation}");
        }
    }

    #[test]
    fn the_pieces_of_a_split_are_a_list() {
        let pieces = floats(&[0.0, 5.0, 5.0, 5.0, 20.0, 1.0]);
        let outcome = combine("shape", "merge_gap=0", &pieces, &[]).expect("pieces");
        assert_eq!(numbers(&outcome), floats(&[0.0, 10.0, 20.0, 1.0]));
    }

    #[test]
    fn lists_that_are_none_are_refused() {
        for list in
            [&[0.5, 1.0][..], &[-1.0, 1.0], &[f64::NAN, 1.0], &[f64::INFINITY, 1.0], &[1.0], &[5.0, 1.0, 0.0, 1.0]]
        {
            assert!(combine("shape", "", &floats(list), &[]).is_err(), "{list:?}");
        }
    }

    #[test]
    fn changed_blocks_are_numbered() {
        let mut indexes = [0; 4];
        write_indexes(&[1 << 31, 0, 0b1011], &mut indexes).expect("four blocks");
        assert_eq!(indexes, [31, 64, 65, 67]);
        for count in [0, 3, 5] {
            assert!(write_indexes(&[1 << 31, 0, 0b1011], &mut vec![0; count]).is_err(), "{count}");
        }
    }

    #[test]
    fn a_panic_is_a_failure() {
        let failure = contained::<()>(|| panic!("by {}", "design")).expect_err("a panic").to_lines();
        assert!(failure.starts_with("internal\nfull-backup\n") && failure.ends_with("\nby design"), "{failure}");
    }
}
