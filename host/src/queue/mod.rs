//! Durable jobs: accepted means stored; whoever watches sees everything; a crash loses nothing.

mod admission;
mod attempt;
mod blobs;
mod builder;
mod change;
mod close;
mod demand;
mod dispatch;
mod end;
mod event;
mod holder;
mod id;
mod job;
mod json_text;
mod look;
mod machine;
mod measure;
mod new_job;
mod outcome;
mod outside;
mod parameters;
mod plugins;
mod profile;
mod recover;
mod report;
mod retain;
mod retry;
mod runs;
mod schedule;
mod sequence;
mod submission;
mod submit;
mod subscribe;
#[cfg(test)]
mod tests;
mod time;

use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, broadcast};

use crate::error::{Error, Result};
use crate::manager::Manager;
use crate::policy::QueueOptions;

pub use crate::store::{JobState, SequenceMode, SequenceState};
use crate::store::{StoredEvent, Writer};
use blobs::Blobs;
pub use builder::QueueBuilder;
pub use demand::{Demand, Footprint, Holding};
pub use event::{Block, Cause, JobEvent, QueueEvent};
use holder::Hold;
pub use holder::Holder;
pub use id::{JobId, SequenceId};
pub use job::{Failure, Job, JobFilter, QueueStats};
pub use machine::{Figures, Machine, Space};
pub use new_job::{Interrupted, NewJob};
pub use profile::{Profile, ProfileFilter, Spread};
pub use retain::Tidied;
pub use retry::Retry;
use runs::Runner;
pub use runs::{Attempt, Runs, Stop};
use schedule::Schedule;
pub use sequence::{NewSequence, Sequence, SequenceFilter, Step};
pub use subscribe::{EventFilter, Notice, QueueEvents, Since};

/// A queue of durable jobs in a data folder. Cheap to clone; all clones are the same queue.
///
/// What [`submit`](Queue::submit) accepted is on the disk, and is run: also after the process was killed, or the
/// machine. Each change of a job is an event ([`QueueEvent`]), stored together with the change, under a number; there
/// is no change without its event, and there are no gaps in the numbers.
///
/// When the last clone is dropped, no more jobs are started, and those that run end by themselves;
/// [`close`](Queue::close) waits for that. A queue must be used within the tokio runtime in which it was opened.
#[derive(Clone)]
pub struct Queue {
    handle: Arc<Handle>,
}

/// What the clones of a queue share, and its own tasks do not.
struct Handle {
    inner: Arc<Inner>,
}

struct Inner {
    writer: Writer,
    blobs: Arc<Blobs>,
    runner: Box<dyn Runner>,
    schedule: Mutex<Schedule>,
    /// Something changed by which a job may run.
    changed: Notify,
    /// Something ended.
    ended: Notify,
    events: broadcast::Sender<Arc<[StoredEvent]>>,
    /// The number of the last event that is on the disk.
    last_event: Arc<AtomicI64>,
    options: QueueOptions,
    hold: Mutex<Option<Hold>>,
    machine: Arc<dyn Machine>,
}

impl Queue {
    /// Prepares to open the queue of a data folder.
    pub fn builder(data_dir: impl Into<std::path::PathBuf>) -> QueueBuilder {
        QueueBuilder::new(data_dir.into())
    }

    /// Prepares to open the queue of a manager: in its data folder, with the options that its settings have under
    /// `[queue]`.
    pub fn of(manager: &Manager) -> QueueBuilder {
        QueueBuilder::of(manager)
    }

    /// Opens the queue of a manager, whose instances run its jobs.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use cjm_host::{NewJob, Queue, Settings};
    ///
    /// # async fn run() -> cjm_host::Result<()> {
    /// let queue = Queue::open(cjm_host::create(Settings::find()?).await?).await?;
    /// let id = queue.submit(NewJob::new("calculator", "add", serde_json::json!({ "a": 1, "b": 2 }))).await?;
    /// queue.wait(id, None).await?;
    /// assert_eq!(queue.result(id).await?.to::<f64>()?, 3.0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`QueueBuilder::open`].
    pub async fn open(manager: Manager) -> Result<Self> {
        Self::of(&manager).open(manager).await
    }

    /// The data folder that it is in.
    pub fn data_dir(&self) -> &std::path::Path {
        self.inner().writer.database().path().parent().unwrap_or(std::path::Path::new(""))
    }

    /// Starts no jobs until [`resume`](Queue::resume); those that run go on, and new ones are accepted.
    pub fn pause(&self) {
        self.inner().schedule().paused = true;
    }

    /// Starts jobs again.
    pub fn resume(&self) {
        self.inner().schedule().paused = false;
        self.inner().changed.notify_one();
    }

    /// Looks again whether jobs can be started: to be called when [`Runs::room`] would answer otherwise than before.
    pub fn wake(&self) {
        self.inner().changed.notify_one();
    }

    fn inner(&self) -> &Arc<Inner> {
        &self.handle.inner
    }
}

impl Inner {
    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs what blocks: files and the database.
    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Inner) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let inner = self.clone();
        match tokio::task::spawn_blocking(move || work(&inner)).await {
            Ok(done) => done,
            Err(error) => Err(Error::fatal(format!("the queue could not read its data: {error}"))),
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.inner.schedule().closing = true;
        self.inner.changed.notify_one();
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue")
            .field("database", self.inner().writer.database())
            .field("jobs", &self.inner().schedule().len())
            .finish_non_exhaustive()
    }
}
