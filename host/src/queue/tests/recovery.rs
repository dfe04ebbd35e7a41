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

#[tokio::test]
async fn a_sequence_goes_on_after_a_crash_at_the_step_where_it_was() {
    let (dir, queue) = opened().await;
    let once = |action: &str| job(action).interrupted(Interrupted::Fail);
    let goes_on = NewSequence::new(["echo", "gate", "echo"].map(job));
    let fails = NewSequence::new([once("gate"), job("echo")]);
    let tries_on = NewSequence::new([once("gate"), job("echo")]).mode(SequenceMode::BestEffort);
    let cancelled = NewSequence::new(["stubborn", "echo"].map(job));
    let mut ids = Vec::new();
    for (sequence, step) in [(goes_on, 1), (fails, 0), (tries_on, 0), (cancelled, 0)] {
        let id = queue.submit_sequence(sequence).await.unwrap();
        is(&queue, queue.steps(id).await.unwrap()[step].id, JobState::Running).await;
        ids.push(id);
    }
    queue.cancel_sequence(ids[3]).await.unwrap();

    let copy = crashed(&dir);
    let script = Script::default();
    script.gate.add_permits(9);
    let queue = Queue::builder(copy.path()).open(script.clone()).await.unwrap();
    let mut sequences = Vec::new();
    for id in &ids {
        let sequence = queue.wait_sequence(*id, Some(Duration::from_secs(30))).await.unwrap();
        sequences.push((sequence.state, sequence.completed, sequence.failed, sequence.cancelled));
    }
    use SequenceState::{Cancelled, Completed, Failed};
    assert_eq!(sequences, [(Completed, 3, 0, 0), (Failed, 0, 1, 1), (Failed, 1, 1, 0), (Cancelled, 0, 0, 2)]);
    let attempts: Vec<_> = queue.steps(ids[0]).await.unwrap().iter().map(|job| job.attempt).collect();
    assert_eq!(attempts, [1, 2, 1]);
    assert_eq!(script.begun().len(), 3);
    assert_gapless(&queue).await;
}

#[tokio::test]
async fn a_sequence_of_which_something_is_lost_ends_all_the_same() {
    use JobState::{Cancelled, Completed, Failed};
    // What is meddled with, and how its three steps end; the second ran.
    for (sql, ends) in [
        ("DELETE FROM sequences", [Completed, Completed, Failed]),
        ("UPDATE jobs SET held = 1 WHERE finished_at IS NULL", [Completed, Completed, Completed]),
        ("UPDATE jobs SET attempt = -1 WHERE step = 2", [Completed, Cancelled, Failed]),
        ("UPDATE jobs SET attempt = -1 WHERE step = 1", [Completed, Failed, Cancelled]),
        ("UPDATE jobs SET sequence_id = x'ff' WHERE step = 2", [Completed, Completed, Failed]),
        ("UPDATE sequences SET mode = 'x', labels = '[', steps = -1", [Completed, Completed, Completed]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let queue = Queue::builder(dir.path()).open(Script::default()).await.unwrap();
        let id = queue.submit_sequence(NewSequence::new(["echo", "gate", "echo"].map(job))).await.unwrap();
        let jobs: Vec<_> = queue.steps(id).await.unwrap().into_iter().map(|job| job.id).collect();
        is(&queue, jobs[1], JobState::Running).await;
        queue.close(Duration::ZERO).await;
        let connection = rusqlite::Connection::open(dir.path().join("cjm.db")).unwrap();
        let pragmas = "PRAGMA foreign_keys = 0; PRAGMA ignore_check_constraints = 1";
        connection.execute_batch(&format!("{pragmas}; {sql}")).unwrap();
        drop(connection);
        let script = Script::default();
        script.gate.add_permits(9);
        let queue = Queue::builder(dir.path()).open(script).await.unwrap();
        for (job, end) in jobs.into_iter().zip(ends) {
            // What is damaged cannot be looked at, but has ended.
            let waited = queue.wait(job, Some(Duration::from_secs(30))).await;
            assert!(waited.is_ok_and(|job| job.state == end) || end == Failed, "{sql}");
            assert_eq!(states(&queue, job).await.last().unwrap().0, end, "{sql}");
        }
        if !sql.starts_with("DELETE") {
            let _ = queue.wait_sequence(id, Some(Duration::from_secs(30))).await;
            assert!(queue.purge_sequence(id).await.unwrap(), "{sql}");
        }
        assert_gapless(&queue).await;
    }
}
