//! Jobs on a machine that has too little memory for all of them at once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::time::Duration;

use cjm_host::{
    Admission, Block, Error, Job, JobEvent, JobId, JobState, Manager, NewJob, Queue, ResourceKind, Retry,
};
use cjm_tests::{Project, guest};
use serde_json::json;

const MIB: u64 = 1 << 20;

/// Two instances of one plugin. A call of the action `take` with 40 takes up between 40 and 60 MiB.
async fn project(mode: &str) -> (Project, Manager) {
    let project = Project::new(&format!(
        "[plugins.misbehave]\ninstances = [\"a\", \"b\"]\nmode = \"{mode}\"\nlimits = {{ memory-bytes = \"96 MiB\" }}\n"
    ));
    project.drop_in(&guest("misbehave"));
    let manager = project.manager().await;
    (project, manager)
}

async fn opened(manager: &Manager, admission: Admission, memory: u64) -> Queue {
    let builder = Queue::builder(manager.settings().data_dir()).admission(admission).memory(memory);
    builder.open(manager.clone()).await.unwrap()
}

async fn submit(queue: &Queue, instance: &str, action: &str) -> JobId {
    queue.submit(NewJob::new(instance, action, json!(40))).await.unwrap()
}

async fn ended(queue: &Queue, id: JobId) -> Job {
    queue.wait(id, Some(Duration::from_secs(60))).await.unwrap()
}

async fn run(queue: &Queue, instance: &str, action: &str) -> Job {
    let id = submit(queue, instance, action).await;
    ended(queue, id).await
}

async fn until(queue: &Queue, id: JobId, is: impl Fn(&Job) -> bool) {
    while !is(&queue.get(id).await.unwrap()) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The instances that gave something back for a job, and how often its own was made anew.
async fn given(queue: &Queue, id: JobId) -> (Vec<(String, u64)>, usize) {
    let (mut evicted, mut reloaded) = (Vec::new(), 0);
    for event in queue.timeline(id).await.unwrap() {
        match event.kind {
            JobEvent::Evicted { from, freed } => evicted.push((from, freed.memory_bytes)),
            JobEvent::Reloaded => reloaded += 1,
            _ => {}
        }
    }
    (evicted, reloaded)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_lets_jobs_run_one_after_the_other_once_it_is_known_what_they_take_up() {
    let (_project, manager) = project("fresh").await;
    let queue = opened(&manager, Admission::Queue, 70 * MIB).await;
    assert_eq!(run(&queue, "a", "take").await.state, JobState::Completed);
    let first = submit(&queue, "a", "wait-for-cancellation").await;
    until(&queue, first, |job| job.state == JobState::Running).await;
    let second = submit(&queue, "a", "wait-for-cancellation").await;
    until(&queue, second, |job| {
        matches!(
            job.blocked,
            Some(Block::Resources { kind: ResourceKind::SystemMemory, needed, available })
                if needed > 40 * MIB && available < 30 * MIB
        )
    })
    .await;
    assert_eq!(queue.get(first).await.unwrap().state, JobState::Running);
    assert!(queue.cancel(first).await.unwrap());
    until(&queue, second, |job| job.state == JobState::Running).await;
    assert!(queue.cancel(second).await.unwrap());
    ended(&queue, second).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_is_refused_with_the_shortfall_where_that_is_wanted_and_let_run_where_nothing_is() {
    let (_project, manager) = project("fresh").await;
    let queue = opened(&manager, Admission::Safe, 70 * MIB).await;
    assert_eq!(run(&queue, "a", "take").await.state, JobState::Completed);
    let first = submit(&queue, "a", "wait-for-cancellation").await;
    until(&queue, first, |job| job.state == JobState::Running).await;
    let second = run(&queue, "a", "take").await;
    assert_eq!((second.state, second.attempt), (JobState::Failed, 0));
    let Error::ResourceExhausted(shortfall) = second.error.unwrap().error else { panic!("it was refused") };
    assert_eq!(shortfall.kind, ResourceKind::SystemMemory);
    assert!(shortfall.needed.unwrap() > 40 * MIB && shortfall.available.unwrap() < 30 * MIB, "{shortfall:?}");
    queue.cancel(first).await.unwrap();
    ended(&queue, first).await;
    queue.close(Duration::from_secs(10)).await;

    let queue = opened(&manager, Admission::Permissive, 70 * MIB).await;
    let both = [
        submit(&queue, "a", "wait-for-cancellation").await,
        submit(&queue, "a", "wait-for-cancellation").await,
    ];
    for id in both {
        until(&queue, id, |job| job.state == JobState::Running).await;
    }
    for id in both {
        queue.cancel(id).await.unwrap();
        ended(&queue, id).await;
    }
    queue.close(Duration::from_secs(10)).await;

    // What can never run is not even accepted.
    let queue = opened(&manager, Admission::Queue, 20 * MIB).await;
    let last = queue.stats().await.unwrap().last_event;
    let error = queue.submit(NewJob::new("a", "take", json!(1))).await.unwrap_err();
    assert!(error.to_string().contains("can never run"), "{error}");
    assert_eq!(queue.stats().await.unwrap().last_event, last);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_instance_gives_up_its_memory_for_another_and_its_handles_stay_good() {
    let (_project, manager) = project("exclusive").await;
    let queue = opened(&manager, Admission::Queue, 70 * MIB).await;
    for instance in ["a", "b"] {
        // The first time it is not known what they take up.
        assert_eq!(run(&queue, instance, "take").await.state, JobState::Completed);
    }
    let b = manager.instance("b").unwrap();
    assert_eq!(b.execute("count", json!(null)).await.unwrap().to::<u64>().unwrap(), 1);
    assert!(manager.evict("a").await.unwrap() > 40 * MIB);
    let again = run(&queue, "a", "take").await;
    assert_eq!(again.state, JobState::Completed);
    let (evicted, reloaded) = given(&queue, again.id).await;
    assert!(matches!(evicted.as_slice(), [(from, freed)] if from == "b" && *freed > 40 * MIB), "{evicted:?}");
    assert_eq!(reloaded, 0);
    let told: Vec<_> = b.logs().unwrap().into_iter().map(|record| record.record.message).collect();
    assert!(told.ends_with(&["hook release thing".to_owned(), "hook shutdown".to_owned()]), "{told:?}");
    assert!(b.is_loaded());
    assert_eq!(b.stats().unwrap().memory_bytes, 0);
    assert_eq!(b.execute("count", json!(null)).await.unwrap().to::<u64>().unwrap(), 1, "it begins anew");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_that_ran_out_of_memory_is_made_again_in_a_new_instance() {
    let (_project, manager) = project("exclusive").await;
    let queue = opened(&manager, Admission::Queue, 1 << 30).await;
    assert_eq!(run(&queue, "b", "take").await.state, JobState::Completed);
    let a = manager.load_as("misbehave", "a").await.unwrap();
    assert_eq!(a.execute("count", json!(null)).await.unwrap().to::<u64>().unwrap(), 1);
    // One says itself that there is too little; one runs into its own limit, and its host sees that.
    for action in ["exhausted", "allocate"] {
        let retry = Retry { first: Duration::ZERO, ..Retry::times(1) };
        let id = queue.submit(NewJob::new("a", action, json!(null)).retry(retry)).await.unwrap();
        let job = ended(&queue, id).await;
        assert_eq!((job.state, job.attempt), (JobState::Failed, 2));
        let (evicted, reloaded) = given(&queue, id).await;
        assert_eq!((evicted.len(), reloaded), (0, 1), "{action}: others have none of it");
        assert_eq!(a.execute("count", json!(null)).await.unwrap().to::<u64>().unwrap(), 1, "it begins anew");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_in_which_something_runs_keeps_its_memory() {
    for mode in ["exclusive", "shared", "fresh"] {
        let (_project, manager) = project(mode).await;
        let a = manager.load_as("misbehave", "a").await.unwrap();
        let waits = a.call("wait-for-cancellation", json!(null)).unwrap().start();
        while a.stats().unwrap().running == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(a.plugin().unwrap().idle_for(), None);
        assert_eq!(manager.evict("a").await.unwrap(), 0, "{mode}");
        waits.canceller().cancel();
        let _ = waits.await;
        a.execute("echo", json!(1)).await.unwrap();
        assert!(a.plugin().unwrap().idle_for().is_some());
        assert_eq!(manager.evict("a").await.unwrap() > 0, mode != "fresh", "{mode}");
        assert_eq!(manager.evict("a").await.unwrap(), 0, "{mode}: there is nothing left");
        a.execute("echo", json!(1)).await.unwrap();
    }
}
