//! Where the last process ended, this one goes on.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Inner;
use super::event::{Cause, JobEvent};
use super::id::JobId;
use super::job::{Failure, options};
use super::new_job::Interrupted;
use super::retry::LONGEST;
use super::schedule::{Due, Waiting};
use super::time::{from_millis, until};
use crate::error::{Error, Result};
use crate::store::{About, Batch, Ending, Fault, Found, JobRow, JobState, OpenJob, now};

/// Settles what ran, and fills the schedule with what is pending.
pub(super) async fn run(inner: &Arc<Inner>) -> Result<()> {
    let interruptions = inner.options.interruptions;
    let settle = move |batch: &mut Batch<'_>| {
        let running = batch.running()?;
        for row in running.jobs {
            interrupted(batch, &row, interruptions)?;
        }
        for (number, error) in running.damaged {
            give_up(batch, number, JobState::Running, error)?;
        }
        Ok(())
    };
    inner.writer.write("settle the jobs that were interrupted in", settle, |_| ()).await?;
    let pending = inner.blocking(|inner| inner.writer.database().jobs().pending()).await?;
    let Found { jobs: pending, damaged } = pending;
    if !damaged.is_empty() {
        let end = move |batch: &mut Batch<'_>| {
            damaged
                .into_iter()
                .try_for_each(|(number, error)| give_up(batch, number, JobState::Pending, error))
        };
        inner.writer.write("end the damaged jobs in", end, |_| ()).await?;
    }
    let last = inner.blocking(|inner| inner.writer.database().events().range()).await?;
    inner.last_event.store(last.map_or(0, |(_, last)| last), Ordering::Release);
    let mut schedule = inner.schedule();
    for job in &pending {
        schedule.add(&waiting(job));
    }
    Ok(())
}

/// An attempt ended with its process: the job is to be run again, or has ended.
pub(super) fn interrupted(batch: &mut Batch<'_>, row: &JobRow, limit: u32) -> Result<JobState, Fault> {
    let what = || format!("job {} (action `{}` of `{}`)", JobId::of(row.id), row.action, row.instance);
    let error = match options(row) {
        _ if row.cancel_requested => Some(Error::Cancelled { what: what(), forced: true }),
        Err(error) => Some(error),
        Ok(options) if options.interrupted == Some(Interrupted::Fail) => Some(Error::fatal(format!(
            "{} was interrupted when its process ended, and is not to be run twice; look what it did, and submit it \
             again",
            what()
        ))),
        Ok(_) if row.interruptions >= limit => Some(Error::fatal(format!(
            "{} was interrupted {} times by the end of its process, which it may have caused; look into it, and retry \
             it",
            what(),
            row.interruptions + 1
        ))),
        Ok(_) => None,
    };
    let state = match &error {
        None => JobState::Pending,
        Some(Error::Cancelled { .. }) => JobState::Cancelled,
        Some(_) => JobState::Failed,
    };
    match &error {
        None => batch.postpone(row.number, None, None, true)?,
        Some(error) => {
            let error = Some(failure(error, &row.instance, row.attempt, batch.now())?);
            batch.end(row.number, JobState::Running, &Ending { state, error, result: None })?
        }
    };
    let event = JobEvent::State { state, cause: Cause::Interrupted, error, due_at: None };
    batch.tell(row.about(), event.json()?)?;
    Ok(state)
}

/// Ends a job of which something is damaged, so that it can never begin.
pub(super) fn give_up(batch: &mut Batch<'_>, number: i64, from: JobState, error: Error) -> Result<(), Fault> {
    let stored = failure(&error, "", 0, batch.now())?;
    let ending = Ending { state: JobState::Failed, error: Some(stored), result: None };
    if batch.end(number, from, &ending)? {
        let id = batch.id_of(number)?;
        let (state, cause) = (JobState::Failed, Cause::Damaged);
        let event = JobEvent::State { state, cause, error: Some(error), due_at: None };
        batch.tell(About { job: Some(&id), ..About::default() }, event.json()?)?;
    }
    Ok(())
}

/// A failure as it is stored with a job.
pub(super) fn failure(error: &Error, instance: &str, attempt: u32, at: i64) -> Result<String> {
    let failure =
        Failure { error: error.clone(), instance: instance.to_owned(), attempt, at: from_millis(at) };
    serde_json::to_string(&failure)
        .map_err(|error| Error::fatal(format!("the error of a job cannot be written: {error}")))
}

fn waiting(job: &OpenJob) -> Waiting<'_> {
    let due = match (job.due_at, job.attempt) {
        (None, _) => Due::Now,
        (Some(at), 0) => Due::Wall(at),
        // It waits for its next attempt; not longer than anybody can ask for, wherever the clock was put meanwhile.
        (Some(at), _) => Due::After(Instant::now() + until(now(), at).min(LONGEST)),
    };
    Waiting {
        id: JobId::of(job.id),
        number: job.number,
        instance: &job.instance,
        lane: job.lane.as_deref(),
        priority: job.priority,
        attempt: job.attempt,
        due,
        deadline: job.deadline,
    }
}
