//! The end of a queue.

use std::time::Duration;

use super::Queue;
use super::runs::Stop;

/// How long attempts may take to end after they were told to.
const STOPPING: Duration = Duration::from_secs(30);

impl Queue {
    /// Closes the queue for all its clones: accepts and starts nothing more, lets running jobs end within `grace`, and
    /// then stops them; those are run again, or have failed, as their options say, when the queue is opened the next
    /// time. Afterwards the data folder is free for another process.
    ///
    /// # Cancellation
    ///
    /// When the future is dropped, the queue is closing, but nobody waits for its end. It can be closed again.
    pub async fn close(&self, grace: Duration) {
        let inner = self.inner();
        inner.schedule().closing = true;
        inner.changed.notify_one();
        if !self.idle(grace).await {
            for current in inner.schedule().attempts() {
                current.stop(Stop::Closing);
            }
            if !self.idle(STOPPING).await {
                tracing::warn!(
                    "some jobs did not stop; they count as interrupted when the queue is opened again"
                );
            }
        }
        inner.writer.close().await;
        drop(inner.hold.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take());
    }

    /// Waits until nothing runs; false where something still does after `limit`.
    async fn idle(&self, limit: Duration) -> bool {
        let idle = async {
            loop {
                let ended = self.inner().ended.notified();
                let mut ended = std::pin::pin!(ended);
                // From here on, what ends is heard of.
                ended.as_mut().enable();
                if self.inner().schedule().going() == 0 {
                    return;
                }
                ended.await;
            }
        };
        tokio::time::timeout(limit, idle).await.is_ok()
    }
}
