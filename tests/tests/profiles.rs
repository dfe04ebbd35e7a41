//! What jobs are measured to use, and what they log, with guests that do as they are told.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::time::Duration;

use cjm_host::{
    Category, Digest, EventFilter, EventKind, Job, JobEvent, JobState, Manager, Measured, NewJob, Notice,
    Profile, ProfileFilter, Queue, QueueEvents, Since, Strictness,
};
use cjm_tests::{Project, guest};
use serde_json::json;

const MIB: u64 = 1 << 20;

async fn opened(settings: &str) -> (Project, Manager, Queue) {
    let project = Project::new(settings);
    project.drop_in(&guest("misbehave"));
    let manager = project.manager().await;
    let queue = Queue::open(manager.clone()).await.unwrap();
    (project, manager, queue)
}

fn mode(mode: &str) -> String {
    format!("[plugins.misbehave]\nmode = \"{mode}\"\nlimits = {{ memory-bytes = \"96 MiB\" }}\n")
}

async fn run(queue: &Queue, action: &str, input: u64) -> Job {
    let id = queue.submit(NewJob::new("misbehave", action, json!(input))).await.unwrap();
    queue.wait(id, Some(Duration::from_secs(60))).await.unwrap()
}

fn configuration(manager: &Manager) -> Digest {
    manager.instance("misbehave").unwrap().plugin().unwrap().configuration_digest()
}

fn profile(manager: &Manager, queue: &Queue) -> Profile {
    queue.profile("misbehave", &configuration(manager)).unwrap()
}

/// The next snapshot.
async fn snapshot(events: &mut QueueEvents) -> Measured {
    loop {
        if let Notice::Event(event) = events.next().await.unwrap().unwrap()
            && let JobEvent::Told(EventKind::Resources(measured)) = event.kind
        {
            return measured;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_profile_says_what_the_guest_took() {
    for (kind, has_cpu_time) in [("exclusive", true), ("fresh", true), ("shared", false)] {
        let (_project, manager, queue) = opened(&mode(kind)).await;
        for mebibytes in [1, 40, 1] {
            assert_eq!(run(&queue, "take", mebibytes).await.state, JobState::Completed);
        }
        assert_eq!(run(&queue, "fatal", 0).await.state, JobState::Failed);
        let known = profile(&manager, &queue);
        assert_eq!((known.samples, known.successes), (4, 3), "{kind}");
        let memory = known.memory_bytes.unwrap();
        let peak = memory.peak as u64;
        assert!((40 * MIB..60 * MIB).contains(&peak), "{kind}: {memory:?}");
        // Only a fresh instance gives back what it took.
        let low = memory.mean < 20.0 * MIB as f64;
        assert_eq!(low, kind == "fresh", "{kind}: {memory:?}");
        assert!(memory.deviation > 0.0, "{kind}: {memory:?}");
        assert_eq!(known.cpu_time_ms.is_some_and(|time| time.mean > 0.0), has_cpu_time, "{kind}: {known:?}");
        assert_eq!(known.gpu_memory_bytes, None);
        assert_eq!(known.usage["mebibytes"], 42.0, "{kind}");
        let duration = known.duration_ms.unwrap();
        assert!(known.cpu_time_ms.is_none_or(|time| time.peak <= duration.peak * 1.5 + 10.0), "{known:?}");
        queue.close(Duration::from_secs(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_dies_of_its_memory_has_its_peak_in_the_profile() {
    for kind in ["exclusive", "fresh", "shared"] {
        let (_project, manager, queue) = opened(&mode(kind)).await;
        let job = run(&queue, "allocate", 0).await;
        assert_eq!(job.error.unwrap().error.category(), Category::ResourceExhausted, "{kind}");
        let known = profile(&manager, &queue);
        assert_eq!((known.samples, known.success_rate), (1, Some(0.0)), "{kind}");
        let peak = known.memory_bytes.unwrap().peak as u64;
        assert!((80 * MIB..=96 * MIB).contains(&peak), "{kind}: {peak}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_configuration_has_a_profile_of_its_own() {
    let (_project, manager, queue) = opened("").await;
    run(&queue, "take", 1).await;
    let before = configuration(&manager);
    let options = json!({ "options": "few" });
    manager.set_config("misbehave", options.clone(), Strictness::Strict).await.unwrap();
    assert_ne!(configuration(&manager), before);
    run(&queue, "take", 1).await;
    run(&queue, "take", 1).await;
    let all = queue.profiles(&ProfileFilter::default().instance("misbehave"));
    let samples: Vec<_> = all.iter().map(|profile| (profile.configuration, profile.samples)).collect();
    assert_eq!(samples, [(configuration(&manager), 2), (before, 1)]);
    // The same configuration is the same again, also after it was loaded anew.
    manager.reset_config("misbehave").await.unwrap();
    assert_eq!(configuration(&manager), before);
    manager.unload("misbehave").await.unwrap();
    run(&queue, "take", 1).await;
    assert_eq!(profile(&manager, &queue).samples, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_instance_cannot_be_loaded_is_in_no_profile() {
    let (project, manager, queue) = opened("").await;
    queue.pause();
    let id = queue.submit(NewJob::new("misbehave", "take", json!(1))).await.unwrap();
    manager.unload("misbehave").await.unwrap();
    std::fs::remove_file(project.plugins().join("misbehave.wasm")).unwrap();
    queue.resume();
    assert_eq!(queue.wait(id, Some(Duration::from_secs(60))).await.unwrap().state, JobState::Failed);
    assert_eq!(queue.profiles(&ProfileFilter::default()), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_guest_uses_is_told_while_it_spins_and_can_be_asked_at_once() {
    let often = "[queue]\nsnapshot-interval = \"100ms\"\n";
    for (kind, has_cpu_time) in [("exclusive", true), ("fresh", true), ("shared", false)] {
        let (_project, manager, queue) = opened(&format!("{often}{}", mode(kind))).await;
        manager.load("misbehave").await.unwrap();
        let mut events = queue.subscribe(EventFilter::default(), Since::Now);
        let id = queue.submit(NewJob::new("misbehave", "take-and-spin", json!(40))).await.unwrap();
        let mut told = snapshot(&mut events).await;
        while told.memory_bytes < Some(40 * MIB) {
            told = snapshot(&mut events).await;
        }
        assert_eq!(told.cpu_time.is_some(), has_cpu_time, "{kind}: {told:?}");
        if has_cpu_time {
            let later = snapshot(&mut events).await;
            assert!(later.cpu_time > told.cpu_time, "{kind}: {later:?} after {told:?}");
        }
        let now = queue.resources(id).unwrap();
        assert!((40 * MIB..60 * MIB).contains(&now.memory_bytes.unwrap()), "{kind}: {now:?}");
        assert_eq!(now.memory_bytes, now.peak_memory_bytes);
        assert!(now.cpu_time >= told.cpu_time, "{kind}: {now:?} after {told:?}");
        assert!(queue.get(id).await.unwrap().resources.unwrap().cpu_time >= now.cpu_time, "{kind}");
        queue.cancel(id).await.unwrap();
        assert_eq!(queue.wait(id, None).await.unwrap().state, JobState::Cancelled);
        assert_eq!(queue.resources(id), None);
        assert_eq!(profile(&manager, &queue).usage["mebibytes"], 40.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_has_exactly_its_own_lines_also_beside_others_in_one_instance() {
    for (kind, together) in [("shared", 4), ("fresh", 1), ("exclusive", 1)] {
        let (_project, _manager, queue) = opened(&mode(kind)).await;
        let mut ids = Vec::new();
        for _ in 0..4 {
            ids.push(queue.submit(NewJob::new("misbehave", "log-itself", json!(together))).await.unwrap());
        }
        for id in ids {
            let job = queue.wait(id, Some(Duration::from_secs(60))).await.unwrap();
            assert_eq!(job.state, JobState::Completed, "{kind}");
            let lines: Vec<_> =
                queue.logs(id).await.unwrap().into_iter().map(|record| record.message).collect();
            let expected: Vec<_> = (0..1_500).map(|line| format!("{line} of {id}")).collect();
            assert!(lines == expected, "{kind}: {} lines: {:?}", lines.len(), lines.last());
        }
    }
}
