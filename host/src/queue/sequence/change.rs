//! Cancelling, retrying and purging sequences.

use super::advance::{advance, cancel_rest};
use super::look::unknown;
use super::view::SequenceFilter;
use crate::error::Result;
use crate::queue::Queue;
use crate::queue::change::AT_ONCE;
use crate::queue::end::Followed;
use crate::queue::event::{Cause, JobEvent};
use crate::queue::id::SequenceId;
use crate::queue::runs::Stop;
use crate::store::{About, Batch, Course, Fault, JobState};

impl Queue {
    /// Cancels a sequence: the steps that wait at once, and the one that runs as [`cancel`](Self::cancel) does. True
    /// where something was left to cancel; false where the sequence had ended already.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where there is no such sequence.
    pub async fn cancel_sequence(&self, id: SequenceId) -> Result<bool> {
        self.stop_sequence(id, Stop::Cancelled).await
    }

    /// The same without a grace time for the step that runs.
    ///
    /// # Errors
    ///
    /// As for [`cancel_sequence`](Self::cancel_sequence).
    pub async fn cancel_sequence_now(&self, id: SequenceId) -> Result<bool> {
        self.stop_sequence(id, Stop::CancelledNow).await
    }

    async fn stop_sequence(&self, id: SequenceId, stop: Stop) -> Result<bool> {
        let cancel = move |batch: &mut Batch<'_>| {
            if known(batch, id)?.ended {
                return Ok(None);
            }
            let mut followed = Followed::default();
            batch.request_sequence_cancel(id.as_bytes())?;
            cancel_rest(batch, id.as_bytes(), Cause::Requested, &mut followed)?;
            advance(batch, id.as_bytes(), true, &mut followed)?;
            Ok(Some(followed))
        };
        let inner = self.inner().clone();
        let after = move |cancelled: &Result<Option<Followed>>| {
            if let Ok(Some(followed)) = cancelled {
                inner.follow(followed, stop);
                inner.went();
            }
        };
        let cancelled = self.inner().writer.write("cancel a sequence in", cancel, after).await?;
        Ok(cancelled.is_some())
    }

    /// Runs a sequence that failed or was cancelled once more, from where it did: steps that completed keep their
    /// results and are not run again, the others are as if they were new, but without their times. False where it neither
    /// failed nor was cancelled.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where there is no such sequence; `transient`, where the queue is closed; `fatal`, where one of
    /// the steps is damaged.
    pub async fn retry_sequence(&self, id: SequenceId) -> Result<bool> {
        self.inner().open()?;
        let retry = move |batch: &mut Batch<'_>| {
            let steps = known(batch, id)?.steps;
            let Some(jobs) = batch.requeue_sequence(id.as_bytes())? else { return Ok(None) };
            let about = About { sequence_id: Some(id.as_bytes()), ..About::default() };
            batch.tell(about, JobEvent::SequenceStarted { steps, cause: Cause::Requested }.json()?)?;
            let event = JobEvent::state(JobState::Pending, Cause::Requested).json()?;
            for job in &jobs {
                batch.tell(job.about(), event.clone())?;
            }
            let mut followed = Followed { waiting: jobs, ..Followed::default() };
            advance(batch, id.as_bytes(), true, &mut followed)?;
            Ok(Some(followed))
        };
        let inner = self.inner().clone();
        let after = move |retried: &Result<Option<Followed>>| {
            if let Ok(Some(followed)) = retried {
                inner.schedule().sequences.begun(id);
                inner.follow(followed, Stop::Cancelled);
                inner.changed.notify_one();
            }
        };
        let retried = self.inner().writer.write("retry a sequence in", retry, after).await?;
        Ok(retried.is_some())
    }

    /// Deletes a sequence that has ended, with its jobs, their inputs and results. Its events stay until their own time.
    /// False where it has not ended.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where there is no such sequence.
    pub async fn purge_sequence(&self, id: SequenceId) -> Result<bool> {
        let purge = move |batch: &mut Batch<'_>| {
            batch.purge_sequence(id.as_bytes())?.ok_or_else(|| Fault::Told(unknown(id)))
        };
        let purged = self.inner().writer.write("purge a sequence in", purge, |_| ()).await?;
        if purged {
            self.inner().sweep().await?;
        }
        Ok(purged)
    }

    /// Deletes all sequences that have ended and match, with their jobs; how many they were.
    ///
    /// # Errors
    ///
    /// What the database can fail with; some may be deleted then.
    pub async fn purge_sequences(&self, filter: &SequenceFilter) -> Result<u64> {
        let mut purged = 0;
        loop {
            let query = filter.query().clone();
            let purge = move |batch: &mut Batch<'_>| batch.purge_sequences(&query, AT_ONCE);
            match self.inner().writer.write("purge sequences in", purge, |_| ()).await? {
                (0, _) => break,
                (count, _) => purged += count as u64,
            }
        }
        if purged > 0 {
            self.inner().sweep().await?;
        }
        Ok(purged)
    }
}

fn known(batch: &mut Batch<'_>, id: SequenceId) -> Result<Course, Fault> {
    batch.course(id.as_bytes())?.ok_or_else(|| Fault::Told(unknown(id)))
}
