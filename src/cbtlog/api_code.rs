//! The errors of the call `VDI.list_changed_blocks`, as a pool names them, for the errors of a store.

use super::error::ChainError;
use crate::{Consequence, Error};

impl ChainError {
    /// The code of the error with which a pool would refuse the same call, for programs that know those: `VDI_IN_USE`,
    /// `SR_BACKEND_FAILURE_460` and so on. Errors of changes to a store have none.
    #[must_use]
    pub fn api_code(&self) -> Option<&'static str> {
        Some(match self {
            Self::InUse { .. } => "VDI_IN_USE",
            Self::Changing { .. } | Self::Locked { .. } => "OTHER_OPERATION_IN_PROGRESS",
            // The reference never returns from a circle.
            Self::Same { .. } | Self::Missing { .. } | Self::Unrelated { .. } | Self::Circle { .. } => {
                "SR_BACKEND_FAILURE_460"
            }
            Self::NotConsistent { .. } | Self::DiskShrunk { .. } => "SR_BACKEND_FAILURE_459",
            Self::Log { source, .. } => code_of_log(source),
            Self::Open { .. } | Self::TwoLogs { .. } | Self::LogName { .. } => "INTERNAL_ERROR",
            Self::WouldShrink { .. }
            | Self::TooLarge { .. }
            | Self::NotOnDisk { .. }
            | Self::Exists { .. }
            | Self::NameTaken { .. }
            | Self::Write { .. } => return None,
        })
    }
}

fn code_of_log(fault: &Error) -> &'static str {
    match (fault, fault.consequence()) {
        // As by too many files: that passes, and a full backup would meet it as well.
        (Error::Read { .. }, Consequence::Retry) => "INTERNAL_ERROR",
        (Error::Read { .. }, _) => "SR_BACKEND_FAILURE_46",
        (_, Consequence::Retry) => "OTHER_OPERATION_IN_PROGRESS",
        (_, Consequence::Operator) => "INTERNAL_ERROR",
        _ => "SR_BACKEND_FAILURE_459",
    }
}
