//! The consequence of an error for the job that met it.

use std::fmt;
use std::io::{Error, ErrorKind};

/// The caller's next step. Every error of these crates has one, so that a job can be driven by it.
///
/// | consequence | name | what the caller does | exit code of `cbt` |
/// |---|---|---|--:|
/// | [`FullBackup`](Self::FullBackup) | `full-backup` | takes a full backup: this bitmap or chain cannot be used | 3 |
/// | [`Retry`](Self::Retry) | `retry` | tries again, at once or a little later | 1 |
/// | [`Busy`](Self::Busy) | `busy` | tries again later: something else holds what is needed, or is away | 4 |
/// | [`Operator`](Self::Operator) | `operator` | stops and tells a person; trying again changes nothing and may do harm | 1 |
/// | [`WrongUsage`](Self::WrongUsage) | `wrong-usage` | asks for something else: this makes no sense, whatever the bitmap holds | 2 |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Consequence {
    /// This bitmap or chain cannot be used. A backup that needs it has to be a full one.
    FullBackup,
    /// Nothing is wrong with the bitmap as far as is known; the same attempt may well succeed.
    Retry,
    /// Something else holds what is needed, or it is away. Later it may be free.
    Busy,
    /// A person has to act: a wrong password, a certificate that changed, no permission, no space. Never try again by
    /// program: an account may be locked by that.
    Operator,
    /// The request makes no sense, whatever the bitmap holds.
    WrongUsage,
}

impl Consequence {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::FullBackup, Self::Retry, Self::Busy, Self::Operator, Self::WrongUsage];

    /// A stable name, for programs: lower case, words joined by hyphens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FullBackup => "full-backup",
            Self::Retry => "retry",
            Self::Busy => "busy",
            Self::Operator => "operator",
            Self::WrongUsage => "wrong-usage",
        }
    }

    /// The consequence of an error of the system: a person has to act where a file is not there, must not be touched,
    /// has no space or the wrong content; anything else may pass.
    #[must_use]
    pub fn of_io(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::StorageFull
            | ErrorKind::QuotaExceeded
            | ErrorKind::FileTooLarge
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::IsADirectory
            | ErrorKind::NotADirectory
            | ErrorKind::InvalidFilename
            | ErrorKind::InvalidInput
            | ErrorKind::InvalidData
            | ErrorKind::Unsupported
            | ErrorKind::AddrInUse
            | ErrorKind::AddrNotAvailable
            | ErrorKind::OutOfMemory => Self::Operator,
            _ => Self::Retry,
        }
    }
}

impl fmt::Display for Consequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
