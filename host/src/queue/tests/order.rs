//! Which job goes when.

use std::time::SystemTime;

use super::*;
use crate::error::Category;

async fn one_at_a_time() -> (TempDir, Queue, Script) {
    let (dir, script) = (tempfile::tempdir().unwrap(), Script::default());
    let queue = Queue::builder(dir.path()).concurrency(1).paused().open(script.clone()).await.unwrap();
    (dir, queue, script)
}

#[tokio::test]
async fn the_higher_priority_goes_first_and_then_the_older() {
    let (_dir, queue, script) = one_at_a_time().await;
    let mut ids = Vec::new();
    for priority in [0, 5, 0, -5, 5, 0] {
        ids.push(queue.submit(job("echo").priority(priority)).await.unwrap());
    }
    assert!(queue.reorder(ids[5], 6).await.unwrap());
    queue.resume();
    for id in &ids {
        ended(&queue, *id).await;
    }
    assert_eq!(script.begun(), [5, 1, 4, 0, 2, 3].map(|index| ids[index]));
    assert!(!queue.reorder(ids[0], 1).await.unwrap());
}

#[tokio::test]
async fn a_job_does_not_begin_before_its_time() {
    let (_dir, queue, script) = one_at_a_time().await;
    let at = SystemTime::now() + Duration::from_millis(150);
    let later = queue.submit(job("echo").not_before(at)).await.unwrap();
    let now = queue.submit(job("echo")).await.unwrap();
    queue.resume();
    ended(&queue, later).await;
    assert_eq!(script.begun(), [now, later]);
    let begun = queue.get(later).await.unwrap().started_at.unwrap();
    assert!(begun + Duration::from_millis(1) > at, "{begun:?} {at:?}");
}

#[tokio::test]
async fn a_job_that_waits_past_its_deadline_fails() {
    let (_dir, queue, script) = one_at_a_time().await;
    let soon = SystemTime::now() + Duration::from_millis(50);
    let id = queue.submit(job("echo").deadline(soon)).await.unwrap();
    let late = ended(&queue, id).await;
    assert_eq!((late.state, late.attempt), (JobState::Failed, 0));
    assert_eq!(late.error.unwrap().error.category(), Category::TimedOut);
    assert_eq!(states(&queue, id).await[1], (JobState::Failed, Cause::Deadline));
    assert_eq!(script.begun(), []);
}

#[tokio::test]
async fn a_lane_runs_as_many_as_it_may_and_says_so_to_who_waits() {
    let (dir, script) = (tempfile::tempdir().unwrap(), Script::default());
    let queue = Queue::builder(dir.path()).lane("two", 2).open(script.clone()).await.unwrap();
    let mut ids = Vec::new();
    for instance in ["a", "b", "c"] {
        ids.push(queue.submit(NewJob::new(instance, "gate", json!(1)).lane("two")).await.unwrap());
    }
    let mut events = queue.subscribe(EventFilter::default().job(ids[2]), Since::Sequence(1));
    let reason = loop {
        if let Notice::Event(QueueEvent { kind: JobEvent::Blocked { reason }, .. }) =
            events.next().await.unwrap().unwrap()
        {
            break reason;
        }
    };
    assert_eq!(reason, Block::LaneConcurrency { limit: 2 });
    assert_eq!(queue.get(ids[2]).await.unwrap().blocked, Some(reason));
    assert_eq!(script.begun().len(), 2);
    // A lane of which nothing is said runs one at a time; without a lane there is room.
    let free = queue.submit(NewJob::new("a", "echo", json!(1))).await.unwrap();
    ended(&queue, free).await;
    script.gate.add_permits(3);
    for id in ids {
        assert_eq!(ended(&queue, id).await.state, JobState::Completed);
    }
}

#[tokio::test]
async fn an_instance_that_takes_no_jobs_keeps_them_waiting_and_nobody_else() {
    let (_dir, script) = (tempfile::tempdir().unwrap(), Script::default());
    script.room("off", Err(Error::Disabled { plugin: "off".into() }));
    script.room("narrow", Ok(1));
    let queue = Queue::builder(_dir.path()).open(script.clone()).await.unwrap();
    let off = queue.submit(NewJob::new("off", "echo", json!(1))).await.unwrap();
    let narrow = queue.submit(NewJob::new("narrow", "gate", json!(1))).await.unwrap();
    let behind = queue.submit(NewJob::new("narrow", "gate", json!(1))).await.unwrap();
    is(&queue, narrow, JobState::Running).await;
    let on = queue.submit(NewJob::new("on", "echo", json!(1))).await.unwrap();
    ended(&queue, on).await;
    assert!(
        matches!(queue.get(off).await.unwrap().blocked, Some(Block::Instance { message }) if message.contains("disabled"))
    );
    assert_eq!(queue.get(behind).await.unwrap().blocked, Some(Block::InstanceConcurrency { limit: 1 }));
    script.room("off", Ok(1));
    queue.wake();
    assert_eq!(ended(&queue, off).await.state, JobState::Completed);
    script.gate.add_permits(2);
    ended(&queue, behind).await;
}
