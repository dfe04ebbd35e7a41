//! Jobs that run on the plugins of a manager.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::time::Duration;

use cjm_host::{
    Block, CancelPhase, Category, EventFilter, EventKind, Interrupted, Job, JobEvent, JobId, JobState,
    Manager, NewJob, NewSequence, Notice, Queue, SequenceState, Since,
};
use cjm_tests::{Project, guest};
use serde_json::json;

async fn opened(guests: &[&str]) -> (Project, Manager, Queue) {
    let project = Project::default();
    for name in guests {
        project.drop_in(&guest(name));
    }
    let manager = project.manager().await;
    let queue = Queue::open(manager.clone()).await.unwrap();
    (project, manager, queue)
}

async fn ended(queue: &Queue, id: JobId) -> Job {
    queue.wait(id, Some(Duration::from_secs(60))).await.unwrap()
}

async fn runs(queue: &Queue, id: JobId) {
    while queue.get(id).await.unwrap().state != JobState::Running {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_runs_on_an_instance_that_is_loaded_for_it() {
    let (_project, manager, queue) = opened(&["calculator"]).await;
    let id = queue.submit(NewJob::new("calculator", "add", json!({ "a": 1, "b": 2 }))).await.unwrap();
    assert_eq!(ended(&queue, id).await.state, JobState::Completed);
    assert_eq!(queue.result(id).await.unwrap().to::<f64>().unwrap(), 3.0);
    manager.unload("calculator").await.unwrap();
    let id = queue.submit(NewJob::new("calculator", "add", json!({ "a": 1, "b": 3 }))).await.unwrap();
    assert_eq!(ended(&queue, id).await.state, JobState::Completed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_plugin_would_refuse_is_not_accepted() {
    let (_project, _manager, queue) = opened(&["calculator"]).await;
    for (job, category, says) in [
        (NewJob::new("calculator", "add", json!({ "a": "x" })), Category::InvalidInput, "does not fit"),
        (NewJob::new("calculator", "ad", json!({})), Category::InvalidInput, "add"),
        (NewJob::new("calcualtor", "add", json!({})), Category::NotLoaded, "did you mean `calculator`?"),
    ] {
        let error = queue.submit(job).await.unwrap_err();
        assert_eq!(error.category(), category, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
    assert!(queue.stats().await.unwrap().jobs.values().all(|count| *count == 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_steps_of_a_sequence_run_on_their_instances_with_results_that_fit_their_schemas() {
    let (_project, _manager, queue) = opened(&["calculator", "misbehave"]).await;
    let add = |a: serde_json::Value, b: serde_json::Value| {
        NewJob::new("calculator", "add", json!({ "a": a, "b": b }))
    };
    let over = async |sequence| {
        let id = queue.submit_sequence(sequence).await.unwrap();
        (
            queue.wait_sequence(id, Some(Duration::from_secs(60))).await.unwrap(),
            queue.steps(id).await.unwrap(),
        )
    };
    let result = json!({ "$result": "" });
    let sum = NewSequence::new([add(json!(1), json!(2)), add(result.clone(), result.clone())]);
    let (sequence, steps) = over(sum).await;
    assert_eq!(sequence.state, SequenceState::Completed);
    assert_eq!(queue.result(steps[1].id).await.unwrap().to::<f64>().unwrap(), 6.0);

    let text = NewJob::new("misbehave", "echo", json!("text"));
    let (sequence, _) = over(NewSequence::new([text, add(result.clone(), json!(1))])).await;
    assert_eq!(sequence.state, SequenceState::Failed);
    let error = sequence.error.unwrap().error;
    assert_eq!((error.category(), error.violations()[0].pointer.as_str()), (Category::InvalidInput, "/a"));

    for (step, says) in [
        (add(json!("x"), json!(1)), "step 1: "),
        (NewJob::new("calculator", "ad", json!({ "a": result })), "`add`"),
    ] {
        let error =
            queue.submit_sequence(NewSequence::new([add(json!(1), json!(2)), step])).await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whether_an_interrupted_job_runs_again_is_for_its_plugin_to_say_and_then_for_the_job() {
    let (_project, _manager, queue) = opened(&["calculator", "misbehave"]).await;
    queue.pause();
    let sum = NewJob::new("calculator", "add", json!({ "a": 1, "b": 2 }));
    let other = NewJob::new("misbehave", "echo", json!(null));
    for (job, expected) in [
        (sum.clone(), Interrupted::Retry),
        (sum.interrupted(Interrupted::Fail), Interrupted::Fail),
        (other.clone(), Interrupted::Fail),
        (other.interrupted(Interrupted::Retry), Interrupted::Retry),
    ] {
        let id = queue.submit(job).await.unwrap();
        let job = queue.get(id).await.unwrap();
        assert_eq!((job.interrupted, job.plugin), (expected, Some(job.instance)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_to_instances_outside_of_jobs_is_told_among_the_events() {
    let (_project, manager, queue) = opened(&["calculator"]).await;
    manager.load("calculator").await.unwrap();
    manager.disable("calculator").await.unwrap();
    manager.enable("calculator").await.unwrap();
    manager.unload("calculator").await.unwrap();
    let mut events = queue.subscribe(EventFilter::default().instance("calculator"), Since::Sequence(1));
    let mut told = Vec::new();
    while told.len() < 4 {
        if let Notice::Event(event) = events.next().await.unwrap().unwrap() {
            assert_eq!(event.job, None);
            told.push(event.kind);
        }
    }
    assert!(matches!(told[0], JobEvent::Told(EventKind::Loaded { .. })), "{told:?}");
    assert!(matches!(told[1], JobEvent::Told(EventKind::Disabled)), "{told:?}");
    assert!(matches!(told[2], JobEvent::Told(EventKind::Enabled)), "{told:?}");
    assert!(matches!(told[3], JobEvent::Told(EventKind::Unloaded)), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_spins_is_stopped_with_every_phase_told_and_the_next_one_runs() {
    let (_project, _manager, queue) = opened(&["echo"]).await;
    let spins = queue.submit(NewJob::new("echo", "spin", json!(null))).await.unwrap();
    runs(&queue, spins).await;
    let waits = queue.submit(NewJob::new("echo", "echo", json!({ "text": "next" }))).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    // An exclusive instance runs one at a time.
    assert_eq!(queue.get(waits).await.unwrap().blocked, Some(Block::InstanceConcurrency { limit: 1 }));
    assert!(queue.cancel_now(spins).await.unwrap());
    assert_eq!(ended(&queue, spins).await.state, JobState::Cancelled);
    let phases: Vec<_> = queue
        .timeline(spins)
        .await
        .unwrap()
        .into_iter()
        .filter_map(|event| match event.kind {
            JobEvent::Told(EventKind::Cancel { phase }) => Some(phase),
            _ => None,
        })
        .collect();
    assert_eq!(phases.iter().filter(|phase| **phase == CancelPhase::Requested).count(), 1);
    assert!(phases.contains(&CancelPhase::Forced), "{phases:?}");
    assert!(phases.is_sorted(), "{phases:?}");
    assert_eq!(ended(&queue, waits).await.state, JobState::Completed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_takes_too_long_is_stopped() {
    let (_project, _manager, queue) = opened(&["echo"]).await;
    let spins = NewJob::new("echo", "spin", json!(null)).timeout(Duration::from_millis(50));
    let spins = ended(&queue, queue.submit(spins).await.unwrap()).await;
    assert_eq!(spins.state, JobState::Failed);
    let failure = spins.error.unwrap();
    assert_eq!(failure.error.category(), Category::TimedOut);
    assert_eq!((spins.plugin.as_deref(), &*failure.instance, failure.attempt), (Some("echo"), "echo", 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_is_switched_off_keeps_its_jobs_waiting() {
    let (_project, manager, queue) = opened(&["calculator"]).await;
    manager.load("calculator").await.unwrap();
    manager.disable("calculator").await.unwrap();
    let id = queue.submit(NewJob::new("calculator", "add", json!({ "a": 1, "b": 2 }))).await.unwrap();
    let error = queue.wait(id, Some(Duration::from_millis(400))).await.unwrap_err();
    assert_eq!(error.category(), Category::TimedOut);
    assert!(matches!(queue.get(id).await.unwrap().blocked, Some(Block::Instance { .. })));
    // The queue hears of that by itself.
    manager.enable("calculator").await.unwrap();
    assert_eq!(ended(&queue, id).await.state, JobState::Completed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_of_an_instance_that_is_switched_off_wait_through_a_restart_until_any_process_switches_it_on() {
    let (project, manager, queue) = opened(&["calculator"]).await;
    manager.disable("calculator").await.unwrap();
    let id = queue.submit(NewJob::new("calculator", "add", json!({ "a": 1, "b": 2 }))).await.unwrap();
    queue.close(Duration::from_secs(5)).await;
    drop((queue, manager));

    let manager = project.manager().await;
    let queue = Queue::open(manager.clone()).await.unwrap();
    let error = queue.wait(id, Some(Duration::from_millis(100))).await.unwrap_err();
    assert_eq!(error.category(), Category::TimedOut);
    assert!(matches!(queue.get(id).await.unwrap().blocked, Some(Block::Instance { .. })));
    let _watcher = manager.watch().unwrap();
    project.manager().await.enable("calculator").await.unwrap();
    assert_eq!(ended(&queue, id).await.state, JobState::Completed);
}
