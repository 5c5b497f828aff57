//! The plan of a list: from the options to an operation, a part of the disk, shapes, and a format that can hold what they give.

use changed_blocks::ByteRange;

use crate::args::{OutputFormat, ShapeArgs, WindowArgs};
use crate::failure::Failure;
use crate::operation::Operation;
use crate::shape_plan::ShapePlan;

/// The way from the inputs to the output.
pub(crate) struct ListPlan {
    pub(crate) operation: Operation,
    pub(crate) window: ByteRange,
    pub(crate) shape: ShapePlan,
    pub(crate) output: OutputFormat,
    /// Of a bitmap, the first block to write, and how many; all from there on if nothing is said.
    pub(crate) blocks: (u64, Option<u64>),
    /// For a JSON object.
    pub(crate) warnings: Vec<String>,
}

impl ListPlan {
    /// All that changed, as it is.
    pub(crate) fn plain(output: OutputFormat) -> Self {
        Self {
            operation: Operation::Union,
            window: ByteRange::between(0, u64::MAX),
            shape: ShapePlan::default(),
            output,
            blocks: (0, None),
            warnings: Vec::new(),
        }
    }

    pub(crate) fn new(
        operation: Operation,
        window: &WindowArgs,
        shape: &ShapeArgs,
        output: OutputFormat,
    ) -> Result<Self, Failure> {
        let plan = Self { operation, window: part(window)?, shape: ShapePlan::new(shape)?, ..Self::plain(output) };
        if shape.invert && operation != Operation::Union {
            let message =
                "--invert lists what did not change, and what is not in this list may have changed".to_owned();
            return Err(Failure::Usage { message, hint: "it goes with cbt extents and cbt union" });
        }
        plan.refuse_part_of_whole_disk(window)?;
        Ok(plan)
    }

    /// Refuses shapes and formats for which the end of the disk has to be known. A bitmap tells it at its own end, a list never.
    pub(crate) fn refuse_unknown_end(&self, has_list: bool) -> Result<(), Failure> {
        self.shape.refuse_unknown_end()?;
        match self.output {
            OutputFormat::Bitmap(_) if has_list => {
                let message = "a bitmap ends where the disk does, which a list does not tell".to_owned();
                Err(Failure::Usage { message, hint: "give --virtual-size" })
            }
            _ => Ok(()),
        }
    }

    /// Refuses a list that lacks changes in a format that says of every byte of the disk whether it changed.
    fn refuse_part_of_whole_disk(&self, window: &WindowArgs) -> Result<(), Failure> {
        let given = [
            ("--offset", window.offset.is_some()),
            ("--length", window.length.is_some()),
            ("--limit", self.shape.limit.is_some()),
            ("--invert", self.shape.shape.invert),
        ];
        match given.iter().find(|(_, is_given)| *is_given) {
            Some((option, _)) if self.output.is_of_whole_disk() => {
                let name = self.output.name();
                let message = format!(
                    "{name} says of the whole disk what changed: with {option}, it would say of changes that they are none"
                );
                Err(Failure::Usage { message, hint: "say --output text or json, or leave the option out" })
            }
            _ => Ok(()),
        }
    }
}

/// The part of the disk that the options name.
fn part(args: &WindowArgs) -> Result<ByteRange, Failure> {
    if args.length == Some(0) {
        // As an --offset at the end of the disk: an empty list would look as if nothing had changed.
        let message = "--length 0 would list nothing, whatever changed".to_owned();
        return Err(Failure::Usage { message, hint: "leave it out for everything from --offset on" });
    }
    let start = args.offset.unwrap_or(0);
    Ok(ByteRange::between(start, args.length.map_or(u64::MAX, |length| start.saturating_add(length))))
}
