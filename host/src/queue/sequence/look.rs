//! Looking at sequences, and waiting for them.

use std::time::Duration;

use super::view::{Sequence, SequenceFilter};
use crate::error::{Clock, Error, Result};
use crate::queue::id::SequenceId;
use crate::queue::job::{Job, JobFilter};
use crate::queue::{Inner, Queue};

impl Queue {
    /// A sequence as it is now.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where there is no such sequence; `fatal`, where what is stored of it is damaged.
    pub async fn sequence(&self, id: SequenceId) -> Result<Sequence> {
        let read = move |inner: &Inner| inner.writer.database().sequences().get(id.as_bytes());
        let row = self.inner().blocking(read).await?;
        Sequence::of(row.ok_or_else(|| unknown(id))?)
    }

    /// Sequences, the newest first, `limit` at most. To go on, ask for those [before](SequenceFilter::before) the last
    /// one.
    ///
    /// # Errors
    ///
    /// What the database can fail with; `fatal`, where what is stored of one of them is damaged.
    pub async fn sequences(&self, filter: &SequenceFilter, limit: usize) -> Result<Vec<Sequence>> {
        let query = filter.query().clone();
        let read = move |inner: &Inner| inner.writer.database().sequences().list(&query, limit);
        self.inner().blocking(read).await?.into_iter().map(Sequence::of).collect()
    }

    /// The jobs of a sequence, in the order of its steps.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where there is no such sequence; `fatal`, where what is stored of one of the jobs is damaged.
    pub async fn steps(&self, id: SequenceId) -> Result<Vec<Job>> {
        let mut jobs = self.list(&JobFilter::default().sequence(id), usize::MAX).await?;
        if jobs.is_empty() {
            return Err(unknown(id));
        }
        jobs.sort_by_key(|job| job.step);
        Ok(jobs)
    }

    /// Waits until all steps of a sequence have ended, in whatever state; at most for `timeout`.
    ///
    /// # Errors
    ///
    /// `timed-out`, where they have not by then: it goes on, and can be waited for again. `invalid-input`, where there is
    /// no such sequence, or it was purged before it was looked at.
    ///
    /// # Cancellation
    ///
    /// Dropping the future only ends the wait.
    pub async fn wait_sequence(&self, id: SequenceId, timeout: Option<Duration>) -> Result<Sequence> {
        let waiter = self.inner().schedule().sequences.waiter(id);
        let Some(waiter) = waiter else { return self.sequence(id).await };
        match timeout {
            None => drop(waiter.await),
            Some(limit) => {
                let over = |_| Error::TimedOut {
                    what: format!("the wait for sequence {id}"),
                    clock: Clock::Wall,
                    limit,
                };
                drop(tokio::time::timeout(limit, waiter).await.map_err(over)?);
            }
        }
        self.sequence(id).await
    }
}

pub(super) fn unknown(id: SequenceId) -> Error {
    Error::invalid(format!(
        "there is no sequence {id}, or it was purged; a list of the sequences shows those that there are"
    ))
}
