//! Starting with many plugins: finding what is in the folder, and loading it, when everything was seen before.

use std::path::Path;
use std::time::Instant;

use cjm_host::{Manager, Settings, create};
use cjm_tests::drop_numbered;
use tokio::runtime::Runtime;

use crate::table::Table;

const PLUGINS: u32 = 1_000;
const INSTANCES: u32 = 200;

/// Starts that are measured; the median is told.
const STARTS: usize = 7;

pub(crate) fn run(runtime: &Runtime, table: &mut Table) {
    let dir = tempfile::tempdir().unwrap();
    let plugins = dir.path().join(".cjm/plugins");
    std::fs::create_dir_all(&plugins).unwrap();
    for number in 0..PLUGINS {
        drop_numbered(&plugins, number, 0);
    }
    let manager = runtime.block_on(start(dir.path()));
    assert_eq!(manager.discovery().plugins.len(), PLUGINS as usize);
    runtime.block_on(load(&manager));
    drop(manager);

    let (mut discovered, mut loaded) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        // In a new host, which has nothing in memory of the one before it.
        let manager = runtime.block_on(start(dir.path()));
        let began = Instant::now();
        runtime.block_on(manager.discover()).unwrap();
        discovered.push(began.elapsed().as_secs_f64());
        let began = Instant::now();
        runtime.block_on(load(&manager));
        loaded.push(began.elapsed().as_secs_f64());
        runtime.block_on(manager.unload_all());
    }
    table.figure("discovery of 1,000 known plugins", "s", median(&mut discovered), "≤ 1");
    table.figure("load of 200 instances of as many cached components", "s", median(&mut loaded), "≤ 1");
}

async fn start(dir: &Path) -> Manager {
    let none = Vec::<(String, String)>::new();
    create(Settings::builder().project_dir(dir).environment(none).load().unwrap()).await.unwrap()
}

async fn load(manager: &Manager) {
    let names: Vec<_> = manager
        .discovery()
        .plugins
        .iter()
        .take(INSTANCES as usize)
        .map(|record| record.name.clone())
        .collect();
    let loaded = futures::future::join_all(names.iter().map(|name| manager.load(name))).await;
    assert!(loaded.iter().all(Result::is_ok));
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
