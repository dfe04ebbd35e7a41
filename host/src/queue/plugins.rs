//! Running jobs with the instances of a manager.

use std::sync::Arc;

use super::demand::{Demand, Footprint, Holding};
use super::new_job::{Interrupted, NewJob};
use super::runs::{Attempt, Runs, Stop};
use crate::capability::job::{Gauges, Watcher};
use crate::catalog::{Description, InstanceMode};
use crate::error::{Error, ResourceKind, Result};
use crate::event::{CancelPhase, EventKind, Subscription};
use crate::host::{Plugin, Running};
use crate::manager::{Expected, Instance, Manager};
use crate::policy::Limits;
use crate::value::Value;

/// A job runs on the manager's instance of its id, which is loaded where it is not. An instance that is switched off
/// keeps its jobs waiting.
impl Runs for Manager {
    /// Holds the input against the size that is allowed and the action's schema; loads the instance for that. A job of an
    /// action that is not idempotent fails where its process ends while it runs, unless it says otherwise.
    async fn check(&self, job: &mut NewJob) -> Result<()> {
        self.check_step(job).await?;
        let plugin = instance(self, job.instance()).await?.plugin()?;
        let description = plugin.description();
        let Some(action) = description.action(job.action()) else {
            return Err(description.unknown_action(job.action()));
        };
        let (size, limit) = (job.input().len() as u64, plugin.limits().input_bytes);
        if size > limit {
            let message = format!(
                "the input of action `{}` of `{}` is {size} bytes long, over the limit of {limit}; raise `input-bytes`",
                job.action(),
                job.instance()
            );
            return Err(Error::exhausted(ResourceKind::Input, message, Some(size), Some(limit)));
        }
        match job.input() {
            Value::Json(text) => action.validate_input_json(text),
            Value::Blob(_) => Ok(()),
        }
    }

    /// Holds the action against those that there are. The input is held against its schema when it is known: the step
    /// fails where it does not fit.
    async fn check_step(&self, job: &mut NewJob) -> Result<()> {
        let plugin = instance(self, job.instance()).await?.plugin()?;
        let description = plugin.description();
        let Some(action) = description.action(job.action()) else {
            return Err(description.unknown_action(job.action()));
        };
        job.interrupted_or(if action.idempotent { Interrupted::Retry } else { Interrupted::Fail });
        job.is_for(&description.name);
        Ok(())
    }

    fn room(&self, id: &str) -> Result<usize> {
        if self.is_disabled(id) {
            return Err(Error::Disabled { plugin: id.to_owned() });
        }
        let Ok(plugin) = loaded(self, id) else {
            // The first job loads it. Where nobody knows what it will be, the others wait for that.
            return Ok(self.expected(id).map_or(1, |expected| room(expected.mode, &expected.limits)));
        };
        if !plugin.is_enabled() {
            return Err(Error::Disabled { plugin: id.to_owned() });
        }
        Ok(room(plugin.instance_mode(), plugin.limits()))
    }

    fn footprint(&self, id: &str) -> Footprint {
        let footprint = |mode, limits: &Limits, job| Footprint {
            job,
            each: mode == InstanceMode::Fresh,
            memory_limit: Some(limits.memory_bytes),
            configuration: None,
        };
        match loaded(self, id) {
            Ok(plugin) => Footprint {
                configuration: Some(plugin.configuration_digest()),
                ..footprint(plugin.instance_mode(), plugin.limits(), said(plugin.description()))
            },
            Err(_) => {
                let expected = self.expected(id);
                let of = |expected: Expected| {
                    footprint(expected.mode, &expected.limits, said(&expected.record.description))
                };
                expected.map(of).unwrap_or_default()
            }
        }
    }

    fn holdings(&self) -> Vec<Holding> {
        let holding = |instance: Instance| {
            let plugin = instance.plugin().ok()?;
            Some(Holding { instance: instance.id().to_owned(), held: held(&plugin), idle: plugin.idle_for() })
        };
        self.instances().into_iter().filter_map(holding).collect()
    }

    /// Whoever loaded it: it stays loaded, and all handles on it stay good.
    async fn evict(&self, id: &str) -> Result<Demand> {
        let before = held(&loaded(self, id)?);
        Ok(match Manager::evict(self, id).await? {
            0 => Demand::NONE,
            memory_bytes => Demand { memory_bytes, ..before },
        })
    }

    fn events(&self) -> Option<Subscription> {
        Some(self.host().events_outside())
    }

    async fn run(&self, attempt: Attempt, input: Value) -> Result<Value> {
        let plugin = instance(self, attempt.instance()).await?.plugin()?;
        let gauges = Arc::new(Gauges::default());
        attempt.measure(plugin.configuration_digest(), {
            let gauges = gauges.clone();
            move || gauges.read()
        });
        let call = plugin.call(attempt.action(), input).job(attempt.id().to_string(), attempt.number());
        let running = call.watched_by(watcher(attempt.clone(), gauges)).start();
        finish(&attempt, running).await
    }
}

/// The plugin of the instance of this id, if it is loaded.
fn loaded(manager: &Manager, id: &str) -> Result<Plugin> {
    manager.instance(id)?.plugin()
}

/// What a plugin says that a call takes up.
fn said(description: &Description) -> Demand {
    let needs = description.config_schema.needs();
    Demand {
        memory_bytes: needs.memory_bytes.unwrap_or(0),
        gpu_memory_bytes: needs.gpu_memory_bytes.unwrap_or(0),
    }
}

/// What an instance has now. Of a GPU nobody measures that; it is taken to keep what its first call took.
fn held(plugin: &Plugin) -> Demand {
    let stats = plugin.stats();
    let keeps = stats.memory_bytes > 0 && stats.calls > 0;
    let keeps = keeps && (stats.running > 0 || plugin.instance_mode() != InstanceMode::Fresh);
    Demand {
        memory_bytes: stats.memory_bytes,
        gpu_memory_bytes: if keeps { said(plugin.description()).gpu_memory_bytes } else { 0 },
    }
}

/// How many jobs an instance runs at once.
fn room(mode: InstanceMode, limits: &Limits) -> usize {
    match mode {
        InstanceMode::Exclusive => 1,
        InstanceMode::Shared | InstanceMode::Fresh => limits.max_concurrency.max(1) as usize,
    }
}

/// The instance of this id, loaded.
async fn instance(manager: &Manager, id: &str) -> Result<Instance> {
    match manager.instance(id) {
        Ok(instance) => Ok(instance),
        Err(_) => manager.load_as(&manager.plugin_of(id).await?, id).await,
    }
}

/// Waits for the end of a call, and stops it when that is asked for.
async fn finish(attempt: &Attempt, mut running: Running) -> Result<Value> {
    let canceller = running.canceller();
    let stop = async {
        let mut stop = attempt.stopped().await;
        loop {
            match stop {
                // It goes on later, so that it need not be let to its end; nor need what took too long.
                Stop::CancelledNow | Stop::TimedOut => canceller.cancel_now(),
                Stop::Cancelled | Stop::Closing => canceller.cancel(),
            }
            stop = attempt.stopped_more(stop).await;
        }
    };
    tokio::select! {
        ended = &mut running => ended,
        () = stop => Err(Error::fatal("a call that was stopped is waited for, whatever happens")),
    }
}

/// Hands on what a call tells. A subscriber would miss some of it where the guest tells more than a thousand things
/// before this task has its turn.
fn watcher(attempt: Attempt, gauges: Arc<Gauges>) -> Watcher {
    let tell = move |kind| match kind {
        // The queue has told that itself, when it was asked.
        EventKind::Cancel { phase: CancelPhase::Requested } => {}
        kind => attempt.report(kind),
    };
    Watcher { tell: Box::new(tell), gauges }
}
