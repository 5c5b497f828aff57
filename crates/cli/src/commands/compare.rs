//! `cbt compare`: whether two inputs have the same bytes, and how they differ.

use std::cell::{Ref, RefCell};
use std::io::Write;

use changed_blocks::{BlockSize, ByteRange, VirtualSize, shape};
use serde_json::json;

use crate::args::{CompareArgs, CompareFormat};
use crate::failure::Failure;
use crate::output::target::Target;
use crate::range_input::{RangeInput, RangeSource, SharedSource};
use crate::range_run::{ChangedTotals, judge, start};

/// The differences of two lists.
struct Comparison {
    sizes: [Option<VirtualSize>; 2],
    /// Where the bitmaps end, in bytes of the disk, if none of the sizes is known and these are not those of one disk.
    ends: Option<[u64; 2]>,
    only: [ChangedTotals; 2],
    /// The first byte that only one of them has, and which one.
    first: Option<(u64, usize)>,
}

/// Prints the differences. Returns whether there are any.
pub(crate) fn compare(args: &CompareArgs) -> Result<bool, Failure> {
    let mut inputs = RangeInput::open_all(&args.inputs.each()?)?;
    let names: Vec<String> = inputs.iter().map(|input| input.input.name.clone()).collect();
    let [a, b] = &names[..] else {
        let message = format!("two inputs are compared, and {} are given", names.len());
        return Err(Failure::Usage { message, hint: "give two files, or one and -" });
    };
    let mut target = Target::open(None)?;
    let coarsest = inputs.iter().map(|input| input.block_size).max().unwrap_or(BlockSize::DEFAULT);
    let (sources, geometry) = start(&mut inputs);
    let comparison = Comparison::of(&sources, geometry.block_size, coarsest);
    let errors = sources.into_iter().map(|source| source.into_inner().error).collect();
    judge(&inputs, errors)?;
    let text = match args.output {
        CompareFormat::Human => comparison.describe([a, b]),
        CompareFormat::Json => comparison.json(),
    };
    match target.write_all(text.as_bytes()).map_err(|error| target.failure(error)) {
        // The exit code still tells.
        Ok(()) | Err(Failure::BrokenPipe) => target.commit()?,
        Err(failure) => return Err(failure),
    }
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
        let mut comparison = Self {
            sizes,
            ends: None,
            only: [ChangedTotals::new(block_size), ChangedTotals::new(block_size)],
            first: None,
        };
        let mut lists = [a, b].map(|source| shape::check(SharedSource(source)));
        let mut next = lists.each_mut().map(Iterator::next);
        while next.iter().any(Option::is_some) {
            // All from the first byte to the nearest border is in one of them, or in both.
            let starts = next.map(|range| range.map_or(u64::MAX, |range| range.offset_bytes));
            let start = starts[0].min(starts[1]);
            let is_inside = starts.map(|other| other == start);
            let border = |side: usize| match next[side] {
                Some(range) if is_inside[side] => range.end_bytes(),
                _ => starts[side],
            };
            let end = border(0).min(border(1));
            if is_inside[0] != is_inside[1] {
                let side = usize::from(is_inside[1]);
                comparison.only[side].add(ByteRange::between(start, end));
                comparison.first.get_or_insert((start, side));
            }
            for (side, range) in next.iter_mut().enumerate().filter(|&(side, _)| is_inside[side]) {
                let rest = range.map(|range| ByteRange::between(end, range.end_bytes()));
                *range = rest.filter(|rest| rest.len_bytes > 0).or_else(|| lists[side].next());
            }
        }
        drop(lists);
        comparison.ends = different_ends([a, b].map(|source| source.borrow()), coarsest);
        comparison
    }

    /// Both sizes, if both are known and differ.
    fn different_sizes(&self) -> Option<[u64; 2]> {
        match self.sizes {
            [Some(a), Some(b)] if a != b => Some([a.bytes(), b.bytes()]),
            _ => None,
        }
    }

    fn is_different(&self) -> bool {
        self.first.is_some() || self.different_sizes().is_some() || self.ends.is_some()
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
        let Some((first, side)) = self.first else { return text };
        for (name, only) in names.iter().zip(&self.only) {
            let (blocks, bytes) = (only.totals.changed_blocks, only.totals.changed_bytes);
            let plural = if blocks == 1 { "" } else { "s" };
            text += &format!("only in {name}: {blocks} block{plural}, {bytes} bytes\n");
        }
        text + &format!("first difference at byte {first}, in {} only\n", names[side])
    }

    fn json(&self) -> String {
        let [a, b] = &self.only;
        let only =
            |only: &ChangedTotals| json!({ "blocks": only.totals.changed_blocks, "bytes": only.totals.changed_bytes });
        let sizes = self.sizes.map(|size| size.map(VirtualSize::bytes));
        let object = json!({
            "equal": !self.is_different(),
            "only_in_first": only(a),
            "only_in_second": only(b),
            "first_difference": self.first.map(|(offset, _)| offset),
            "virtual_sizes": sizes,
            "bitmap_ends": self.ends,
        });
        format!("{object}\n")
    }
}
