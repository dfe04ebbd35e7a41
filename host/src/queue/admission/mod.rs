//! Looking what is free of the machine, and making room on it.

mod evict;

use std::sync::Arc;
use std::time::Instant;

pub(super) use evict::{evict, make_room};

use super::Inner;
use super::demand::Footprint;
use super::schedule::Survey;
use crate::error::Result;
use crate::store::Welford;

impl Inner {
    /// Looks what is free, and who has the rest.
    pub(super) async fn look(self: Arc<Self>) {
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
        self.schedule().stock.saw(Instant::now(), survey);
        self.changed.notify_one();
    }

    /// What a job of an instance takes up: as it was measured, or else as the runner says. To be asked without the lock:
    /// the runner may well ask the queue something.
    pub(super) fn footprint(&self, instance: &str) -> Footprint {
        let mut footprint = self.runner.footprint(instance);
        let profiles = self.writer.profiles();
        let profile = match &footprint.configuration {
            Some(configuration) => profiles.get(instance, configuration.as_bytes()),
            None => profiles.latest(instance),
        };
        let Some(profile) = profile else { return footprint };
        let peak = |measured: &Welford| (measured.count() > 0).then(|| measured.peak() as u64);
        if let Some(peak) = peak(&profile.memory) {
            // More than it may have it will not have, whatever its limit was once.
            footprint.job.memory_bytes = footprint.memory_limit.map_or(peak, |limit| peak.min(limit));
        }
        if let Some(peak) = peak(&profile.gpu) {
            footprint.job.gpu_memory_bytes = peak;
        }
        footprint
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
        let footprint = self.footprint(instance);
        match self.schedule().stock.never(instance, &footprint) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}
