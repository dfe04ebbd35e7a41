//! Opening a queue.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, broadcast};

use super::blobs::Blobs;
use super::holder::Hold;
use super::machine::{Live, Machine};
use super::runs::Runs;
use super::schedule::{Bounds, Schedule, Terms};
use super::{Handle, Inner, Queue, dispatch, outside, recover, retain};
use crate::error::{Error, Result};
use crate::file::{Access, create_dir};
use crate::manager::Manager;
use crate::policy::{Admission, Backtraces, QueueOptions, Retention};
use crate::store::{Database, Writer};

/// Groups of events that a subscriber may lag behind before it reads from the store.
const BACKLOG: usize = 256;

/// The database, in the data folder.
pub(super) const DATABASE: &str = "cjm.db";

/// How a queue is to be opened.
///
/// # Examples
///
/// ```no_run
/// # use cjm_host::{Queue, Retention, Runs};
/// # async fn open(runner: impl Runs) -> cjm_host::Result<Queue> {
/// let queue = Queue::builder(".cjm")
///     .concurrency(32)
///     .lane("gpu", 1)
///     .retention(Retention { jobs: Some(1_000), ..Retention::default() })
///     .open(runner)
///     .await?;
/// # Ok(queue)
/// # }
/// ```
#[derive(Clone)]
#[must_use = "nothing is opened before `open`"]
pub struct QueueBuilder {
    data_dir: PathBuf,
    /// One that is open already.
    database: Option<Database>,
    options: QueueOptions,
    machine: Arc<dyn Machine>,
    paused: bool,
}

impl QueueBuilder {
    pub(super) fn new(data_dir: PathBuf) -> Self {
        Self {
            data_dir,
            database: None,
            options: QueueOptions::default(),
            machine: Arc::new(Live::default()),
            paused: false,
        }
    }

    /// In the manager's data folder, with the options of its settings and on its database.
    pub(super) fn of(manager: &Manager) -> Self {
        let settings = manager.settings();
        Self {
            database: Some(manager.database().clone()),
            options: settings.queue().clone(),
            ..Self::new(settings.data_dir().to_owned())
        }
    }

    /// All options at once, as `cjm.toml` has them.
    pub fn options(mut self, options: QueueOptions) -> Self {
        self.options = options;
        self
    }

    /// How many jobs run at once, at least 1. Default: 256.
    pub fn concurrency(mut self, jobs: usize) -> Self {
        self.options.concurrency = jobs.max(1);
        self
    }

    /// How many jobs of a lane run at once, at least 1. Default, of each lane: 1.
    pub fn lane(mut self, lane: impl Into<String>, jobs: usize) -> Self {
        self.options.lanes.insert(lane.into(), jobs.max(1));
        self
    }

    /// What becomes of a job for which there is not enough memory, or memory of a GPU, when it is its turn. Default:
    /// [`Admission::Queue`].
    pub fn admission(mut self, admission: Admission) -> Self {
        self.options.admission = admission;
        self
    }

    /// How long such a job waits, with [`Admission::Queue`], before it fails. Default: as long as it takes.
    pub fn admission_timeout(mut self, limit: Duration) -> Self {
        self.options.admission_timeout = Some(limit);
        self
    }

    /// How much memory jobs that run, and instances that are loaded, may take up together, in bytes. Default: what the
    /// machine has.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.options.memory = Some(bytes);
        self
    }

    /// The same of the memory of all GPUs together.
    pub fn gpu_memory(mut self, bytes: u64) -> Self {
        self.options.gpu_memory = Some(bytes);
        self
    }

    /// What tells how much memory there is. Default: the operating system, and the library of the GPUs' driver (NVML)
    /// where there is one.
    pub fn machine(mut self, machine: impl Machine) -> Self {
        self.machine = Arc::new(machine);
        self
    }

    /// How much is kept of backtraces.
    pub fn backtraces(mut self, backtraces: Backtraces) -> Self {
        self.options.backtraces = backtraces;
        self
    }

    /// How long jobs that have ended, and events, are kept.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.options.retention = retention;
        self
    }

    /// How often a job may be interrupted by the end of its process before it fails: it may be what ends it. Default: 5.
    pub fn interruptions(mut self, times: u32) -> Self {
        self.options.interruptions = times;
        self
    }

    /// How often is told what a job uses while it runs ([`EventKind::Resources`](crate::EventKind::Resources)), where that
    /// has changed: for the first time when it has run for so long. Not more often than 10 times a second; none tells
    /// nothing. Default: 1 second.
    pub fn snapshot_interval(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.options.snapshot_interval = interval.into();
        self
    }

    /// Starts no jobs before [`Queue::resume`].
    pub fn paused(mut self) -> Self {
        self.paused = true;
        self
    }

    /// Opens the queue, which is made where there is none, and goes on with the jobs that are in it. What ran when the
    /// last process ended is run again, or fails, as its options say.
    ///
    /// # Errors
    ///
    /// `transient`, where another process holds the queue: the message says which. `invalid-input`, where the folder
    /// cannot be used, or belongs to a later release. `fatal`, where the database is damaged. `resource-exhausted`,
    /// where the disk is full.
    pub async fn open(self, runner: impl Runs) -> Result<Queue> {
        let Self { data_dir, database, options, machine, paused } = self;
        let opened = tokio::task::spawn_blocking(move || -> Result<_> {
            create_dir(&data_dir, Access::Shared)
                .map_err(|error| Error::io("make the data folder", &data_dir, &error))?;
            let hold = Hold::take(&data_dir)?;
            let database = match database {
                Some(database) => database,
                None => Database::open(&data_dir.join(DATABASE))?,
            };
            Ok((hold, database, Arc::new(Blobs::open(&data_dir)?)))
        });
        let (hold, database, blobs) = opened
            .await
            .map_err(|error| Error::fatal(format!("the queue could not be opened: {error}")))??;

        let (events, _) = broadcast::channel(BACKLOG);
        let last_event = Arc::new(AtomicI64::new(0));
        let writer = Writer::start(database, {
            let (events, last_event) = (events.clone(), last_event.clone());
            Arc::new(move |group| {
                if let Some(last) = group.last() {
                    last_event.store(last.sequence, Ordering::Release);
                }
                // An error says that nobody listens.
                let _ = events.send(group.into());
            })
        })?;
        let lanes = options.lanes.clone().into_iter().collect();
        let mut schedule = Schedule::new(Bounds { all: options.concurrency, lanes }, Terms::from(&options));
        schedule.paused = paused;
        let inner = Arc::new(Inner {
            writer,
            blobs,
            runner: Box::new(runner),
            schedule: Mutex::new(schedule),
            changed: Notify::new(),
            ended: Notify::new(),
            events,
            last_event,
            options,
            hold: Mutex::new(Some(hold)),
            machine,
        });
        recover::run(&inner).await?;
        tokio::spawn(dispatch::run(inner.clone()));
        if let Some(events) = inner.runner.events() {
            tokio::spawn(outside::run(Arc::downgrade(&inner), events));
        }
        tokio::spawn(retain::run(Arc::downgrade(&inner)));
        Ok(Queue { handle: Arc::new(Handle { inner }) })
    }
}

impl std::fmt::Debug for QueueBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QueueBuilder")
            .field("data_dir", &self.data_dir)
            .field("options", &self.options)
            .field("paused", &self.paused)
            .finish_non_exhaustive()
    }
}
