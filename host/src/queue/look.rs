//! Looking at jobs, and waiting for them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::Queue;
use super::builder::DATABASE;
use super::change::unknown;
use super::event::{JobEvent, QueueEvent};
use super::id::JobId;
use super::job::{Job, JobFilter, QueueStats};
use super::runs::Current;
use crate::error::{Clock, Error, Result};
use crate::event::{EventKind, LogRecord, Measured};
use crate::store::{BUSY_TIMEOUT, DatabaseHealth, EventQuery, JobRow, JobState, SequenceState, Which};
use crate::value::Value;

/// Events that are read at once.
const PAGE: usize = 1000;

impl Queue {
    /// A job as it is now.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where there is no such job; `fatal`, where what is stored of it is damaged.
    pub async fn get(&self, id: JobId) -> Result<Job> {
        let row = self.row(id).await?;
        self.seen(row)
    }

    /// Jobs, the newest first, `limit` at most. To go on, ask for those [before](JobFilter::before) the last one.
    ///
    /// # Errors
    ///
    /// What the database can fail with. A job of which something is damaged is there as far as it can be read, and its
    /// [error](Job::error) says what is wrong.
    pub async fn list(&self, filter: &JobFilter, limit: usize) -> Result<Vec<Job>> {
        let query = filter.query().clone();
        let rows =
            self.inner().blocking(move |inner| inner.writer.database().jobs().list(&query, limit)).await?;
        Ok(rows.into_iter().map(|listed| self.with_progress(Job::listed(listed))).collect())
    }

    /// Waits until a job has ended, in whatever state; at most for `timeout`.
    ///
    /// # Errors
    ///
    /// `timed-out`, where it has not ended by then: it goes on, and can be waited for again. `invalid-input`, where there
    /// is no such job, or it was purged before it was looked at.
    ///
    /// # Cancellation
    ///
    /// Dropping the future only ends the wait.
    pub async fn wait(&self, id: JobId, timeout: Option<Duration>) -> Result<Job> {
        let waiter = self.inner().schedule().waiter(id);
        let Some(waiter) = waiter else { return self.get(id).await };
        match timeout {
            None => drop(waiter.await),
            Some(limit) => {
                let over =
                    |_| Error::TimedOut { what: format!("the wait for job {id}"), clock: Clock::Wall, limit };
                drop(tokio::time::timeout(limit, waiter).await.map_err(over)?);
            }
        }
        self.get(id).await
    }

    /// What a job completed with.
    ///
    /// # Errors
    ///
    /// What the job failed with, or `cancelled`, where it was. `transient`, where it has not ended; `invalid-input`,
    /// where there is no such job, or its result was not to be kept; `fatal`, where the result is damaged.
    pub async fn result(&self, id: JobId) -> Result<Value> {
        let job = self.get(id).await?;
        match (job.state, job.error) {
            (JobState::Completed, _) => {}
            (JobState::Pending | JobState::Running, _) => {
                return Err(Error::Transient {
                    message: format!("job {id} is {}; wait for its end", job.state),
                    retry_after: None,
                });
            }
            (_, Some(failure)) => return Err(failure.error),
            (state, None) => {
                return Err(Error::fatal(format!(
                    "job {id} is {state}, but why is not stored: its row is damaged"
                )));
            }
        }
        self.payload(id, Which::Result).await?.ok_or_else(|| {
            Error::invalid(format!("the result of job {id} was not to be kept; submit it with `keep-result`"))
        })
    }

    /// What a job was submitted with.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where there is no such job; `fatal`, where the input is damaged.
    pub async fn input(&self, id: JobId) -> Result<Value> {
        self.payload(id, Which::Input)
            .await?
            .ok_or_else(|| Error::fatal(format!("the input of job {id} is missing: the database is damaged")))
    }

    /// Everything that happened to a job and is still stored, in its order.
    ///
    /// # Errors
    ///
    /// What the database can fail with; `fatal`, where an event is damaged.
    pub async fn timeline(&self, id: JobId) -> Result<Vec<QueueEvent>> {
        let query = EventQuery { job: Some(*id.as_bytes()), ..EventQuery::default() };
        let mut events = Vec::new();
        let mut from = 1;
        loop {
            let query = query.clone();
            let page = self
                .inner()
                .blocking(move |inner| inner.writer.database().events().from(from, &query, PAGE))
                .await?;
            from = page.upto + 1;
            let whole = page.events.len() < PAGE;
            for stored in page.events {
                events.push(QueueEvent::of(stored)?);
            }
            if whole {
                return Ok(events);
            }
        }
    }

    /// What a job logged, of all its attempts.
    ///
    /// # Errors
    ///
    /// As for [`timeline`](Self::timeline).
    pub async fn logs(&self, id: JobId) -> Result<Vec<LogRecord>> {
        let timeline = self.timeline(id).await?;
        let log = |event: QueueEvent| match event.kind {
            JobEvent::Told(EventKind::Log(record)) => Some(record),
            _ => None,
        };
        Ok(timeline.into_iter().filter_map(log).collect())
    }

    /// How many jobs and sequences there are, and how many events.
    ///
    /// # Errors
    ///
    /// What the database can fail with.
    pub async fn stats(&self) -> Result<QueueStats> {
        let read = |inner: &super::Inner| {
            let database = inner.writer.database();
            Ok((database.jobs().count()?, database.sequences().count()?, database.events().range()?))
        };
        let (counted, of_sequences, events) = self.inner().blocking(read).await?;
        let mut jobs: BTreeMap<_, _> = JobState::ALL.into_iter().map(|state| (state, 0)).collect();
        jobs.extend(counted);
        let mut sequences: BTreeMap<_, _> = SequenceState::ALL.into_iter().map(|state| (state, 0)).collect();
        sequences.extend(of_sequences);
        let (first, last) = events.unwrap_or_default();
        let number = |sequence| u64::try_from(sequence).unwrap_or(0);
        Ok(QueueStats { jobs, sequences, first_event: number(first), last_event: number(last) })
    }

    /// Looks at the database of a data folder, whoever uses it, and changes nothing: every page is read. None where there
    /// is no database.
    ///
    /// # Errors
    ///
    /// `fatal` with what is damaged and how to recover; `invalid-input`, where the file is another program's or a later
    /// release's; and what reading can fail with.
    pub async fn check(data_dir: &Path) -> Result<Option<DatabaseHealth>> {
        let path = data_dir.join(DATABASE);
        let look = move || DatabaseHealth::of(&path, BUSY_TIMEOUT);
        match tokio::task::spawn_blocking(look).await {
            Ok(looked) => looked,
            Err(error) => Err(Error::fatal(format!("the database could not be looked at: {error}"))),
        }
    }

    async fn row(&self, id: JobId) -> Result<JobRow> {
        let read = move |inner: &super::Inner| inner.writer.database().jobs().get(id.as_bytes());
        self.inner().blocking(read).await?.ok_or_else(|| unknown(id))
    }

    async fn payload(&self, id: JobId, which: Which) -> Result<Option<Value>> {
        let number = self.row(id).await?.number;
        let read = move |inner: &super::Inner| {
            inner
                .writer
                .database()
                .jobs()
                .payload(which, number)?
                .map(|payload| inner.blobs.load(payload))
                .transpose()
        };
        self.inner().blocking(read).await
    }

    /// What a job uses at this moment. None where it does not run, or that is not measured.
    pub fn resources(&self, id: JobId) -> Option<Measured> {
        self.current(id)?.measure.now()
    }

    fn current(&self, id: JobId) -> Option<Arc<Current>> {
        self.inner().schedule().current(id).cloned()
    }

    /// A stored job with what is known of it in memory.
    fn seen(&self, row: JobRow) -> Result<Job> {
        Ok(self.with_progress(Job::of(row)?))
    }

    fn with_progress(&self, mut job: Job) -> Job {
        match job.state {
            JobState::Running => {
                if let Some(current) = self.current(job.id) {
                    job.progress = Some(current.report.progress());
                    job.resources = current.measure.now();
                }
            }
            JobState::Pending => job.blocked = self.inner().schedule().block(job.id),
            _ => {}
        }
        job
    }
}
