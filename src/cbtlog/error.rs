//! The error of a store: why it has no answer, or makes no change.

use std::borrow::Cow;
use std::path::PathBuf;

use uuid::Uuid;

use super::holder::{HeldBy, Holder};
use crate::encoding::LARGEST_DISK;
use crate::{Consequence, Error};

/// Why a [`Store`](super::Store) has no answer, or a [`WritableStore`](super::WritableStore) makes no change.
///
#[doc = include_str!("error_table.md")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// Both are the same disk.
    #[error("{uuid} is both the older and the newer disk")]
    Same {
        /// The disk.
        uuid: Uuid,
    },
    /// A disk has no log: its changes are not tracked, or the log is not in this store.
    #[error("there is no log of {uuid}{role}")]
    Missing {
        /// The disk.
        uuid: Uuid,
        /// The role of that disk in the question.
        role: DiskRole,
    },
    /// The newer disk is attached for writing, or was when its host failed: what was written since it was attached may
    /// be missing from its log.
    #[error("{}: the newer disk is in use: its log is not marked as consistent (flag at offset 32 is 0)", path.display())]
    InUse {
        /// The disk.
        uuid: Uuid,
        /// Where its log is.
        path: PathBuf,
    },
    /// A log that is part of the answer, other than the newer disk's own, was not closed cleanly: its host failed, and
    /// writes before that may be missing from it. That never mends itself.
    #[error(
        "{}: the log of {uuid} is not marked as consistent (flag at offset 32 is 0): changes may be missing from it",
        path.display()
    )]
    NotConsistent {
        /// The disk.
        uuid: Uuid,
        /// Where its log is.
        path: PathBuf,
    },
    /// No chain leads from the older to the newer disk.
    #[error("no chain of logs leads from {from} to {to}: {reason}")]
    Unrelated {
        /// The older disk.
        from: Uuid,
        /// The newer disk.
        to: Uuid,
        /// The place where the chain goes another way.
        reason: UnrelatedReason,
    },
    /// A disk is smaller than the one that it was made from, which no disk ever is.
    #[error(
        "{}: the log is for a disk of {found} bytes, but the log before it is for one of {before}", path.display()
    )]
    DiskShrunk {
        /// The disk.
        uuid: Uuid,
        /// Where its log is.
        path: PathBuf,
        /// Its size, in bytes.
        found: u64,
        /// The size of the one before, in bytes.
        before: u64,
    },
    /// A disk is to be made smaller, but disks only grow.
    #[error("{uuid} has {virtual_size} bytes, and disks only grow: not to {asked_for}")]
    WouldShrink {
        /// The disk.
        uuid: Uuid,
        /// Its size, in bytes.
        virtual_size: u64,
        /// The smaller size, in bytes.
        asked_for: u64,
    },
    /// Children lead back to a disk that the chain has passed.
    #[error("{}: the child of {uuid} is {child}, which the chain has passed: it goes in a circle", path.display())]
    Circle {
        /// The disk whose child leads back.
        uuid: Uuid,
        /// Where its log is.
        path: PathBuf,
        /// Where it leads to.
        child: Uuid,
    },
    /// Someone else kept changing the chain while it was read.
    #[error("the chain from {from} to {to} was changed each time that it was read")]
    Changing {
        /// The older disk.
        from: Uuid,
        /// The newer disk.
        to: Uuid,
    },
    /// Another program has the folder locked, and did not let go of it for as long as it was waited for: half a minute,
    /// unless [`WritableStore::patience`](super::WritableStore::patience) or [`Store::patience`](super::Store::patience) says otherwise.
    #[error("{}: locked by {}", path.display(), HeldBy(by.as_ref()))]
    Locked {
        /// The folder.
        path: PathBuf,
        /// The program that has it locked, if the system tells.
        by: Option<Holder>,
    },
    /// A log is to be made for a disk that is larger than any.
    #[error("{uuid} would have {virtual_size} bytes, but a log is made for at most {}", LARGEST_DISK)]
    TooLarge {
        /// The disk.
        uuid: Uuid,
        /// Its size, in bytes.
        virtual_size: u64,
    },
    /// A range that is to be marked as written does not lie on the disk.
    #[error("byte {byte} is not on {uuid}, which has {virtual_size} bytes")]
    NotOnDisk {
        /// The disk.
        uuid: Uuid,
        /// The last byte to be marked.
        byte: u64,
        /// The size of the disk, in bytes.
        virtual_size: u64,
    },
    /// A log is to be made that is there.
    #[error("{}: {uuid} has a log already", path.display())]
    Exists {
        /// The disk.
        uuid: Uuid,
        /// Where its log is.
        path: PathBuf,
    },
    /// A snapshot is to have a name that another log has as its parent's.
    #[error("{by} names {uuid} as its parent, which has no log any more")]
    NameTaken {
        /// The name.
        uuid: Uuid,
        /// The disk whose log has it.
        by: Uuid,
    },
    /// A folder of logs cannot be listed.
    #[error("{}: {source}", path.display())]
    Open {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// There are two logs of a disk, whose names differ in upper and lower case. Either may lack changes.
    #[error("{} and {} are both logs of {uuid}", first.display(), second.display())]
    TwoLogs {
        /// The disk.
        uuid: Uuid,
        /// One of them.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// A file is named as the log of a disk, but not in the one way in which logs are named. Without it, changes would be
    /// missing from answers.
    #[error("{}: the log of a disk is called UUID.cbtlog, here {uuid}.cbtlog", path.display())]
    LogName {
        /// The disk.
        uuid: Uuid,
        /// The file.
        path: PathBuf,
    },
    /// A log cannot be written or made to last, or its folder cannot be locked or listed. The log is as it was or as it
    /// should be, and nothing between.
    #[error("writing {}: {source}", path.display())]
    Write {
        /// Where the log is.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A log cannot be read, or is damaged.
    #[error("{}: {source}", path.display())]
    Log {
        /// The disk.
        uuid: Uuid,
        /// Where its log is.
        path: PathBuf,
        /// The fault of the log.
        source: Error,
    },
}

/// The role of a disk in a question: the older one, the newer one, or the only one. Displayed so that it can follow the
/// name of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskRole {
    /// The disk from which changes are counted.
    From,
    /// The disk up to which they are.
    To,
    /// The only disk that was asked for.
    Only,
}

impl std::fmt::Display for DiskRole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::From => ", the older disk",
            Self::To => ", the newer disk",
            Self::Only => "",
        })
    }
}

/// The reason why no chain leads from one disk to another.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnrelatedReason {
    /// The chain leads the other way.
    #[error("the chain leads from {to} to {from}, so the two are in the wrong order", to = .newer, from = .older)]
    Swapped {
        /// The disk that was given as the newer one, and is the older.
        newer: Uuid,
        /// The disk that was given as the older one, and is the newer.
        older: Uuid,
    },
    /// A child has no log.
    #[error("the child of {uuid} is {child}, which has no log")]
    Broken {
        /// The last disk of the chain that has a log.
        uuid: Uuid,
        /// Its child.
        child: Uuid,
    },
    /// A child names another parent than the disk whose child it is, or none: tracking was switched off in between, or
    /// there is another log that the chain passes by.
    #[error("the child of {uuid} is {child}, but the parent of that is {}", Named(*parent))]
    OtherParent {
        /// The disk whose child it is.
        uuid: Uuid,
        /// The child.
        child: Uuid,
        /// The parent that the child names.
        parent: Option<Uuid>,
    },
    /// The chain ends before it comes to the newer disk, which belongs to another set of incrementals.
    #[error("it ends at {last}, which has no child")]
    Ends {
        /// The last disk of the chain.
        last: Uuid,
    },
}

impl ChainError {
    /// A stable name of the kind of error, for programs: lower case, words joined by hyphens.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Same { .. } => "same",
            Self::Missing { .. } => "missing",
            Self::InUse { .. } => "in-use",
            Self::NotConsistent { .. } => "not-consistent",
            Self::Unrelated { .. } => "unrelated",
            Self::DiskShrunk { .. } => "chain-shrunk",
            Self::WouldShrink { .. } => "would-shrink",
            Self::Circle { .. } => "circle",
            Self::Changing { .. } => "changing",
            Self::Locked { .. } => "locked",
            Self::TooLarge { .. } => "too-large",
            Self::NotOnDisk { .. } => "not-on-disk",
            Self::Exists { .. } => "exists",
            Self::NameTaken { .. } => "name-taken",
            Self::Open { .. } => "open",
            Self::TwoLogs { .. } => "two-logs",
            Self::LogName { .. } => "log-name",
            Self::Write { .. } => "write",
            Self::Log { source, .. } => source.kind(),
        }
    }

    /// The caller's next step: see the table above.
    #[must_use]
    pub fn consequence(&self) -> Consequence {
        match self {
            Self::InUse { .. } | Self::Changing { .. } | Self::Locked { .. } => Consequence::Busy,
            Self::Same { .. }
            | Self::NotOnDisk { .. }
            | Self::Exists { .. }
            | Self::NameTaken { .. }
            | Self::TooLarge { .. }
            | Self::WouldShrink { .. }
            | Self::Missing { role: DiskRole::Only, .. } => Consequence::WrongUsage,
            // Two that were swapped too: a pool cannot tell them from unrelated ones.
            Self::Missing { .. }
            | Self::NotConsistent { .. }
            | Self::Unrelated { .. }
            | Self::DiskShrunk { .. }
            | Self::Circle { .. } => Consequence::FullBackup,
            Self::Open { source, .. } | Self::Write { source, .. } => Consequence::of_io(source),
            Self::TwoLogs { .. } | Self::LogName { .. } => Consequence::Operator,
            Self::Log { source, .. } => source.consequence(),
        }
    }

    /// The place of the fault in the log, in bytes from its start, where a log has a fault that has a place.
    #[must_use]
    pub const fn offset(&self) -> Option<u64> {
        match self {
            Self::Log { source, .. } => source.offset(),
            _ => None,
        }
    }

    /// Advice in a sentence, where there is more to say than the error itself says.
    #[must_use]
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(match self {
            Self::Same { .. } => "give two snapshots of the same disk, the older one first",
            Self::Missing { role: DiskRole::Only, .. } => "is it the right folder?",
            Self::NotOnDisk { .. } => "is it the right disk? if it has grown, set its size first",
            Self::Exists { .. } => "choose another UUID, or delete that log first",
            Self::Locked { .. } => "try again once that is done; is a cbt store stopped?",
            Self::TooLarge { .. } | Self::WouldShrink { .. } => "is the size right?",
            Self::Changing { .. } => "try again once the snapshot or deletion is done",
            Self::NameTaken { .. } => "choose another UUID",
            Self::Open { .. } | Self::Write { .. } => return None,
            Self::TwoLogs { .. } => "keep the one that the storage manager writes, and move the other away",
            Self::LogName { .. } => "rename it if it is the log of that disk, or else move it away",
            Self::Missing { .. } => {
                "was tracking on when the snapshot was made, and are all logs there? if not, take a full backup"
            }
            Self::InUse { .. } => {
                "if the disk is attached, detach it or take a snapshot and ask for that; if its host failed, take a full \
                 backup"
            }
            Self::NotConsistent { .. } => "its host failed while the disk was written; take a full backup",
            Self::Unrelated { reason: UnrelatedReason::Swapped { .. }, .. } => {
                "give the older one first, or take a full backup of the one that is newer"
            }
            Self::Unrelated { .. } => {
                "tracking was switched off in between, or they are not of the same disk; take a full backup"
            }
            Self::DiskShrunk { .. } | Self::Circle { .. } => "the log is damaged or another disk's; take a full backup",
            Self::Log { source, .. } => return source.hint(),
        }))
    }
}

/// A disk that may be none, for messages.
pub(super) struct Named(pub(super) Option<Uuid>);

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(uuid) => uuid.fmt(f),
            None => f.write_str("none"),
        }
    }
}
