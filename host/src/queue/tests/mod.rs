//! The queue as a whole, without wasm.

mod admission;
mod disk;
mod events;
mod faults;
mod fuzz;
mod life;
mod many;
mod model;
mod order;
mod power;
mod profiles;
mod recovery;
mod runner;
mod sequences;
mod wal;

use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use super::*;
use runner::Script;

async fn opened() -> (TempDir, Queue) {
    let dir = tempfile::tempdir().unwrap();
    let queue = Queue::builder(dir.path()).open(Script::default()).await.unwrap();
    (dir, queue)
}

fn job(action: &str) -> NewJob {
    NewJob::new("i", action, json!(1))
}

/// Waits, but not forever.
async fn ended(queue: &Queue, id: JobId) -> Job {
    queue.wait(id, Some(Duration::from_secs(30))).await.unwrap()
}

/// Waits until a job is in a state in which it will stay until something is done.
async fn is(queue: &Queue, id: JobId, state: JobState) -> Job {
    let mut events = queue.subscribe(EventFilter::default().job(id), Since::Now);
    loop {
        let job = queue.get(id).await.unwrap();
        if job.state == state {
            return job;
        }
        events.next().await.unwrap().unwrap();
    }
}

/// Nothing in a queue that works is without its number.
async fn assert_gapless(queue: &Queue) {
    let stats = queue.stats().await.unwrap();
    let mut events = queue.subscribe(EventFilter::default(), Since::Sequence(1));
    for expected in 1..=stats.last_event {
        match events.next().await.unwrap().unwrap() {
            Notice::Event(event) => assert_eq!(event.sequence, expected),
            other => panic!("{other:?}"),
        }
    }
}

/// The states that a job went through, by its events.
async fn states(queue: &Queue, id: JobId) -> Vec<(JobState, Cause)> {
    let events = queue.timeline(id).await.unwrap();
    let state = |event: QueueEvent| match event.kind {
        JobEvent::State { state, cause, .. } => Some((state, cause)),
        _ => None,
    };
    events.into_iter().filter_map(state).collect()
}
