//! A queue with very many jobs that wait: what it takes to open it, and to cancel one of them.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use cjm_host::{JobFilter, NewJob, Queue, Value};
use cjm_tests::resident_bytes;
use futures::future::join_all;
use tokio::runtime::Runtime;

use super::{Echo, micros, middle};
use crate::table::Table;

const PENDING: usize = 100_000;
const CANCELS: usize = 1_000;

/// Tells a process of this program to do nothing but open the queue in this folder.
const INSIDE: &str = "CJM_BENCH_PENDING";

pub(super) fn run(runtime: &Runtime, table: &mut Table) {
    let dir = tempfile::tempdir().unwrap();
    runtime.block_on(fill(dir.path()));
    // In a process of its own, which has no memory left over from before.
    let program = std::env::current_exe().unwrap();
    let ran = Command::new(program).env(INSIDE, dir.path()).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let said: [f64; 4] = serde_json::from_slice(&ran.stdout).unwrap();
    table.figure("opening a queue of 100,000 pending jobs", "ms", said[0], "");
    table.figure("memory of one of 100,000 pending jobs", "B", said[1], "");
    table.figure("cancelling one of 100,000 pending jobs, median", "µs", said[2], "");
    table.figure("cancelling one of 100,000 pending jobs, p99 of 1,000", "µs", said[3], "");
}

async fn fill(dir: &Path) {
    let queue = Queue::builder(dir).paused().open(Echo).await.unwrap();
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
}

/// Opens the queue of a folder and prints figures, where this process is to do only that.
pub(crate) fn open_if_told(runtime: &Runtime) -> bool {
    let Some(dir) = std::env::var_os(INSIDE) else { return false };
    let figures = runtime.block_on(async {
        // What a queue takes at all is there before.
        let other = tempfile::tempdir().unwrap();
        let empty = Queue::builder(other.path()).open(Echo).await.unwrap();
        let (before, began) = (resident_bytes(), Instant::now());
        let queue = Queue::builder(&dir).paused().open(Echo).await.unwrap();
        let took = began.elapsed().as_secs_f64() * 1e3;
        let each = resident_bytes().saturating_sub(before) as f64 / PENDING as f64;
        let mut latencies = Vec::new();
        for job in queue.list(&JobFilter::default(), CANCELS).await.unwrap() {
            let asked = Instant::now();
            assert!(queue.cancel(job.id).await.unwrap());
            latencies.push(micros(asked));
        }
        queue.close(Duration::ZERO).await;
        empty.close(Duration::ZERO).await;
        [took, each, middle(&latencies, 0.5), middle(&latencies, 0.99)]
    });
    println!("{}", serde_json::to_string(&figures).unwrap());
    true
}
