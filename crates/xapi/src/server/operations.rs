//! The operations on a disk, and why a disk does not allow one.
//!
//! Calls are refused and operations are listed by the same function, but for listings, of which the library is the
//! judge. So a disk's `allowed_operations` has an operation exactly if the disk's state does not stand in its way.

use changed_blocks::cbtlog::{ChainError, DiskRole};

use super::failure::Failure;
use super::vdis::Vdi;

/// All of them, named as the methods are.
const ALL: &[&str] = &[
    "snapshot",
    "enable_cbt",
    "disable_cbt",
    "resize",
    "resize_online",
    "data_destroy",
    "list_changed_blocks",
    "destroy",
];

/// The operations that a disk allows.
pub(super) fn allowed(vdi: &Vdi, reference: &str) -> impl Iterator<Item = &'static str> {
    ALL.iter().copied().filter(move |operation| refusal(operation, vdi, reference).is_none())
}

/// Why a disk does not allow an operation. Of a listing, this is how the library judges the state of the newer disk.
pub(super) fn refusal(operation: &str, vdi: &Vdi, reference: &str) -> Option<Failure> {
    let snapshot = vdi.entry.is_a_snapshot;
    match operation {
        // The metadata that is left of it may only go as a whole. To destroy its data once more is no error.
        "snapshot" | "enable_cbt" | "disable_cbt" | "resize" | "resize_online" if vdi.entry.data_destroyed => {
            Some(Failure::new("VDI_INCOMPATIBLE_TYPE", [reference, vdi.kind()]))
        }
        // One that grows would be larger than the disk whose log follows.
        "enable_cbt" | "disable_cbt" | "resize" | "resize_online" if snapshot => {
            Some(Failure::not_allowed("VDI is a snapshot"))
        }
        "data_destroy" if !snapshot => Some(Failure::not_allowed("VDI is not a snapshot")),
        "data_destroy" if !vdi.tracked => Some(Failure::new("VDI_NO_CBT_METADATA", [reference])),
        "destroy" | "resize" if vdi.in_use => Some(Failure::new("VDI_IN_USE", [reference, operation])),
        "list_changed_blocks" if vdi.in_use => Some(Failure::new("VDI_IN_USE", [reference, "list_changed_blocks"])),
        "list_changed_blocks" if !vdi.tracked => {
            Some(Failure::listing(&ChainError::Missing { uuid: vdi.uuid, role: DiskRole::To }, reference))
        }
        // The log would have to be read.
        "snapshot" | "disable_cbt" | "resize" | "resize_online" | "list_changed_blocks" | "destroy" => {
            vdi.damage.clone()
        }
        _ => None,
    }
}
