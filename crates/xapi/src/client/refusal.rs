//! The meaning of the pool's error codes.

use std::fmt;

use changed_blocks::Consequence;

/// The reason for which the pool refuses a call, read from its error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// The pool has no record of one of the disks: the UUID is wrong, or the disk was deleted.
    Missing,
    /// The newer disk is attached or reserved.
    InUse,
    /// No chain of logs leads from the older to the newer disk.
    Unrelated,
    /// Both are the same disk.
    Same,
    /// The logs contradict each other.
    Inconsistent,
    /// The pool has a record of the disk, but its storage does not have the disk: it is gone, or the storage is not
    /// attached.
    Unavailable,
    /// The storage or the disk has no tracking of changes.
    Unsupported,
    /// Something else is under way.
    Busy,
    /// A host is starting, being upgraded, or away.
    Away,
    /// The task is no longer there: the pool was restarted, or someone else destroyed it.
    TaskGone,
    /// The user may not ask for this.
    NotPermitted,
    /// The user or the password is wrong.
    LoginFailed,
    /// The session has ended.
    SessionInvalid,
    /// The task was cancelled.
    Cancelled,
    /// The pool does not know the method.
    MethodUnknown,
    /// The pool failed in itself.
    Internal,
    /// Anything else. The code says what.
    Other,
}

/// The code of a member of the pool that is not its master. The first parameter is the master's address.
pub(super) const SLAVE: &str = "HOST_IS_SLAVE";

/// The first parameter of a code about a disk.
const DISK: &str = "VDI";

impl Refusal {
    /// The meaning of a code with its parameters.
    #[must_use]
    pub fn of(code: &str, params: &[String]) -> Self {
        let class = params.first().map_or("", String::as_str);
        match code {
            "VDI_MISSING" => Self::Missing,
            "HANDLE_INVALID" | "UUID_INVALID" if class.eq_ignore_ascii_case(DISK) => Self::Missing,
            "HANDLE_INVALID" if class.eq_ignore_ascii_case("session") => Self::SessionInvalid,
            "VDI_IN_USE" => Self::InUse,
            "SR_BACKEND_FAILURE_460" if has_opterr(params, "Source and target VDI are same") => Self::Same,
            // Any other reason is one for a full backup as well.
            "SR_BACKEND_FAILURE_460" => Self::Unrelated,
            "SR_BACKEND_FAILURE_459" => Self::Inconsistent,
            "SR_BACKEND_FAILURE_46" => Self::Unavailable,
            "SR_OPERATION_NOT_SUPPORTED" | "VDI_INCOMPATIBLE_TYPE" => Self::Unsupported,
            "OTHER_OPERATION_IN_PROGRESS" | "TOO_MANY_PENDING_TASKS" => Self::Busy,
            "NOT_SUPPORTED_DURING_UPGRADE"
            | "HOST_STILL_BOOTING"
            | "HOST_OFFLINE"
            | "HOST_NOT_LIVE"
            | "CANNOT_CONTACT_HOST" => Self::Away,
            "HANDLE_INVALID" if class.eq_ignore_ascii_case("task") => Self::TaskGone,
            "RBAC_PERMISSION_DENIED" => Self::NotPermitted,
            "SESSION_AUTHENTICATION_FAILED" => Self::LoginFailed,
            "SESSION_INVALID" => Self::SessionInvalid,
            "TASK_CANCELLED" => Self::Cancelled,
            "MESSAGE_METHOD_UNKNOWN" => Self::MethodUnknown,
            "INTERNAL_ERROR" => Self::Internal,
            _ => Self::Other,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::InUse => "in-use",
            Self::Unrelated => "unrelated",
            Self::Same => "same",
            Self::Inconsistent => "inconsistent",
            Self::Unavailable => "unavailable",
            Self::Unsupported => "unsupported",
            Self::Busy => "busy",
            Self::Away => "away",
            Self::TaskGone => "task-gone",
            Self::NotPermitted => "not-permitted",
            Self::LoginFailed => "login-failed",
            Self::SessionInvalid => "session-invalid",
            Self::Cancelled => "cancelled",
            Self::MethodUnknown => "method-unknown",
            Self::Internal => "internal",
            Self::Other => "refused",
        }
    }

    pub(super) const fn consequence(self) -> Consequence {
        match self {
            Self::Missing
            | Self::Unrelated
            | Self::Inconsistent
            | Self::Unavailable
            | Self::Unsupported
            | Self::MethodUnknown => Consequence::FullBackup,
            Self::InUse | Self::Busy | Self::Away => Consequence::Busy,
            Self::Same => Consequence::WrongUsage,
            Self::NotPermitted | Self::LoginFailed | Self::Other => Consequence::Operator,
            Self::SessionInvalid | Self::Cancelled | Self::TaskGone | Self::Internal => Consequence::Retry,
        }
    }

    pub(super) const fn hint(self) -> Option<&'static str> {
        Some(match self {
            Self::Missing => "are both still there? if the older one was deleted with its log, take a full backup",
            Self::InUse => "list first, and only then connect to it; or take a snapshot and ask for that",
            Self::Unrelated => {
                "tracking was off in between, or the order is wrong, or they are not of the same disk; take a full backup"
            }
            Self::Same => "give two snapshots of the same disk, the older one first",
            Self::Inconsistent => "the log cannot be trusted; take a full backup",
            Self::Unavailable => "is its storage attached? if so, the disk is gone; take a full backup",
            Self::Unsupported => "this storage tracks no changes; take a full backup",
            Self::Busy => "listings of one storage run one at a time; try again later",
            Self::Away => "a host is starting or being upgraded; try again later",
            Self::TaskGone => "the pool was perhaps restarted meanwhile; ask again",
            Self::NotPermitted => "the role of the user does not include this call; ask as another user",
            Self::LoginFailed => "are the user and the password right?",
            Self::SessionInvalid => "the pool ended the session; log in again",
            Self::MethodUnknown => {
                "the pool is too old or its storage has no changed block tracking; take a full backup"
            }
            Self::Internal => "the logs of the pool's master say more",
            Self::Cancelled | Self::Other => return None,
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "the disk is not there",
            Self::InUse => "the newer disk is in use",
            Self::Unrelated => "no chain of logs leads from the older to the newer disk",
            Self::Same => "both are the same disk",
            Self::Inconsistent => "the log of changes is inconsistent",
            Self::Unavailable => "the disk is not available",
            Self::Unsupported => "this disk or its storage has no tracking of changes",
            Self::Busy => "the pool is busy",
            Self::Away => "a host of the pool is away",
            Self::TaskGone => "the task is no longer there",
            Self::NotPermitted => "the user may not do this",
            Self::LoginFailed => "the pool does not let the user in",
            Self::SessionInvalid => "the session has ended",
            Self::Cancelled => "the task was cancelled",
            Self::MethodUnknown => "the pool does not know this call",
            Self::Internal => "the pool failed",
            Self::Other => "the pool refuses",
        })
    }
}

/// The storage manager puts what went wrong in brackets, somewhere in the parameters.
fn has_opterr(params: &[String], reason: &str) -> bool {
    let wanted = format!("[opterr={reason}]");
    params.iter().any(|param| param.contains(&wanted))
}
