//! One call at a time in one instance that lives on.
//!
//! The caller's own task runs the guest: there is no hop to another thread. The instance is taken out of its slot for
//! the time of a call, so that a call whose future is dropped takes its instance with it, and the next call makes a
//! new one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

use super::blueprint::Blueprint;
use super::convert;
use super::hook::{Answer, Hook};
use super::live::{Live, Outcome};
use super::options::Choices;
use super::reconfigure::reconfigure;
use super::runner::{Undone, Work, closed, disabled, turn};
use super::stats::Counted;
use super::stream::{Items, serve};
use crate::capability::job::Job;
use crate::error::{Error, Result};
use crate::event::CancelPhase;
use crate::value::Value;

pub(crate) struct Exclusive {
    blueprint: Arc<Blueprint>,
    slot: Mutex<Slot>,
}

struct Slot {
    /// None where the instance is to be made when it is needed.
    live: Option<Box<Live>>,
    gate: Gate,
}

/// Whether calls are taken: decided between two calls, so that none slips in behind a hook.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gate {
    Open,
    Disabled,
    Closed,
}

impl Exclusive {
    pub(super) async fn start(blueprint: Arc<Blueprint>) -> Result<Self> {
        let live = Some(Box::new(Live::start(&blueprint, None).await?));
        Ok(Self { blueprint, slot: Mutex::new(Slot { live, gate: Gate::Open }) })
    }

    pub(super) async fn execute(&self, mut work: Work) -> Result<Value, Undone<Work>> {
        let mut slot = self.enter(&work).await?;
        if slot.gate == Gate::Closed {
            return Err(Undone::Closed(Box::new(work)));
        }
        let mut counted = Counted::begin(&self.blueprint.counters);
        let mut live =
            self.take(&mut slot, Some(&work.job)).await.inspect_err(|error| counted.failed(error))?;
        let input = work.take_input();
        let what = || work.what();
        let ended = live.execute(&self.blueprint.catalogued, &work, &input).await;
        match ended {
            Ok(outcome) => {
                slot.live = Some(live);
                drop(slot);
                let value = outcome
                    .map_err(|error| convert::error_from_guest(&what(), error))
                    .and_then(|value| convert::from_guest(what, value, work.limits.output_bytes));
                Ok(counted.note(value)?)
            }
            Err(error) => {
                counted.failed(&error);
                // A new instance may take a while, and the input may be large.
                drop(input);
                Box::pin(self.replace(&mut slot, live, &error, &work.job)).await;
                Err(error.into())
            }
        }
    }

    pub(super) async fn stream(&self, mut work: Work, items: Items) -> Result<(), Undone<(Work, Items)>> {
        let mut slot = self.enter(&work).await?;
        if slot.gate == Gate::Closed {
            return Err(Undone::Closed(Box::new((work, items))));
        }
        let mut counted = Counted::begin(&self.blueprint.counters);
        let mut live =
            self.take(&mut slot, Some(&work.job)).await.inspect_err(|error| counted.failed(error))?;
        match stream(&self.blueprint, &mut live, &mut work, items).await {
            Ok(outcome) => {
                slot.live = Some(live);
                let ended = outcome.map_err(|error| convert::error_from_guest(&work.what(), error));
                Ok(counted.note(ended)?)
            }
            Err(error) => {
                counted.failed(&error);
                self.replace(&mut slot, live, &error, &work.job).await;
                Err(error.into())
            }
        }
    }

    /// Has the plugin fetch what its first call would wait for.
    pub(super) async fn prefetch(&self, stall: Duration) -> Result<()> {
        let mut slot = self.enter_between().await?;
        self.hook(&mut slot, Hook::Prefetch { stall }).await
    }

    /// Opens or shuts the gate for calls, and tells the plugin.
    pub(super) async fn switch(&self, on: bool) -> Result<()> {
        let mut slot = self.enter_between().await?;
        slot.gate = if on { Gate::Open } else { Gate::Disabled };
        self.hook(&mut slot, if on { Hook::Enabled } else { Hook::Disabled }).await
    }

    pub(super) async fn config_options(&self) -> Result<Choices> {
        let Some(index) = &self.blueprint.catalogued.exports.options else { return Ok(Choices::new()) };
        let mut slot = self.enter_between().await?;
        let mut live = self.take(&mut slot, None).await?;
        let answer = live.choices(&self.blueprint, index).await;
        self.settle(&mut slot, live, answer).await
    }

    pub(super) async fn reconfigure(&self, config: Arc<str>) -> Result<()> {
        let mut slot = self.enter_between().await?;
        let live = slot.live.take();
        let (live, ended) = reconfigure(&self.blueprint, live, config).await;
        slot.live = live;
        ended
    }

    pub(super) async fn evict(&self) -> bool {
        // Whoever holds the slot, or waits for it, uses the instance.
        let Ok(mut slot) = self.slot.try_lock() else { return false };
        let Some(mut live) = slot.live.take() else { return false };
        live.wind_up(&self.blueprint).await;
        true
    }

    pub(super) async fn close(&self) {
        let mut slot = self.slot.lock().await;
        slot.gate = Gate::Closed;
        if let Some(mut live) = slot.live.take() {
            live.shut_down(&self.blueprint).await;
        }
    }

    /// Waits for the call's turn.
    async fn enter(&self, work: &Work) -> Result<MutexGuard<'_, Slot>> {
        let slot = match self.slot.try_lock() {
            Ok(slot) if !work.job.cancellation().is_requested() => slot,
            Ok(_) => return Err(Error::Cancelled { what: work.what(), forced: false }),
            Err(_) => turn(&work.job, || work.what(), self.slot.lock()).await?,
        };
        match slot.gate {
            Gate::Disabled => Err(disabled(&self.blueprint)),
            Gate::Open | Gate::Closed => Ok(slot),
        }
    }

    /// Waits until the calls that are there have ended.
    async fn enter_between(&self) -> Result<MutexGuard<'_, Slot>> {
        let slot = self.slot.lock().await;
        if slot.gate == Gate::Closed { Err(closed(&self.blueprint)) } else { Ok(slot) }
    }

    /// Calls a hook; nothing where the plugin has none.
    async fn hook(&self, slot: &mut Slot, hook: Hook<'_>) -> Result<()> {
        let Some(indices) = &self.blueprint.catalogued.exports.lifecycle else { return Ok(()) };
        let mut live = self.take(slot, None).await?;
        let answer = live.hook(&self.blueprint, indices, hook).await;
        self.settle(slot, live, answer).await
    }

    async fn take(&self, slot: &mut Slot, job: Option<&Arc<Job>>) -> Result<Box<Live>> {
        match slot.live.take() {
            Some(live) => Ok(live),
            None => Ok(Box::new(Box::pin(Live::start(&self.blueprint, job)).await?)),
        }
    }

    /// Puts the instance back after work between two calls, or a new one where it cannot go on.
    async fn settle<T>(&self, slot: &mut Slot, live: Box<Live>, answer: Answer<T>) -> Result<T> {
        match answer {
            Ok(answer) => {
                slot.live = Some(live);
                answer
            }
            Err(error) => {
                drop(live);
                self.revive(slot).await;
                Err(error)
            }
        }
    }

    /// Puts a new instance in the place of one that the engine gave up on.
    async fn replace(&self, slot: &mut Slot, live: Box<Live>, error: &Error, job: &Job) {
        let forced = matches!(error, Error::Cancelled { forced: true, .. });
        if forced {
            job.enter(CancelPhase::Forced);
        }
        drop(live);
        if self.revive(slot).await && forced {
            job.enter(CancelPhase::Reloaded);
        }
    }

    /// Makes a new instance. One that cannot be made now is made, or its error told, at the next call.
    async fn revive(&self, slot: &mut Slot) -> bool {
        slot.live = revived(&self.blueprint).await;
        slot.live.is_some()
    }
}

/// A new instance in the place of one that cannot go on, if it can be made.
pub(super) async fn revived(blueprint: &Blueprint) -> Option<Box<Live>> {
    match Live::start(blueprint, None).await {
        Ok(live) => Some(Box::new(live)),
        Err(error) => {
            tracing::warn!(instance = &*blueprint.sinks.instance, %error, "an instance could not be made anew");
            None
        }
    }
}

/// Runs a streaming action in an instance that nobody else uses.
pub(super) async fn stream(
    blueprint: &Blueprint,
    live: &mut Live,
    work: &mut Work,
    items: Items,
) -> Result<Outcome<()>> {
    let catalogued = &blueprint.catalogued;
    let Some(index) = &catalogued.exports.execute_stream else {
        return Err(Error::invalid(format!("plugin `{}` does not stream", blueprint.sinks.instance)));
    };
    let execute = live.function(index, || work.what())?;
    let (action, input) = (work.action.to_string(), work.take_input());
    live.run(
        catalogued,
        &work.job,
        &work.limits,
        || work.what(),
        async move |store| {
            store
                .run_concurrent(async |accessor| serve(accessor, execute, action, input, items, None).await)
                .await?
        },
    )
    .await
}
