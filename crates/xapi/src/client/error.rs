//! Why the pool gave no answer.

use std::borrow::Cow;
use std::io;

use changed_blocks::Consequence;

use super::handshake::Handshake;
use super::message::{At, Chain, Left, Params, Received, Via};
use super::refusal::Refusal;
use crate::{Fingerprint, Plain};

/// An error between here and the pool. No variant holds a password or the reference of a session, also where the
/// other side has repeated it: the text is `(withheld)` then. (A password of less than four bytes is withheld only where
/// it is all of a text.) Messages show texts of the other side as [`Plain`] does.
///
#[doc = include_str!("consequences.md")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The pool understood, and refused. Also a task that failed or was cancelled.
    #[error("{kind}: {}{}", Plain::new(code), Params(kind, params))]
    Refused {
        /// The meaning of the code.
        kind: Refusal,
        /// The code, as the pool gave it.
        code: String,
        /// The parameters of the code, as the pool gave them, the first 64 of them. What held a password or a session is
        /// withheld.
        params: Vec<String>,
    },
    /// The address of the pool is none.
    #[error("this is no address of a pool: {reason}")]
    Url {
        /// The fault of the address. The address itself is left out: there may be a password in it.
        reason: &'static str,
    },
    /// There is nothing to check certificates against.
    #[error("{reason}")]
    Trust {
        /// The file or folder, and its fault.
        reason: String,
    },
    /// There is no connection.
    #[error("{address}: cannot connect: {}", Plain::new(&source.to_string()))]
    Connect {
        /// The host and the port.
        address: String,
        /// The error of the system or of the other side.
        source: io::Error,
    },
    /// The host answers, but TLS with it does not come about.
    #[error("{address}: {cause}")]
    Handshake {
        /// The host and the port.
        address: String,
        /// Why not.
        cause: Handshake,
    },
    /// The certificate of the host is not trusted.
    #[error("{address}: its certificate is not trusted ({}); the SHA-256 fingerprint is {found}", Plain::new(reason))]
    Certificate {
        /// The host and the port.
        address: String,
        /// The fingerprint of what the host presented.
        found: Fingerprint,
        /// The fault of the certificate.
        reason: String,
    },
    /// The certificate of the host is another than the pinned one.
    #[error("{address}{}: the SHA-256 fingerprint of its certificate is {found}, but pinned is {pinned}", Via(via))]
    Pin {
        /// The host and the port.
        address: String,
        /// The member of the pool that named this host as its master, if it was not asked for itself.
        via: Option<String>,
        /// The fingerprint of what the host presented.
        found: Fingerprint,
        /// The one that it should have been.
        pinned: Fingerprint,
    },
    /// Members of the pool name each other as master.
    #[error("no master of the pool was found: {}", Plain::new(&hosts.join(" names ")))]
    NoMaster {
        /// The hosts that were asked, in this order; the last was named, but not asked.
        hosts: Vec<String>,
    },
    /// Nothing came for too long.
    #[error("{address}: {waited_for} took longer than {} s", limit.as_secs_f64())]
    Timeout {
        /// The host and the port.
        address: String,
        /// The step that was waited for.
        waited_for: &'static str,
        /// How long.
        limit: std::time::Duration,
    },
    /// While a task ran, the pool could not be asked about it for too long. The task may still be running, and may
    /// succeed.
    #[error("{address}: the pool was away for {} s; its task {} is left running ({source})", limit.as_secs_f64(), Plain::new(task))]
    Away {
        /// The host and the port.
        address: String,
        /// The reference of the task.
        task: String,
        /// For how long it was asked again.
        limit: std::time::Duration,
        /// The error of the last time.
        source: Box<Error>,
    },
    /// The [limit](super::Options::time_limit) of a whole listing was reached.
    #[error("there was no answer within {} s{}", limit.as_secs_f64(), Left(task))]
    TimeLimit {
        /// The limit.
        limit: std::time::Duration,
        /// The reference of the task, if it could not be destroyed.
        task: Option<String>,
    },
    /// The caller has stopped it.
    #[error("the listing was stopped{}", Left(task))]
    Stopped {
        /// The reference of the task, if it could not be destroyed.
        task: Option<String>,
    },
    /// The connection broke off.
    #[error("{address}: the connection broke off {}: {}", Received(*received, *expected), Chain(source.as_ref()))]
    Transport {
        /// The host and the port.
        address: String,
        /// How many bytes of the answer's body had come.
        received: u64,
        /// How many there should have been, if that is known.
        expected: Option<u64>,
        /// The error that was met.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another HTTP status than 200.
    #[error("{address}: the answer is HTTP status {status}")]
    Http {
        /// The host and the port.
        address: String,
        /// The status.
        status: u16,
    },
    /// The answer does not follow the protocol.
    #[error("{method}: {}{}", Plain::new(problem), At(*offset))]
    Protocol {
        /// The method that was called.
        method: String,
        /// The fault of the answer.
        problem: String,
        /// Where, in bytes from the start of the body, if that is known.
        offset: Option<u64>,
    },
    /// The size that was given is another than the one that the pool knows.
    #[error("a size of {given} bytes was given, but the pool says that the disk has {}{found}", if *at_most {"at most "} else {""})]
    VirtualSizeMismatch {
        /// The size that was given, in bytes.
        given: u64,
        /// The size that the pool reports, in bytes.
        found: u64,
        /// Whether that is only an upper bound: the size of the disk that it is a snapshot of.
        at_most: bool,
    },
    /// The bitmap is longer than the disk can be.
    #[error("the bitmap has {found} bytes, but a disk of at most {at_most} bytes has only {needed}")]
    BitmapTooLong {
        /// How many bytes there are.
        found: u64,
        /// How many the upper bound needs.
        needed: u64,
        /// The upper bound in bytes: the size of the disk that it is a snapshot of.
        at_most: u64,
    },
    /// Something is wrong with the bitmap itself.
    #[error("{0}")]
    Bitmap(#[source] changed_blocks::Error),
    /// The answer is longer than anything that is taken.
    #[error("{address}: the answer has {found} bytes{}, but at most {limit} are taken", if *more {" or more"} else {""})]
    TooLong {
        /// The host and the port.
        address: String,
        /// How many bytes it has, or had so far.
        found: u64,
        /// Whether there may be more.
        more: bool,
        /// How many are taken.
        limit: u64,
    },
}

impl Error {
    /// A stable name of the kind of error, for programs: lower case, words joined by hyphens.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Refused { kind, .. } => kind.name(),
            Self::Url { .. } => "url",
            Self::Trust { .. } => "trust",
            Self::Connect { .. } => "connect",
            Self::Handshake { cause, .. } => cause.name(),
            Self::Certificate { .. } => "certificate",
            Self::Pin { .. } => "pin-changed",
            Self::NoMaster { .. } => "no-master",
            Self::Timeout { .. } => "timeout",
            Self::Away { .. } => "pool-away",
            Self::TimeLimit { .. } => "time-limit",
            Self::Stopped { .. } => "stopped",
            Self::Transport { .. } => "transport",
            Self::Http { .. } => "http",
            Self::Protocol { .. } => "protocol",
            Self::VirtualSizeMismatch { .. } => "virtual-size-mismatch",
            Self::BitmapTooLong { .. } => "too-long",
            Self::Bitmap(error) => error.kind(),
            Self::TooLong { .. } => "answer-too-long",
        }
    }

    /// The next step of the caller.
    #[must_use]
    pub fn consequence(&self) -> Consequence {
        match self {
            Self::Refused { kind, .. } => kind.consequence(),
            Self::Url { .. } => Consequence::WrongUsage,
            Self::Bitmap(error) => error.consequence(),
            Self::VirtualSizeMismatch { .. } | Self::BitmapTooLong { .. } => Consequence::FullBackup,
            Self::Away { .. } | Self::TimeLimit { .. } | Self::NoMaster { .. } | Self::Http { status: 503, .. } => {
                Consequence::Busy
            }
            Self::Http { status: 500..=599, .. }
            | Self::Connect { .. }
            | Self::Timeout { .. }
            | Self::Stopped { .. }
            | Self::Transport { .. }
            | Self::Protocol { .. } => Consequence::Retry,
            Self::Trust { .. }
            | Self::Handshake { .. }
            | Self::Certificate { .. }
            | Self::Pin { .. }
            | Self::Http { .. }
            | Self::TooLong { .. } => Consequence::Operator,
        }
    }

    /// Whether the pool could not be asked, or would not answer, and may do so soon.
    pub(super) const fn is_away(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::NoMaster { .. } | Self::Timeout { .. } | Self::Transport { .. } => true,
            Self::Http { status, .. } => matches!(status, 500..=599),
            Self::Refused { kind, .. } => matches!(kind, Refusal::Away | Refusal::Busy),
            _ => false,
        }
    }

    /// Advice in a sentence, where there is more to say than the error itself says.
    #[must_use]
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(match self {
            Self::Refused { kind, .. } => return kind.hint().map(Cow::Borrowed),
            Self::Url { .. } => "give https://HOST or https://HOST:PORT, the pool's master",
            Self::Trust { .. } => "give a file with certificates in PEM form, or pin the fingerprint of the host's own",
            Self::Connect { .. } => "is it the right address, and is the host up?",
            Self::Handshake { cause, .. } => return cause.hint().map(Cow::Borrowed),
            Self::Certificate { .. } => {
                "compare the fingerprint with the one that the host shows on its console, and pin it if it is the same"
            }
            Self::Pin { via: Some(_), .. } => {
                "every host has its own certificate: ask the master itself and pin its fingerprint, or give the pool's CA"
            }
            Self::Pin { via: None, .. } => {
                "if the host was given a new certificate, compare on the host and pin that; if not, trust nothing here"
            }
            Self::NoMaster { .. } => "the master may be changing just now; try again later",
            Self::Timeout { .. } => "try again later, or with more time; a long listing is best asked for as a task",
            Self::Away { .. } => "try again later; until then the pool may be busy with that task",
            Self::TimeLimit { .. } => "the pool is slow or busy; try again later, or with more time",
            Self::Stopped { .. } => return None,
            Self::Transport { .. } => "nothing that came is used; try again",
            Self::Http { status: 300..=399, .. } => "the address leads elsewhere; is it the pool's master itself?",
            Self::Http { .. } | Self::Protocol { .. } => "is a pool of XenServer or XCP-ng at this address?",
            Self::VirtualSizeMismatch { .. } => {
                "is it the right disk, and the right size? if it was resized, take a full backup"
            }
            Self::BitmapTooLong { .. } => {
                "it is another disk's, or its blocks are smaller: give the size of the disk, or take a full backup"
            }
            Self::Bitmap(error) => return error.hint(),
            Self::TooLong { .. } => "no pool answers at such length; is it the right address?",
        }))
    }

    /// The meaning of the pool's refusal, if it is one.
    #[must_use]
    pub const fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused { kind, .. } => Some(*kind),
            _ => None,
        }
    }
}
