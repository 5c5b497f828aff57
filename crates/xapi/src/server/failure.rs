//! The errors of the API: a code and its parameters.

use changed_blocks::Consequence;
use changed_blocks::cbtlog::ChainError;

use super::budgets;

/// An error as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: &'static str,
    pub(super) params: Vec<String>,
}

impl Failure {
    /// Texts that are too long are cut: tasks keep them.
    pub(super) fn new(code: &'static str, params: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { code, params: params.into_iter().map(|text| budgets::echo(text.into())).collect() }
    }

    /// Memory that the system does not have.
    pub(super) fn no_memory() -> Self {
        Self::internal("out of memory")
    }

    /// A disk that others change just now, or the folder if it is none in particular.
    pub(super) fn busy(disk: &str) -> Self {
        Self::new("OTHER_OPERATION_IN_PROGRESS", ["VDI", disk])
    }

    /// A call for which there is no room just now.
    pub(super) fn too_much() -> Self {
        Self::new("TOO_MANY_PENDING_TASKS", [] as [String; 0])
    }

    /// The code, followed by the parameters.
    pub(super) fn description(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.code).chain(self.params.iter().map(String::as_str))
    }

    pub(super) fn internal(what: impl Into<String>) -> Self {
        Self::new("INTERNAL_ERROR", [what])
    }

    /// A parameter of the wrong type.
    pub(super) fn field_type(name: &str) -> Self {
        Self::new("FIELD_TYPE_ERROR", [name])
    }

    pub(super) fn bad_handle(class: &str, reference: &str) -> Self {
        Self::new("HANDLE_INVALID", [class, reference])
    }

    pub(super) fn not_allowed(what: &str) -> Self {
        Self::new("OPERATION_NOT_ALLOWED", [what])
    }

    /// An error of the storage, with the text that goes with its number.
    fn storage(code: &'static str, text: &str, option: &str, detail: String) -> Self {
        Self::new(code, [String::new(), format!("{text} [opterr={option}]"), detail])
    }

    /// A log that cannot be trusted.
    pub(super) fn inconsistent(detail: String) -> Self {
        let text = "Changed block tracking log is in an inconsistent state.";
        Self::storage("SR_BACKEND_FAILURE_459", text, "Inconsistent bitmaps", detail)
    }

    /// A disk that is to become smaller.
    pub(super) fn shrinking() -> Self {
        Self::storage("SR_BACKEND_FAILURE_79", "VDI Invalid size", "shrinking not allowed", String::new())
    }

    /// A disk or a note for which there is no room.
    pub(super) fn no_space() -> Self {
        let option = "no room for more disks or notes";
        Self::storage("SR_BACKEND_FAILURE_44", "There is insufficient space", option, String::new())
    }

    /// An error of [`list_changed_blocks`](changed_blocks::cbtlog::Store::list_changed_blocks), for that newer disk.
    pub(super) fn listing(error: &ChainError, newer: &str) -> Self {
        let detail = error.to_string();
        let unrelated = |option| {
            let text = "Failed to calculate changed blocks for given VDIs.";
            Self::storage("SR_BACKEND_FAILURE_460", text, option, detail.clone())
        };
        match error {
            ChainError::InUse { .. } => Self::new("VDI_IN_USE", [newer, "list_changed_blocks"]),
            ChainError::Changing { .. } => Self::busy(newer),
            // Hosts tell of the operation there.
            ChainError::Locked { .. } => Self::new("OTHER_OPERATION_IN_PROGRESS", ["VDI", newer, &detail]),
            ChainError::Same { .. } => unrelated("Source and target VDI are same"),
            // The reference never returns from a circle.
            ChainError::Missing { .. } | ChainError::Unrelated { .. } | ChainError::Circle { .. } => {
                unrelated("Source and target VDI are unrelated")
            }
            // As by too many files: that passes, and a full backup would meet it as well.
            ChainError::Log { source: changed_blocks::Error::Read { source, .. }, .. }
                if Consequence::of_io(source) == Consequence::Retry =>
            {
                Self::internal(detail)
            }
            ChainError::Log { source: changed_blocks::Error::Read { source, .. }, .. } => {
                let text = "The VDI is not available";
                Self::storage("SR_BACKEND_FAILURE_46", text, &source.to_string(), detail)
            }
            ChainError::Log { source, .. } if source.consequence() == Consequence::Retry => Self::busy(newer),
            ChainError::Log { source, .. } if source.consequence() == Consequence::Operator => Self::internal(detail),
            ChainError::Log { .. } | ChainError::NotConsistent { .. } | ChainError::DiskShrunk { .. } => {
                Self::inconsistent(detail)
            }
            other => Self::internal(other.to_string()),
        }
    }
}

/// The failure of a change to a store.
impl From<ChainError> for Failure {
    fn from(error: ChainError) -> Self {
        match error {
            ChainError::Log { .. } | ChainError::DiskShrunk { .. } | ChainError::Locked { .. } => {
                Self::listing(&error, "")
            }
            ChainError::WouldShrink { .. } => Self::shrinking(),
            other => Self::internal(other.to_string()),
        }
    }
}

/// The failure of the store's folder.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::internal(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Error as IoError, ErrorKind};
    use std::path::PathBuf;

    use changed_blocks::Error;
    use changed_blocks::cbtlog::{DiskRole, UnrelatedReason};
    use uuid::Uuid;

    use super::*;

    /// Each error of the library that a listing can meet.
    #[test]
    fn every_refusal_of_the_library_has_the_code_of_a_host() {
        let [from, to] = [1, 2].map(Uuid::from_u128);
        let path = || PathBuf::from("log");
        let unrelated = |reason| ChainError::Unrelated { from, to, reason };
        let log = |source| ChainError::Log { uuid: to, path: path(), source };
        let no_relation = vec![
            ChainError::Missing { uuid: from, role: DiskRole::From },
            ChainError::Missing { uuid: to, role: DiskRole::To },
            ChainError::Circle { uuid: from, path: path(), child: to },
            unrelated(UnrelatedReason::Swapped { newer: from, older: to }),
            unrelated(UnrelatedReason::Broken { uuid: from, child: to }),
            unrelated(UnrelatedReason::OtherParent { uuid: from, child: to, parent: None }),
            unrelated(UnrelatedReason::Ends { last: from }),
        ];
        let inconsistent = vec![
            ChainError::NotConsistent { uuid: from, path: path() },
            ChainError::DiskShrunk { uuid: to, path: path(), found: 1, before: 2 },
            log(Error::HeaderTooShort { found: 3, expected: 48 }),
            log(Error::ConsistentFlag { offset: 32, value: 7 }),
            log(Error::VirtualSize { bytes: 0 }),
        ];
        let unavailable = log(Error::Read { offset: 0, source: IoError::from(ErrorKind::NotFound) });
        let busy =
            vec![ChainError::Changing { from, to }, ChainError::Locked { path: path(), by: None }, log(Error::Changed)];
        let for_an_operator = vec![
            ChainError::TwoLogs { uuid: to, first: path(), second: path() },
            ChainError::LogName { uuid: to, path: path() },
            ChainError::Open { path: path(), source: IoError::from(ErrorKind::NotFound) },
            log(Error::OutOfMemory { bytes: 1 }),
        ];
        let cases: [(Vec<ChainError>, &str, &str); 7] = [
            (vec![ChainError::Same { uuid: to }], "SR_BACKEND_FAILURE_460", "[opterr=Source and target VDI are same]"),
            (no_relation, "SR_BACKEND_FAILURE_460", "[opterr=Source and target VDI are unrelated]"),
            (inconsistent, "SR_BACKEND_FAILURE_459", "[opterr=Inconsistent bitmaps]"),
            (vec![unavailable], "SR_BACKEND_FAILURE_46", "The VDI is not available [opterr="),
            (vec![ChainError::InUse { uuid: to, path: path() }], "VDI_IN_USE", "newer"),
            (busy, "OTHER_OPERATION_IN_PROGRESS", "newer"),
            (for_an_operator, "INTERNAL_ERROR", "log"),
        ];
        let each = cases.into_iter().flat_map(|(errors, code, told)| errors.into_iter().map(move |e| (e, code, told)));
        for (error, code, told) in each {
            let failure = Failure::listing(&error, "newer");
            assert_eq!((failure.code, error.api_code()), (code, Some(code)), "{error}");
            assert!(failure.params.iter().any(|param| param.contains(told)), "{failure:?}");
            if code.starts_with("SR_BACKEND_FAILURE") {
                assert_eq!((&*failure.params[0], &failure.params[2]), ("", &error.to_string()));
            }
        }
    }
}
