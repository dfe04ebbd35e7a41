//! A call that runs, and the means to stop it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::task::JoinHandle;

use crate::capability::job::{CallStats, Job};
use crate::error::{Error, Result};
use crate::event::{CancelPhase, Progress, Subscription};
use crate::value::Value;

/// A call that runs in a task of its own. Await it for its result; dropping it lets the call go on.
#[derive(Debug)]
pub struct Running {
    handle: Canceller,
    task: JoinHandle<Result<Value>>,
}

/// Watches a running call, and stops it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Canceller {
    job: Arc<Job>,
}

impl Running {
    pub(super) fn new(job: Arc<Job>, task: JoinHandle<Result<Value>>) -> Self {
        Self { handle: Canceller { job }, task }
    }

    /// A handle that can be used while this one is awaited.
    pub fn canceller(&self) -> Canceller {
        self.handle.clone()
    }
}

impl std::ops::Deref for Running {
    type Target = Canceller;

    fn deref(&self) -> &Canceller {
        &self.handle
    }
}

impl Future for Running {
    type Output = Result<Value>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.task).poll(context).map(joined)
    }
}

impl Canceller {
    pub(super) fn new(job: Arc<Job>) -> Self {
        Self { job }
    }

    /// The job's id.
    pub fn id(&self) -> &str {
        self.job.id()
    }

    /// Asks the call to stop. The guest has its grace time to end by itself; then its instance is dropped and made
    /// anew. Without effect on a call that has ended.
    pub fn cancel(&self) {
        self.job.cancel(false);
    }

    /// Stops the call at once: its instance is dropped and made anew.
    pub fn cancel_now(&self) {
        self.job.cancel(true);
    }

    /// How far a cancellation has come.
    pub fn phase(&self) -> CancelPhase {
        self.job.cancellation().phase()
    }

    /// How far the call has come, as the plugin last reported.
    pub fn progress(&self) -> Progress {
        self.job.progress()
    }

    /// What the plugin reported as used, by unit.
    pub fn usage(&self) -> Vec<(String, f64)> {
        self.job.usage()
    }

    /// What was measured; all zero before the call has ended.
    pub fn stats(&self) -> CallStats {
        self.job.stats()
    }

    /// What happens from now on to this call. Ends once all handles on the call are gone.
    pub fn events(&self) -> Subscription {
        self.job.subscribe()
    }
}

/// What became of a task that runs a call.
pub(super) fn joined<T>(ended: Result<Result<T>, tokio::task::JoinError>) -> Result<T> {
    ended.unwrap_or_else(|error| {
        Err(Error::fatal(format!("the call's task ended before the call did: {error}")))
    })
}
