//! Having instances give back what they hold.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;

use crate::error::{Error, ResourceKind};
use crate::queue::Inner;
use crate::queue::demand::Demand;
use crate::queue::event::JobEvent;
use crate::queue::id::JobId;
use crate::queue::schedule::Eviction;
use crate::store::Batch;

/// How long an instance may take to give back what it holds. What it has not given back by then is taken from it.
const LIMIT: Duration = Duration::from_secs(10);

/// Has instances give back what they hold, and tells the job that waits for it.
pub(in crate::queue) async fn evict(inner: Arc<Inner>, eviction: Eviction) {
    let Eviction { job, from } = eviction;
    let freed = give_back(&inner, from).await;
    // Before it runs.
    tell(&inner, job, freed.iter().filter_map(evicted).collect()).await;
    settle(&inner, &freed);
    inner.changed.notify_one();
}

/// After an attempt ran out of memory, and before the next: has idle instances give back what is missing, and the
/// job's own instance be made anew. Tells each step.
pub(in crate::queue) async fn make_room(inner: &Arc<Inner>, instance: &str, error: &Error) -> Vec<JobEvent> {
    let mut steps = Vec::new();
    let Error::ResourceExhausted(shortfall) = error else { return steps };
    let kind = &shortfall.kind;
    if !matches!(kind, ResourceKind::SystemMemory | ResourceKind::GpuMemory)
        || !inner.schedule().stock.counts()
    {
        return steps;
    }
    // What goes over the instance's own limit is not to be had from others.
    let limit = inner.footprint(instance).memory_limit;
    let own_limit = *kind == ResourceKind::SystemMemory && limit.is_some() && shortfall.available == limit;
    if !own_limit {
        let short = match (shortfall.needed, shortfall.available) {
            (Some(needed), Some(available)) if needed > available => needed - available,
            _ => u64::MAX,
        };
        inner.clone().look().await;
        let from = inner.schedule().make_room(Instant::now(), instance, kind, short);
        let freed = give_back(inner, from).await;
        settle(inner, &freed);
        steps.extend(freed.iter().filter_map(evicted));
    }
    // What it leaked, or has in pieces, is whole again in a new one.
    if !one(inner, instance).await.is_none() {
        steps.push(JobEvent::Reloaded);
    }
    steps
}

/// What a job is told of an instance that gave something back.
fn evicted((from, freed): &(Arc<str>, Demand)) -> Option<JobEvent> {
    (!freed.is_none()).then(|| JobEvent::Evicted { from: from.to_string(), freed: *freed })
}

/// What each of them gave back.
async fn give_back(inner: &Inner, from: Vec<Arc<str>>) -> Vec<(Arc<str>, Demand)> {
    let give = |instance: Arc<str>| async move {
        let freed = one(inner, &instance).await;
        (instance, freed)
    };
    futures::future::join_all(from.into_iter().map(give)).await
}

/// They take jobs again.
fn settle(inner: &Inner, freed: &[(Arc<str>, Demand)]) {
    let mut schedule = inner.schedule();
    for (instance, freed) in freed {
        schedule.stock.evicted(Instant::now(), instance, *freed);
    }
}

async fn one(inner: &Inner, instance: &str) -> Demand {
    let evict = AssertUnwindSafe(inner.runner.evict(instance)).catch_unwind();
    match tokio::time::timeout(LIMIT, evict).await {
        Ok(Ok(Ok(freed))) => return freed,
        Ok(Ok(Err(error))) => {
            tracing::warn!(%error, instance, "an instance did not give back what it holds");
        }
        Ok(Err(_)) => {
            tracing::error!(instance, "the host panicked while an instance gave back what it holds")
        }
        Err(_) => tracing::warn!(instance, "an instance took too long to give back what it holds"),
    }
    Demand::NONE
}

async fn tell(inner: &Inner, job: JobId, events: Vec<JobEvent>) {
    if events.is_empty() {
        return;
    }
    let store = move |batch: &mut Batch<'_>| {
        let Some(row) = batch.job(job.as_bytes())? else { return Ok(()) };
        for event in events {
            batch.tell(row.about(), event.json()?)?;
        }
        Ok(())
    };
    if let Err(error) = inner.writer.write("tell what was evicted in", store, |_| ()).await {
        tracing::warn!(%error, "what was evicted could not be stored");
    }
}
