//! From one step to the next, within the transaction in which a step ends.

use crate::error::Error;
use crate::event::{CancelPhase, EventKind};
use crate::queue::end::{Exit, Followed, end_alone};
use crate::queue::event::{Cause, JobEvent};
use crate::queue::id::{JobId, SequenceId};
use crate::store::{About, Batch, Fault, Found, JobRow, JobState, Release, SequenceMode, SequenceState};

/// A step has ended, completed or not: lets the next one go, or cancels those that are left, or ends the sequence.
pub(in crate::queue) fn advance(
    batch: &mut Batch<'_>,
    id: &[u8; 16],
    completed: bool,
    followed: &mut Followed,
) -> Result<(), Fault> {
    let Some(course) = batch.course(id)? else { return Ok(()) };
    if course.ended {
        return Ok(());
    }
    let mut broken = !completed && course.mode == SequenceMode::FailFast;
    loop {
        if broken {
            cancel_rest(batch, id, Cause::Sequence, followed)?;
        }
        match batch.release(id)? {
            Release::Step(job) => {
                let event = JobEvent::Advanced { step: job.step.unwrap_or(0), steps: course.steps };
                batch.tell(job.about(), event.json()?)?;
                followed.waiting.push(job);
                return Ok(());
            }
            Release::Damaged(number, error) => {
                end_damaged(batch, number, error, followed)?;
                broken = course.mode == SequenceMode::FailFast;
            }
            Release::Going => return Ok(()),
            Release::Nothing => break,
        }
    }
    let counts = batch.step_counts(id)?;
    let state = if counts.completed >= course.steps {
        SequenceState::Completed
    } else if course.cancel_requested || (counts.failed == 0 && counts.cancelled > 0) {
        SequenceState::Cancelled
    } else {
        SequenceState::Failed
    };
    if batch.end_sequence(id, state)? {
        let about = About { sequence_id: Some(id), ..About::default() };
        batch.tell(about, JobEvent::SequenceEnded { state }.json()?)?;
        followed.sequence = Some(SequenceId::of(*id));
    }
    Ok(())
}

/// Takes a sequence further of which no step goes, though it has not ended: the database was damaged.
pub(in crate::queue) fn mend(batch: &mut Batch<'_>, id: &[u8; 16]) -> Result<(), Fault> {
    let counts = batch.step_counts(id)?;
    advance(batch, id, counts.failed == 0 && counts.cancelled == 0, &mut Followed::default())
}

/// Cancels the steps that have not ended: those that wait at once, the one that runs as soon as it stops.
pub(super) fn cancel_rest(
    batch: &mut Batch<'_>,
    id: &[u8; 16],
    cause: Cause,
    followed: &mut Followed,
) -> Result<(), Fault> {
    let Found { jobs, damaged } = batch.open_steps(id)?;
    for row in jobs {
        if row.state == JobState::Running {
            stop(batch, &row)?;
            followed.stop.push(JobId::of(row.id));
            continue;
        }
        let what = format!(
            "job {} (step {} of sequence {})",
            JobId::of(row.id),
            row.step.unwrap_or(0),
            SequenceId::of(*id)
        );
        let exit = Exit::with(JobState::Cancelled, cause, Error::Cancelled { what, forced: false });
        if end_alone(batch, row.number, JobState::Pending, row.about(), exit)? {
            followed.ended.push(JobId::of(row.id));
        }
    }
    for (number, error) in damaged {
        end_damaged(batch, number, error, followed)?;
    }
    Ok(())
}

/// Remembers that a job that runs is to stop.
pub(in crate::queue) fn stop(batch: &mut Batch<'_>, row: &JobRow) -> Result<(), Fault> {
    if batch.request_cancel(row.number)? {
        let event = JobEvent::Told(EventKind::Cancel { phase: CancelPhase::Requested }).json()?;
        batch.tell(row.about(), event)?;
    }
    Ok(())
}

fn end_damaged(
    batch: &mut Batch<'_>,
    number: i64,
    error: Error,
    followed: &mut Followed,
) -> Result<(), Fault> {
    let (id, sequence_id) = batch.ids_of(number)?;
    let about = About { job: id.as_ref(), sequence_id: sequence_id.as_ref(), ..About::default() };
    let exit = Exit::with(JobState::Failed, Cause::Damaged, error);
    // One that runs ends by itself.
    if end_alone(batch, number, JobState::Pending, about, exit)? {
        followed.ended.extend(id.map(JobId::of));
    }
    Ok(())
}
