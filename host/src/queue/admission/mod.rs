//! Looking what is free of the machine, and making room on it.

mod evict;

use std::sync::Arc;
use std::time::Instant;

pub(super) use evict::{evict, make_room};

use super::Inner;
use super::schedule::Survey;
use crate::error::Result;

impl Inner {
    /// Looks what is free, and who has the rest.
    pub(super) async fn look(self: Arc<Self>) {
        let at = Instant::now();
        let inner = self.clone();
        let looked = tokio::task::spawn_blocking(move || Survey {
            figures: inner.machine.figures(),
            holdings: inner.runner.holdings(),
        });
        // What cannot be looked at bounds nobody.
        let survey = looked.await.unwrap_or_else(|error| {
            tracing::error!(%error, "it could not be looked how much memory is free; jobs run as if there was enough");
            Survey::default()
        });
        self.schedule().stock.saw(at, survey);
        self.changed.notify_one();
    }

    /// Refuses a job that can never run, as far as that is known now.
    ///
    /// # Errors
    ///
    /// `resource-exhausted`, with what it needs, and what there is at most.
    pub(super) fn fits(&self, instance: &str) -> Result<()> {
        if !self.schedule().stock.counts() {
            return Ok(());
        }
        // The runner is asked without the lock: it may well ask the queue something.
        let footprint = self.runner.footprint(instance);
        match self.schedule().stock.never(instance, &footprint) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}
