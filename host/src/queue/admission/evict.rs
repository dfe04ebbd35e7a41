//! Having instances give back what they hold.

use std::sync::Arc;
use std::time::{Duration, Instant};

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
    let told: Vec<_> = give_back(&inner, from).await.into_iter().map(evicted).collect();
    inner.changed.notify_one();
    tell(&inner, job, told).await;
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
    let limit = inner.runner.footprint(instance).memory_limit;
    let own_limit = *kind == ResourceKind::SystemMemory && limit.is_some() && shortfall.available == limit;
    if !own_limit {
        let short = match (shortfall.needed, shortfall.available) {
            (Some(needed), Some(available)) if needed > available => needed - available,
            _ => u64::MAX,
        };
        inner.clone().look().await;
        let from = inner.schedule().make_room(Instant::now(), instance, kind, short);
        steps.extend(give_back(inner, from).await.into_iter().map(evicted));
    }
    // What it leaked, or has in pieces, is whole again in a new one.
    if !one(inner, instance).await.is_none() {
        steps.push(JobEvent::Reloaded);
    }
    steps
}

fn evicted((from, freed): (Arc<str>, Demand)) -> JobEvent {
    JobEvent::Evicted { from: from.to_string(), freed }
}

/// Those that gave something back, and what.
async fn give_back(inner: &Arc<Inner>, from: Vec<Arc<str>>) -> Vec<(Arc<str>, Demand)> {
    let give = |instance: Arc<str>| async move {
        let freed = one(inner, &instance).await;
        inner.schedule().stock.evicted(Instant::now(), &instance, freed);
        (instance, freed)
    };
    let mut freed = futures::future::join_all(from.into_iter().map(give)).await;
    freed.retain(|(_, freed)| !freed.is_none());
    freed
}

async fn one(inner: &Inner, instance: &str) -> Demand {
    match tokio::time::timeout(LIMIT, inner.runner.evict(instance)).await {
        Ok(Ok(freed)) => freed,
        Ok(Err(error)) => {
            tracing::warn!(%error, instance, "an instance did not give back what it holds");
            Demand::NONE
        }
        Err(_) => {
            tracing::warn!(instance, "an instance took too long to give back what it holds");
            Demand::NONE
        }
    }
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
