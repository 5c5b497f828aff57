//! `cbt union`, `intersect`, `subtract`, `xor`: several inputs to one list. A list that is shaped is a union of one.

use changed_blocks::shape::{self, SortedRanges};

use crate::args::CombineArgs;
use crate::commands::extents::window;
use crate::failure::Failure;
use crate::output::target::Target;
use crate::range_input::RangeInput;
use crate::range_run::{self, ListPlan};
use crate::shape_plan::ShapePlan;

/// A set operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Union,
    Intersect,
    Subtract,
    Xor,
}

pub(crate) fn combine(operation: Operation, args: &CombineArgs) -> Result<(), Failure> {
    let plan = ListPlan {
        operation,
        window: window(&args.window)?,
        shape: ShapePlan::new(&args.shape)?,
        format: args.output,
        warnings: Vec::new(),
    };
    let inputs: Result<Vec<RangeInput>, Failure> = args.inputs.each()?.iter().map(RangeInput::open).collect();
    let target = Target::open(args.file.output_file.as_deref())?;
    range_run::run(inputs?, target, &plan)
}

impl Operation {
    /// Combines lists, one after the other with what those before have given.
    pub(crate) fn combine<'a, I: SortedRanges + 'a>(self, mut lists: Vec<I>) -> Box<dyn SortedRanges + 'a> {
        let others = lists.split_off(lists.len().min(1));
        let Some(first) = lists.pop() else { return Box::new(shape::union_all(lists)) };
        if others.is_empty() {
            return Box::new(first);
        }
        if self == Self::Union {
            return Box::new(shape::union_all(others.into_iter().chain([first])));
        }
        if self == Self::Subtract {
            return Box::new(first.difference(shape::union_all(others)));
        }
        let first: Box<dyn SortedRanges + 'a> = Box::new(first);
        others.into_iter().fold(first, |all, list| match self {
            Self::Intersect => Box::new(all.intersection(list)),
            _ => Box::new(all.symmetric_difference(list)),
        })
    }
}
