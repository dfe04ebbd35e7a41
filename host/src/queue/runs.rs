//! What runs jobs, and what it is given.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::watch;

use super::demand::{Demand, Footprint, Holding};
use super::id::JobId;
use super::measure::Measure;
use super::new_job::NewJob;
use super::report::Report;
use crate::catalog::Digest;
use crate::error::Result;
use crate::event::{EventKind, Measured, Subscription};
use crate::store::About;
use crate::value::Value;

/// What a queue runs its jobs with.
///
/// # Examples
///
/// ```
/// use cjm_host::{Attempt, NewJob, Queue, Result, Runs, Value};
///
/// /// Gives back what it is given.
/// struct Echo;
///
/// impl Runs for Echo {
///     async fn run(&self, _attempt: Attempt, input: Value) -> Result<Value> {
///         Ok(input)
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// let queue = Queue::builder(dir.path()).open(Echo).await?;
/// let id = queue.submit(NewJob::new("echo", "echo", serde_json::json!("hello"))).await?;
/// queue.wait(id, None).await?;
/// assert_eq!(queue.result(id).await?.to::<String>()?, "hello");
/// # Ok(())
/// # }
/// ```
pub trait Runs: Send + Sync + 'static {
    /// Holds a job against what is known of its instance and action, before it is accepted, and may fill in what was left
    /// open. Default: takes everything.
    ///
    /// # Errors
    ///
    /// Why the job cannot be accepted; [`submit`](crate::Queue::submit) fails with it.
    fn check(&self, job: &mut NewJob) -> impl Future<Output = Result<()>> + Send {
        let _ = job;
        async { Ok(()) }
    }

    /// The same of a step of a sequence whose input is not known yet, since it uses the result of an earlier one. What
    /// stands in the input instead of that is not to be looked at. Default: takes everything.
    ///
    /// # Errors
    ///
    /// As for [`check`](Self::check).
    fn check_step(&self, job: &mut NewJob) -> impl Future<Output = Result<()>> + Send {
        let _ = job;
        async { Ok(()) }
    }

    /// How many jobs of this instance may run at once. Default: as many as the queue runs.
    ///
    /// It is asked often, and must answer at once. After the answer changes, call [`wake`](crate::Queue::wake).
    ///
    /// # Errors
    ///
    /// Why the instance takes no jobs now, for example `disabled`: its jobs wait.
    fn room(&self, instance: &str) -> Result<usize> {
        let _ = instance;
        Ok(usize::MAX)
    }

    /// What the jobs of this instance are expected to take up, as far as it was not measured. Default: nothing is known.
    ///
    /// It is asked often, and must answer at once; unless the queue is [`Admission::Permissive`](crate::Admission).
    fn footprint(&self, instance: &str) -> Footprint {
        let _ = instance;
        Footprint::default()
    }

    /// What all instances that are loaded take up now. Asked at most a few times a second, and only where
    /// it is known what a job takes up that waits. Default: nothing is loaded.
    fn holdings(&self) -> Vec<Holding> {
        Vec::new()
    }

    /// Has an instance give back what it takes up, if nothing runs in it; its next job gets it again. Tells how much that
    /// was: nothing where something runs in it. Default: nothing can be given back.
    ///
    /// # Errors
    ///
    /// Why it could not give it back.
    fn evict(&self, instance: &str) -> impl Future<Output = Result<Demand>> + Send {
        let _ = instance;
        async { Ok(Demand::NONE) }
    }

    /// What happens outside of jobs, and is to be stored among the queue's events. Taken once, when the queue is opened.
    /// Each of them also has the queue look again whether jobs can be started. Default: nothing.
    fn events(&self) -> Option<Subscription> {
        None
    }

    /// Makes one attempt.
    ///
    /// When [`Attempt::stopped`] resolves, it is to end soon; whatever error it then ends with, the job is cancelled,
    /// timed out, or postponed, as the one who stopped it wants. The future is never dropped before its end, unless the
    /// runtime is.
    ///
    /// # Errors
    ///
    /// Why the attempt failed. A retriable error lets the job be tried again, if its options say so.
    fn run(&self, attempt: Attempt, input: Value) -> impl Future<Output = Result<Value>> + Send;
}

/// Why an attempt is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stop {
    /// The queue is closed: the job goes on later, or fails, as its options say.
    Closing,
    /// It took as long as it may, or its deadline is here.
    TimedOut,
    /// Somebody cancelled the job.
    Cancelled,
    /// Somebody cancelled the job, and does not wait for a grace time.
    CancelledNow,
}

/// One attempt at a job, as its runner sees it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub(super) inner: Arc<Current>,
}

/// What is known of an attempt while it is made.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) id: JobId,
    pub(super) instance: String,
    pub(super) action: String,
    pub(super) number: u32,
    pub(super) sequence_id: Option<[u8; 16]>,
    pub(super) stop: watch::Sender<Option<Stop>>,
    pub(super) report: Report,
    pub(super) measure: Measure,
}

impl Attempt {
    /// The job's id.
    pub fn id(&self) -> JobId {
        self.inner.id
    }

    /// The instance that it is to run on.
    pub fn instance(&self) -> &str {
        &self.inner.instance
    }

    /// The action.
    pub fn action(&self) -> &str {
        &self.inner.action
    }

    /// Which attempt it is, from 1.
    pub fn number(&self) -> u32 {
        self.inner.number
    }

    /// Tells something of the attempt: it becomes an event of the job within a tenth of a second. Of progress, the
    /// latest is kept, and of what is used of the machine; amounts used of one unit are added up, and what is no amount
    /// is left out; of the rest, what is over 10,000 records or 4 MiB in that time is counted and left out. Never waits.
    /// Without effect after the attempt.
    pub fn report(&self, kind: EventKind) {
        self.inner.report.push(kind);
    }

    /// Says how to look at what the attempt uses, and the configuration that it runs with: the attempt counts in the
    /// [`Profile`](crate::Profile) of its instance and that configuration. Without this it counts in none.
    ///
    /// `look` is asked once in a while, whenever somebody wants to know, and once more when the attempt has ended: what it
    /// then says is what is counted. It must answer at once, with none for as long as nothing ran; where it says that in
    /// the end, the attempt does not count. What it holds is dropped with the attempt.
    ///
    /// ```
    /// # use cjm_host::{Attempt, Digest, Measured, Result, Value};
    /// # async fn compute(_: Value) -> Result<Value> { Ok(Value::from(serde_json::json!(1))) }
    /// # async fn run(attempt: Attempt, input: Value) -> Result<Value> {
    /// // Its time and its outcome count, and nothing else is known.
    /// attempt.measure(Digest::of(b"the only configuration"), || Some(Measured::default()));
    /// compute(input).await
    /// # }
    /// ```
    pub fn measure(
        &self,
        configuration: Digest,
        look: impl Fn() -> Option<Measured> + Send + Sync + 'static,
    ) {
        self.inner.measure.set(configuration, Arc::new(look));
    }

    /// Waits until the attempt is to end. Cancel safe.
    pub async fn stopped(&self) -> Stop {
        let mut stop = self.inner.stop.subscribe();
        loop {
            if let Some(stop) = *stop.borrow_and_update() {
                return stop;
            }
            // The sender is in `self`, so that it cannot be gone.
            let _ = stop.changed().await;
        }
    }

    /// Waits until the attempt is to end for a reason that is more pressing than this one. Cancel safe.
    pub async fn stopped_more(&self, than: Stop) -> Stop {
        let mut stop = self.inner.stop.subscribe();
        loop {
            if let Some(stop) = (*stop.borrow_and_update()).filter(|stop| *stop > than) {
                return stop;
            }
            let _ = stop.changed().await;
        }
    }

    /// Whether the attempt is to end, and why.
    pub fn stop_requested(&self) -> Option<Stop> {
        *self.inner.stop.borrow()
    }
}

impl Current {
    /// What the events of the attempt are of.
    pub(super) fn about(&self) -> About<'_> {
        About {
            job: Some(self.id.as_bytes()),
            instance: &self.instance,
            attempt: self.number,
            sequence_id: self.sequence_id.as_ref(),
        }
    }

    /// Asks the attempt to end. A more pressing reason replaces a less pressing one.
    pub(super) fn stop(&self, reason: Stop) {
        self.stop.send_if_modified(|stop| {
            let pressing = stop.is_none_or(|old| old < reason);
            if pressing {
                *stop = Some(reason);
            }
            pressing
        });
    }
}

pub(super) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// [`Runs`] behind a pointer.
pub(super) trait Runner: Send + Sync {
    fn check<'a>(&'a self, job: &'a mut NewJob) -> BoxFuture<'a, Result<()>>;
    fn check_step<'a>(&'a self, job: &'a mut NewJob) -> BoxFuture<'a, Result<()>>;
    fn room(&self, instance: &str) -> Result<usize>;
    fn footprint(&self, instance: &str) -> Footprint;
    fn holdings(&self) -> Vec<Holding>;
    fn evict<'a>(&'a self, instance: &'a str) -> BoxFuture<'a, Result<Demand>>;
    fn events(&self) -> Option<Subscription>;
    fn run(&self, attempt: Attempt, input: Value) -> BoxFuture<'_, Result<Value>>;
}

impl<R: Runs> Runner for R {
    fn check<'a>(&'a self, job: &'a mut NewJob) -> BoxFuture<'a, Result<()>> {
        Box::pin(Runs::check(self, job))
    }

    fn check_step<'a>(&'a self, job: &'a mut NewJob) -> BoxFuture<'a, Result<()>> {
        Box::pin(Runs::check_step(self, job))
    }

    fn room(&self, instance: &str) -> Result<usize> {
        Runs::room(self, instance)
    }

    fn footprint(&self, instance: &str) -> Footprint {
        Runs::footprint(self, instance)
    }

    fn holdings(&self) -> Vec<Holding> {
        Runs::holdings(self)
    }

    fn evict<'a>(&'a self, instance: &'a str) -> BoxFuture<'a, Result<Demand>> {
        Box::pin(Runs::evict(self, instance))
    }

    fn events(&self) -> Option<Subscription> {
        Runs::events(self)
    }

    fn run(&self, attempt: Attempt, input: Value) -> BoxFuture<'_, Result<Value>> {
        Box::pin(Runs::run(self, attempt, input))
    }
}
