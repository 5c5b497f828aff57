//! Being told to stop.

use std::io;

/// Ends once the process is told to stop, by Ctrl-C or in another way. From the first call on, the process no longer
/// ends by itself then.
pub(crate) fn told_to_stop() -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let [mut interrupt, mut terminate] = {
        use tokio::signal::unix::{SignalKind, signal};
        [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?]
    };
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        #[cfg(not(unix))]
        drop(tokio::signal::ctrl_c().await);
    })
}
