//! The table of errors in the docs, held against the code.

use std::io;
use std::time::Duration;

use super::error::Error;
use super::handshake::Handshake;
use super::refusal::Refusal;
use crate::Fingerprint;

const TABLE: &str = include_str!("consequences.md");

const REFUSALS: [Refusal; 17] = [
    Refusal::Missing,
    Refusal::InUse,
    Refusal::Unrelated,
    Refusal::Same,
    Refusal::Inconsistent,
    Refusal::Unavailable,
    Refusal::Unsupported,
    Refusal::Busy,
    Refusal::Away,
    Refusal::TaskGone,
    Refusal::NotPermitted,
    Refusal::LoginFailed,
    Refusal::SessionInvalid,
    Refusal::Cancelled,
    Refusal::MethodUnknown,
    Refusal::Internal,
    Refusal::Other,
];

/// One error of each variant, and of each answer that a variant gives. [`name`] does not compile when one is missing
/// there, which is the reminder to add it here.
fn samples() -> Vec<Error> {
    let text = || "text".to_owned();
    let found = Fingerprint::of(b"");
    let limit = Duration::from_secs(1);
    let refused = |kind| Error::Refused { kind, code: text(), params: Vec::new() };
    let mut all: Vec<_> = REFUSALS.into_iter().map(refused).collect();
    all.extend([
        Error::Url { reason: "text" },
        Error::Trust { reason: text() },
        Error::Connect { address: text(), source: io::ErrorKind::ConnectionRefused.into() },
    ]);
    let handshakes = [
        Handshake::NotTls { is_local: false },
        Handshake::OldVersion,
        Handshake::NoCommonCipher,
        Handshake::WeakKey { bits: 1024 },
        Handshake::UnreadableCertificate,
        Handshake::NoProof,
        Handshake::Other(text()),
    ];
    all.extend(handshakes.map(|cause| Error::Handshake { address: text(), cause }));
    all.extend([
        Error::Certificate { address: text(), found, reason: text() },
        Error::Pin { address: text(), via: None, found, pinned: found },
        Error::NoMaster { hosts: Vec::new() },
        Error::Timeout { address: text(), waited_for: "text", limit },
        Error::Away { address: text(), task: text(), limit, source: Box::new(refused(Refusal::Away)) },
        Error::TimeLimit { limit, task: None },
        Error::Stopped { task: None },
        Error::Transport { address: text(), received: 0, expected: None, source: "text".into() },
    ]);
    all.extend([503, 500, 404].map(|status| Error::Http { address: text(), status }));
    all.extend([
        Error::Protocol { method: text(), problem: text(), offset: None },
        Error::VirtualSizeMismatch { given: 1, found: 2, at_most: false },
        Error::BitmapTooLong { found: 2, needed: 1, at_most: 1 },
        Error::Bitmap(changed_blocks::Error::Empty),
        Error::TooLong { address: text(), found: 2, more: false, limit: 1 },
    ]);
    all
}

/// How the table calls an error.
fn name(error: &Error) -> String {
    let variant = match error {
        Error::Refused { kind, .. } => return format!("[`Refused`](Self::Refused): [`{kind:?}`](Refusal::{kind:?})"),
        Error::Handshake { cause, .. } => {
            let cause = match cause {
                Handshake::NotTls { .. } => "NotTls",
                Handshake::OldVersion => "OldVersion",
                Handshake::NoCommonCipher => "NoCommonCipher",
                Handshake::WeakKey { .. } => "WeakKey",
                Handshake::UnreadableCertificate => "UnreadableCertificate",
                Handshake::NoProof => "NoProof",
                Handshake::Other(_) => "Other",
            };
            return format!("[`Handshake`](Self::Handshake): [`{cause}`](Handshake::{cause})");
        }
        Error::Http { status: 503, .. } => return "[`Http`](Self::Http): status 503".to_owned(),
        Error::Http { status: 500..=599, .. } => return "[`Http`](Self::Http): another status from 500 on".to_owned(),
        Error::Http { .. } => return "[`Http`](Self::Http): any other".to_owned(),
        Error::Url { .. } => "Url",
        Error::Trust { .. } => "Trust",
        Error::Connect { .. } => "Connect",
        Error::Certificate { .. } => "Certificate",
        Error::Pin { .. } => "Pin",
        Error::NoMaster { .. } => "NoMaster",
        Error::Timeout { .. } => "Timeout",
        Error::Away { .. } => "Away",
        Error::TimeLimit { .. } => "TimeLimit",
        Error::Stopped { .. } => "Stopped",
        Error::Transport { .. } => "Transport",
        Error::Protocol { .. } => "Protocol",
        Error::VirtualSizeMismatch { .. } => "VirtualSizeMismatch",
        Error::BitmapTooLong { .. } => "BitmapTooLong",
        Error::Bitmap(_) => "Bitmap",
        Error::TooLong { .. } => "TooLong",
    };
    format!("[`{variant}`](Self::{variant})")
}

#[test]
fn the_table_in_the_docs_is_what_the_code_does() {
    let mut table = String::from("| error | kind | what the caller does next |\n|---|---|---|\n");
    for error in samples() {
        let (kind, consequence) = match error {
            Error::Bitmap(_) => ("as its own".to_owned(), "as its own".to_owned()),
            _ => (format!("`{}`", error.kind()), format!("`{}`", error.consequence())),
        };
        table += &format!("| {} | {kind} | {consequence} |\n", name(&error));
    }
    assert_eq!(TABLE, table, "crates/xapi/src/client/consequences.md has to be:\n{table}");
}

#[test]
fn only_errors_that_need_a_full_backup_advise_one() {
    for error in samples() {
        let told = error.hint().is_some_and(|hint| hint.contains("full backup"));
        assert_eq!(told, error.consequence() == changed_blocks::Consequence::FullBackup, "{error:?}");
    }
}
