//! Options for the origin of a list.

use changed_blocks::cbtlog::Uuid;
use clap::Args;

use super::options::uuid;

/// The origin of a list, which a JSON object can carry.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct IdentityArgs {
    /// With --output json, the UUID of the older disk, for cbt check
    #[arg(long, value_name = "UUID", value_parser = uuid)]
    pub(crate) uuid_from: Option<Uuid>,

    /// With --output json, the UUID of the newer disk
    #[arg(long, value_name = "UUID", value_parser = uuid)]
    pub(crate) uuid_to: Option<Uuid>,

    /// With --output json, a digest of all that changed, by which cbt check knows the bitmap
    #[arg(long)]
    pub(crate) digest: bool,
}
