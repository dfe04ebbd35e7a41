//! Opening a queue.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, broadcast};

use super::blobs::Blobs;
use super::holder::Hold;
use super::retain::Retention;
use super::runs::Runs;
use super::schedule::{Bounds, Schedule};
use super::{Handle, Inner, Queue, dispatch, recover, retain};
use crate::error::{Error, Result};
use crate::file::{Access, create_dir};
use crate::store::{Database, Writer};

/// Groups of events that a subscriber may lag behind before it reads from the store.
const BACKLOG: usize = 256;

/// The database, in the data folder.
const DATABASE: &str = "cjm.db";

/// How much is kept of the backtrace of a trap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Backtraces {
    /// All frames.
    #[default]
    Full,
    /// The three innermost frames.
    Summary,
    /// None.
    None,
}

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
#[derive(Debug, Clone)]
pub struct QueueBuilder {
    data_dir: PathBuf,
    bounds: Bounds,
    backtraces: Backtraces,
    retention: Retention,
    interruptions: u32,
    paused: bool,
}

impl QueueBuilder {
    pub(super) fn new(data_dir: PathBuf) -> Self {
        Self {
            data_dir,
            bounds: Bounds { all: 256, lanes: HashMap::new() },
            backtraces: Backtraces::default(),
            retention: Retention::default(),
            interruptions: 5,
            paused: false,
        }
    }

    /// How many jobs run at once, at least 1. Default: 256.
    pub fn concurrency(mut self, jobs: usize) -> Self {
        self.bounds.all = jobs.max(1);
        self
    }

    /// How many jobs of a lane run at once, at least 1. Default, of each lane: 1.
    pub fn lane(mut self, lane: impl Into<String>, jobs: usize) -> Self {
        self.bounds.lanes.insert(lane.into(), jobs.max(1));
        self
    }

    /// How much is kept of backtraces.
    pub fn backtraces(mut self, backtraces: Backtraces) -> Self {
        self.backtraces = backtraces;
        self
    }

    /// How long jobs that have ended, and events, are kept.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// How often a job may be interrupted by the end of its process before it fails: it may be what ends it. Default: 5.
    pub fn interruptions(mut self, times: u32) -> Self {
        self.interruptions = times;
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
        let Self { data_dir, bounds, backtraces, retention, interruptions, paused } = self;
        let opened = tokio::task::spawn_blocking(move || -> Result<_> {
            create_dir(&data_dir, Access::Shared)
                .map_err(|error| Error::io("make the data folder", &data_dir, &error))?;
            let hold = Hold::take(&data_dir)?;
            Ok((hold, Database::open(&data_dir.join(DATABASE))?, Arc::new(Blobs::open(&data_dir)?)))
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
        let mut schedule = Schedule::new(bounds);
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
            backtraces,
            retention,
            interruptions,
            hold: Mutex::new(Some(hold)),
        });
        recover::run(&inner).await?;
        tokio::spawn(dispatch::run(inner.clone()));
        tokio::spawn(retain::run(Arc::downgrade(&inner)));
        Ok(Queue { handle: Arc::new(Handle { inner }) })
    }
}
