//! Who waits for the end of something.

use std::collections::HashMap;
use std::hash::Hash;

use tokio::sync::oneshot;

/// What has not ended, as far as it is known, with those who wait for that.
#[derive(Debug)]
pub(in crate::queue) struct Waiters<K>(HashMap<K, Vec<oneshot::Sender<()>>>);

impl<K> Default for Waiters<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash> Waiters<K> {
    /// It has not ended.
    pub(in crate::queue) fn begun(&mut self, key: K) {
        self.0.entry(key).or_default();
    }

    /// It has ended: whoever waits for that is told.
    pub(in crate::queue) fn ended(&mut self, key: K) {
        for waiter in self.0.remove(&key).unwrap_or_default() {
            let _ = waiter.send(());
        }
    }

    /// Resolves when it has ended; none where it has, or is not known.
    pub(in crate::queue) fn waiter(&mut self, key: K) -> Option<oneshot::Receiver<()>> {
        let waiters = self.0.get_mut(&key)?;
        // Those who gave up would pile up with somebody who asks in a loop.
        waiters.retain(|waiter| !waiter.is_closed());
        let (sender, receiver) = oneshot::channel();
        waiters.push(sender);
        Some(receiver)
    }
}
