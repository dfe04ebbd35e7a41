//! Stopping a guest that spins, and what its neighbours feel of those that are not stopped.

use std::time::{Duration, Instant};

use cjm_host::{CancelPhase, EventKind, Host, Plugin, Source, Value};
use cjm_tests::guest;
use tokio::runtime::Runtime;

use crate::table::Table;

const CANCELS: usize = 200;
const SPINNERS: usize = 4;

pub(crate) fn run(runtime: &Runtime, table: &mut Table) {
    let mut latencies = runtime.block_on(async {
        // A task like those of a program, not the thread that blocks on the runtime.
        tokio::spawn(cancel_and_answer()).await.unwrap()
    });
    let (median, p99) = percentiles(&mut latencies);
    let micros = |duration: Duration| duration.as_secs_f64() * 1e6;
    table.figure("forced cancellation to the next answer, median", "µs", micros(median), "");
    table.figure("forced cancellation to the next answer, p99 of 200", "µs", micros(p99), "≤ 1000 µs");

    let mut waits = runtime.block_on(neighbour());
    let (median, p99) = percentiles(&mut waits);
    table.figure("a light call beside four that spin, median", "µs", micros(median), "");
    table.figure("a light call beside four that spin, p99", "µs", micros(p99), "≤ 25000 µs");
}

fn percentiles(samples: &mut [Duration]) -> (Duration, Duration) {
    samples.sort();
    (samples[samples.len() / 2], samples[samples.len() * 99 / 100])
}

async fn load(host: &Host, id: usize) -> Plugin {
    host.loader(Source::path(guest("echo"))).id(format!("echo-{id}")).load().await.unwrap()
}

/// From the request to stop at once until the same plugin has answered another call.
async fn cancel_and_answer() -> Vec<Duration> {
    let host = Host::builder().build().unwrap();
    let plugin = load(&host, 0).await;
    let mut latencies = Vec::new();
    for _ in 0..CANCELS {
        let running = plugin.call("spin", Value::blob("a/b", [])).start();
        tokio::time::sleep(Duration::from_millis(5)).await;
        let began = Instant::now();
        running.cancel_now();
        plugin.execute("echo", Value::blob("a/b", [])).await.unwrap();
        latencies.push(began.elapsed());
        running.await.unwrap_err();
    }
    latencies
}

/// How long calls take that would take microseconds on an idle machine.
async fn neighbour() -> Vec<Duration> {
    let host = Host::builder().build().unwrap();
    let mut spinning = Vec::new();
    for id in 0..SPINNERS {
        spinning.push(load(&host, id).await.call("spin", Value::blob("a/b", [])).start());
    }
    let light = load(&host, SPINNERS).await;
    // The caller is a task like the others, not the thread that blocks on the runtime.
    let waits = tokio::spawn(async move {
        let mut waits = Vec::new();
        for _ in 0..1000 {
            let began = Instant::now();
            tokio::task::yield_now().await;
            light.execute("echo", Value::blob("a/b", [])).await.unwrap();
            waits.push(began.elapsed());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        waits
    })
    .await
    .unwrap();
    for running in &spinning {
        running.cancel_now();
    }
    for running in spinning {
        let mut events = running.events();
        running.await.unwrap_err();
        while let Some(event) = events.try_next() {
            assert!(!matches!(event.kind, EventKind::Cancel { phase: CancelPhase::None }));
        }
    }
    waits
}
