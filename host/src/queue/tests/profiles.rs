//! What jobs are measured to use.

use super::runner::configuration;
use super::*;
use crate::event::{EventKind, Measured};

async fn run(queue: &Queue, action: &str, input: u64) -> Job {
    let id = queue.submit(NewJob::new("i", action, json!(input))).await.unwrap();
    ended(queue, id).await
}

fn profile(queue: &Queue) -> Profile {
    queue.profile("i", &configuration()).unwrap()
}

fn resources(events: Vec<QueueEvent>) -> Vec<Measured> {
    let resources = |event: QueueEvent| match event.kind {
        JobEvent::Told(EventKind::Resources(measured)) => Some(measured),
        _ => None,
    };
    events.into_iter().filter_map(resources).collect()
}

#[tokio::test]
async fn a_profile_holds_what_the_attempts_used() {
    let (dir, queue) = opened().await;
    for n in [2, 4, 6, 3] {
        run(&queue, "use", n).await;
    }
    let known = profile(&queue);
    assert_eq!((known.samples, known.successes, known.success_rate), (4, 3, Some(0.75)));
    let memory = known.memory_bytes.unwrap();
    assert_eq!((memory.samples, memory.mean, memory.peak), (4, 7.5, 12.0));
    let cpu = known.cpu_time_ms.unwrap();
    assert_eq!((cpu.mean, cpu.peak), (3.75, 6.0));
    assert!((cpu.deviation - (35.0_f64 / 12.0).sqrt()).abs() < 1e-12, "{cpu:?}");
    assert_eq!(known.gpu_memory_bytes, None);
    assert_eq!(known.usage["steps"], 15.0);
    let duration = known.duration_ms.unwrap();
    assert!(duration.samples == 4 && duration.mean > 0.0 && duration.peak >= duration.mean, "{duration:?}");
    assert!(known.since <= known.updated_at);
    // It is the same when it is read again, and goes on from there.
    queue.close(Duration::ZERO).await;
    let queue = Queue::builder(dir.path()).open(Script::default()).await.unwrap();
    assert_eq!(profile(&queue), known);
    run(&queue, "use", 10).await;
    assert_eq!(profile(&queue).memory_bytes.unwrap().peak, 20.0);
    assert_gapless(&queue).await;
}

#[tokio::test]
async fn every_attempt_counts_once_however_many_end_together() {
    let (_dir, queue) = opened().await;
    let jobs = (0..200).map(|n| run(&queue, "use", 2 * n));
    futures::future::join_all(jobs).await;
    let known = profile(&queue);
    let memory = known.memory_bytes.unwrap();
    assert_eq!((known.samples, memory.samples, memory.peak), (200, 200, 796.0));
    assert!((memory.mean - 398.0).abs() < 1e-9, "{memory:?}");
    assert_eq!(known.usage["steps"], 39_800.0);
}

#[tokio::test]
async fn what_others_put_an_end_to_counts_in_nothing_but_its_usage() {
    let (dir, queue) = opened().await;
    let cancelled = queue.submit(job("grow")).await.unwrap();
    is(&queue, cancelled, JobState::Running).await;
    queue.cancel(cancelled).await.unwrap();
    assert_eq!(ended(&queue, cancelled).await.state, JobState::Cancelled);
    let closed = queue.submit(job("grow")).await.unwrap();
    is(&queue, closed, JobState::Running).await;
    queue.close(Duration::ZERO).await;
    let queue = Queue::builder(dir.path()).paused().open(Script::default()).await.unwrap();
    let known = profile(&queue);
    assert_eq!((known.samples, known.success_rate, known.memory_bytes), (0, None, None));
    assert_eq!(known.usage["steps"], 2.0);
}

#[tokio::test]
async fn what_is_not_measured_or_never_ran_has_no_profile() {
    let (_dir, queue) = opened().await;
    for action in ["echo", "never", "fail"] {
        run(&queue, action, 1).await;
    }
    assert_eq!(queue.profiles(&ProfileFilter::default()), []);
}

#[tokio::test]
async fn profiles_are_found_and_forgotten_by_what_they_are_of() {
    let (_dir, queue) = opened().await;
    for instance in ["b", "a"] {
        let id = queue.submit(NewJob::new(instance, "use", json!(2))).await.unwrap();
        ended(&queue, id).await;
    }
    let found = |filter: ProfileFilter| -> Vec<String> {
        queue.profiles(&filter).into_iter().map(|profile| profile.instance).collect()
    };
    let all = ProfileFilter::default;
    assert_eq!(found(all()), ["a", "b"]);
    assert_eq!(found(all().instance("b")), ["b"]);
    assert_eq!(found(all().configuration(&configuration())), ["a", "b"]);
    assert_eq!(found(all().configuration(&crate::catalog::Digest::of(b"another"))), Vec::<String>::new());
    assert_eq!(queue.forget_profiles(&all().instance("a")).await.unwrap(), 1);
    assert_eq!(found(all()), ["b"]);
    assert_eq!(queue.forget_profiles(&all()).await.unwrap(), 1);
    assert_eq!(found(all()), Vec::<String>::new());
    let id = queue.submit(NewJob::new("a", "use", json!(2))).await.unwrap();
    ended(&queue, id).await;
    assert_eq!(queue.profile("a", &configuration()).unwrap().samples, 1);
}

#[tokio::test]
async fn what_a_job_uses_is_told_while_it_runs_and_can_be_asked_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let script = Script::default();
    let often = Queue::builder(dir.path()).snapshot_interval(Duration::from_millis(1));
    let queue = often.open(script.clone()).await.unwrap();
    let mut events = queue.subscribe(EventFilter::default(), Since::Now);
    let id = queue.submit(job("grow")).await.unwrap();
    let mut told = Vec::new();
    while told.len() < 3 {
        if let Notice::Event(event) = events.next().await.unwrap().unwrap() {
            told.extend(resources(vec![event]));
        }
    }
    let now = queue.resources(id).unwrap();
    assert!(now.memory_bytes > told[2].memory_bytes, "{now:?} {told:?}");
    assert!(queue.get(id).await.unwrap().resources.unwrap().memory_bytes > now.memory_bytes);
    script.gate.add_permits(1);
    ended(&queue, id).await;
    assert_eq!((queue.resources(id), queue.get(id).await.unwrap().resources), (None, None));
    // Whoever saw it grow sees where it ended: that is what counts.
    let told = resources(queue.timeline(id).await.unwrap());
    assert!(told.is_sorted_by_key(|told| told.memory_bytes), "{told:?}");
    let counted = profile(&queue).memory_bytes.unwrap().peak;
    assert_eq!(told.last().unwrap().peak_memory_bytes.unwrap() as f64, counted);
}

#[tokio::test]
async fn nothing_is_told_of_what_a_job_uses_where_that_is_not_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let queue = Queue::builder(dir.path()).snapshot_interval(None).open(Script::default()).await.unwrap();
    let id = queue.submit(job("grow")).await.unwrap();
    is(&queue, id, JobState::Running).await;
    tokio::time::sleep(Duration::from_millis(250)).await;
    queue.cancel(id).await.unwrap();
    ended(&queue, id).await;
    assert_eq!(resources(queue.timeline(id).await.unwrap()), []);
}

#[tokio::test]
async fn a_profile_has_a_stable_structure() {
    let (_dir, queue) = opened().await;
    run(&queue, "use", 2).await;
    let known = profile(&queue);
    let json = serde_json::to_value(&known).unwrap();
    assert_eq!(json["memory-bytes"], json!({ "samples": 1, "mean": 4.0, "deviation": 0.0, "peak": 4.0 }));
    let keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "configuration",
        "cpu-time-ms",
        "duration-ms",
        "instance",
        "memory-bytes",
        "samples",
        "since",
        "success-rate",
        "successes",
        "updated-at",
        "usage",
    ];
    assert!(expected.iter().all(|key| keys.contains(key)) && keys.len() == expected.len(), "{keys:?}");
    assert_eq!(serde_json::from_value::<Profile>(json).unwrap(), known);
}
