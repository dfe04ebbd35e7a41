//! Cancelling jobs that run: from the request until the job is stored as cancelled, and whoever waits for it knows.

use std::time::{Duration, Instant};

use cjm_host::{JobState, NewJob, Queue, Value};
use tokio::runtime::Runtime;

use super::latency::manager;
use super::{micros, middle};
use crate::table::Table;

const CANCELS: usize = 200;

pub(super) fn run(runtime: &Runtime, table: &mut Table) {
    for (action, now, how) in [
        ("spin-politely", false, "that spins and looks for it"),
        ("spin", true, "that spins and never looks, by force"),
    ] {
        let latencies = runtime.block_on(async { tokio::spawn(cancels(action, now)).await.unwrap() });
        for (which, part) in [("median", 0.5), ("p99 of 200", 0.99)] {
            table.figure(&format!("cancelling a job {how}, {which}"), "µs", middle(&latencies, part), "");
        }
    }
}

async fn cancels(action: &str, now: bool) -> Vec<f64> {
    let dir = tempfile::tempdir().unwrap();
    let queue = Queue::open(manager(dir.path()).await).await.unwrap();
    let mut latencies = Vec::new();
    for _ in 0..CANCELS {
        let id = queue.submit(NewJob::new("echo", action, Value::Json("1".into()))).await.unwrap();
        while queue.get(id).await.unwrap().state != JobState::Running {
            tokio::time::sleep(Duration::from_micros(100)).await;
        }
        // Until the guest is at it.
        tokio::time::sleep(Duration::from_millis(3)).await;
        let asked = Instant::now();
        let known = if now { queue.cancel_now(id).await } else { queue.cancel(id).await };
        assert!(known.unwrap());
        let job = queue.wait(id, None).await.unwrap();
        latencies.push(micros(asked));
        assert_eq!(job.state, JobState::Cancelled);
    }
    queue.close(Duration::ZERO).await;
    latencies
}
