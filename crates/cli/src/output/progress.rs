//! A bar on standard error, for work over a second, when standard error is a terminal.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Work shorter than this shows nothing.
const SHOW_AFTER: Duration = Duration::from_secs(1);

pub(crate) struct Progress {
    started: Instant,
    len: Option<u64>,
    wanted: bool,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn new(len: Option<u64>) -> Self {
        Self { started: Instant::now(), len, wanted: io::stderr().is_terminal(), bar: None }
    }

    /// Shows how many bytes of the input were dealt with.
    pub(crate) fn update(&mut self, bytes: u64) {
        if !self.wanted || self.started.elapsed() < SHOW_AFTER {
            return;
        }
        let (started, len) = (self.started, self.len);
        let bar = self.bar.get_or_insert_with(|| {
            let (bar, template) = match len {
                Some(len) => (ProgressBar::new(len), "{bar:40} {binary_bytes} of {binary_total_bytes}, {eta} left"),
                None => (ProgressBar::new_spinner(), "{spinner} {binary_bytes} read"),
            };
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.with_elapsed(started.elapsed()).with_style(style)
        });
        bar.set_position(bytes);
    }

    /// Takes the bar away, for good: before anything else is written, and at the end.
    pub(crate) fn stop(&mut self) {
        self.wanted = false;
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.stop();
    }
}
