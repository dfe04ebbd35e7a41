//! What a plugin is told between jobs: the hooks of its life cycle.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::Store;
use wasmtime::component::TypedFunc;

use super::blueprint::{Blueprint, LifecycleIndices};
use super::convert;
use super::live::{Live, Outcome};
use super::runner::CallLimits;
use super::state::State;
use crate::error::{Clock, Error, Result};
use crate::event::CancelPhase;

/// Which hook of the life cycle to call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hook<'a> {
    /// Stopped where nothing new is reported for so long.
    Prefetch {
        stall: Duration,
    },
    Release {
        resource: &'a str,
    },
    Reconfigure {
        old: &'a str,
        new: &'a str,
    },
    Enabled,
    Disabled,
    Shutdown,
}

/// What became of guest work: an outer error leaves the instance unusable, after an inner one it is as good as before.
pub(super) type Answer<T> = Result<Result<T>>;

impl Hook<'_> {
    fn name(self) -> &'static str {
        match self {
            Hook::Prefetch { .. } => "prefetch",
            Hook::Release { .. } => "release",
            Hook::Reconfigure { .. } => "reconfigure",
            Hook::Enabled => "enabled",
            Hook::Disabled => "disabled",
            Hook::Shutdown => "shutdown",
        }
    }
}

impl Live {
    /// Calls a hook.
    pub(super) async fn hook(
        &mut self,
        blueprint: &Blueprint,
        indices: &LifecycleIndices,
        hook: Hook<'_>,
    ) -> Answer<()> {
        let what = || format!("hook `{}` of `{}`", hook.name(), blueprint.sinks.instance);
        match hook {
            Hook::Prefetch { stall } => self.prefetch(blueprint, indices, stall, what).await,
            Hook::Release { resource } => {
                let function: TypedFunc<(&str,), (Outcome<()>,)> = self.function(&indices.release, what)?;
                let run = async move |store: &mut Store<State>| function.call_async(store, (resource,)).await;
                self.between_jobs(blueprint, what, run).await
            }
            Hook::Reconfigure { old, new } => {
                let function: TypedFunc<(&str, &str), (Outcome<()>,)> =
                    self.function(&indices.reconfigure, what)?;
                let run = async move |store: &mut Store<State>| function.call_async(store, (old, new)).await;
                self.between_jobs(blueprint, what, run).await
            }
            Hook::Enabled | Hook::Disabled | Hook::Shutdown => {
                let index = match hook {
                    Hook::Enabled => &indices.enabled,
                    Hook::Disabled => &indices.disabled,
                    _ => &indices.shutdown,
                };
                let function: TypedFunc<(), ()> = self.function(index, what)?;
                let run = async move |store: &mut Store<State>| {
                    function.call_async(store, ()).await.map(|()| (Ok(()),))
                };
                self.between_jobs(blueprint, what, run).await
            }
        }
    }

    /// Runs guest work that no caller asked for, in a job of its own, under the limits of a call.
    pub(super) async fn between_jobs<T>(
        &mut self,
        blueprint: &Blueprint,
        what: impl Fn() -> String,
        guest: impl AsyncFnOnce(&mut Store<State>) -> wasmtime::Result<(Outcome<T>,)>,
    ) -> Answer<T> {
        let job = blueprint.new_job();
        let ended = self.run(&blueprint.catalogued, &job, &blueprint.call_limits, &what, guest).await;
        job.finish();
        let (outcome,) = ended?;
        Ok(outcome.map_err(|error| convert::error_from_guest(&what(), error)))
    }

    /// Has the plugin fetch what its first job would wait for, for as long as it reports progress. One that does not is
    /// cancelled like a call: it is asked, has its grace time, and then is stopped by force.
    async fn prefetch(
        &mut self,
        blueprint: &Blueprint,
        indices: &LifecycleIndices,
        stall: Duration,
        what: impl Fn() -> String,
    ) -> Answer<()> {
        let function: TypedFunc<(), (Outcome<()>,)> = self.function(&indices.prefetch, &what)?;
        let job = Arc::new(blueprint.unshared_job().watched_for_progress());
        let limits = CallLimits { wall_time: None, ..(*blueprint.call_limits).clone() };
        let mut stalled = false;
        let ended = {
            let mut run = pin!(self.run(&blueprint.catalogued, &job, &limits, &what, async move |store| {
                function.call_async(store, ()).await
            }));
            tokio::select! {
                biased;
                ended = &mut run => ended,
                () = job.stalled(stall) => {
                    stalled = true;
                    job.cancel(false);
                    run.await
                }
            }
        };
        if stalled && matches!(ended, Err(Error::Cancelled { forced: true, .. })) {
            job.enter(CancelPhase::Forced);
        }
        job.finish();
        let out_of_time = || Error::TimedOut { what: what(), clock: Clock::Progress, limit: stall };
        match ended.map(|(outcome,)| outcome.map_err(|error| convert::error_from_guest(&what(), error))) {
            Ok(Err(Error::Cancelled { .. })) if stalled => Ok(Err(out_of_time())),
            Err(Error::Cancelled { .. }) if stalled => Err(out_of_time()),
            ended => ended,
        }
    }
}
