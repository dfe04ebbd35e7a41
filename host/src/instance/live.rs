//! An instance that is alive: a Store, and the functions that it exports.

use std::pin::pin;
use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, FutureReader, Instance, Lift, Lower, StreamReader, TypedFunc};

use super::blueprint::{Blueprint, Catalogued};
use super::convert;
use super::hook::Hook;
use super::lent::Lent;
use super::runner::{CallLimits, Work};
use super::state::State;
use super::stats::Counters;
use super::supervise::supervise;
use crate::capability::bindings::{exported, types};
use crate::capability::job::{CallStats, Job, JobLimits, Sinks, Stopper};
use crate::catalog::DescriptionData;
use crate::engine::{Began, FailureContext, classify};
use crate::error::{Error, Result};
use crate::policy::Limits;

/// Room beside the output itself in one transfer from the guest: media types, records, messages.
const TRANSFER_SLACK_BYTES: u64 = 1 << 20;

pub(super) type Outcome<T> = std::result::Result<T, types::Error>;
pub(super) type Execute = TypedFunc<(&'static str, &'static types::Value), (Outcome<types::Value>,)>;
pub(super) type ExecuteOwned = TypedFunc<(String, types::Value), (Outcome<types::Value>,)>;
pub(super) type StreamEnds = (StreamReader<types::Value>, FutureReader<Outcome<()>>);
pub(super) type ExecuteStream = TypedFunc<(String, types::Value), (Outcome<StreamEnds>,)>;

pub(super) struct Live {
    pub(super) store: Store<State>,
    pub(super) instance: Instance,
    execute: Execute,
    stopper: Arc<Stopper>,
    /// None while a plugin is being described.
    counters: Option<Arc<Counters>>,
}

/// What the guest computed before it was dropped in the middle counts as well.
impl Drop for Live {
    fn drop(&mut self) {
        if let Some(counters) = &self.counters {
            counters.used_cpu(self.stopper.meter.unaccounted());
        }
    }
}

impl Live {
    /// Makes and initializes an instance, on behalf of a job where one waits for it.
    pub(super) async fn start(blueprint: &Blueprint, job: Option<&Arc<Job>>) -> Result<Self> {
        Self::start_with(blueprint, &blueprint.config(), job).await
    }

    /// As [`start`](Self::start), with a configuration that is not in force yet.
    pub(super) async fn start_with(
        blueprint: &Blueprint,
        config: &str,
        job: Option<&Arc<Job>>,
    ) -> Result<Self> {
        let id = &blueprint.sinks.instance;
        let own;
        let job = match job {
            Some(job) => job,
            None => {
                own = blueprint.new_job();
                &own
            }
        };
        let what = || format!("initialization of `{id}`");
        let counters = Some(blueprint.counters.clone());
        let (catalogued, limits, lent) = (&blueprint.catalogued, &blueprint.limits, &blueprint.lent);
        let mut live = Self::instantiate(catalogued, limits, lent, counters, job, &what).await?;
        let initialize: TypedFunc<(&str,), (Outcome<()>,)> =
            live.function(&blueprint.catalogued.exports.initialize, what)?;
        let ended = live.run(&blueprint.catalogued, job, &blueprint.call_limits, &what, async |store| {
            initialize.call_async(store, (config,)).await
        });
        ended.await?.0.map_err(|error| convert::error_from_guest(&what(), error))?;
        blueprint.counters.made_instance();
        Ok(live)
    }

    /// Asks a plugin what it is. The Store is lent nothing, has no job, and is gone afterwards.
    pub(super) async fn describe(
        catalogued: &Catalogued,
        name: &str,
        limits: &Limits,
    ) -> Result<DescriptionData> {
        let sinks = Sinks::new(name.into(), Arc::default());
        let lent = Lent::nothing();
        let job = Arc::new(Job::new(Arc::new(sinks), JobLimits::from(limits)));
        let what = || format!("description of {name}");
        let mut live = Self::instantiate(catalogued, limits, &lent, None, &job, &what).await?;
        let describe: TypedFunc<(), (exported::Description,)> =
            live.function(&catalogued.exports.describe, what)?;
        let limits = CallLimits::from(limits);
        let (meter, ticker) = (live.stopper.meter.clone(), &catalogued.engine.ticker);
        meter.begin_first_slice();
        let ended = {
            let guest = pin!(describe.call_async(&mut live.store, ()));
            supervise(ticker, &meter, &job, &limits, guest).await
        };
        match ended {
            Ok((description,)) => Ok(convert::description(description)),
            Err(error) => Err(live.failure(&error, &limits, what)),
        }
    }

    /// Makes a Store and an instance in it, under the limits of a call: a component may run code as it is
    /// instantiated.
    async fn instantiate(
        catalogued: &Catalogued,
        limits: &Limits,
        lent: &Lent,
        counters: Option<Arc<Counters>>,
        job: &Arc<Job>,
        what: &impl Fn() -> String,
    ) -> Result<Self> {
        let engine = &catalogued.engine.engine;
        let mut store = Store::new(engine, State::new(limits, lent)?);
        if let Some(counters) = &counters {
            store.data_mut().limiter.count_on(counters.memory.clone());
        }
        store.limiter(|state| &mut state.limiter);
        let transfer = limits.output_bytes.max(limits.input_bytes).saturating_add(TRANSFER_SLACK_BYTES);
        store.set_hostcall_fuel(usize::try_from(transfer).unwrap_or(usize::MAX));
        store.set_epoch_deadline(1);
        let meter = store.data().meter.clone();
        store.epoch_deadline_callback({
            let meter = meter.clone();
            move |_| meter.on_tick()
        });
        let limits = CallLimits::from(limits);
        if let Some(fuel) = limits.fuel {
            // The engine was chosen for it; a Store that cannot count would run without a limit.
            store
                .set_fuel(fuel)
                .map_err(|error| Error::fatal(format!("fuel cannot be counted: {error:#}")))?;
        }
        meter.set_deadline(limits.cpu_time);
        let memory = store.data().limiter.memory().clone();
        let stopper = Arc::new(Stopper { meter: meter.clone(), memory, engine: engine.clone() });
        job.attach(&stopper);
        meter.begin_first_slice();
        let ended = {
            let guest = pin!(catalogued.pre.instantiate_async(&mut store));
            supervise(&catalogued.engine.ticker, &meter, job, &limits, guest).await
        };
        job.detach();
        let instance = ended.map_err(|error| failure(&store, &error, &limits, what))?;
        let execute = function(&mut store, &instance, &catalogued.exports.execute, what)?;
        Ok(Self { store, instance, execute, stopper, counters })
    }

    /// Runs one action. Any failure of the engine leaves the instance unusable, and is told apart from what the
    /// guest says of its own failure.
    pub(super) async fn execute(
        &mut self,
        catalogued: &Catalogued,
        work: &Work,
        input: &types::Value,
    ) -> Result<Outcome<types::Value>> {
        let (execute, action) = (self.execute, &*work.action);
        self.run(
            catalogued,
            &work.job,
            &work.limits,
            || work.what(),
            async move |store| execute.call_async(store, (action, input)).await,
        )
        .await
        .map(|(outcome,)| outcome)
    }

    /// Tells an instance that it goes. What it answers changes nothing any more.
    pub(super) async fn shut_down(&mut self, blueprint: &Blueprint) {
        let Some(indices) = &blueprint.catalogued.exports.lifecycle else { return };
        if let Err(error) | Ok(Err(error)) = self.hook(blueprint, indices, Hook::Shutdown).await {
            tracing::warn!(instance = &*blueprint.sinks.instance, %error, "an instance did not shut down in good order");
        }
    }

    /// Has an instance give back what hangs on its resources, and tells it that it goes. What it answers changes nothing
    /// any more.
    pub(super) async fn wind_up(&mut self, blueprint: &Blueprint) {
        if let Some(indices) = &blueprint.catalogued.exports.lifecycle {
            for resource in blueprint.config_schema.reload_resources() {
                let hook = Hook::Release { resource: &resource };
                if let Err(error) | Ok(Err(error)) = self.hook(blueprint, indices, hook).await {
                    tracing::warn!(instance = &*blueprint.sinks.instance, %error, "an instance did not give back what it holds in good order");
                    return;
                }
            }
        }
        self.shut_down(blueprint).await;
    }

    /// Runs guest code for a job, under the limits, and with the job told what was measured.
    pub(super) async fn run<T>(
        &mut self,
        catalogued: &Catalogued,
        job: &Arc<Job>,
        limits: &CallLimits,
        what: impl Fn() -> String,
        guest: impl AsyncFnOnce(&mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<T> {
        let began = self.begin(job, limits)?;
        let stopper = self.stopper.clone();
        let ended = {
            let guest = pin!(guest(&mut self.store));
            supervise(&catalogued.engine.ticker, &stopper.meter, job, limits, guest).await
        };
        self.end(job, limits, &began);
        ended.map_err(|error| self.failure(&error, limits, what))
    }

    fn begin(&mut self, job: &Arc<Job>, limits: &CallLimits) -> Result<Began> {
        let meter = &self.stopper.meter;
        let cpu = meter.cpu_time();
        meter.set_deadline(limits.cpu_time.map(|limit| cpu.saturating_add(limit)));
        self.store.set_epoch_deadline(1);
        if let Some(fuel) = limits.fuel {
            self.store.set_fuel(fuel).map_err(|_| {
                Error::invalid(format!(
                    "`{}` was loaded without a fuel limit, so that its fuel is not counted; load it with one",
                    job.instance()
                ))
            })?;
        }
        let state = self.store.data_mut();
        state.limiter.begin_call();
        state.stdio.begin_call();
        state.jobs.begin(Some(job.clone()));
        job.attach(&self.stopper);
        Ok(self.stopper.meter.begin_first_slice())
    }

    fn end(&mut self, job: &Job, limits: &CallLimits, began: &Began) {
        let (wall, cpu) = self.stopper.meter.since(began);
        job.detach();
        let fuel_left = limits.fuel.and_then(|_| self.store.get_fuel().ok());
        let state = self.store.data_mut();
        state.stdio.end_call();
        state.jobs.begin(None);
        let fuel_used = limits.fuel.zip(fuel_left).map(|(limit, left)| limit.saturating_sub(left));
        job.measured(CallStats {
            wall,
            cpu,
            memory_bytes: state.limiter.memory_bytes(),
            peak_memory_bytes: state.limiter.peak_memory_bytes(),
            fuel_used,
        });
        let Some(counters) = &self.counters else { return };
        counters.took(wall, self.stopper.meter.end_of(began, wall));
        counters.used_cpu(self.stopper.meter.unaccounted());
        if let Some(fuel) = fuel_used {
            counters.used_fuel(fuel);
        }
    }

    pub(super) fn stopper(&self) -> &Arc<Stopper> {
        &self.stopper
    }

    /// The typed error for a failure of the engine.
    pub(super) fn failure(
        &self,
        error: &wasmtime::Error,
        limits: &CallLimits,
        what: impl Fn() -> String,
    ) -> Error {
        failure(&self.store, error, limits, what)
    }

    pub(super) fn function<P, R>(
        &mut self,
        index: &wasmtime::component::ComponentExportIndex,
        what: impl Fn() -> String,
    ) -> Result<TypedFunc<P, R>>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        function(&mut self.store, &self.instance, index, what)
    }
}

fn failure(
    store: &Store<State>,
    error: &wasmtime::Error,
    limits: &CallLimits,
    what: impl Fn() -> String,
) -> Error {
    let state = store.data();
    let context = FailureContext {
        what: what(),
        limiter: &state.limiter,
        stderr: &state.stdio.stderr_tail(),
        wall_limit: limits.wall_time,
        cpu_limit: limits.cpu_time,
        fuel_limit: limits.fuel,
        output_limit: limits.output_bytes,
    };
    classify(error, context)
}

fn function<P, R>(
    store: &mut Store<State>,
    instance: &Instance,
    index: &wasmtime::component::ComponentExportIndex,
    what: impl Fn() -> String,
) -> Result<TypedFunc<P, R>>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    instance.get_typed_func(store, index).map_err(|error| {
        Error::invalid(format!(
            "{} is not possible: the plugin was built against another contract ({error:#}); build it again",
            what()
        ))
    })
}
