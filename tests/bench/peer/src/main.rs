//! `apalis` with its SQLite storage, doing what the host's queue does: a job is stored, run, and waited for.
//!
//! `cjm-bench-peer DIR SUBMITTERS MILLISECONDS CONNECTIONS` prints one line of JSON.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use apalis::prelude::*;
use apalis_sqlite::{Config, SqlitePoolOptions, SqliteStorage};
use futures::StreamExt;
use futures::channel::mpsc;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use tokio::sync::oneshot;

/// Tasks that are fetched, or run, at once.
const AT_ONCE: usize = 256;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Echo {
    number: u64,
    text: String,
}

/// Who waits for which task.
type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<()>>>>;

/// Its end is told when it has run: that it has, is stored after that. The host's queue tells it afterwards.
async fn echo(task: Echo, waiting: Data<Waiting>) -> Result<Echo, BoxDynError> {
    if let Some(waiter) = waiting.lock().expect("nobody panics").remove(&task.number) {
        let _ = waiter.send(());
    }
    Ok(task)
}

#[tokio::main]
async fn main() -> Result<(), BoxDynError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, submitters, millis, connections] = arguments.as_slice() else {
        return Err("give a folder, a number of submitters, milliseconds, and a number of connections".into());
    };
    let (submitters, limit) = (submitters.parse::<usize>()?, Duration::from_millis(millis.parse()?));

    // As `SqliteStorage::setup` has it, but for `synchronous`, which that switches off.
    let options = SqliteConnectOptions::new()
        .filename(std::path::Path::new(dir).join("apalis.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("temp_store", "MEMORY")
        .pragma("cache_size", "64000")
        .pragma("journal_size_limit", "67108864");
    let pool = SqlitePoolOptions::new()
        .min_connections(connections.parse()?)
        .max_connections(connections.parse()?)
        .connect_with(options)
        .await?;
    SqliteStorage::migrations().run(&pool).await?;

    // The worker looks for tasks as soon as one was stored, and now and then.
    let (stored, told) = mpsc::unbounded::<()>();
    let config = Config::default().queue("echo").batch_size(AT_ONCE).lock_tasks(false);
    let storage = SqliteStorage::<Echo>::new(&pool).with_config(config);
    let strategy = Strategy::new().stream(told.ready_chunks(AT_ONCE)).interval(Duration::from_millis(50));
    let waiting = Waiting::default();
    let worker = WorkerBuilder::new("echo")
        .backend(storage.clone().poll_with_strategy(strategy))
        .concurrency(AT_ONCE)
        .data(waiting.clone())
        .build(echo);
    let working = tokio::spawn(async move { worker.run().await });

    let (over, numbers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let began = Instant::now();
    let submit = |_| {
        let (mut storage, stored, waiting) = (storage.clone(), stored.clone(), waiting.clone());
        let (over, numbers) = (over.clone(), numbers.clone());
        tokio::spawn(async move {
            let mut latencies = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let number = numbers.fetch_add(1, Ordering::Relaxed);
                let (waiter, ended) = oneshot::channel();
                waiting.lock().expect("nobody panics").insert(number, waiter);
                let asked = Instant::now();
                storage.push(Echo { number, text: "hello".into() }).await.map_err(|error| error.to_string())?;
                latencies.push(asked.elapsed());
                let _ = stored.unbounded_send(());
                ended.await.map_err(|error| error.to_string())?;
            }
            Ok::<_, String>(latencies)
        })
    };
    let tasks: Vec<_> = (0..submitters).map(submit).collect();
    tokio::time::sleep(limit).await;
    over.store(true, Ordering::Relaxed);
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await??);
    }
    let seconds = began.elapsed().as_secs_f64();
    working.abort();
    latencies.sort();
    let at = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e6;
    let said = serde_json::json!({
        "jobs": latencies.len(), "seconds": seconds, "median-us": at(0.5), "p99-us": at(0.99),
    });
    println!("{said}");
    Ok(())
}
