//! Closing, crashing, and going on.

use super::*;
use crate::error::Category;

/// What a killed process leaves: a copy of its folder, while it is in use.
fn crashed(dir: &TempDir) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in ["cjm.db", "cjm.db-wal"] {
        std::fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
    }
    copy
}

#[tokio::test]
async fn what_waited_and_what_ran_goes_on_after_a_crash() {
    let (dir, queue) = opened().await;
    let done = queue.submit(job("echo")).await.unwrap();
    ended(&queue, done).await;
    let running = queue.submit(job("gate")).await.unwrap();
    let once = queue.submit(job("gate").interrupted(Interrupted::Fail)).await.unwrap();
    let cancelled = queue.submit(job("stubborn")).await.unwrap();
    for id in [running, once, cancelled] {
        is(&queue, id, JobState::Running).await;
    }
    queue.cancel(cancelled).await.unwrap();
    queue.pause();
    let pending = queue.submit(job("echo")).await.unwrap();

    let copy = crashed(&dir);
    let script = Script::default();
    script.gate.add_permits(9);
    let queue = Queue::builder(copy.path()).open(script.clone()).await.unwrap();
    assert_eq!(ended(&queue, pending).await.state, JobState::Completed);
    let job = ended(&queue, running).await;
    assert_eq!((job.state, job.attempt, job.interruptions), (JobState::Completed, 2, 1));
    assert_eq!(states(&queue, running).await[2], (JobState::Pending, Cause::Interrupted));
    let job = ended(&queue, once).await;
    assert_eq!(job.state, JobState::Failed);
    assert!(job.error.unwrap().error.to_string().contains("not to be run twice"));
    assert_eq!(ended(&queue, cancelled).await.state, JobState::Cancelled);
    let mut begun = script.begun();
    begun.sort();
    let mut expected = vec![running, pending];
    expected.sort();
    assert_eq!(begun, expected);
    assert_gapless(&queue).await;
}

#[tokio::test]
async fn a_job_that_ends_its_process_again_and_again_fails_at_last() {
    let mut dir = tempfile::tempdir().unwrap();
    let builder = |dir: &TempDir| Queue::builder(dir.path()).interruptions(2);
    let mut queue = builder(&dir).open(Script::default()).await.unwrap();
    let id = queue.submit(job("gate")).await.unwrap();
    for _ in 0..3 {
        is(&queue, id, JobState::Running).await;
        dir = crashed(&dir);
        queue = builder(&dir).open(Script::default()).await.unwrap();
    }
    let job = ended(&queue, id).await;
    assert_eq!((job.state, job.attempt), (JobState::Failed, 3));
    assert!(job.error.unwrap().error.to_string().contains("interrupted 3 times"));
}

#[tokio::test]
async fn closing_lets_jobs_end_and_stops_the_rest_to_go_on_later() {
    let dir = tempfile::tempdir().unwrap();
    let script = Script::default();
    let queue = Queue::builder(dir.path()).concurrency(2).open(script.clone()).await.unwrap();
    let ends = queue.submit(job("gate")).await.unwrap();
    let stays = queue.submit(job("gate")).await.unwrap();
    let waits = queue.submit(job("echo")).await.unwrap();
    for id in [ends, stays] {
        is(&queue, id, JobState::Running).await;
    }
    let error = Queue::builder(dir.path()).open(Script::default()).await.unwrap_err();
    assert_eq!(error.category(), Category::Transient);
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    script.gate.add_permits(1);
    queue.close(Duration::from_millis(100)).await;
    assert_eq!(queue.submit(job("echo")).await.unwrap_err().category(), Category::Transient);
    assert_eq!(queue.get(waits).await.unwrap().state, JobState::Pending);

    script.gate.add_permits(1);
    let queue = Queue::builder(dir.path()).open(script).await.unwrap();
    for id in [ends, stays, waits] {
        assert_eq!(ended(&queue, id).await.state, JobState::Completed);
    }
    assert_gapless(&queue).await;
}

#[tokio::test]
async fn a_wait_for_the_next_attempt_outlives_the_process_but_not_by_much() {
    let dir = tempfile::tempdir().unwrap();
    let second = Duration::from_millis(400);
    let retry = Retry { times: 1, first: second, longest: second };
    let queue = Queue::builder(dir.path()).open(Script::default()).await.unwrap();
    let id = queue.submit(NewJob::new("i", "busy", json!(1)).retry(retry)).await.unwrap();
    let mut events = queue.subscribe(EventFilter::default().job(id), Since::Sequence(1));
    loop {
        let Notice::Event(event) = events.next().await.unwrap().unwrap() else { continue };
        if matches!(event.kind, JobEvent::State { cause: Cause::Retry, .. }) {
            break;
        }
    }
    let due = queue.get(id).await.unwrap().due_at.unwrap();
    queue.close(Duration::ZERO).await;
    let queue = Queue::builder(dir.path()).open(Script::default()).await.unwrap();
    let job = ended(&queue, id).await;
    assert_eq!((job.state, job.attempt), (JobState::Completed, 2));
    assert!(job.started_at.unwrap() + Duration::from_millis(5) >= due);
}
