//! Durable jobs, beside what SQLite alone can commit here, and beside another queue.

mod cancel;
mod latency;
mod peer;
mod pending;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cjm_host::{Attempt, NewJob, Queue, Result, Runs, Value};
use futures::future::join_all;
use rusqlite::Connection;
use tokio::runtime::Runtime;

use crate::table::Table;

pub(crate) use pending::open_if_told;

const ROUNDS: usize = 5;
const TURN: Duration = Duration::from_millis(800);

/// Gives back what it is given.
struct Echo;

impl Runs for Echo {
    async fn run(&self, _attempt: Attempt, input: Value) -> Result<Value> {
        Ok(input)
    }
}

/// The tables: beside SQLite alone, beside the peer, and beside a call that is not queued.
pub(crate) fn run(runtime: &Runtime) -> [Table; 3] {
    let mut durable = Table::beside("SQLite, one commit each");
    let mut peer = Table::beside("apalis on SQLite");
    let mut call = Table::beside("called at once");
    for (submitters, of_ceiling) in [(1, ""), (64, "≥ 0.5")] {
        let (mut jobs, mut latencies) = (Vec::new(), Vec::new());
        let (mut commits, mut of_commits) = (Vec::new(), Vec::new());
        let (mut peers, mut of_peers, mut medians, mut tails) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            // On the same disk, in turn, so that all meet the same noise.
            let dir = tempfile::tempdir().unwrap();
            let ceiling = commits_a_second(&dir.path().join("bare.db"));
            let rate = runtime.block_on(jobs_a_second(dir.path(), submitters, &mut latencies));
            if let Some(peer) = peer::run(dir.path(), submitters, TURN) {
                peers.push(peer.jobs_a_second);
                of_peers.push(rate / peer.jobs_a_second);
                medians.push(peer.median);
                tails.push(peer.p99);
            }
            of_commits.push(rate / ceiling);
            jobs.push(rate);
            commits.push(ceiling);
        }
        let what = format!("durable jobs, submitted, run and completed, {submitters} at once");
        let (rate, ceiling) = (middle(&jobs, 0.5), middle(&commits, 0.5));
        durable.pair(&what, "/s", rate, ceiling, middle(&of_commits, 0.5), of_ceiling);
        let submit = format!("submit, {submitters} at once");
        let (median, p99) = (middle(&latencies, 0.5), middle(&latencies, 0.99));
        if peers.is_empty() {
            durable.figure(&format!("{submit}, median"), "µs", median, "");
            durable.figure(&format!("{submit}, p99"), "µs", p99, "");
            continue;
        }
        peer.pair(&what, "/s", rate, middle(&peers, 0.5), middle(&of_peers, 0.5), "≥ 10");
        for (which, own, others) in [("median", median, medians), ("p99", p99, tails)] {
            let others = middle(&others, 0.5);
            peer.pair(&format!("{submit}, {which}"), "µs", own, others, own / others, "");
        }
    }
    latency::run(runtime, &mut call);
    pending::run(runtime, &mut durable);
    cancel::run(runtime, &mut durable);
    [durable, peer, call]
}

/// The sample below which this part of them is.
fn middle(samples: &[f64], part: f64) -> f64 {
    let mut samples = samples.to_vec();
    samples.sort_by(f64::total_cmp);
    samples[((samples.len() - 1) as f64 * part) as usize]
}

fn micros(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e6
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
                latencies.push(micros(asked));
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
