//! Durable jobs, beside what SQLite alone can commit here.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cjm_host::{Attempt, NewJob, Queue, Result, Runs, Value};
use futures::future::join_all;
use rusqlite::Connection;
use tokio::runtime::Runtime;

use crate::table::Table;

const ROUNDS: usize = 5;
const TURN: Duration = Duration::from_millis(800);
const PENDING: usize = 100_000;

/// Gives back what it is given.
struct Echo;

impl Runs for Echo {
    async fn run(&self, _attempt: Attempt, input: Value) -> Result<Value> {
        Ok(input)
    }
}

pub(crate) fn run(runtime: &Runtime, table: &mut Table) {
    for (submitters, aim) in [(1, ""), (64, "≥ 0.5")] {
        let (mut jobs, mut commits, mut ratios, mut latencies) = (vec![], vec![], vec![], vec![]);
        for _ in 0..ROUNDS {
            // On the same disk, in turn, so that both meet the same noise.
            let dir = tempfile::tempdir().unwrap();
            let ceiling = commits_a_second(&dir.path().join("bare.db"));
            let rate = runtime.block_on(jobs_a_second(dir.path(), submitters, &mut latencies));
            ratios.push(rate / ceiling);
            jobs.push(rate);
            commits.push(ceiling);
        }
        let what = format!("durable jobs, submitted, run and completed, {submitters} at once");
        table.pair(&what, "/s", middle(jobs, 0.5), middle(commits, 0.5), middle(ratios, 0.5), aim);
        let what = format!("submit, {submitters} at once");
        table.figure(&format!("{what}, median"), "µs", middle(latencies.clone(), 0.5), "");
        table.figure(&format!("{what}, p99"), "µs", middle(latencies, 0.99), "");
    }
    runtime.block_on(many_pending(table));
}

fn middle(mut samples: Vec<f64>, part: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[((samples.len() - 1) as f64 * part) as usize]
}

/// One row, one transaction, one wait for the disk.
fn commits_a_second(path: &Path) -> f64 {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (x BLOB)")
        .unwrap();
    let mut insert = connection.prepare("INSERT INTO t VALUES (?1)").unwrap();
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < TURN {
        insert.execute([[7_u8; 256]]).unwrap();
        count += 1;
    }
    f64::from(count) / began.elapsed().as_secs_f64()
}

/// Each submitter waits for its job before it submits the next one.
async fn jobs_a_second(dir: &Path, submitters: usize, latencies: &mut Vec<f64>) -> f64 {
    let queue = Queue::builder(dir).open(Echo).await.unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let began = Instant::now();
    let submit = |_| {
        let (queue, over) = (queue.clone(), over.clone());
        tokio::spawn(async move {
            let mut latencies = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let asked = Instant::now();
                let job = NewJob::new("echo", "echo", Value::Json("{\"text\":\"hello\"}".into()));
                let id = queue.submit(job).await.unwrap();
                latencies.push(asked.elapsed().as_secs_f64() * 1e6);
                queue.wait(id, None).await.unwrap();
            }
            latencies
        })
    };
    let submitters: Vec<_> = (0..submitters).map(submit).collect();
    tokio::time::sleep(TURN).await;
    over.store(true, Ordering::Relaxed);
    let mut count = 0;
    for all in join_all(submitters).await {
        let all = all.unwrap();
        count += all.len();
        latencies.extend(all);
    }
    let rate = count as f64 / began.elapsed().as_secs_f64();
    queue.close(Duration::ZERO).await;
    rate
}

/// A queue with very many jobs that wait.
async fn many_pending(table: &mut Table) {
    let dir = tempfile::tempdir().unwrap();
    let queue = Queue::builder(dir.path()).paused().open(Echo).await.unwrap();
    let submit = |_| {
        let queue = queue.clone();
        tokio::spawn(async move {
            for _ in 0..PENDING / 200 {
                queue.submit(NewJob::new("echo", "echo", Value::Json("1".into()))).await.unwrap();
            }
        })
    };
    join_all((0..200).map(submit)).await;
    queue.close(Duration::ZERO).await;
    drop(queue);
    let began = Instant::now();
    let queue = Queue::builder(dir.path()).paused().open(Echo).await.unwrap();
    table.figure("opening a queue of 100,000 pending jobs", "ms", began.elapsed().as_secs_f64() * 1e3, "");
    queue.close(Duration::ZERO).await;
}
