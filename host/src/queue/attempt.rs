//! Making one attempt at a job.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use tokio::sync::watch;
use tokio::time::{sleep, sleep_until};

use super::end::{self, Followed};
use super::event::{Cause, JobEvent};
use super::id::JobId;
use super::job::options;
use super::measure::{self, Measure, Used};
use super::new_job::Options;
use super::outcome::{self, Made};
use super::report::Report;
use super::runs::{Attempt, Current, Stop};
use super::schedule::Due;
use super::time::until;
use super::{Inner, sequence};
use crate::error::{Category, Error, Result};
use crate::event::EventKind;
use crate::store::{Batch, Claim, Fault, JobState, now};
use crate::value::Value;

/// How long to wait after the store failed, before the same is tried again.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// How long what an attempt tells is gathered before it is stored.
const GATHER: Duration = Duration::from_millis(100);

/// Makes the next attempt at a job, which has its room already, and settles what became of it.
pub(super) async fn run(inner: Arc<Inner>, id: JobId, number: i64) {
    let Some((Claim { row, input }, current)) = claim(&inner, id, number).await else { return };
    let began = Instant::now();
    let (options, limit, result) = match options(&row) {
        Err(error) => (Options::default(), None, Err(error)),
        Ok(options) => {
            let limit = limit(&options, row.deadline);
            let result = match inner.load(input).await {
                Ok(input) => match sequence::resolve(&inner, &row, &options, input).await {
                    Ok(input) => execute(&inner, &current, input, limit).await,
                    Err(error) => Err(error),
                },
                Err(error) => Err(error),
            };
            (options, limit, result)
        }
    };
    let used = Used::of(&current, began.elapsed());
    let made = Made { options, limit, result, used };
    outcome::settle(&inner, row, &current, made).await;
}

/// Stores that the job runs. None where it does not: it was cancelled, or that could not be stored.
async fn claim(inner: &Arc<Inner>, id: JobId, number: i64) -> Option<(Claim, Arc<Current>)> {
    let start = move |batch: &mut Batch<'_>| -> Result<Option<Claim>, Fault> {
        let Some(claim) = batch.claim(number)? else { return Ok(None) };
        let event = JobEvent::state(JobState::Running, Cause::Started).json()?;
        batch.tell(claim.row.about(), event)?;
        Ok(Some(claim))
    };
    let after = {
        let inner = inner.clone();
        move |claimed: &Result<Option<Claim>>| {
            let mut schedule = inner.schedule();
            match claimed {
                Ok(Some(claim)) => schedule.running(id, Arc::new(current(id, claim))),
                // Who took it away has settled it.
                Ok(None) => schedule.missed(id),
                // What is damaged is ended below.
                Err(error) if error.category() == Category::Fatal => {}
                Err(_) => schedule.put_back(id, Due::After(Instant::now() + PAUSE)),
            }
            drop(schedule);
            if !matches!(claimed, Ok(Some(_))) {
                inner.went();
            }
        }
    };
    match inner.writer.write("start a job in", start, after).await {
        Ok(Some(claim)) => {
            let current = inner.schedule().current(id).cloned()?;
            Some((claim, current))
        }
        Ok(None) => None,
        Err(error) => {
            tracing::warn!(%error, job = %id, "a job could not be started");
            if error.category() == Category::Fatal {
                give_up(inner, id, number, error).await;
            }
            None
        }
    }
}

fn current(id: JobId, claim: &Claim) -> Current {
    Current {
        id,
        instance: claim.row.instance.clone(),
        action: claim.row.action.clone(),
        number: claim.row.attempt,
        sequence_id: claim.row.sequence_id,
        stop: watch::Sender::new(None),
        report: Report::default(),
        measure: Measure::default(),
    }
}

/// Ends a job of which something is damaged, so that it can never begin.
async fn give_up(inner: &Arc<Inner>, id: JobId, number: i64, error: Error) {
    let end = move |batch: &mut Batch<'_>| end::give_up(batch, number, JobState::Pending, error);
    let after = {
        let inner = inner.clone();
        move |ended: &Result<Option<Followed>>| {
            inner.schedule().ended(id);
            if let Ok(Some(followed)) = ended {
                inner.follow(followed, Stop::Cancelled);
            }
            inner.went();
        }
    };
    if let Err(error) = inner.writer.write("end a job in", end, after).await {
        tracing::error!(%error, job = %id, "a damaged job could not be ended; it is left until the queue is opened again");
    }
}

/// How long the attempt may take.
fn limit(options: &Options, deadline: Option<i64>) -> Option<Duration> {
    let deadline = deadline.map(|deadline| until(now(), deadline));
    let timeout = options.timeout_ms.map(Duration::from_millis);
    match (timeout, deadline) {
        (Some(timeout), Some(deadline)) => Some(timeout.min(deadline)),
        (timeout, deadline) => timeout.or(deadline),
    }
}

/// Runs it to its end, and stores meanwhile what it tells.
async fn execute(
    inner: &Arc<Inner>,
    current: &Arc<Current>,
    input: Value,
    limit: Option<Duration>,
) -> Result<Value> {
    let attempt = Attempt { inner: current.clone() };
    let run = async { inner.runner.run(attempt, input).await };
    let mut run = std::pin::pin!(AssertUnwindSafe(run).catch_unwind());
    let mut tell = std::pin::pin!(tell(inner, current));
    let mut look = std::pin::pin!(measure::tell(current, inner.options.snapshot_interval));
    // A limit that no clock can express is none.
    let mut end = limit.and_then(|limit| tokio::time::Instant::now().checked_add(limit));
    loop {
        let over = async {
            match end {
                Some(end) => sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            ended = &mut run => return ended.unwrap_or_else(|_| {
                Err(Error::fatal(format!(
                    "the host panicked in action `{}` of `{}`: a fault of its own; look into its log",
                    current.action, current.instance
                )))
            }),
            () = over => {
                end = None;
                current.stop(Stop::TimedOut);
            }
            never = &mut tell => match never {},
            never = &mut look => match never {},
        }
    }
}

async fn tell(inner: &Arc<Inner>, current: &Arc<Current>) -> Infallible {
    loop {
        current.report.told().await;
        sleep(GATHER).await;
        let kinds = current.report.take();
        let current = current.clone();
        let store = move |batch: &mut Batch<'_>| tell_all(batch, &current, kinds);
        if let Err(error) = inner.writer.write("store what a job tells in", store, |_| ()).await {
            tracing::warn!(%error, "what a job told could not be stored");
        }
    }
}

/// Stores what an attempt told.
pub(super) fn tell_all(batch: &mut Batch<'_>, current: &Current, kinds: Vec<EventKind>) -> Result<(), Fault> {
    for kind in kinds {
        let event = JobEvent::Told(kind).json()?;
        batch.tell(current.about(), event)?;
    }
    Ok(())
}
