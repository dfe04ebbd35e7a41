//! How jobs end: the end, its event, and what follows for the sequence, in one transaction.

use super::Inner;
use super::event::{Cause, JobEvent};
use super::id::{JobId, SequenceId};
use super::recover::{failure, waiting};
use super::runs::Stop;
use super::sequence;
use crate::error::{Error, Result};
use crate::store::{About, Batch, Ending, Fault, JobState, OpenJob, Payload};

/// How a job is to end.
#[derive(Debug)]
pub(super) struct Exit {
    pub(super) state: JobState,
    pub(super) cause: Cause,
    pub(super) error: Option<Error>,
    pub(super) result: Option<Payload>,
}

impl Exit {
    /// Without a result.
    pub(super) fn with(state: JobState, cause: Cause, error: Error) -> Self {
        Self { state, cause, error: Some(error), result: None }
    }
}

/// What followed from the end of a job, in other jobs. It is to be done in memory, too, once it is on the disk.
#[derive(Debug, Default)]
pub(super) struct Followed {
    /// These have ended.
    pub(super) ended: Vec<JobId>,
    /// These wait for their turn, or again for the step before them.
    pub(super) waiting: Vec<OpenJob>,
    /// These run, and are to be stopped.
    pub(super) stop: Vec<JobId>,
    /// All steps of this sequence have ended.
    pub(super) sequence: Option<SequenceId>,
}

/// Ends a job that is in the state `from`, and takes its sequence further. None where it is in another state.
pub(super) fn end(
    batch: &mut Batch<'_>,
    number: i64,
    from: JobState,
    about: About<'_>,
    exit: Exit,
) -> Result<Option<Followed>, Fault> {
    let completed = exit.state == JobState::Completed;
    if !end_alone(batch, number, from, about, exit)? {
        return Ok(None);
    }
    let mut followed = Followed::default();
    if let Some(id) = about.sequence_id {
        sequence::advance(batch, id, completed, &mut followed)?;
    }
    Ok(Some(followed))
}

/// The same without what follows for its sequence. False where it is in another state.
pub(super) fn end_alone(
    batch: &mut Batch<'_>,
    number: i64,
    from: JobState,
    about: About<'_>,
    exit: Exit,
) -> Result<bool, Fault> {
    let Exit { state, cause, error, result } = exit;
    let stored =
        error.as_ref().map(|error| failure(error, about.instance, about.attempt, batch.now())).transpose()?;
    let ended = batch.end(number, from, &Ending { state, error: stored, result })?;
    if ended {
        batch.tell(about, JobEvent::State { state, cause, error, due_at: None }.json()?)?;
    }
    Ok(ended)
}

/// Ends a job of which something is damaged, so that it can never begin, and takes its sequence further.
pub(super) fn give_up(
    batch: &mut Batch<'_>,
    number: i64,
    from: JobState,
    error: Error,
) -> Result<Option<Followed>, Fault> {
    let (id, sequence_id) = batch.ids_of(number)?;
    let about = About { job: id.as_ref(), sequence_id: sequence_id.as_ref(), ..About::default() };
    end(batch, number, from, about, Exit::with(JobState::Failed, Cause::Damaged, error))
}

impl Inner {
    /// Does in memory what is on the disk. Attempts that are to end are told so with `stop`.
    pub(super) fn follow(&self, followed: &Followed, stop: Stop) {
        let mut schedule = self.schedule();
        for id in &followed.ended {
            schedule.ended(*id);
        }
        for job in &followed.waiting {
            schedule.add(&waiting(job));
        }
        for id in &followed.stop {
            if let Some(current) = schedule.current(*id) {
                current.stop(stop);
            }
        }
        if let Some(id) = followed.sequence {
            schedule.sequences.ended(id);
        }
    }
}
