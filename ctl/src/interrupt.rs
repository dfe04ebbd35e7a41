//! Ctrl-C, and the signal with which supervisors end a process.

use crate::failure::{Failure, Result};

/// Counts the requests to stop. While one of these lives, the signals no longer end the process by themselves.
#[derive(Debug)]
pub(crate) struct Interrupts {
    count: u32,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Interrupts {
    pub(crate) fn listen() -> Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let listen = |kind| {
                signal(kind).map_err(|error| Failure::fatal(format!("cannot listen for Ctrl-C: {error}")))
            };
            Ok(Interrupts {
                count: 0,
                terminate: listen(SignalKind::terminate())?,
                interrupt: listen(SignalKind::interrupt())?,
            })
        }
        #[cfg(not(unix))]
        Ok(Interrupts { count: 0 })
    }

    /// How many there were.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Waits for the next request, and says which it is, from 1. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> u32 {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            // Without a handler Ctrl-C ends the process by itself.
            std::future::pending::<()>().await;
        }
        self.count += 1;
        self.count
    }
}
