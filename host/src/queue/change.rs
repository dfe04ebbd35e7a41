//! Cancelling, reordering, retrying and purging.

use super::end::{Exit, Followed, end};
use super::event::{Cause, JobEvent};
use super::id::{JobId, SequenceId};
use super::job::{JobFilter, options};
use super::runs::Stop;
use super::schedule::{Due, Waiting};
use super::{Inner, Queue, sequence};
use crate::error::{Error, Result};
use crate::store::{About, Batch, Fault, JobRow, JobState};

/// Jobs that are deleted in one transaction: others wait for it.
pub(super) const AT_ONCE: usize = 500;

impl Queue {
    /// Cancels a job: one that is pending at once; one that runs is asked to stop, goes through the phases of a
    /// cancellation, which are told as events, and is cancelled when it has ended. True where it was cancelled or asked;
    /// false where it had ended already.
    ///
    /// A job that was asked to stop is not run again, whatever happens to this process. It still completes if it ends
    /// with a result. Where it is a step of a sequence that is fail-fast, the steps that have not ended are cancelled
    /// with it.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where there is no such job.
    pub async fn cancel(&self, id: JobId) -> Result<bool> {
        self.stop(id, Stop::Cancelled).await
    }

    /// The same without a grace time for a job that runs.
    ///
    /// # Errors
    ///
    /// As for [`cancel`](Self::cancel).
    pub async fn cancel_now(&self, id: JobId) -> Result<bool> {
        self.stop(id, Stop::CancelledNow).await
    }

    async fn stop(&self, id: JobId, stop: Stop) -> Result<bool> {
        let inner = self.inner().clone();
        let after = move |stopped: &Result<Cancelled>| match stopped {
            Ok(Cancelled::Asked) => {
                if let Some(current) = inner.schedule().current(id) {
                    current.stop(stop);
                }
            }
            Ok(Cancelled::Ended(followed)) => {
                inner.schedule().ended(id);
                inner.follow(followed, stop);
                inner.went();
            }
            Ok(Cancelled::Before) | Err(_) => {}
        };
        let cancel = move |batch: &mut Batch<'_>| cancel(batch, id);
        self.inner()
            .writer
            .write("cancel a job in", cancel, after)
            .await
            .map(|done| !matches!(done, Cancelled::Before))
    }

    /// Lets a job that is pending go before or after others. False where it is not pending.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where there is no such job.
    pub async fn reorder(&self, id: JobId, priority: i32) -> Result<bool> {
        let reorder = move |batch: &mut Batch<'_>| {
            let row = known(batch, id)?;
            let changed = batch.set_priority(row.number, priority)?;
            if changed {
                let event = JobEvent::Reordered { priority }.json()?;
                batch.tell(row.about(), event)?;
            }
            Ok(changed)
        };
        let inner = self.inner().clone();
        let after = move |changed: &Result<bool>| {
            if matches!(changed, Ok(true)) {
                inner.schedule().reorder(id, priority);
                inner.changed.notify_one();
            }
        };
        self.inner().writer.write("reorder a job in", reorder, after).await
    }

    /// Runs a job that failed or was cancelled once more, as if it were new, but without its deadline. False where it
    /// neither failed nor was cancelled.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where there is no such job, or it is a step of a sequence: see
    /// [`retry_sequence`](Self::retry_sequence); `transient`, where the queue is closed.
    pub async fn retry(&self, id: JobId) -> Result<bool> {
        self.inner().open()?;
        let retry = move |batch: &mut Batch<'_>| {
            let row = known(batch, id)?;
            // One of which something is damaged would only fail again.
            options(&row)?;
            if matches!(row.state, JobState::Failed | JobState::Cancelled) {
                refuse_step(&row, "once that has ended, retry the sequence, which goes on where it failed")?;
            }
            if !batch.requeue(row.number)? {
                return Ok(None);
            }
            let event = JobEvent::state(JobState::Pending, Cause::Requested).json()?;
            batch.tell(About { attempt: 0, ..row.about() }, event)?;
            Ok(Some(row))
        };
        let inner = self.inner().clone();
        let after = move |retried: &Result<Option<JobRow>>| {
            if let Ok(Some(row)) = retried {
                inner.schedule().add(&Waiting {
                    id,
                    number: row.number,
                    instance: &row.instance,
                    lane: row.lane.as_deref(),
                    priority: row.priority,
                    attempt: 0,
                    due: Due::Now,
                    deadline: None,
                });
                inner.changed.notify_one();
            }
        };
        let retried = self.inner().writer.write("retry a job in", retry, after).await?;
        Ok(retried.is_some())
    }

    /// Deletes a job that has ended, with its input and its result. Its events stay until their own time. False where
    /// it has not ended.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where there is no such job, or it is a step of a sequence: see
    /// [`purge_sequence`](Self::purge_sequence).
    pub async fn purge(&self, id: JobId) -> Result<bool> {
        let purge = move |batch: &mut Batch<'_>| {
            let purged = batch.purge_one(id.as_bytes())?.ok_or_else(|| Fault::Told(unknown(id)))?;
            if !purged {
                let row = known(batch, id)?;
                if row.state.is_final() {
                    refuse_step(&row, "purge the sequence, which goes as a whole")?;
                }
            }
            Ok(purged)
        };
        let purged = self.inner().writer.write("purge a job in", purge, |_| ()).await?;
        if purged {
            self.inner().sweep().await?;
        }
        Ok(purged)
    }

    /// Deletes all jobs that have ended and match, and are no steps of sequences; how many they were.
    ///
    /// # Errors
    ///
    /// What the database can fail with; some may be deleted then.
    pub async fn purge_all(&self, filter: &JobFilter) -> Result<u64> {
        let mut purged = 0;
        loop {
            let query = filter.query().clone();
            let purge = move |batch: &mut Batch<'_>| batch.purge(&query, AT_ONCE);
            match self.inner().writer.write("purge jobs in", purge, |_| ()).await? {
                0 => break,
                count => purged += count as u64,
            }
        }
        if purged > 0 {
            self.inner().sweep().await?;
        }
        Ok(purged)
    }

    /// Gives the space of what was deleted back to the disk. Jobs wait meanwhile: it takes as long as to copy the
    /// database, and needs as much free space.
    ///
    /// # Errors
    ///
    /// `resource-exhausted`, where there is not so much space; what the database can fail with.
    pub async fn vacuum(&self) -> Result<()> {
        self.inner().sweep().await?;
        self.inner().blocking(|inner| inner.writer.database().vacuum()).await
    }
}

impl Inner {
    /// Deletes the files that nothing needs any more.
    pub(super) async fn sweep(self: &std::sync::Arc<Self>) -> Result<usize> {
        let uses = |inner: &Inner| inner.blobs.sweep(|digest| inner.writer.database().jobs().uses(digest));
        self.blocking(uses).await
    }
}

pub(super) fn unknown(id: JobId) -> Error {
    Error::invalid(format!("there is no job {id}, or it was purged; `list` shows those that there are"))
}

fn known(batch: &mut Batch<'_>, id: JobId) -> Result<JobRow, Fault> {
    batch.job(id.as_bytes())?.ok_or_else(|| Fault::Told(unknown(id)))
}

/// What a cancellation did.
enum Cancelled {
    /// The job waited, and has ended.
    Ended(Followed),
    /// The job runs, and is to stop.
    Asked,
    /// The job had ended.
    Before,
}

fn cancel(batch: &mut Batch<'_>, id: JobId) -> Result<Cancelled, Fault> {
    let row = known(batch, id)?;
    match row.state {
        JobState::Pending => {
            let what = format!("job {id} (action `{}` of `{}`)", row.action, row.instance);
            let error = Error::Cancelled { what, forced: false };
            let exit = Exit::with(JobState::Cancelled, Cause::Requested, error);
            let followed = end(batch, row.number, JobState::Pending, row.about(), exit)?;
            Ok(Cancelled::Ended(followed.unwrap_or_default()))
        }
        JobState::Running => {
            sequence::stop(batch, &row)?;
            Ok(Cancelled::Asked)
        }
        _ => Ok(Cancelled::Before),
    }
}

/// A step is run again, or deleted, only with its sequence.
fn refuse_step(row: &JobRow, what: &str) -> Result<(), Fault> {
    let Some(sequence) = row.sequence_id.map(SequenceId::of) else { return Ok(()) };
    Err(Fault::Told(Error::invalid(format!(
        "job {} is step {} of sequence {sequence}; {what}",
        JobId::of(row.id),
        row.step.unwrap_or(0)
    ))))
}
