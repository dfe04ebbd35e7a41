//! One call at a time in one instance that lives on.
//!
//! The caller's own task runs the guest: there is no hop to another thread. The instance is taken out of its slot for
//! the time of a call, so that a call whose future is dropped takes its instance with it, and the next call makes a
//! new one.

use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};

use super::blueprint::Blueprint;
use super::convert;
use super::live::{Hook, Live};
use super::runner::{Work, closed, turn};
use super::stream::{Items, serve};
use crate::capability::job::Job;
use crate::error::{Error, Result};
use crate::event::CancelPhase;
use crate::value::Value;

pub(crate) struct Exclusive {
    blueprint: Arc<Blueprint>,
    slot: Mutex<Slot>,
}

enum Slot {
    Alive(Box<Live>),
    /// To be made when it is needed.
    Dead,
    Closed,
}

impl Exclusive {
    pub(super) async fn start(blueprint: Arc<Blueprint>) -> Result<Self> {
        let live = Live::start(&blueprint, None).await?;
        Ok(Self { blueprint, slot: Mutex::new(Slot::Alive(Box::new(live))) })
    }

    pub(super) async fn execute(&self, mut work: Work) -> Result<Value> {
        let mut slot = self.enter(&work).await?;
        let mut live = self.take(&mut slot, Some(&work.job)).await?;
        let input = work.take_input();
        let what = || work.what();
        let ended = live.execute(&self.blueprint.catalogued, &work, &input).await;
        match ended {
            Ok(outcome) => {
                *slot = Slot::Alive(live);
                drop(slot);
                let value = outcome.map_err(|error| convert::error_from_guest(&what(), error))?;
                convert::from_guest(what, value, work.limits.output_bytes)
            }
            Err(error) => {
                // A new instance may take a while, and the input may be large.
                drop(input);
                Box::pin(self.replace(&mut slot, live, &error, &work.job)).await;
                Err(error)
            }
        }
    }

    pub(super) async fn stream(&self, mut work: Work, items: Items) -> Result<()> {
        let mut slot = self.enter(&work).await?;
        let mut live = self.take(&mut slot, Some(&work.job)).await?;
        match stream(&self.blueprint, &mut live, &mut work, items).await {
            Ok(outcome) => {
                *slot = Slot::Alive(live);
                outcome.map_err(|error| convert::error_from_guest(&work.what(), error))
            }
            Err(error) => {
                self.replace(&mut slot, live, &error, &work.job).await;
                Err(error)
            }
        }
    }

    pub(super) async fn hook(&self, hook: Hook<'_>) -> Result<()> {
        let Some(indices) = &self.blueprint.catalogued.exports.lifecycle else { return Ok(()) };
        let mut slot = self.slot.lock().await;
        let mut live = self.take(&mut slot, None).await?;
        match live.hook(&self.blueprint, indices, hook).await {
            Ok(outcome) => {
                *slot = Slot::Alive(live);
                outcome.map_err(|error| convert::error_from_guest("the hook", error))
            }
            Err(error) => {
                drop(live);
                self.revive(&mut slot).await;
                Err(error)
            }
        }
    }

    pub(super) async fn reconfigure(&self, config: Arc<str>) -> Result<()> {
        let mut slot = self.slot.lock().await;
        let mut live = self.take(&mut slot, None).await?;
        let old = self.blueprint.config();
        if let Some(indices) = &self.blueprint.catalogued.exports.lifecycle {
            let hook = Hook::Reconfigure { old: &old, new: &config };
            if let Ok(Ok(())) = live.hook(&self.blueprint, indices, hook).await {
                self.blueprint.set_config(config);
                *slot = Slot::Alive(live);
                return Ok(());
            }
        }
        drop(live);
        self.blueprint.set_config(config);
        match Live::start(&self.blueprint, None).await {
            Ok(live) => {
                *slot = Slot::Alive(Box::new(live));
                Ok(())
            }
            Err(error) => {
                // The plugin refused: it goes on as it was.
                self.blueprint.set_config(old);
                self.revive(&mut slot).await;
                Err(error)
            }
        }
    }

    pub(super) async fn close(&self) {
        let mut slot = self.slot.lock().await;
        if let Slot::Alive(mut live) = std::mem::replace(&mut *slot, Slot::Closed) {
            shut_down(&self.blueprint, &mut live).await;
        }
    }

    async fn enter(&self, work: &Work) -> Result<MutexGuard<'_, Slot>> {
        match self.slot.try_lock() {
            Ok(slot) if !work.job.cancellation().is_requested() => Ok(slot),
            Ok(_) => Err(Error::Cancelled { what: work.what(), forced: false }),
            Err(_) => turn(&work.job, || work.what(), self.slot.lock()).await,
        }
    }

    async fn take(&self, slot: &mut Slot, job: Option<&Arc<Job>>) -> Result<Box<Live>> {
        match std::mem::replace(slot, Slot::Dead) {
            Slot::Alive(live) => Ok(live),
            Slot::Dead => Ok(Box::new(Box::pin(Live::start(&self.blueprint, job)).await?)),
            Slot::Closed => {
                *slot = Slot::Closed;
                Err(closed(&self.blueprint))
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
        match Live::start(&self.blueprint, None).await {
            Ok(live) => {
                *slot = Slot::Alive(Box::new(live));
                true
            }
            Err(error) => {
                tracing::warn!(instance = &*self.blueprint.sinks.instance, %error, "an instance could not be made anew");
                *slot = Slot::Dead;
                false
            }
        }
    }
}

/// Runs a streaming action in an instance that nobody else uses.
pub(super) async fn stream(
    blueprint: &Blueprint,
    live: &mut Live,
    work: &mut Work,
    items: Items,
) -> Result<super::live::Outcome<()>> {
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

/// Tells an instance that it goes. What it answers changes nothing any more.
pub(super) async fn shut_down(blueprint: &Blueprint, live: &mut Live) {
    if let Some(indices) = &blueprint.catalogued.exports.lifecycle
        && let Err(error) = live.hook(blueprint, indices, Hook::Shutdown).await
    {
        tracing::warn!(instance = &*blueprint.sinks.instance, %error, "an instance did not shut down in good order");
    }
}
