//! `cjm:plugin/job` and `cjm:plugin/cancellation`: what a guest may ask of, and tell, the job that it runs for.

mod cancel;
mod sinks;
mod state;
mod watcher;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use wasmtime::component::{Access, Accessor, GuestTaskId, HasData, Linker};
use wasmtime::{AsContextMut, Result, StoreContextMut};

use super::bindings::{cancellation, job};

pub(crate) use cancel::Stopper;
pub(crate) use sinks::Sinks;
pub use state::CallStats;
pub(crate) use state::{Job, JobLimits};
pub(crate) use watcher::{Gauges, Watcher};

/// The one job of a Store that runs one at a time. Standard output and error look here too.
pub(crate) type Current = Arc<Mutex<Option<Arc<Job>>>>;

/// The jobs that a Store runs for.
#[derive(Default)]
pub(crate) struct JobCtx {
    current: Current,
    /// The jobs of a Store that runs several at a time, by the guest task that was started for each.
    by_task: HashMap<GuestTaskId, Arc<Job>>,
}

impl JobCtx {
    /// A handle on the job that runs now.
    pub(crate) fn current(&self) -> &Current {
        &self.current
    }

    pub(crate) fn begin(&mut self, job: Option<Arc<Job>>) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = job;
    }

    pub(crate) fn begin_task(&mut self, task: GuestTaskId, job: Arc<Job>) {
        self.by_task.insert(task, job);
    }

    pub(crate) fn end_task(&mut self, task: GuestTaskId) {
        self.by_task.remove(&task);
    }
}

/// A borrow of the state.
pub(crate) struct JobCtxView<'a> {
    pub(crate) ctx: &'a mut JobCtx,
}

/// What the data of a Store implements to lend this capability.
pub(crate) trait JobView: Send + 'static {
    fn job(&mut self) -> JobCtxView<'_>;
}

pub(crate) struct JobCapability;

impl HasData for JobCapability {
    type Data<'a> = JobCtxView<'a>;
}

pub(crate) fn add_to_linker<T: JobView>(linker: &mut Linker<T>) -> Result<()> {
    job::add_to_linker::<T, JobCapability>(linker, T::job)?;
    cancellation::add_to_linker::<T, JobCapability>(linker, T::job)
}

/// The job for which the guest code runs that is calling the host; none while a plugin is being described.
pub(crate) fn calling<T: 'static>(
    mut store: StoreContextMut<'_, T>,
    view: impl Fn(&mut T) -> JobCtxView<'_>,
) -> Option<Arc<Job>> {
    {
        let ctx = view(store.data_mut()).ctx;
        if ctx.by_task.is_empty() {
            return ctx.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        }
    }
    let stack: Vec<GuestTaskId> = store.async_call_stack().ok()?.collect();
    let ctx = view(store.data_mut()).ctx;
    stack.iter().find_map(|task| ctx.by_task.get(task)).cloned()
}

fn caller<T: 'static>(host: &mut Access<'_, T, JobCapability>) -> Option<Arc<Job>> {
    let view = host.getter();
    calling(host.as_context_mut(), view)
}

impl job::Host for JobCtxView<'_> {}

impl<T: 'static> job::HostWithStore<T> for JobCapability {
    fn id(mut host: Access<'_, T, Self>) -> String {
        caller(&mut host).map(|job| job.id().to_string()).unwrap_or_default()
    }

    fn attempt(mut host: Access<'_, T, Self>) -> u32 {
        caller(&mut host).map_or(1, |job| job.attempt())
    }

    fn report_progress(mut host: Access<'_, T, Self>, fraction: Option<f64>, message: String) {
        if let Some(job) = caller(&mut host) {
            job.report_progress(fraction, &message);
        }
    }

    fn report_usage(mut host: Access<'_, T, Self>, unit: String, amount: f64) {
        if let Some(job) = caller(&mut host) {
            job.report_usage(&unit, amount);
        }
    }

    fn is_cancelled(mut host: Access<'_, T, Self>) -> bool {
        caller(&mut host).is_some_and(|job| job.cancellation().is_requested())
    }
}

impl cancellation::Host for JobCtxView<'_> {}

impl<T: 'static + Send> cancellation::HostWithStore<T> for JobCapability {
    async fn requested(accessor: &Accessor<T, Self>) {
        match accessor.with(|mut host| caller(&mut host)) {
            Some(job) => job.cancellation().requested().await,
            None => std::future::pending().await,
        }
    }
}
