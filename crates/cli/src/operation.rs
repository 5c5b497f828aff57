//! Set operations on the lists of several inputs.

use changed_blocks::shape::{self, SortedRanges};

/// A set operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Union,
    Intersect,
    Subtract,
    Xor,
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
