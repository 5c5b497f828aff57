//! Children that a program makes with fork(): the threads of the library stay with the parent, and what waits for one of them
//! would wait for ever.
//!
//! Invariant: no call waits for a thread of another process.

use std::process;
use std::sync::OnceLock;

use crate::error::Failure;
use crate::guard::Outcome;

/// The process that has first asked for the pool of threads.
static OF_POOL: OnceLock<u32> = OnceLock::new();

/// Whether this process has the pool of threads, or is about to start it.
pub(crate) fn has_pool() -> bool {
    *OF_POOL.get_or_init(process::id) == process::id()
}

/// The process in which a handle was made.
pub(crate) struct Home(u32);

impl Home {
    pub(crate) fn here() -> Self {
        Self(process::id())
    }

    /// Whether this process is a fork of that one.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.0 != process::id()
    }

    /// Refuses to work in a fork of that process.
    pub(crate) fn require(&self, what: &str) -> Outcome<()> {
        if self.is_elsewhere() { Err(Failure::forked(what)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::cbt_code;

    #[test]
    fn a_handle_is_at_home_where_it_was_made() {
        assert!(has_pool());
        assert!(Home::here().require("a test").is_ok());
        let error = Home(process::id() + 1).require("a test").expect_err("another process");
        assert_eq!(error.code, cbt_code::CBT_ERROR_FORKED);
    }
}
