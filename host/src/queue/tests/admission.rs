//! Jobs that need memory which others have.

use std::collections::HashMap;

use tokio::sync::Semaphore;

use super::*;
use crate::error::{ResourceKind, Shortfall};
use crate::policy::Admission;
use crate::value::Value;

const KIND: ResourceKind = ResourceKind::SystemMemory;

/// Instances that hold what they are told to.
#[derive(Clone)]
struct Shelf {
    footprints: Arc<Mutex<HashMap<String, Footprint>>>,
    held: Arc<Mutex<HashMap<String, (Demand, Duration)>>>,
    /// What `gate` waits for.
    gate: Arc<Semaphore>,
    /// What the first attempts of `short` fail with.
    shortfall: Arc<Mutex<Option<Shortfall>>>,
}

impl Default for Shelf {
    fn default() -> Self {
        Self {
            footprints: Arc::default(),
            held: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
            shortfall: Arc::default(),
        }
    }
}

impl Shelf {
    fn needs(&self, instance: &str, memory_bytes: u64) {
        let job = Demand { memory_bytes, ..Demand::NONE };
        let footprint = Footprint { job, memory_limit: Some(1_000), ..Footprint::default() };
        self.footprints.lock().unwrap().insert(instance.into(), footprint);
    }

    fn holds(&self, instance: &str, held: Demand, idle: u64) {
        self.held.lock().unwrap().insert(instance.into(), (held, Duration::from_secs(idle)));
    }
}

impl Runs for Shelf {
    fn footprint(&self, instance: &str) -> Footprint {
        self.footprints.lock().unwrap().get(instance).copied().unwrap_or_default()
    }

    fn holdings(&self) -> Vec<Holding> {
        let held = self.held.lock().unwrap();
        let holding = |(instance, (held, idle)): (&String, &(Demand, Duration))| Holding {
            instance: instance.clone(),
            held: *held,
            idle: Some(*idle),
        };
        held.iter().map(holding).collect()
    }

    async fn evict(&self, instance: &str) -> Result<Demand> {
        Ok(self.held.lock().unwrap().remove(instance).map_or(Demand::NONE, |(held, _)| held))
    }

    async fn run(&self, attempt: Attempt, input: Value) -> Result<Value> {
        match attempt.action() {
            "gate" => {
                self.gate.acquire().await.unwrap().forget();
                Ok(input)
            }
            "short" => match self.shortfall.lock().unwrap().take() {
                Some(shortfall) => {
                    attempt.report(runner::log("it runs out"));
                    Err(Error::ResourceExhausted(Box::new(shortfall)))
                }
                None => Ok(input),
            },
            _ => Ok(input),
        }
    }
}

/// A machine with 100 bytes, of which the instances have what they hold.
struct Small(Shelf);

impl Machine for Small {
    fn figures(&self) -> Figures {
        let held: u64 = self.0.held.lock().unwrap().values().map(|(held, _)| held.memory_bytes).sum();
        let space = Space { total: 100, free: 100 - held };
        Figures { memory: Some(space), gpus: Vec::new() }
    }
}

async fn opened(admission: Admission) -> (TempDir, Queue, Shelf) {
    let (dir, shelf) = (tempfile::tempdir().unwrap(), Shelf::default());
    let builder = Queue::builder(dir.path()).machine(Small(shelf.clone())).admission(admission);
    let queue = builder.admission_timeout(Duration::from_millis(600)).open(shelf.clone()).await.unwrap();
    (dir, queue, shelf)
}

async fn submit(queue: &Queue, instance: &str, action: &str) -> JobId {
    let retry = Retry { first: Duration::ZERO, ..Retry::times(1) };
    queue.submit(NewJob::new(instance, action, json!(1)).retry(retry)).await.unwrap()
}

fn memory(memory_bytes: u64) -> Demand {
    Demand { memory_bytes, ..Demand::NONE }
}

fn shortfall(job: &Job) -> (ResourceKind, u64, u64) {
    let Some(Failure { error: Error::ResourceExhausted(shortfall), .. }) = &job.error else {
        panic!("{:?}", job.error)
    };
    (shortfall.kind.clone(), shortfall.needed.unwrap(), shortfall.available.unwrap())
}

/// What happened beside the changes of state: evictions, reloads, logs and retries, in their order.
async fn steps(queue: &Queue, id: JobId) -> Vec<String> {
    let step = |event: QueueEvent| match event.kind {
        JobEvent::Evicted { from, freed } => Some(format!("{from} gave {}", freed.memory_bytes)),
        JobEvent::Reloaded => Some("reloaded".into()),
        JobEvent::Told(_) => Some("told".into()),
        JobEvent::State { cause: Cause::Retry, .. } => Some("retry".into()),
        _ => None,
    };
    queue.timeline(id).await.unwrap().into_iter().filter_map(step).collect()
}

#[tokio::test]
async fn a_job_waits_for_memory_that_another_has_and_gets_it() {
    let (_dir, queue, shelf) = opened(Admission::Queue).await;
    shelf.needs("a", 60);
    shelf.needs("b", 60);
    let first = submit(&queue, "a", "gate").await;
    is(&queue, first, JobState::Running).await;
    let second = submit(&queue, "b", "echo").await;
    let mut events = queue.subscribe(EventFilter::default().job(second), Since::Sequence(1));
    let reason = loop {
        if let Notice::Event(QueueEvent { kind: JobEvent::Blocked { reason }, .. }) =
            events.next().await.unwrap().unwrap()
        {
            break reason;
        }
    };
    assert_eq!(reason, Block::Resources { kind: KIND, needed: 60, available: 40 });
    shelf.gate.add_permits(1);
    assert_eq!(ended(&queue, second).await.state, JobState::Completed);
}

#[tokio::test]
async fn a_job_that_waits_too_long_for_memory_fails_with_the_shortfall() {
    let (_dir, queue, shelf) = opened(Admission::Queue).await;
    shelf.needs("a", 60);
    shelf.needs("b", 60);
    let first = submit(&queue, "a", "gate").await;
    is(&queue, first, JobState::Running).await;
    let second = submit(&queue, "b", "echo").await;
    let second = ended(&queue, second).await;
    assert_eq!((second.state, second.attempt), (JobState::Failed, 0));
    assert_eq!(shortfall(&second), (KIND, 60, 40));
    assert_eq!(states(&queue, second.id).await.last(), Some(&(JobState::Failed, Cause::Refused)));
    shelf.gate.add_permits(1);
    ended(&queue, first).await;
    // It can be run once more.
    assert!(queue.retry(second.id).await.unwrap());
    assert_eq!(ended(&queue, second.id).await.state, JobState::Completed);
}

#[tokio::test]
async fn safe_fails_at_once_and_permissive_runs() {
    for (admission, state) in
        [(Admission::Safe, JobState::Failed), (Admission::Permissive, JobState::Completed)]
    {
        let (_dir, queue, shelf) = opened(admission).await;
        shelf.needs("a", 60);
        shelf.needs("b", 60);
        let first = submit(&queue, "a", "gate").await;
        is(&queue, first, JobState::Running).await;
        let second = submit(&queue, "b", "echo").await;
        let second = ended(&queue, second).await;
        assert_eq!(second.state, state);
        if state == JobState::Failed {
            assert_eq!(shortfall(&second), (KIND, 60, 40));
        }
        shelf.gate.add_permits(1);
        ended(&queue, first).await;
    }
}

#[tokio::test]
async fn what_can_never_run_is_not_accepted_and_fails_where_that_shows_later() {
    let (_dir, queue, shelf) = opened(Admission::Queue).await;
    shelf.needs("a", 101);
    // Nothing is known yet of the machine.
    let id = submit(&queue, "a", "echo").await;
    let job = ended(&queue, id).await;
    assert_eq!((job.state, shortfall(&job)), (JobState::Failed, (KIND, 101, 100)));
    let last = queue.stats().await.unwrap().last_event;
    for (needs, bound) in [(101, 100), (1_001, 1_000)] {
        shelf.needs("a", needs);
        let error = queue.submit(NewJob::new("a", "echo", json!(1))).await.unwrap_err();
        let Error::ResourceExhausted(shortfall) = error else { panic!("{error:?}") };
        assert_eq!((shortfall.needed, shortfall.available), (Some(needs), Some(bound)));
    }
    assert_eq!(queue.stats().await.unwrap().last_event, last, "nothing was stored");
}

#[tokio::test]
async fn an_idle_instance_gives_back_what_a_job_waits_for() {
    for admission in [Admission::Queue, Admission::Safe] {
        let (_dir, queue, shelf) = opened(admission).await;
        shelf.needs("a", 40);
        shelf.holds("young", memory(40), 1);
        shelf.holds("old", memory(40), 100);
        shelf.holds("a", memory(10), 5);
        let id = submit(&queue, "a", "echo").await;
        assert_eq!(ended(&queue, id).await.state, JobState::Completed);
        assert_eq!(steps(&queue, id).await, ["old gave 40"]);
        assert!(shelf.held.lock().unwrap().contains_key("young"));
    }
}

#[tokio::test]
async fn an_attempt_that_ran_out_of_memory_finds_room_at_the_next() {
    let (_dir, queue, shelf) = opened(Admission::Queue).await;
    for (kind, needed, available, expected) in [
        // As much as is missing: the longest unused first.
        (KIND, Some(90), Some(60), vec!["told", "old gave 20", "busy gave 20", "reloaded", "retry"]),
        // What is missing is not known: all.
        (KIND, None, None, vec!["told", "old gave 20", "busy gave 20", "young gave 20", "reloaded", "retry"]),
        // The instance's own limit is nothing that others have.
        (KIND, Some(1_001), Some(1_000), vec!["told", "reloaded", "retry"]),
        // Nobody has any of it.
        (ResourceKind::GpuMemory, None, None, vec!["told", "reloaded", "retry"]),
        // Nor does a new instance help here.
        (ResourceKind::Disk, None, None, vec!["told", "retry"]),
    ] {
        shelf.needs("a", 10);
        for (instance, idle) in [("a", 50), ("young", 1), ("old", 30), ("busy", 20)] {
            shelf.holds(instance, memory(20), idle);
        }
        *shelf.shortfall.lock().unwrap() =
            Some(Shortfall { kind, message: "full".into(), needed, available });
        let id = submit(&queue, "a", "short").await;
        let job = ended(&queue, id).await;
        assert_eq!((job.state, job.attempt), (JobState::Completed, 2));
        assert_eq!(steps(&queue, id).await, expected);
    }
}

#[tokio::test]
async fn nobody_gives_up_anything_for_a_job_that_is_not_tried_again() {
    let (_dir, queue, shelf) = opened(Admission::Queue).await;
    shelf.holds("old", memory(20), 30);
    shelf.holds("a", memory(20), 30);
    *shelf.shortfall.lock().unwrap() =
        Some(Shortfall { kind: KIND, message: "full".into(), needed: None, available: None });
    let id = queue.submit(NewJob::new("a", "short", json!(1))).await.unwrap();
    assert_eq!(ended(&queue, id).await.state, JobState::Failed);
    assert_eq!(steps(&queue, id).await, ["told"]);
    assert_eq!(shelf.held.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn what_was_measured_counts_where_something_was() {
    let (dir, script) = (tempfile::tempdir().unwrap(), Script::default());
    let open = |memory| {
        Queue::builder(dir.path()).machine(Small(Shelf::default())).memory(memory).open(script.clone())
    };
    let queue = open(50).await.unwrap();
    // It has 40 bytes at its peak; nobody said so.
    let id = queue.submit(NewJob::new("i", "use", json!(20))).await.unwrap();
    assert_eq!(ended(&queue, id).await.state, JobState::Completed);
    queue.close(Duration::from_secs(5)).await;
    let queue = open(39).await.unwrap();
    let error = queue.submit(NewJob::new("i", "use", json!(20))).await.unwrap_err();
    assert!(error.to_string().contains("takes up 40 bytes of memory, and the queue may use 39"), "{error}");
    // Of another instance nothing is known.
    let id = queue.submit(NewJob::new("j", "echo", json!(20))).await.unwrap();
    assert_eq!(ended(&queue, id).await.state, JobState::Completed);
}
