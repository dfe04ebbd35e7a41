//! What becomes of a job after an attempt.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::attempt::{PAUSE, tell_all};
use super::blobs::Pin;
use super::end::{Exit, Followed, end};
use super::event::{Cause, JobEvent};
use super::id::JobId;
use super::measure::Used;
use super::new_job::Options;
use super::recover::{failure, interrupted};
use super::runs::{Current, Stop};
use super::schedule::{Due, Waiting};
use super::time::{from_millis, millis};
use super::{Inner, admission};
use crate::error::{Category, Clock, Error, Result};
use crate::event::EventKind;
use crate::policy::Backtraces;
use crate::store::{Batch, Fault, JobRow, JobState, Payload, now};
use crate::value::Value;

/// An attempt that was made.
pub(super) struct Made {
    pub(super) options: Options,
    /// How long it was allowed to take.
    pub(super) limit: Option<Duration>,
    pub(super) result: Result<Value>,
    /// What it used, where that was measured.
    pub(super) used: Option<Used>,
}

/// What is to be stored of it.
#[derive(Debug, Clone)]
enum Outcome {
    Completed(Option<Payload>),
    Failed(Error),
    Cancelled(Error),
    Retry(Error, Duration),
    /// The queue was closed before its end.
    Interrupted,
}

impl Outcome {
    /// Whether the attempt went well; none where others put an end to it.
    fn by_itself(&self) -> Option<bool> {
        match self {
            Outcome::Completed(_) => Some(true),
            Outcome::Failed(_) | Outcome::Retry(..) => Some(false),
            Outcome::Cancelled(_) | Outcome::Interrupted => None,
        }
    }
}

/// Stores what became of an attempt. What cannot be stored now is tried again until it can: the job has run.
pub(super) async fn settle(inner: &Arc<Inner>, row: JobRow, current: &Arc<Current>, made: Made) {
    let row = Arc::new(row);
    let stop = *current.stop.borrow();
    let Made { options, limit, result, used } = made;
    let result = result.map(Arc::new);
    let told = current.report.close();
    let steps = match &result {
        Err(error)
            if matches!(after_failure(error.clone(), stop, &options, &row, limit), Outcome::Retry(..)) =>
        {
            admission::make_room(inner, &row.instance, error).await
        }
        _ => Vec::new(),
    };
    let mut failed = false;
    loop {
        let decided = match &result {
            Ok(value) => completed(inner, &options, value).await,
            Err(error) => {
                let error = shortened(error.clone(), inner.options.backtraces);
                Ok((after_failure(error, stop, &options, &row, limit), None))
            }
        };
        let stored = match decided {
            Ok((outcome, pin)) => {
                let ended = Ended { outcome, told: told.clone(), steps: steps.clone(), used: used.clone() };
                store(inner, &row, current, ended, pin).await
            }
            Err(error) => Err(error),
        };
        let Err(error) = stored else { return };
        // Somebody should hear of it, but once.
        if !std::mem::replace(&mut failed, true) {
            tracing::error!(%error, job = %current.id, "the end of a job could not be stored; it is tried again");
        }
        if inner.schedule().closing {
            // The next to open the queue takes it for interrupted, which is true.
            inner.schedule().ended(current.id);
            inner.went();
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn completed(
    inner: &Arc<Inner>,
    options: &Options,
    value: &Arc<Value>,
) -> Result<(Outcome, Option<Pin>)> {
    if options.drop_result {
        return Ok((Outcome::Completed(None), None));
    }
    let (payload, pin) = inner.store(value.clone()).await?;
    Ok((Outcome::Completed(Some(payload)), pin))
}

fn after_failure(
    error: Error,
    stop: Option<Stop>,
    options: &Options,
    row: &JobRow,
    limit: Option<Duration>,
) -> Outcome {
    let error = match stop {
        Some(Stop::Closing) => return Outcome::Interrupted,
        Some(Stop::Cancelled | Stop::CancelledNow) => return Outcome::Cancelled(error),
        Some(Stop::TimedOut) => Error::TimedOut {
            what: format!("job {} (action `{}` of `{}`)", JobId::of(row.id), row.action, row.instance),
            clock: Clock::Wall,
            limit: limit.unwrap_or_default(),
        },
        None if error.category() == Category::Cancelled => return Outcome::Cancelled(error),
        None => error,
    };
    // What the end of a process cut short does not count as a failure of the job's.
    let failures = row.attempt.saturating_sub(row.interruptions);
    match options.retry.after(failures, &error) {
        Some(wait) if row.deadline.is_none_or(|deadline| now().saturating_add(millis(wait)) < deadline) => {
            Outcome::Retry(error, wait)
        }
        _ => Outcome::Failed(error),
    }
}

/// An error with as much of its backtrace as is wanted.
fn shortened(error: Error, backtraces: Backtraces) -> Error {
    let frames = match backtraces {
        Backtraces::Full => return error,
        Backtraces::Summary => 3,
        Backtraces::None => 0,
    };
    match error {
        Error::Trapped(mut trap) => {
            trap.backtrace.truncate(frames);
            Error::Trapped(trap)
        }
        other => other,
    }
}

/// All that the end of an attempt leaves behind.
struct Ended {
    outcome: Outcome,
    told: Vec<EventKind>,
    /// What was done to make room for the next attempt.
    steps: Vec<JobEvent>,
    used: Option<Used>,
}

async fn store(
    inner: &Arc<Inner>,
    row: &Arc<JobRow>,
    current: &Arc<Current>,
    ended: Ended,
    pin: Option<Pin>,
) -> Result<()> {
    let Ended { outcome, told, steps, used } = ended;
    let wait = match &outcome {
        Outcome::Retry(_, wait) => Some(*wait),
        _ => None,
    };
    let operation = {
        let (row, current, limit) = (row.clone(), current.clone(), inner.options.interruptions);
        move |batch: &mut Batch<'_>| {
            tell_all(batch, &current, told)?;
            for step in steps {
                batch.tell(row.about(), step.json()?)?;
            }
            write(batch, &row, outcome, used, limit)
        }
    };
    let after = {
        let (inner, row) = (inner.clone(), row.clone());
        move |stored: &Result<Settled>| {
            drop(pin);
            let Ok(settled) = stored else { return };
            let id = JobId::of(row.id);
            let mut schedule = inner.schedule();
            if let Settled::Again = settled {
                schedule.add(&Waiting {
                    id,
                    number: row.number,
                    instance: &row.instance,
                    lane: row.lane.as_deref(),
                    priority: row.priority,
                    attempt: row.attempt,
                    due: wait.map_or(Due::Now, |wait| Due::After(Instant::now() + wait)),
                    deadline: row.deadline,
                });
            } else {
                schedule.ended(id);
            }
            drop(schedule);
            if let Settled::Ended(followed) = settled {
                inner.follow(followed, Stop::Cancelled);
            }
            inner.went();
        }
    };
    inner.writer.write("store the end of a job in", operation, after).await.map(drop)
}

/// What became of a job.
#[derive(Debug)]
pub(super) enum Settled {
    /// It waits for its next attempt.
    Again,
    /// It has ended.
    Ended(Followed),
}

fn write(
    batch: &mut Batch<'_>,
    row: &JobRow,
    outcome: Outcome,
    used: Option<Used>,
    limit: u32,
) -> Result<Settled, Fault> {
    // Somebody may have cancelled it in the last moment.
    let latest = batch.job(&row.id)?;
    let cancelled = latest.as_ref().is_some_and(|row| row.cancel_requested);
    if let Some(used) = used {
        batch.sample(used.sample(outcome.by_itself()));
    }
    let outcome = match (outcome, latest) {
        (Outcome::Interrupted, Some(latest)) => return interrupted(batch, &latest, limit),
        (Outcome::Retry(error, _), _) if cancelled => Outcome::Cancelled(error),
        (outcome, _) => outcome,
    };
    let exit = match outcome {
        Outcome::Completed(result) => {
            Exit { state: JobState::Completed, cause: Cause::Ended, error: None, result }
        }
        Outcome::Failed(error) => Exit::with(JobState::Failed, Cause::Ended, error),
        Outcome::Cancelled(error) => Exit::with(JobState::Cancelled, Cause::Requested, error),
        Outcome::Retry(error, wait) => {
            again(batch, row, error, wait)?;
            return Ok(Settled::Again);
        }
        // The job is gone.
        Outcome::Interrupted => return Ok(Settled::Ended(Followed::default())),
    };
    let followed = end(batch, row.number, JobState::Running, row.about(), exit)?;
    Ok(Settled::Ended(followed.unwrap_or_default()))
}

/// Has it wait for its next attempt.
fn again(batch: &mut Batch<'_>, row: &JobRow, error: Error, wait: Duration) -> Result<(), Fault> {
    let due_at = batch.now().saturating_add(millis(wait));
    let stored = failure(&error, &row.instance, row.attempt, batch.now())?;
    if batch.postpone(row.number, Some(due_at), Some(&stored), false)? {
        let event = JobEvent::State {
            state: JobState::Pending,
            cause: Cause::Retry,
            error: Some(error),
            due_at: Some(from_millis(due_at)),
        };
        batch.tell(row.about(), event.json()?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Frame, Trap, TrapKind};
    use crate::queue::Retry;

    fn row(attempt: u32, interruptions: u32, deadline: Option<i64>) -> JobRow {
        JobRow {
            number: 1,
            id: [0; 16],
            instance: "i".into(),
            action: "a".into(),
            state: JobState::Running,
            priority: 0,
            lane: None,
            labels: None,
            options: String::new(),
            idempotency_key: None,
            attempt,
            interruptions,
            cancel_requested: false,
            submitted_at: 0,
            due_at: None,
            deadline,
            started_at: None,
            finished_at: None,
            error: None,
            sequence_id: None,
            step: None,
            step_name: None,
        }
    }

    fn busy() -> Error {
        Error::Transient { message: "busy".into(), retry_after: None }
    }

    #[test]
    fn a_failure_is_settled_as_the_one_who_stopped_it_wants() {
        let options = Options { retry: Retry::times(1), ..Options::default() };
        let settle = |error, stop, row: JobRow| after_failure(error, stop, &options, &row, None);
        let fresh = || row(1, 0, None);
        assert!(matches!(settle(busy(), None, fresh()), Outcome::Retry(..)));
        assert!(matches!(settle(busy(), None, row(2, 0, None)), Outcome::Failed(_)));
        assert!(matches!(settle(busy(), None, row(2, 1, None)), Outcome::Retry(..)));
        assert!(matches!(settle(busy(), None, row(1, 0, Some(now() + 100))), Outcome::Failed(_)));
        assert!(matches!(settle(busy(), Some(Stop::Cancelled), fresh()), Outcome::Cancelled(_)));
        assert!(matches!(settle(busy(), Some(Stop::Closing), fresh()), Outcome::Interrupted));
        assert!(matches!(settle(Error::fatal("no"), None, fresh()), Outcome::Failed(_)));
        let by_itself = Error::Cancelled { what: "it".into(), forced: false };
        assert!(matches!(settle(by_itself, None, fresh()), Outcome::Cancelled(_)));
        let late = settle(Error::fatal("stopped"), Some(Stop::TimedOut), fresh());
        assert!(matches!(late, Outcome::Retry(Error::TimedOut { .. }, _)), "{late:?}");
    }

    #[test]
    fn a_backtrace_is_kept_as_far_as_is_wanted() {
        let frame = Frame { function: "f".into(), module: None, offset: None };
        let trap = Trap {
            what: "it".into(),
            kind: TrapKind::Other,
            message: String::new(),
            backtrace: vec![frame; 10],
        };
        for (backtraces, kept) in [(Backtraces::Full, 10), (Backtraces::Summary, 3), (Backtraces::None, 0)] {
            let Error::Trapped(trap) = shortened(Error::Trapped(Box::new(trap.clone())), backtraces) else {
                panic!("it was a trap")
            };
            assert_eq!(trap.backtrace.len(), kept);
        }
    }
}
