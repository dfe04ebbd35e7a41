//! A process that runs jobs is killed again and again under load; then every job and every event is accounted for.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]
#![cfg(unix)]

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use cjm_host::{
    Attempt, Cause, Error, EventFilter, Interrupted, Job, JobEvent, JobFilter, JobId, JobState, NewJob,
    NewSequence, Notice, Queue, Result, Retention, Retry, Runs, SequenceFilter, SequenceId, SequenceMode,
    SequenceState, Since, Step, Value,
};

/// How often the process is killed.
const KILLS: u64 = 200;

/// Tells a process of this test that it is one of those to be killed: the folder, and the round.
const INSIDE: &str = "CJM_TEST_CRASH";

/// Writes down, where a kill cannot reach it, what was begun.
struct Ledger {
    file: File,
    round: u64,
}

impl Ledger {
    fn open(dir: &Path, round: u64) -> Self {
        let file = File::options().create(true).append(true).open(dir.join("ledger")).unwrap();
        Self { file, round }
    }
}

impl Runs for Ledger {
    async fn run(&self, attempt: Attempt, input: Value) -> Result<Value> {
        let line = format!("{} {} {}\n", attempt.id(), attempt.number(), self.round);
        (&self.file).write_all(line.as_bytes()).unwrap();
        let dice = fastrand::u64(..10);
        if attempt.action() == "shaky" && dice < 4 {
            return Err(Error::Transient { message: "shaken".into(), retry_after: None });
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(dice)) => Ok(input),
            _ = attempt.stopped() => Err(Error::Cancelled { what: "it".into(), forced: false }),
        }
    }
}

async fn open(dir: &Path, round: u64) -> Queue {
    // Jobs are interrupted very often here, and nothing may go before it was looked at.
    let kept = Retention { jobs: None, job_age: None, events: None, event_age: None };
    let builder = Queue::builder(dir.join("data")).interruptions(u32::MAX).retention(kept);
    builder.open(Ledger::open(dir, round)).await.unwrap()
}

/// Says something on a line of its own, in one piece.
fn say(what: &str, id: impl std::fmt::Display) {
    std::io::stdout().write_all(format!("{what} {id}\n").as_bytes()).unwrap();
}

/// Submits, cancels and waits, until it is killed.
async fn work(queue: Queue, mut dice: fastrand::Rng) {
    let retry = Retry { times: 20, first: Duration::from_millis(1), longest: Duration::from_millis(5) };
    loop {
        if dice.u64(..4) == 0 {
            follow(&queue, &mut dice, retry).await;
            continue;
        }
        let input = match dice.u64(..10) {
            0 => Value::blob("application/octet-stream", vec![dice.u8(..); 70_000]),
            _ => Value::from(serde_json::json!({ "n": dice.u64(..1_000_000) })),
        };
        let instance = format!("i{}", dice.u64(..3));
        let (kind, job) = match dice.u64(..4) {
            0 => ("once", NewJob::new(instance, "once", input).interrupted(Interrupted::Fail)),
            1 => ("shaky", NewJob::new(instance, "shaky", input).retry(retry)),
            _ => ("plain", NewJob::new(instance, "plain", input)),
        };
        let id = queue.submit(job).await.unwrap();
        say(kind, id);
        match dice.u64(..8) {
            0 => {
                say("cancelling", id);
                queue.cancel(id).await.unwrap();
            }
            1 => {}
            _ => {
                if queue.wait(id, None).await.unwrap().state == JobState::Completed {
                    say("completed", id);
                }
            }
        }
    }
}

/// Submits a sequence whose last step gives what its first was given, and cancels or waits for it.
async fn follow(queue: &Queue, dice: &mut fastrand::Rng, retry: Retry) {
    let first = match dice.u64(..6) {
        0 => Value::blob("application/octet-stream", vec![dice.u8(..); 70_000]),
        _ => Value::from(serde_json::json!({ "n": dice.u64(..1_000_000) })),
    };
    let mut step = |input: Value| {
        let instance = format!("i{}", dice.u64(..3));
        match dice.u64(..6) {
            0 => NewJob::new(instance, "once", input).interrupted(Interrupted::Fail),
            1 => NewJob::new(instance, "shaky", input).retry(retry),
            _ => NewJob::new(instance, "plain", input),
        }
    };
    let result = |of: serde_json::Value| Value::from(serde_json::json!({ "$result": of }));
    let steps = [
        Step::new(step(first)).name("first"),
        Step::new(step(result(serde_json::json!("")))),
        Step::new(step(result(serde_json::json!({ "step": "first" })))),
    ];
    let mode = SequenceMode::ALL[dice.usize(..2)];
    let id = queue.submit_sequence(NewSequence::new(steps).mode(mode)).await.unwrap();
    say("sequence", id);
    match dice.u64(..6) {
        0 => {
            say("cancelling-sequence", id);
            queue.cancel_sequence(id).await.unwrap();
        }
        1 => {}
        _ => {
            if queue.wait_sequence(id, None).await.unwrap().state == SequenceState::Completed {
                say("completed-sequence", id);
            }
        }
    }
}

/// A process that is to be killed.
fn inside(place: &str) {
    let (round, dir) = place.split_once(' ').unwrap();
    let (round, dir): (u64, PathBuf) = (round.parse().unwrap(), dir.into());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let queue = open(&dir, round).await;
        std::io::stdout().write_all(b"ready\n").unwrap();
        let mut dice = fastrand::Rng::with_seed(round);
        let workers = (0..8).map(|_| tokio::spawn(work(queue.clone(), dice.fork())));
        for worker in workers.collect::<Vec<_>>() {
            worker.await.unwrap();
        }
    });
}

/// What the processes said.
#[derive(Default)]
struct Said {
    kinds: HashMap<JobId, String>,
    cancelling: HashSet<JobId>,
    /// With the round in which it was said.
    completed: HashMap<JobId, u64>,
    sequences: HashSet<SequenceId>,
    cancelling_sequences: HashSet<SequenceId>,
    completed_sequences: HashSet<SequenceId>,
}

/// Runs a process and kills it after a while.
fn round(dir: &Path, round: u64, said: &mut Said) {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--nocapture",
            "nothing_that_was_accepted_is_lost_and_nothing_that_ended_runs_again",
        ])
        .env(INSIDE, format!("{round} {}", dir.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(process.stdout.take().unwrap());
    let (ready, is_ready) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut lines = Vec::new();
        let mut line = String::new();
        // What a kill cut off has no end.
        while stdout.read_line(&mut line).unwrap() > 0 && line.ends_with('\n') {
            if line == "ready\n" {
                let _ = ready.send(());
            }
            lines.push(std::mem::take(&mut line));
        }
        lines
    });
    // Some are killed while they open, most while they work.
    let mut dice = fastrand::Rng::new();
    if dice.u64(..8) == 0 {
        std::thread::sleep(Duration::from_millis(dice.u64(..30)));
    } else {
        is_ready.recv().unwrap();
        std::thread::sleep(Duration::from_millis(dice.u64(..120)));
    }
    process.kill().unwrap();
    assert!(!process.wait().unwrap().success(), "it was to be killed");
    for line in reader.join().unwrap() {
        let Some((what, id)) = line.trim_end().split_once(' ') else { continue };
        let sequences = match what {
            "sequence" => Some(&mut said.sequences),
            "cancelling-sequence" => Some(&mut said.cancelling_sequences),
            "completed-sequence" => Some(&mut said.completed_sequences),
            _ => None,
        };
        if let (Some(sequences), Ok(id)) = (sequences, id.parse()) {
            sequences.insert(id);
            continue;
        }
        let Ok(id) = id.parse::<JobId>() else { continue };
        match what {
            "completed" => drop(said.completed.insert(id, round)),
            "cancelling" => drop(said.cancelling.insert(id)),
            kind => drop(said.kinds.insert(id, kind.to_owned())),
        }
    }
}

#[test]
fn nothing_that_was_accepted_is_lost_and_nothing_that_ended_runs_again() {
    if let Ok(place) = std::env::var(INSIDE) {
        return inside(&place);
    }
    let dir = tempfile::tempdir().unwrap();
    let mut said = Said::default();
    for number in 0..KILLS {
        round(dir.path(), number, &mut said);
    }
    assert!(said.kinds.len() as u64 > KILLS, "{} jobs in {KILLS} rounds", said.kinds.len());
    assert!(!said.cancelling.is_empty() && said.completed.len() as u64 > KILLS);
    assert!(!said.cancelling_sequences.is_empty() && !said.completed_sequences.is_empty());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(account(dir.path(), said));
}

/// Runs what is left, and holds everything against what was said and written down.
async fn account(dir: &Path, said: Said) {
    let queue = Arc::new(open(dir, KILLS).await);
    let all = queue.list(&JobFilter::default(), usize::MAX).await.unwrap();
    for job in &all {
        queue.wait(job.id, Some(Duration::from_secs(60))).await.unwrap();
    }

    // Every id is there, and where it should be. There may be more: accepted, but killed before it could be said.
    let mut begun: HashMap<JobId, Vec<(u32, u64)>> = HashMap::new();
    for line in fs::read_to_string(dir.join("ledger")).unwrap().lines() {
        let mut parts = line.split(' ');
        let id = parts.next().unwrap().parse().unwrap();
        let mut number = || parts.next().unwrap().parse::<u64>().unwrap();
        begun.entry(id).or_default().push((number() as u32, number()));
    }
    let (mut interrupted, mut states) = (0, HashMap::new());
    for (id, kind) in &said.kinds {
        let job = queue.get(*id).await.unwrap_or_else(|error| panic!("{id} is lost: {error}"));
        interrupted += job.interruptions;
        *states.entry(job.state).or_insert(0) += 1;
        let attempts = begun.get(id).cloned().unwrap_or_default();
        match job.state {
            JobState::Completed => assert_eq!(attempts.last().unwrap().0, job.attempt, "{id}"),
            JobState::Cancelled => assert!(said.cancelling.contains(id), "{id}"),
            JobState::Failed => assert_eq!(kind, "once", "{id}: {:?}", job.error),
            state => panic!("{id} is {state}"),
        }
        // What is counted was stored before it was begun: no attempt is made twice.
        assert!(attempts.windows(2).all(|pair| pair[0].0 < pair[1].0), "{id}: {attempts:?}");
        assert!(attempts.len() <= 1 || kind != "once", "{id} was begun twice");
        if let Some(round) = said.completed.get(id) {
            assert_eq!(job.state, JobState::Completed, "{id}");
            assert!(attempts.iter().all(|(_, begun)| begun <= round), "{id} ended and was run again");
        }
        if job.state == JobState::Completed {
            assert_eq!(queue.result(*id).await.unwrap(), queue.input(*id).await.unwrap());
        }
    }
    assert!(interrupted > 0, "nobody was killed at work");

    let steps = account_for_sequences(&queue, &said).await;

    // Every event has its number, and every job went only where one can go.
    let last = queue.stats().await.unwrap().last_event;
    let mut events = queue.subscribe(EventFilter::default(), Since::Sequence(1));
    let mut now: HashMap<JobId, JobState> = HashMap::new();
    for sequence in 1..=last {
        let Some(Ok(Notice::Event(event))) = events.next().await else { panic!("event {sequence} is lost") };
        assert_eq!(event.sequence, sequence);
        if let JobEvent::State { state, cause, .. } = event.kind {
            use JobState::{Cancelled, Completed, Failed, Pending, Running};
            let job = event.job.unwrap();
            let may = match (now.insert(job, state), state) {
                (None, Pending) => cause == Cause::Submitted,
                (Some(Pending), Running | Cancelled) => true,
                (Some(Running), Pending | Completed | Failed | Cancelled) => true,
                _ => false,
            };
            assert!(may, "{job} cannot become {state}");
            // Each step begins when the one before it has ended.
            if let (Running, Some(before)) = (state, steps.get(&job)) {
                assert!(now[before].is_final(), "{job} began while {before} was {}", now[before]);
            }
        }
    }
    for job in queue.list(&JobFilter::default(), usize::MAX).await.unwrap() {
        assert_eq!(now.get(&job.id), Some(&job.state), "{}", job.id);
    }
    println!("{} jobs, {states:?}, {interrupted} interruptions, {last} events", said.kinds.len());

    // Nothing is left behind.
    queue.purge_all(&JobFilter::default()).await.unwrap();
    queue.purge_sequences(&SequenceFilter::default()).await.unwrap();
    assert_eq!(fs::read_dir(dir.join("data/blobs")).unwrap().count(), 0);
    queue.close(Duration::ZERO).await;
}

/// Holds each sequence against what was said of it, and against its steps. Of each step but the first, the one before.
async fn account_for_sequences(queue: &Queue, said: &Said) -> HashMap<JobId, JobId> {
    let mut before = HashMap::new();
    let (mut states, mut resumed) = (HashMap::new(), 0);
    let stored = queue.sequences(&SequenceFilter::default(), usize::MAX).await.unwrap();
    let known: HashSet<_> = stored.iter().map(|sequence| sequence.id).collect();
    assert!(said.sequences.is_subset(&known), "a sequence is lost");
    for sequence in &stored {
        // All its jobs were waited for.
        let id = sequence.id;
        *states.entry(sequence.state).or_insert(0) += 1;
        let jobs = queue.steps(id).await.unwrap();
        assert_eq!(jobs.len(), 3, "{id}");
        before.extend(jobs.windows(2).map(|pair| (pair[1].id, pair[0].id)));
        let all = |state| jobs.iter().all(|job: &Job| job.state == state);
        let some = |state| jobs.iter().any(|job: &Job| job.state == state);
        match sequence.state {
            SequenceState::Running => panic!("{id} has not ended"),
            SequenceState::Completed => {
                assert!(all(JobState::Completed), "{id}");
                resumed += u32::from(jobs.iter().any(|job| job.interruptions > 0));
                assert_eq!(queue.result(jobs[2].id).await.unwrap(), queue.input(jobs[0].id).await.unwrap());
            }
            SequenceState::Failed => assert!(some(JobState::Failed), "{id}"),
            SequenceState::Cancelled => assert!(said.cancelling_sequences.contains(&id), "{id}"),
        }
        if sequence.mode == SequenceMode::FailFast
            && let Some(first) = jobs.iter().position(|job| job.state != JobState::Completed)
        {
            assert!(jobs[first + 1..].iter().all(|job| job.state == JobState::Cancelled), "{id}");
        }
        assert!(
            !said.completed_sequences.contains(&id) || sequence.state == SequenceState::Completed,
            "{id}"
        );
    }
    assert!(resumed > 0, "no sequence was resumed");
    println!("{} sequences, {states:?}, {resumed} resumed", stored.len());
    before
}

#[test]
fn a_queue_belongs_to_one_process() {
    if let Ok(place) = std::env::var(INSIDE) {
        return inside(&place);
    }
    let dir = tempfile::tempdir().unwrap();
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "a_queue_belongs_to_one_process"])
        .env(INSIDE, format!("0 {}", dir.path().display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // It is kept, since who speaks to nobody ends.
    let mut stdout = BufReader::new(process.stdout.take().unwrap()).lines();
    assert!(stdout.any(|line| line.unwrap() == "ready"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let opened = runtime.block_on(Queue::builder(dir.path().join("data")).open(Ledger::open(dir.path(), 1)));
    let error = opened.unwrap_err();
    process.kill().unwrap();
    process.wait().unwrap();
    drop(stdout);
    assert!(error.is_retriable());
    assert!(error.to_string().contains(&format!("process {},", process.id())), "{error}");
    runtime.block_on(open(dir.path(), 2));
}
