//! `cbt check`: whether a list was made of a bitmap.

use changed_blocks::format::Identity;
use changed_blocks::shape;
use serde_json::json;

use crate::args::{BlockSizeArg, CheckArgs, CheckFormat};
use crate::comparison::Differences;
use crate::digest::{BitmapDigest, digest_text};
use crate::failure::Failure;
use crate::output::target::Target;
use crate::range_input::{RangeInput, SharedSource};
use crate::range_run::{judge, start};
use crate::sanitize::sanitize;

/// The findings about the two.
struct Finding {
    /// The bytes that only the list has, and only the bitmap.
    differences: Differences,
    digest: String,
    identity: Identity,
}

/// Prints why they do not belong together. Returns whether they do not.
pub(crate) fn check(args: &CheckArgs) -> Result<bool, Failure> {
    args.meaning.refuse_misplaced(&[args.from, args.bitmap_from])?;
    let list = RangeInput::open_lenient(&args.list_args())?;
    let list_size = list.virtual_size();
    let bitmap = RangeInput::open_lenient(&args.bitmap_args(list_size, BlockSizeArg::Size(list.block_size)))?;
    let mut inputs = vec![list, bitmap];
    RangeInput::refuse_one_stream(&inputs)?;
    let target = Target::open(None)?;
    let (sources, geometry) = start(&mut inputs);
    let [list, bitmap] = &sources[..] else { unreachable!("there are two inputs") };
    let mut digest = BitmapDigest::new();
    let hashed = shape::check(SharedSource(bitmap).inspect(|&range| digest.add(range)));
    let differences = Differences::of(shape::check(SharedSource(list)), hashed, geometry.block_size);
    let identity = list.borrow().identity();
    let errors = sources.into_iter().map(|source| source.into_inner().error).collect();
    judge(&inputs, errors)?;
    let finding = Finding { differences, digest: digest_text(&digest.finish()), identity };
    let faults = finding.faults(args);
    let text = match args.output {
        CheckFormat::Human => faults.iter().map(|fault| format!("{fault}\n")).collect(),
        CheckFormat::Json => finding.json(&faults),
    };
    target.write_verdict(&text)?;
    inputs.into_iter().for_each(|input| input.input.drain());
    Ok(!faults.is_empty())
}

impl Finding {
    /// Why they do not belong together.
    fn faults(&self, args: &CheckArgs) -> Vec<String> {
        let mut faults = Vec::new();
        let [only_in_list, only_in_bitmap] = &self.differences.only;
        if only_in_bitmap.extents > 0 {
            let bytes = only_in_bitmap.changed_bytes;
            faults.push(format!("the list lacks {bytes} bytes of what changed: do not back up by it"));
        }
        match &self.identity.bitmap_digest {
            Some(found) if *found != self.digest => {
                let (found, expected) = (sanitize(found), &self.digest);
                faults.push(format!("the list is of a bitmap with the digest {found}, and this one has {expected}"));
            }
            None if only_in_list.extents > 0 => {
                let bytes = only_in_list.changed_bytes;
                faults.push(format!(
                    "the list has {bytes} bytes more than what changed, and no digest that tells whether it was shaped or is of \
                     another bitmap"
                ));
            }
            _ => {}
        }
        let expected =
            [("older", args.uuid_from, self.identity.uuid_from), ("newer", args.uuid_to, self.identity.uuid_to)];
        for (which, expected, found) in expected {
            match (expected, found) {
                (Some(expected), Some(found)) if expected != found => {
                    faults.push(format!("the {which} disk of the list is {found}, not {expected}"));
                }
                (Some(_), None) => faults.push(format!("the list does not name its {which} disk")),
                _ => {}
            }
        }
        faults
    }

    fn json(&self, faults: &[String]) -> String {
        let [only_in_list, only_in_bitmap] = &self.differences.only;
        let object = json!({
            "belongs": faults.is_empty(),
            "faults": faults,
            "only_in_list_bytes": only_in_list.changed_bytes,
            "only_in_bitmap_bytes": only_in_bitmap.changed_bytes,
            "bitmap_digest": self.digest,
            "uuid_from": self.identity.uuid_from.map(|uuid| uuid.to_string()),
            "uuid_to": self.identity.uuid_to.map(|uuid| uuid.to_string()),
        });
        format!("{object}\n")
    }
}
