//! Anything in any cell: what is damaged is told or fails alone, and everything else goes on.

use std::collections::HashSet;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::Value as Cell;

use super::*;
use crate::error::Category;
use crate::value::Value;

/// How long one world may take in all: nothing in it waits for anything.
const HANGS: Duration = Duration::from_secs(120);

/// Jobs of every kind, as a closed queue leaves them.
struct Before {
    dir: TempDir,
    ids: Vec<JobId>,
    /// Those of them that are still to run.
    pending: Vec<JobId>,
    /// Those of them that are steps of sequences, which share what becomes of them.
    steps: Vec<JobId>,
}

impl Before {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let queue = Queue::builder(dir.path()).open(Script::default()).await.unwrap();
        let fast = Retry { first: Duration::ZERO, ..Retry::times(2) };
        let large = Value::blob("a/b", vec![7; 70_000]);
        let mut ids = Vec::new();
        for job in [
            job("echo").label("a", "b").idempotency_key("k"),
            job("tell"),
            job("fail"),
            NewJob::new("j", "busy", json!(1)).retry(fast),
            NewJob::new("j", "echo", large.clone()),
        ] {
            let id = queue.submit(job).await.unwrap();
            ended(&queue, id).await;
            ids.push(id);
        }
        let mut steps = Vec::new();
        let sequence = || NewSequence::new([job("echo"), job("tell"), job("echo")]);
        let done = queue.submit_sequence(sequence()).await.unwrap();
        queue.wait_sequence(done, Some(HANGS)).await.unwrap();
        steps.extend(queue.steps(done).await.unwrap().into_iter().map(|job| job.id));
        ids.extend(&steps);
        queue.pause();
        let cancelled = queue.submit(job("echo")).await.unwrap();
        queue.cancel(cancelled).await.unwrap();
        ids.push(cancelled);
        let later = std::time::SystemTime::now() + Duration::from_secs(3600);
        let mut pending = Vec::new();
        for job in [
            job("echo").priority(3).label("a", "b").label("c", "d"),
            NewJob::new("j", "echo", large).lane("l").deadline(later),
            NewJob::new("j", "busy", json!(1)).retry(fast).timeout(Duration::from_secs(60)),
            job("echo").lane("l").idempotency_key("l"),
            job("tell").keep_result(false),
        ] {
            pending.push(queue.submit(job).await.unwrap());
        }
        let open = queue.submit_sequence(sequence()).await.unwrap();
        let open: Vec<_> = queue.steps(open).await.unwrap().into_iter().map(|job| job.id).collect();
        steps.extend(&open);
        pending.extend(open);
        ids.extend(&pending);
        queue.close(Duration::ZERO).await;
        Self { dir, ids, pending, steps }
    }

    fn copy(&self) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        std::fs::create_dir(copy.path().join("blobs")).unwrap();
        for name in ["cjm.db", "cjm.db-wal"] {
            let from = self.dir.path().join(name);
            if from.exists() {
                std::fs::copy(from, copy.path().join(name)).unwrap();
            }
        }
        for entry in std::fs::read_dir(self.dir.path().join("blobs")).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, copy.path().join("blobs").join(path.file_name().unwrap())).unwrap();
        }
        copy
    }
}

/// What a cell may come to hold.
fn anything(dice: &mut fastrand::Rng, was: &Cell) -> Cell {
    let texts = [
        "",
        "{}",
        "[]",
        "null",
        "7",
        "\"x\"",
        "{",
        "{\"retry\":1}",
        "{\"timeout-ms\":18446744073709551615}",
        "{\"retry\":{\"times\":4294967295,\"first-ms\":18446744073709551615}}",
        "1e999",
        "pending",
        "running",
        "completed",
        "failed",
        "cancelled",
        "pendinf",
        "{\"event\":\"state\"}",
        "{\"event\":\"log\"}",
        "\u{0}",
    ];
    match dice.u8(..12) {
        0 => Cell::Null,
        1 => Cell::Integer([0, 1, -1, 2, i64::MAX, i64::MIN, 1 << 32, 253_402_300_800_000][dice.usize(..8)]),
        2 => Cell::Integer(dice.i64(..)),
        3 => Cell::Integer(dice.i64(0..20)),
        4 => Cell::Real([f64::MAX, -0.5, f64::INFINITY][dice.usize(..3)]),
        5 | 6 => Cell::Text(texts[dice.usize(..texts.len())].to_owned()),
        7 => Cell::Text("[".repeat(dice.usize(..5_000))),
        8 => Cell::Text((0..dice.usize(..40)).map(|_| dice.char(..)).collect()),
        9 => Cell::Blob((0..[0, 15, 16, 17, 32][dice.usize(..5)]).map(|_| dice.u8(..)).collect()),
        // A little of what was there.
        _ => match was {
            Cell::Text(text) => {
                let mut bytes = text.clone().into_bytes();
                if !bytes.is_empty() {
                    let at = dice.usize(..bytes.len());
                    bytes[at] = dice.u8(32..127);
                }
                Cell::Text(String::from_utf8_lossy(&bytes).into_owned())
            }
            Cell::Blob(bytes) => {
                let mut bytes = bytes.clone();
                if !bytes.is_empty() {
                    let at = dice.usize(..bytes.len());
                    bytes[at] = dice.u8(..);
                }
                Cell::Blob(bytes)
            }
            Cell::Integer(number) => Cell::Integer(number ^ (1 << dice.u8(..63))),
            other => other.clone(),
        },
    }
}

/// Stands for all sequences, among the numbers of jobs.
const SEQUENCES: i64 = -1;

/// Puts something into some cells. Gives the numbers of the jobs that they are of, and what was done.
fn damage(dir: &Path, dice: &mut fastrand::Rng) -> (HashSet<i64>, Vec<String>) {
    let connection = Connection::open(dir.join("cjm.db")).unwrap();
    connection.execute_batch("PRAGMA ignore_check_constraints = 1; PRAGMA foreign_keys = 0").unwrap();
    let (mut touched, mut done) = (HashSet::new(), Vec::new());
    for _ in 0..dice.u8(1..4) {
        let tables = ["jobs", "jobs", "jobs", "inputs", "results", "sequences", "events"];
        let table = tables[dice.usize(..tables.len())];
        let columns: Vec<String> = connection
            .prepare("SELECT name FROM pragma_table_info(?1)")
            .unwrap()
            .query_map([table], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let column = &columns[dice.usize(..columns.len())];
        // The numbers of events have no gaps: that is what they are for, and is tested by itself.
        if (table, column.as_str()) == ("events", "sequence") {
            continue;
        }
        let rows: Vec<i64> = connection
            .prepare(&format!("SELECT rowid FROM {table}"))
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let row = rows[dice.usize(..rows.len())];
        let was: Cell = connection
            .query_row(&format!("SELECT {column} FROM {table} WHERE rowid = ?1"), [row], |row| row.get(0))
            .unwrap();
        let new = anything(dice, &was);
        let changed = match dice.u8(..16) {
            0 if table != "events" => {
                connection.execute(&format!("DELETE FROM {table} WHERE rowid = ?1"), [row])
            }
            _ => connection.execute(
                &format!("UPDATE OR IGNORE {table} SET {column} = ?2 WHERE rowid = ?1"),
                rusqlite::params![row, new],
            ),
        };
        // Tables are strict: some of it cannot be.
        if changed.is_ok_and(|count| count > 0) {
            done.push(format!("{table}.{column} of {row}: {was:?} to {new:?}").chars().take(300).collect());
            if table == "sequences" || column == "sequence_id" {
                touched.insert(SEQUENCES);
            }
            if !matches!(table, "events" | "sequences") {
                touched.insert(row);
                // It may have got the number of another, or its input.
                touched.extend(rows.iter().filter(|row| new == Cell::Integer(**row)));
            }
        }
    }
    (touched, done)
}

fn may_be(error: &Error) {
    let says = error.to_string();
    assert!(!says.contains("a fault of the host") && !says.contains("panicked"), "{says}");
    assert!(!says.contains("could not be read: task"), "{says}");
    let category = error.category();
    assert!(
        matches!(
            category,
            Category::Fatal
                | Category::InvalidInput
                | Category::Cancelled
                | Category::TimedOut
                | Category::Transient
        ),
        "{category:?}: {says}"
    );
}

/// Everything that can be done with a queue.
async fn use_it(dir: &Path, before: &Before, touched: &HashSet<i64>) {
    let queue = Queue::builder(dir).lane("l", 2).open(Script::default()).await.unwrap();
    let intact = |id: &JobId| {
        let number = before.ids.iter().position(|known| known == id).unwrap() as i64 + 1;
        !touched.contains(&number)
    };
    let sequences_are = !touched.contains(&SEQUENCES) && before.steps.iter().all(intact);
    let unharmed = |id: &JobId| intact(id) && (sequences_are || !before.steps.contains(id));
    let listed = queue.list(&JobFilter::default(), usize::MAX).await.unwrap();
    for id in before.ids.iter().filter(|id| unharmed(id)) {
        let job = listed.iter().find(|job| job.id == *id).unwrap();
        assert_eq!(job.instance, queue.get(*id).await.unwrap().instance);
        queue.input(*id).await.unwrap();
    }
    for id in before.pending.iter().filter(|id| unharmed(id)) {
        assert_eq!(ended(&queue, *id).await.state, JobState::Completed, "{id}");
    }
    for id in &before.ids {
        let looked = [
            queue.get(*id).await.map(drop),
            queue.input(*id).await.map(drop),
            queue.result(*id).await.map(drop),
            queue.timeline(*id).await.map(drop),
            queue.logs(*id).await.map(drop),
            queue.wait(*id, Some(Duration::from_millis(1))).await.map(drop),
        ];
        looked.iter().filter_map(|looked| looked.as_ref().err()).for_each(may_be);
    }
    for sequence in queue.sequences(&SequenceFilter::default(), 99).await.unwrap_or_default() {
        let looked = [
            queue.sequence(sequence.id).await.map(drop),
            queue.steps(sequence.id).await.map(drop),
            queue.retry_sequence(sequence.id).await.map(drop),
            queue.cancel_sequence(sequence.id).await.map(drop),
        ];
        looked.iter().filter_map(|looked| looked.as_ref().err()).for_each(may_be);
    }
    // Every event is told, or that it cannot be.
    let stats = queue.stats().await.unwrap();
    let mut events = queue.subscribe(EventFilter::default(), Since::Sequence(1));
    for sequence in 1..=stats.last_event {
        match events.next().await.unwrap() {
            Ok(Notice::Event(event)) => assert_eq!(event.sequence, sequence),
            Ok(other) => panic!("{other:?} at {sequence}"),
            Err(error) => may_be(&error),
        }
    }
    for job in &listed {
        let id = job.id;
        let changed = [
            queue.reorder(id, 1).await,
            queue.retry(id).await,
            queue.cancel(id).await,
            queue.cancel_now(id).await,
        ];
        changed.iter().filter_map(|changed| changed.as_ref().err()).for_each(may_be);
    }
    // Whatever it is, one can get rid of it, and go on.
    queue.tidy().await.unwrap();
    queue.close(Duration::from_secs(5)).await;
    drop(queue);
    let queue = Queue::builder(dir).lane("l", 2).open(Script::default()).await.unwrap();
    for sequence in queue.sequences(&SequenceFilter::default(), 99).await.unwrap_or_default() {
        let _ = queue.cancel_sequence(sequence.id).await;
        let _ = queue.wait_sequence(sequence.id, Some(Duration::from_secs(1))).await;
        let _ = queue.purge_sequence(sequence.id).await;
    }
    for job in queue.list(&JobFilter::default(), usize::MAX).await.unwrap() {
        if !job.state.is_final() {
            let _ = queue.cancel(job.id).await;
        }
        let _ = queue.purge(job.id).await;
    }
    queue.purge_all(&JobFilter::default()).await.unwrap();
    let mut left = queue.list(&JobFilter::default(), usize::MAX).await.unwrap();
    // What is left of a damaged sequence goes with it.
    left.retain(|job| sequences_are || job.sequence_id.is_none());
    assert!(left.is_empty(), "{left:?}");
    let id = queue.submit(job("echo")).await.unwrap();
    assert_eq!(ended(&queue, id).await.state, JobState::Completed);
    queue.vacuum().await.unwrap();
    queue.close(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_is_in_a_row_no_other_job_is_harmed_and_the_queue_goes_on() {
    let before = Arc::new(Before::new().await);
    // Those that are the same each time, and one that never was.
    let seeds: Vec<u64> = (0..100).chain([fastrand::u64(..)]).collect();
    for some in seeds.chunks(8) {
        let worlds = some.iter().map(|seed| {
            let mut dice = fastrand::Rng::with_seed(*seed);
            let (before, dir) = (before.clone(), before.copy());
            let (touched, done) = damage(dir.path(), &mut dice);
            let world = async move {
                let used = use_it(dir.path(), &before, &touched);
                tokio::time::timeout(HANGS, used).await.expect("it hangs");
            };
            (seed, done, tokio::spawn(world))
        });
        for (seed, done, world) in worlds.collect::<Vec<_>>() {
            world.await.unwrap_or_else(|error| panic!("seed {seed}: {error}: {done:#?}"));
        }
    }
}
