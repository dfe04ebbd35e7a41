//! The power is lost at hundreds of points of a queue's work, and what is then on the disk is opened and accounted for.
//!
//! A power loss leaves what was synced, and of what was written since, any part. What was synced is known from SQLite's
//! own rules at `synchronous = FULL`: a transaction is synced before the next one is written, the log before any of it is
//! copied into the database, and the database before the log is begun anew. So these are the states that there can be:
//!
//! - some whole transactions, and any part of the next, in any order, beside sectors of zeros, of garbage, and of what the
//!   file held before;
//! - the whole log, and any part of its pages in the database;
//! - the whole database, and a log with any part of a new header.
//!
//! They are made of copies of the files of a queue at work. First is taken down what was acknowledged, then what is in
//! the log: this must hold all of it, wherever behind it the cut is made. The database is read before and after, so that
//! what was copied into it in between is not mixed up with it. Files of inputs and results are synced before the row that
//! names them is written; those that no row names may be missing.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use rusqlite::Connection;
use tokio::sync::{RwLock, watch};

use super::wal::{Left, Log, while_beginning_anew, while_copying, while_writing};
use super::*;
use crate::policy::Retention;
use crate::value::Value;

const SHOTS: u64 = 16;
const CUTS: u64 = 16;

/// What was acknowledged to whoever uses the queue.
#[derive(Clone)]
enum Told {
    Accepted(Value),
    Ended(JobState, u32),
    Purged,
}

/// What everybody who uses the queue writes down, as soon as it is told.
struct Ledger {
    told: Mutex<Vec<(JobId, Told)>>,
    /// Nothing is purged while it is locked.
    purging: RwLock<()>,
    go: watch::Sender<bool>,
}

impl Ledger {
    fn tell(&self, id: JobId, told: Told) {
        self.told.lock().unwrap().push((id, told));
    }

    fn len(&self) -> usize {
        self.told.lock().unwrap().len()
    }
}

/// Submits, waits, cancels and purges, whenever it may.
async fn work(queue: Queue, ledger: Arc<Ledger>, mut dice: fastrand::Rng) {
    let fast = Retry { times: 3, first: Duration::ZERO, longest: Duration::ZERO };
    let mut go = ledger.go.subscribe();
    while go.wait_for(|go| *go).await.is_ok() {
        let small = Value::from(json!(dice.u32(..3)));
        let job = match dice.u8(..16) {
            0 | 1 => NewJob::new("i", "echo", Value::blob("a/b", vec![dice.u8(..); 70_000])),
            2 | 3 => NewJob::new("j", "busy", small.clone()).retry(fast),
            4 | 5 => NewJob::new("i", "gate", small).lane(dice.u8(..2).to_string()),
            6 => NewJob::new("k", "fail", small),
            7 => NewJob::new("k", "echo", small).idempotency_key(dice.u64(..).to_string()),
            8 => NewJob::new("k", "tell", small),
            _ => NewJob::new("i", "echo", small).priority(dice.i32(-1..2)),
        };
        let (input, stops) = (job.input().clone(), job.action() == "gate");
        let id = queue.submit(job).await.unwrap();
        ledger.tell(id, Told::Accepted(input));
        if dice.u8(..8) == 0 {
            continue;
        }
        if stops {
            queue.cancel(id).await.unwrap();
        }
        let job = ended(&queue, id).await;
        ledger.tell(id, Told::Ended(job.state, job.attempt));
        if dice.u8(..4) > 0
            && let Ok(_may) = ledger.purging.try_read()
        {
            assert!(queue.purge(id).await.unwrap());
            ledger.tell(id, Told::Purged);
        }
        if dice.u8(..16) == 0 {
            queue.tidy().await.unwrap();
        }
    }
}

/// The files of a queue at work, in one state.
struct Shot {
    database: Vec<u8>,
    log: Vec<u8>,
    /// Transactions that were in the log when it was first looked at.
    commits: usize,
    /// What had been acknowledged before that.
    told: usize,
    /// Links to the files of inputs and results.
    blobs: TempDir,
    /// Of these, those that a row names.
    named: HashSet<String>,
}

fn shoot(dir: &Path, ledger: &Ledger) -> Shot {
    let file = |name: &str| fs::read(dir.join(name)).unwrap();
    loop {
        let _held = ledger.purging.blocking_write();
        let database = file("cjm.db");
        let told = ledger.len();
        let early = file("cjm.db-wal");
        let Some(commits) = Log::read(&early).map(|log| log.commits()) else { continue };
        // More is to come, behind which the cuts are made.
        while ledger.len() < told + 8 {
            std::thread::sleep(Duration::from_micros(200));
        }
        let log = file("cjm.db-wal");
        let blobs = tempfile::tempdir_in(dir).unwrap();
        for entry in fs::read_dir(dir.join("blobs")).unwrap() {
            let path = entry.unwrap().path();
            // One that is being written, or that nothing names, may go meanwhile.
            let _ = fs::hard_link(&path, blobs.path().join(path.file_name().unwrap()));
        }
        // Nothing was copied into the database meanwhile, and the log was not begun anew.
        if log[..32] == early[..32] && file("cjm.db") == database {
            return Shot { database, log, commits, told, blobs, named: HashSet::new() };
        }
    }
}

impl Shot {
    /// Puts files in place as a power loss left them.
    fn develop(&self, left: &Left, dice: &mut fastrand::Rng) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("cjm.db"), &left.database).unwrap();
        fs::write(dir.path().join("cjm.db-wal"), &left.log).unwrap();
        if dice.bool() {
            // Nobody syncs the index of the log: it is made anew.
            let mut garbage = vec![0; 32 << 10];
            dice.fill(&mut garbage);
            fs::write(dir.path().join("cjm.db-shm"), garbage).unwrap();
        }
        fs::create_dir(dir.path().join("blobs")).unwrap();
        for entry in fs::read_dir(self.blobs.path()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if self.named.contains(name) || dice.bool() {
                fs::hard_link(&path, dir.path().join("blobs").join(name)).unwrap();
            }
        }
        dir
    }

    /// Looks up which files are named by rows.
    fn look_up(&mut self) {
        let left = Left { database: self.database.clone(), log: self.log.clone(), what: String::new() };
        let dir = self.develop(&left, &mut fastrand::Rng::with_seed(0));
        let connection = Connection::open(dir.path().join("cjm.db")).unwrap();
        let names = "SELECT lower(hex(digest)) FROM inputs WHERE digest IS NOT NULL
                     UNION SELECT lower(hex(digest)) FROM results WHERE digest IS NOT NULL";
        let mut statement = connection.prepare(names).unwrap();
        self.named = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    }

    fn cut(&self, log: &Log<'_>, older: &[u8], dice: &mut fastrand::Rng) -> Left {
        let commits = dice.usize(self.commits..=log.commits());
        match dice.u8(..8) {
            0 => while_beginning_anew(dice, log, &self.database),
            1 | 2 => while_copying(dice, log, commits, &self.database),
            _ => while_writing(dice, log, older, commits, &self.database),
        }
    }
}

/// What must be known of a job, by what was told of it.
struct Known {
    input: Value,
    ended: Option<(JobState, u32)>,
    purged: bool,
}

fn known(told: &[(JobId, Told)]) -> HashMap<JobId, Known> {
    let mut all: HashMap<JobId, Known> = HashMap::new();
    for (id, told) in told {
        match told {
            Told::Accepted(input) => {
                all.insert(*id, Known { input: input.clone(), ended: None, purged: false });
            }
            Told::Ended(state, attempt) => all.get_mut(id).unwrap().ended = Some((*state, *attempt)),
            Told::Purged => all.get_mut(id).unwrap().purged = true,
        }
    }
    all
}

/// Opens what is left, and holds it against what was told.
async fn account(dir: &Path, known: &HashMap<JobId, Known>, goes_on: bool) {
    let script = Script::default();
    let builder = Queue::builder(dir).paused().interruptions(u32::MAX);
    let queue = builder.open(script.clone()).await.unwrap();
    let connection = Connection::open(dir.join("cjm.db")).unwrap();
    let sound: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    assert!(!connection.prepare("PRAGMA foreign_key_check").unwrap().exists([]).unwrap());

    let listed = queue.list(&JobFilter::default(), usize::MAX).await.unwrap();
    let jobs: HashMap<_, _> = listed.iter().map(|job| (job.id, job)).collect();
    for (id, known) in known {
        let Some(job) = jobs.get(id) else {
            assert!(known.purged, "{id} was accepted and is lost");
            continue;
        };
        assert!(!known.purged, "{id} was purged and is there again");
        if let Some((state, attempt)) = known.ended {
            assert_eq!((job.state, job.attempt), (state, attempt), "{id}");
        }
        assert_eq!(queue.input(*id).await.unwrap(), known.input, "{id}");
    }
    // No transaction is there by half: what a job is, its events say, and it has what it needs.
    let last = last_states(&queue).await;
    for job in &listed {
        assert!(job.state != JobState::Running, "{} runs in nobody", job.id);
        if let Some(state) = last.get(&job.id) {
            assert_eq!(*state, job.state, "{}", job.id);
        }
        let input = queue.input(job.id).await.unwrap();
        match queue.result(job.id).await {
            Ok(result) => assert_eq!((job.state, result), (JobState::Completed, input), "{}", job.id),
            Err(error) => {
                assert!(job.state != JobState::Completed, "{}: {error}", job.id);
                let says = error.to_string();
                assert!(!says.contains("damaged"), "{}: {says}", job.id);
            }
        }
    }
    if goes_on {
        script.gate.add_permits(listed.len());
        queue.resume();
        for job in &listed {
            ended(&queue, job.id).await;
        }
        // What had ended was not run again.
        for id in script.begun() {
            assert!(known.get(&id).is_none_or(|known| known.ended.is_none()), "{id} ended and was run again");
        }
        queue.purge_all(&JobFilter::default()).await.unwrap();
        assert_eq!(fs::read_dir(dir.join("blobs")).unwrap().count(), 0);
    }
    queue.close(Duration::ZERO).await;
}

/// The last state of each job by its events, which have no gap, and of which each follows from the one before.
async fn last_states(queue: &Queue) -> HashMap<JobId, JobState> {
    use JobState::{Cancelled, Completed, Failed, Pending, Running};
    let stats = queue.stats().await.unwrap();
    let mut events = queue.subscribe(EventFilter::default(), Since::Sequence(stats.first_event));
    let mut last = HashMap::new();
    for sequence in stats.first_event..=stats.last_event {
        let Some(Ok(Notice::Event(event))) = events.next().await else { panic!("event {sequence} is lost") };
        assert_eq!(event.sequence, sequence);
        if let JobEvent::State { state, cause, .. } = event.kind {
            let job = event.job.unwrap();
            let before = last.insert(job, state);
            let may = matches!(
                (before, state),
                (None, _)
                    | (Some(Pending), Running | Cancelled)
                    | (Some(Running), Pending | Completed | Failed | Cancelled)
            );
            assert!(may, "{job} went from {before:?} to {state} ({cause:?})");
        }
    }
    last
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_that_was_acknowledged_is_lost_with_the_power() {
    let seed = fastrand::u64(..);
    let mut dice = fastrand::Rng::with_seed(seed);
    let dir = tempfile::tempdir().unwrap();
    // Events are cut now and then, so that there are never very many to account for.
    let kept = Retention { jobs: None, job_age: None, events: Some(1_000), event_age: None };
    let builder = Queue::builder(dir.path()).retention(kept).lane("0", 2).lane("1", 2);
    let queue = builder.open(Script::default()).await.unwrap();
    let ledger =
        Arc::new(Ledger { told: Mutex::default(), purging: RwLock::new(()), go: watch::Sender::new(false) });
    let workers: Vec<_> =
        (0..8).map(|_| tokio::spawn(work(queue.clone(), ledger.clone(), dice.fork()))).collect();

    let (mut older, mut latest, mut anew) = (Vec::new(), Vec::new(), 0);
    for shot in 0..SHOTS {
        ledger.go.send_replace(true);
        // Some work between two shots, so that the log is begun anew now and then.
        let enough = ledger.len() + 50;
        while ledger.len() < enough {
            assert!(workers.iter().all(|worker| !worker.is_finished()), "seed {seed}: a worker failed");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let mut taken = {
            let (ledger, dir) = (ledger.clone(), dir.path().to_owned());
            tokio::task::spawn_blocking(move || shoot(&dir, &ledger)).await.unwrap()
        };
        ledger.go.send_replace(false);
        taken.look_up();
        if latest.get(..32).is_some_and(|header| *header != taken.log[..32]) {
            older = std::mem::take(&mut latest);
            anew += 1;
        }
        latest.clone_from(&taken.log);
        let known = Arc::new(known(&ledger.told.lock().unwrap()[..taken.told]));
        let log = Log::read(&taken.log).unwrap();
        let cuts = (0..CUTS).map(|_| {
            let left = taken.cut(&log, &older, &mut dice);
            let (dir, known, goes_on) = (taken.develop(&left, &mut dice), known.clone(), dice.u8(..8) == 0);
            let account = async move { account(dir.path(), &known, goes_on).await };
            (left.what, tokio::spawn(account))
        });
        for (what, cut) in cuts.collect::<Vec<_>>() {
            cut.await.unwrap_or_else(|error| panic!("seed {seed}, shot {shot}, {what}: {error}"));
        }
    }
    let told = ledger.len();
    assert!(anew > 0, "the log was begun anew {anew} times");
    assert!(told > 500, "{told} acknowledgements");
    for worker in workers {
        worker.abort();
    }
    queue.close(Duration::ZERO).await;
}
