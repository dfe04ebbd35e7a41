//! A fresh instance for each call: nothing is kept, and calls run beside each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::blueprint::Blueprint;
use super::convert;
use super::exclusive::stream;
use super::hook::Hook;
use super::live::Live;
use super::options::Choices;
use super::runner::{Undone, Work, closed, disabled, turn};
use super::stats::Counted;
use super::stream::Items;
use crate::capability::job::Job;
use crate::error::{Error, Result};
use crate::event::CancelPhase;
use crate::value::Value;

pub(crate) struct Fresh {
    blueprint: Arc<Blueprint>,
    permits: Semaphore,
    concurrency: u32,
    /// Changes only while no call runs.
    disabled: AtomicBool,
}

impl Fresh {
    pub(super) async fn start(blueprint: Arc<Blueprint>) -> Result<Self> {
        drop(Live::start(&blueprint, None).await?);
        let concurrency = blueprint.limits.max_concurrency.max(1);
        let permits = Semaphore::new(concurrency as usize);
        Ok(Self { blueprint, permits, concurrency, disabled: AtomicBool::new(false) })
    }

    pub(super) async fn execute(&self, mut work: Work) -> Result<Value, Undone<Work>> {
        let Some(permit) = self.enter(&work).await? else {
            return Err(Undone::Closed(Box::new(work)));
        };
        let mut counted = Counted::begin(&self.blueprint.counters);
        let live = Live::start(&self.blueprint, Some(&work.job)).await;
        let mut live = live.inspect_err(|error| counted.failed(error))?;
        let input = work.take_input();
        let what = || work.what();
        let ended = live.execute(&self.blueprint.catalogued, &work, &input).await;
        drop(input);
        leave(live, &ended, &work.job);
        drop(permit);
        let value = ended.and_then(|outcome| {
            let value = outcome.map_err(|error| convert::error_from_guest(&what(), error))?;
            convert::from_guest(what, value, work.limits.output_bytes)
        });
        Ok(counted.note(value)?)
    }

    pub(super) async fn stream(&self, mut work: Work, items: Items) -> Result<(), Undone<(Work, Items)>> {
        let Some(permit) = self.enter(&work).await? else {
            return Err(Undone::Closed(Box::new((work, items))));
        };
        let mut counted = Counted::begin(&self.blueprint.counters);
        let live = Live::start(&self.blueprint, Some(&work.job)).await;
        let mut live = live.inspect_err(|error| counted.failed(error))?;
        let ended = stream(&self.blueprint, &mut live, &mut work, items).await;
        leave(live, &ended, &work.job);
        drop(permit);
        let ended =
            ended.and_then(|outcome| outcome.map_err(|error| convert::error_from_guest(&work.what(), error)));
        Ok(counted.note(ended)?)
    }

    /// Has the plugin fetch what its calls would wait for, in an instance that is then dropped.
    pub(super) async fn prefetch(&self, stall: Duration) -> Result<()> {
        let _permit = self.permits.acquire().await.map_err(|_| closed(&self.blueprint))?;
        self.hook(Hook::Prefetch { stall }).await
    }

    /// Opens or shuts the gate for calls, and tells the plugin in an instance that is then dropped.
    pub(super) async fn switch(&self, on: bool) -> Result<()> {
        let all = self.permits.acquire_many(self.concurrency).await;
        let _all = all.map_err(|_| closed(&self.blueprint))?;
        self.disabled.store(!on, Ordering::Release);
        self.hook(if on { Hook::Enabled } else { Hook::Disabled }).await
    }

    pub(super) async fn config_options(&self) -> Result<Choices> {
        let Some(index) = &self.blueprint.catalogued.exports.options else { return Ok(Choices::new()) };
        let _permit = self.permits.acquire().await.map_err(|_| closed(&self.blueprint))?;
        Live::start(&self.blueprint, None).await?.choices(&self.blueprint, index).await?
    }

    /// The calls that run keep the configuration that they began with.
    pub(super) async fn reconfigure(&self, config: Arc<str>) -> Result<()> {
        let _permit = self.permits.acquire().await.map_err(|_| closed(&self.blueprint))?;
        drop(Live::start_with(&self.blueprint, &config, None).await?);
        self.blueprint.set_config(config);
        Ok(())
    }

    pub(super) async fn close(&self) {
        // All permits are free once the running calls have ended.
        let all = self.permits.acquire_many(self.concurrency).await;
        self.permits.close();
        drop(all);
    }

    /// Waits for the call's turn; none where there will be none.
    async fn enter(&self, work: &Work) -> Result<Option<SemaphorePermit<'_>>> {
        match turn(&work.job, || work.what(), self.permits.acquire()).await? {
            Ok(_) if self.disabled.load(Ordering::Acquire) => Err(disabled(&self.blueprint)),
            Ok(permit) => Ok(Some(permit)),
            Err(_) => Ok(None),
        }
    }

    async fn hook(&self, hook: Hook<'_>) -> Result<()> {
        let Some(indices) = &self.blueprint.catalogued.exports.lifecycle else { return Ok(()) };
        Live::start(&self.blueprint, None).await?.hook(&self.blueprint, indices, hook).await?
    }
}

fn leave<T>(live: Live, ended: &Result<T>, job: &Job) {
    if matches!(ended, Err(Error::Cancelled { forced: true, .. })) {
        job.enter(CancelPhase::Forced);
    }
    drop(live);
}
