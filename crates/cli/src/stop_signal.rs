//! Being told to stop.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether someone waits to be told.
static WAITED_FOR: AtomicBool = AtomicBool::new(false);

/// Tells when the process is told to stop, by Ctrl-C or in another way. From the first of these on, the process no longer
/// ends by itself then.
pub(crate) struct StopSignal {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 3],
}

impl StopSignal {
    /// Needs a runtime.
    pub(crate) fn new() -> io::Result<Self> {
        #[cfg(unix)]
        use tokio::signal::unix::{SignalKind, signal};
        WAITED_FOR.store(true, Ordering::SeqCst);
        Ok(Self {
            #[cfg(unix)]
            signals: [
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
            ],
        })
    }

    /// Whether that no longer ends the process by itself.
    #[cfg(unix)]
    pub(crate) fn is_waited_for() -> bool {
        WAITED_FOR.load(Ordering::SeqCst)
    }

    /// Ends once that has happened, once more each time.
    pub(crate) async fn told(&mut self) {
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
