//! The third way: a function of the caller's that takes the ranges as they are found, and may stop.

use std::ffi::{c_int, c_void};
use std::ops::ControlFlow;

use changed_blocks::{ByteRange, Extent, Geometry, Visitor};

use crate::code::cbt_code;
use crate::error::{Failure, cbt_error};
use crate::guard::{Outcome, bytes, guarded};
use crate::options::{cbt_options, filled};
use crate::ranges::cbt_range;

/// A function that takes the next ranges, which are there until it returns; `context` is what cbt_visit was given. It
/// returns 0 to go on, and anything else to stop. It may call the library. It must return: no longjmp, no exception of C++
/// may leave it.
pub type cbt_visitor =
    Option<unsafe extern "C" fn(context: *mut c_void, ranges: *const cbt_range, count: usize) -> c_int>;

/// Hands the byte ranges of a bitmap to a function as they are found, in bounded memory, all of them on the caller's thread.
/// Returns CBT_OK after the whole bitmap was read and judged, and CBT_STOPPED if the function stopped. After an error, the
/// ranges that it got must not be used.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn cbt_visit(
    text: *const c_void,
    len: usize,
    options: *const cbt_options,
    visitor: cbt_visitor,
    context: *mut c_void,
    error: *mut cbt_error,
) -> cbt_code {
    guarded(error, || {
        // SAFETY: the header asks for good pointers; these look at them first.
        let (text, options) = unsafe { (bytes(text, len, "text")?, filled(options, "options")?) };
        let visitor = visitor.ok_or_else(|| Failure::null("visitor"))?;
        let take = |ranges: &[ByteRange]| {
            // SAFETY: the header asks for a function that may be called so; the layouts are the same (see `cbt_range`).
            let answer = unsafe { visitor(context, ranges.as_ptr().cast(), ranges.len()) };
            answer == 0
        };
        visit(&options, text, take)
    })
}

fn visit(options: &cbt_options, text: &[u8], take: impl FnMut(&[ByteRange]) -> bool) -> Outcome {
    let visitor = InBytes { geometry: Geometry::default(), ranges: Vec::new(), take };
    match options.scanner()?.visit(text, visitor)? {
        ControlFlow::Continue(_) => Ok(cbt_code::CBT_OK),
        ControlFlow::Break(Ok(())) => Ok(cbt_code::CBT_STOPPED),
        ControlFlow::Break(Err(error)) => Err(error.into()),
    }
}

/// A visitor that gets byte ranges, and says whether to go on.
pub(crate) struct InBytes<F> {
    pub(crate) geometry: Geometry,
    pub(crate) ranges: Vec<ByteRange>,
    pub(crate) take: F,
}

impl<F: FnMut(&[ByteRange]) -> bool> Visitor for InBytes<F> {
    type Break = changed_blocks::Result<()>;

    fn begin(&mut self, geometry: &Geometry) {
        self.geometry = *geometry;
    }

    fn extents(&mut self, extents: &[Extent]) -> ControlFlow<Self::Break> {
        self.ranges.clear();
        match self.geometry.byte_ranges(extents, &mut self.ranges) {
            Err(error) => ControlFlow::Break(Err(error)),
            Ok(()) if (self.take)(&self.ranges) => ControlFlow::Continue(()),
            Ok(()) => ControlFlow::Break(Ok(())),
        }
    }
}
