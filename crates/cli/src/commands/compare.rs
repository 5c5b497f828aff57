//! `cbt compare`: whether two inputs have the same bytes, and how they differ.

use std::cell::{Ref, RefCell};

use changed_blocks::format::Totals;
use changed_blocks::{BlockSize, VirtualSize, shape};
use serde_json::json;

use crate::args::{CompareArgs, CompareFormat};
use crate::comparison::Differences;
use crate::failure::Failure;
use crate::output::target::Target;
use crate::range_input::{RangeInput, RangeSource, SharedSource};
use crate::range_run::{judge, start};

/// The differences of two lists.
struct Comparison {
    sizes: [Option<VirtualSize>; 2],
    /// Where the bitmaps end, in bytes of the disk, if none of the sizes is known and these are not those of one disk.
    ends: Option<[u64; 2]>,
    differences: Differences,
}

/// Prints the differences. Returns whether there are any.
pub(crate) fn compare(args: &CompareArgs) -> Result<bool, Failure> {
    let mut inputs = RangeInput::open_all(&args.inputs.each()?)?;
    let names: Vec<String> = inputs.iter().map(|input| input.input.name.clone()).collect();
    let [a, b] = &names[..] else {
        let message = format!("two inputs are compared, and {} are given", names.len());
        return Err(Failure::Usage { message, hint: "give two files, or one and -" });
    };
    let target = Target::open(None)?;
    let coarsest = inputs.iter().map(|input| input.block_size).max().unwrap_or(BlockSize::DEFAULT);
    let (sources, geometry) = start(&mut inputs);
    let comparison = Comparison::of(&sources, geometry.block_size, coarsest);
    let errors = sources.into_iter().map(|source| source.into_inner().error).collect();
    judge(&inputs, errors)?;
    let text = match args.output {
        CompareFormat::Human => comparison.describe([a, b]),
        CompareFormat::Json => comparison.json(),
    };
    target.write_verdict(&text)?;
    inputs.into_iter().for_each(|input| input.input.drain());
    Ok(comparison.is_different())
}

/// Where two bitmaps of unknown disks end, unless they may be of one disk: a bitmap is filled up to whole bytes, and on VHD
/// storage to four of them.
fn different_ends(sources: [Ref<'_, RangeSource<'_>>; 2], block_size: BlockSize) -> Option<[u64; 2]> {
    let of_bitmap = |source: &RangeSource<'_>| source.known_end().filter(|_| source.virtual_size().is_none());
    let [Some(a), Some(b)] = sources.map(|source| of_bitmap(&source)) else { return None };
    let filled_up = |end: u64| end.div_ceil(32 * block_size.bytes());
    (filled_up(a) != filled_up(b)).then_some([a, b])
}

impl Comparison {
    /// Reads both to their ends. The sizes are those of the finest and the coarsest blocks.
    fn of(sources: &[RefCell<RangeSource<'_>>], block_size: BlockSize, coarsest: BlockSize) -> Self {
        let [a, b] = sources else { unreachable!("there are two inputs") };
        let sizes = [a, b].map(|source| source.borrow().virtual_size());
        let list = |source| shape::check(SharedSource(source));
        let differences = Differences::of(list(a), list(b), block_size);
        let ends = different_ends([a, b].map(|source| source.borrow()), coarsest);
        Self { sizes, ends, differences }
    }

    /// Both sizes, if both are known and differ.
    fn different_sizes(&self) -> Option<[u64; 2]> {
        match self.sizes {
            [Some(a), Some(b)] if a != b => Some([a.bytes(), b.bytes()]),
            _ => None,
        }
    }

    fn is_different(&self) -> bool {
        self.differences.first.is_some() || self.different_sizes().is_some() || self.ends.is_some()
    }

    fn describe(&self, names: [&String; 2]) -> String {
        let names = names.map(|name| crate::sanitize::sanitize(name));
        let mut text = String::new();
        if let Some([a, b]) = self.different_sizes() {
            text += &format!("{}: a disk of {a} bytes\n{}: a disk of {b} bytes\n", names[0], names[1]);
        }
        if let Some([a, b]) = self.ends {
            text += &format!(
                "{}: a bitmap of {a} bytes of a disk\n{}: a bitmap of {b} bytes of a disk\n",
                names[0], names[1]
            );
        }
        let Some((first, side)) = self.differences.first else { return text };
        for (name, only) in names.iter().zip(&self.differences.only) {
            let (blocks, bytes) = (only.changed_blocks, only.changed_bytes);
            let plural = if blocks == 1 { "" } else { "s" };
            text += &format!("only in {name}: {blocks} block{plural}, {bytes} bytes\n");
        }
        text + &format!("first difference at byte {first}, in {} only\n", names[side])
    }

    fn json(&self) -> String {
        let [a, b] = &self.differences.only;
        let only = |only: &Totals| json!({ "blocks": only.changed_blocks, "bytes": only.changed_bytes });
        let sizes = self.sizes.map(|size| size.map(VirtualSize::bytes));
        let object = json!({
            "equal": !self.is_different(),
            "only_in_first": only(a),
            "only_in_second": only(b),
            "first_difference": self.differences.first.map(|(offset, _)| offset),
            "virtual_sizes": sizes,
            "bitmap_ends": self.ends,
        });
        format!("{object}\n")
    }
}
