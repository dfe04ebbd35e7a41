//! Where the last process ended, this one goes on.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::end::{Exit, end, give_up};
use super::event::{Cause, JobEvent};
use super::id::{JobId, SequenceId};
use super::job::{Failure, options};
use super::new_job::Interrupted;
use super::outcome::Settled;
use super::retry::LONGEST;
use super::schedule::{Due, Waiting};
use super::time::{from_millis, until};
use super::{Inner, sequence};
use crate::error::{Error, Result};
use crate::store::{Batch, Fault, Found, JobRow, JobState, OpenJob, now};

/// How often what is damaged is looked for. Once is enough, where it can be ended.
const ROUNDS: usize = 3;

/// Settles what ran, and fills the schedule with what is pending.
pub(super) async fn run(inner: &Arc<Inner>) -> Result<()> {
    let interruptions = inner.options.interruptions;
    let settle = move |batch: &mut Batch<'_>| {
        for number in batch.recapture()? {
            let error = Error::fatal(format!(
                "the state of the job of number {number} is damaged; look what it did, and submit it again"
            ));
            give_up(batch, number, JobState::Running, error)?;
        }
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
    let mut read = inner.blocking(Left::read).await?;
    // What is damaged is ended, which may let the next step of a sequence go.
    for _ in 0..ROUNDS {
        if read.damaged.is_empty() && read.stalled.is_empty() {
            break;
        }
        let (damaged, stalled) = (std::mem::take(&mut read.damaged), std::mem::take(&mut read.stalled));
        let mend = move |batch: &mut Batch<'_>| {
            for (number, error) in damaged {
                give_up(batch, number, JobState::Pending, error)?;
            }
            stalled.iter().try_for_each(|id| sequence::mend(batch, id))
        };
        inner.writer.write("end the damaged jobs in", mend, |_| ()).await?;
        read = inner.blocking(Left::read).await?;
    }
    let last = inner.blocking(|inner| inner.writer.database().events().range()).await?;
    inner.last_event.store(last.map_or(0, |(_, last)| last), Ordering::Release);
    let mut schedule = inner.schedule();
    for job in &read.pending {
        schedule.add(&waiting(job));
    }
    for id in read.sequences {
        schedule.sequences.begun(SequenceId::of(id));
    }
    Ok(())
}

/// What the last process left, apart from what ran.
struct Left {
    pending: Vec<OpenJob>,
    sequences: HashSet<[u8; 16]>,
    /// Jobs that can never run.
    damaged: Vec<(i64, Error)>,
    /// Sequences of which no step is to run, and that have not ended.
    stalled: Vec<[u8; 16]>,
}

impl Left {
    fn read(inner: &Inner) -> Result<Self> {
        let database = inner.writer.database();
        let Found { jobs: pending, mut damaged } = database.jobs().pending()?;
        let sequences: HashSet<_> = database.sequences().open()?.into_iter().collect();
        let mut going = HashSet::new();
        for job in &pending {
            match job.sequence_id.filter(|id| sequences.contains(id)) {
                Some(id) if !job.held => drop(going.insert(id)),
                // A step would wait forever for one before it that nobody knows of.
                None if job.held => damaged.push((job.number, lost(job))),
                _ => {}
            }
        }
        let stalled = sequences.difference(&going).copied().collect();
        Ok(Self { pending, sequences, damaged, stalled })
    }
}

fn lost(job: &OpenJob) -> Error {
    Error::fatal(format!(
        "job {} is a step of a sequence that is not stored, or has ended: the database was damaged; submit it again",
        JobId::of(job.id)
    ))
}

/// An attempt ended with its process: the job is to be run again, or has ended.
pub(super) fn interrupted(batch: &mut Batch<'_>, row: &JobRow, limit: u32) -> Result<Settled, Fault> {
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
    if let Some(error) = error {
        let exit = Exit::with(state, Cause::Interrupted, error);
        let followed = end(batch, row.number, JobState::Running, row.about(), exit)?;
        return Ok(Settled::Ended(followed.unwrap_or_default()));
    }
    if batch.postpone(row.number, None, None, true)? {
        batch.tell(row.about(), JobEvent::state(state, Cause::Interrupted).json()?)?;
    }
    Ok(Settled::Again)
}

/// A failure as it is stored with a job.
pub(super) fn failure(error: &Error, instance: &str, attempt: u32, at: i64) -> Result<String> {
    let failure =
        Failure { error: error.clone(), instance: instance.to_owned(), attempt, at: from_millis(at) };
    serde_json::to_string(&failure)
        .map_err(|error| Error::fatal(format!("the error of a job cannot be written: {error}")))
}

pub(super) fn waiting(job: &OpenJob) -> Waiting<'_> {
    let due = match (job.due_at, job.attempt) {
        _ if job.held => Due::Held,
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
