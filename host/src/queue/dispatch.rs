//! The task that starts jobs.

use std::sync::Arc;
use std::time::Instant;

use super::demand::Footprint;
use super::end::{Exit, Followed, end};
use super::event::{Block, Cause, JobEvent};
use super::id::JobId;
use super::runs::Stop;
use super::schedule::{Asked, Due, Now, Picked, Rooms};
use super::{Inner, admission, attempt};
use crate::error::{Clock, Error, Result};
use crate::store::{Batch, JobState, now};

/// Starts what can be started, whenever something changes, until the queue is closed.
pub(super) async fn run(inner: Arc<Inner>) {
    loop {
        let picked = inner.pick();
        for (id, number) in picked.start {
            tokio::spawn(attempt::run(inner.clone(), id, number));
        }
        for (id, number) in picked.expired {
            tokio::spawn(end_waiting(inner.clone(), id, number, Ended::Expired));
        }
        for (id, number, error) in picked.refused {
            tokio::spawn(end_waiting(inner.clone(), id, number, Ended::Refused(error)));
        }
        for eviction in picked.evictions {
            tokio::spawn(admission::evict(inner.clone(), eviction));
        }
        if picked.look {
            tokio::spawn(inner.clone().look());
        }
        if !picked.blocked.is_empty() {
            tokio::spawn(tell(inner.clone(), picked.blocked));
        }
        if inner.schedule().closing {
            return;
        }
        let changed = inner.changed.notified();
        match picked.again {
            Some(wait) => drop(tokio::time::timeout(wait, changed).await),
            None => changed.await,
        }
    }
}

impl Inner {
    fn pick(&self) -> Picked {
        // The runner is asked without the lock: it may well ask the queue something.
        let (instances, counts) = {
            let schedule = self.schedule();
            (schedule.instances(), schedule.stock.counts())
        };
        let ask = |instance: Arc<str>| {
            let room = self.runner.room(&instance).map_err(|error| error.to_string());
            let footprint = if counts { self.footprint(&instance) } else { Footprint::default() };
            (instance, Asked { room, footprint })
        };
        let rooms: Rooms = instances.into_iter().map(ask).collect();
        self.schedule().pick(Now { wall: now(), clock: Instant::now() }, &rooms)
    }
}

/// Why a job has ended that never began.
enum Ended {
    /// Its deadline passed.
    Expired,
    /// What it needs is not there.
    Refused(Error),
}

/// Ends a job that waited.
async fn end_waiting(inner: Arc<Inner>, id: JobId, number: i64, ended: Ended) {
    let settle = move |batch: &mut Batch<'_>| {
        let Some(row) = batch.job(id.as_bytes())? else { return Ok(Followed::default()) };
        let waited = batch.now().saturating_sub(row.submitted_at);
        let (cause, error) = match ended {
            Ended::Refused(error) => (Cause::Refused, error),
            Ended::Expired => {
                let error = Error::TimedOut {
                    what: format!("the wait of job {id} for its turn"),
                    clock: Clock::Wall,
                    limit: super::time::until(row.submitted_at, row.deadline.unwrap_or(waited)),
                };
                (Cause::Deadline, error)
            }
        };
        let exit = Exit::with(JobState::Failed, cause, error);
        Ok(end(batch, number, JobState::Pending, row.about(), exit)?.unwrap_or_default())
    };
    let after = {
        let inner = inner.clone();
        move |ended: &Result<Followed>| {
            match ended {
                Ok(followed) => {
                    inner.schedule().ended(id);
                    inner.follow(followed, Stop::Cancelled);
                }
                // It keeps waiting, to be tried again.
                Err(_) => inner.schedule().put_back(id, Due::After(Instant::now() + attempt::PAUSE)),
            }
            inner.went();
        }
    };
    if let Err(error) = inner.writer.write("end a job in", settle, after).await {
        tracing::warn!(%error, job = %id, "a job that is not to begin any more could not be ended");
    }
}

/// Tells jobs what they wait for.
async fn tell(inner: Arc<Inner>, blocked: Vec<(JobId, Block)>) {
    let store = move |batch: &mut Batch<'_>| {
        for (id, reason) in blocked {
            // It may have gone meanwhile.
            if let Some(row) = batch.job(id.as_bytes())?
                && row.state == JobState::Pending
            {
                batch.tell(row.about(), JobEvent::Blocked { reason }.json()?)?;
            }
        }
        Ok(())
    };
    if let Err(error) = inner.writer.write("tell what jobs wait for in", store, |_| ()).await {
        tracing::warn!(%error, "what jobs wait for could not be stored");
    }
}

impl Inner {
    /// Something ended or waits again.
    pub(super) fn went(&self) {
        self.changed.notify_one();
        self.ended.notify_waiters();
    }
}
