//! The holder of a lock on a folder.

use std::fmt;

/// One who has a folder locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The process that took the lock.
    pub process: u32,
    /// The name of its program, as the system tells it.
    pub name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Anyone can call a program by control characters.
        write!(f, "process {} ({})", self.process, self.name.escape_debug())
    }
}

/// One who has a folder locked and may not be known, for messages.
pub(super) struct HeldBy<'h>(pub(super) Option<&'h Holder>);

impl fmt::Display for HeldBy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(holder) => holder.fmt(f),
            None => f.write_str("another program, which the system does not tell"),
        }
    }
}
