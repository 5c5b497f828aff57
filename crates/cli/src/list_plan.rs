//! The plan of a list: from the options to an operation, a part of the disk, shapes, and a format that can hold what they give.

use changed_blocks::ByteRange;
use changed_blocks::cbtlog::Uuid;

use crate::args::{IdentityArgs, OutputFormat, ShapeArgs, WindowArgs};
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
    pub(crate) origin: Origin,
}

/// The origin of a list, for a JSON object.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Origin {
    pub(crate) uuid_from: Option<Uuid>,
    pub(crate) uuid_to: Option<Uuid>,
    /// Whether to add a digest of all that changed.
    pub(crate) digest: bool,
}

impl ListPlan {
    pub(crate) const WHOLE_DISK: ByteRange = ByteRange { offset_bytes: 0, len_bytes: u64::MAX };

    /// All that changed, as it is.
    pub(crate) fn plain(output: OutputFormat) -> Self {
        Self {
            operation: Operation::Union,
            window: Self::WHOLE_DISK,
            shape: ShapePlan::default(),
            output,
            blocks: (0, None),
            warnings: Vec::new(),
            origin: Origin::default(),
        }
    }

    /// With the origin of the list that the options name.
    pub(crate) fn with_origin(mut self, args: &IdentityArgs) -> Result<Self, Failure> {
        let &IdentityArgs { uuid_from, uuid_to, digest } = args;
        if (uuid_from.is_some() || uuid_to.is_some()) && !self.output.is_json_object() {
            let message = "--uuid-from and --uuid-to are written into JSON only".to_owned();
            return Err(Failure::Usage { message, hint: "say --output json, or leave them out" });
        }
        self.origin = Origin { uuid_from, uuid_to, digest: false };
        self.with_digest(digest)
    }

    /// With a digest, if that is asked for.
    pub(crate) fn with_digest(mut self, digest: bool) -> Result<Self, Failure> {
        if digest && !self.output.is_json_object() {
            let message = "--digest is written into JSON only".to_owned();
            return Err(Failure::Usage { message, hint: "say --output json, or leave it out" });
        }
        if digest && self.window != Self::WHOLE_DISK {
            let message = "--digest is of all that changed, and --offset and --length choose a part".to_owned();
            return Err(Failure::Usage { message, hint: "leave out the one or the other" });
        }
        self.origin.digest = digest;
        Ok(self)
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
                let message = "a bitmap needs the size of the disk, which this list does not say".to_owned();
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
