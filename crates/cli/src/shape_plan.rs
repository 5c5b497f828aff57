//! The plan of a list: from the options to the shapes.

use std::num::NonZeroU32;

use changed_blocks::ByteRange;
use changed_blocks::shape::{CostModel, Shape};

use crate::args::{MergeGap, ShapeArgs};
use crate::failure::Failure;

/// The shapes, and how many ranges to list.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ShapePlan {
    /// Without its window, which is the caller's.
    pub(crate) shape: Shape,
    pub(crate) limit: Option<u64>,
}

impl ShapePlan {
    pub(crate) fn new(args: &ShapeArgs) -> Result<Self, Failure> {
        let merge_gap = match args.merge_gap {
            Some(MergeGap::Auto) => cost_model(args)?.merge_gap(),
            other => {
                refuse_cost_options(args)?;
                if let Some(MergeGap::Bytes(bytes)) = other { bytes } else { 0 }
            }
        };
        if args.limit == Some(0) {
            let message = "--limit 0 would list nothing, whatever changed".to_owned();
            return Err(Failure::Usage { message, hint: "leave it out for all ranges" });
        }
        let shape = Shape {
            window: None,
            merge_gap,
            align: args.align,
            max_extents: args.max_extents,
            invert: args.invert,
            max_extent: args.max_extent,
        };
        Ok(Self { shape, limit: args.limit })
    }

    /// Whether the list is that of the changes as they are.
    pub(crate) fn is_plain(&self) -> bool {
        self.shape == Shape::default() && self.limit.is_none()
    }

    /// Refuses shapes for which the end of the disk has to be known.
    pub(crate) fn refuse_unknown_end(&self) -> Result<(), Failure> {
        let message = if self.shape.invert {
            "--invert lists what did not change up to the end of the disk, which is not known"
        } else if self.shape.align.is_some() {
            "--align may extend a range beyond the end of the disk, which is not known"
        } else {
            return Ok(());
        };
        Err(Failure::Usage { message: message.to_owned(), hint: "give --virtual-size" })
    }

    pub(crate) fn with_window(&self, window: ByteRange) -> Shape {
        Shape { window: Some(window), ..self.shape }
    }
}

/// The cost model that the options describe.
fn cost_model(args: &ShapeArgs) -> Result<CostModel, Failure> {
    let (Some(latency), Some(bandwidth_bytes_per_second)) = (args.latency, args.bandwidth) else {
        let message = "--merge-gap auto weighs a request against bytes, and has to know what they cost".to_owned();
        return Err(Failure::Usage { message, hint: "give --latency and --bandwidth" });
    };
    let connections = args.connections.unwrap_or(NonZeroU32::MIN);
    let in_flight = args.in_flight.unwrap_or(NonZeroU32::MIN);
    Ok(CostModel { latency, bandwidth_bytes_per_second, connections, in_flight })
}

fn refuse_cost_options(args: &ShapeArgs) -> Result<(), Failure> {
    let given = [
        ("--latency", args.latency.is_some()),
        ("--bandwidth", args.bandwidth.is_some()),
        ("--connections", args.connections.is_some()),
        ("--in-flight", args.in_flight.is_some()),
    ];
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) => {
            let message = format!("{option} does nothing without --merge-gap auto");
            Err(Failure::Usage { message, hint: "say --merge-gap auto, or leave it out" })
        }
        None => Ok(()),
    }
}
