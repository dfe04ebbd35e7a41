//! What a job of a guest costs over a call of the same guest that nobody stores.

use std::path::Path;
use std::time::Instant;

use cjm_host::{Manager, NewJob, Queue, Settings, Value, create};
use cjm_tests::guest;
use tokio::runtime::Runtime;

use super::{micros, middle};
use crate::table::Table;

const CALLS: usize = 1_000;

pub(super) fn run(runtime: &Runtime, table: &mut Table) {
    let disk = tempfile::tempdir().unwrap();
    let aim = "";
    let (called, queued) =
        runtime.block_on(async { tokio::spawn(both(manager(disk.path()).await)).await.unwrap() });
    table.pair("a call of a guest, stored, run and waited for", "µs", queued, called, queued / called, aim);
    // In memory, nothing is waited for.
    if let Ok(memory) = tempfile::tempdir_in("/dev/shm") {
        let (called, queued) =
            runtime.block_on(async { tokio::spawn(both(manager(memory.path()).await)).await.unwrap() });
        let what = "the same with a data folder in memory";
        table.pair(what, "µs", queued, called, queued / called, aim);
    }
}

/// A manager with the guest `echo`.
pub(super) async fn manager(dir: &Path) -> Manager {
    let plugins = dir.join(".cjm/plugins");
    std::fs::create_dir_all(&plugins).unwrap();
    std::fs::copy(guest("echo"), plugins.join("echo.wasm")).unwrap();
    let none = Vec::<(String, String)>::new();
    create(Settings::builder().project_dir(dir).environment(none).load().unwrap()).await.unwrap()
}

/// The medians of a call at once, and of a job, in turn.
async fn both(manager: Manager) -> (f64, f64) {
    let queue = Queue::open(manager.clone()).await.unwrap();
    let input = || Value::Json("{\"text\":\"hello\"}".into());
    let instance = manager.load("echo").await.unwrap();
    let (mut called, mut queued) = (Vec::new(), Vec::new());
    for _ in 0..CALLS {
        let began = Instant::now();
        instance.call("echo", input()).unwrap().await.unwrap();
        called.push(micros(began));
        let began = Instant::now();
        let id = queue.submit(NewJob::new("echo", "echo", input())).await.unwrap();
        queue.wait(id, None).await.unwrap();
        queued.push(micros(began));
    }
    queue.close(std::time::Duration::ZERO).await;
    (middle(&called, 0.5), middle(&queued, 0.5))
}
