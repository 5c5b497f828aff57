//! Signals that tell the process to stop, for code that waits for them.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether there is code that waits for these signals.
static IS_AWAITED: AtomicBool = AtomicBool::new(false);

/// Tells when the process is told to stop, by Ctrl-C or in another way. From the first of these on, such a signal no longer
/// ends the process by itself.
pub(crate) struct StopSignal {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 3],
}

impl StopSignal {
    /// Needs a runtime.
    pub(crate) fn new() -> io::Result<Self> {
        #[cfg(unix)]
        use tokio::signal::unix::{SignalKind, signal};
        IS_AWAITED.store(true, Ordering::SeqCst);
        Ok(Self {
            #[cfg(unix)]
            signals: [
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
            ],
        })
    }

    /// Whether such a signal no longer ends the process by itself.
    #[cfg(unix)]
    pub(crate) fn is_awaited() -> bool {
        IS_AWAITED.load(Ordering::SeqCst)
    }

    /// Waits for the next signal.
    pub(crate) async fn received(&mut self) {
        #[cfg(unix)]
        {
            let [interrupt, terminate, hang_up] = &mut self.signals;
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
        }
        #[cfg(not(unix))]
        drop(tokio::signal::ctrl_c().await);
    }
}
