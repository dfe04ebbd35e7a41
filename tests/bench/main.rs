//! What the host costs over bare wasmtime: both in one run, with the ratio of the two.
//!
//! `cargo xtask bench` builds the guests, runs this, and prints a table.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark"
)]

mod bare;
mod calls;
mod cancel;
mod jobs;
mod load;
mod manager;
mod memory;
mod pair;
mod streams;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use criterion::Criterion;
use table::Table;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
        .without_plots()
        .output_directory(&criterion_dir())
        .configure_from_args();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut table = Table::beside("bare wasmtime");
    memory::run(&runtime, &mut table);
    calls::run(&runtime, &mut criterion, &mut table);
    load::run(&runtime, &mut criterion, &mut table);
    streams::run(&runtime, &mut criterion, &mut table);
    cancel::run(&runtime, &mut table);
    manager::run(&runtime, &mut table);
    let mut durable = Table::beside("SQLite, one commit each");
    jobs::run(&runtime, &mut durable);
    criterion.final_summary();
    table.print();
    durable.print();
}

/// Beside the build that this program is of.
fn criterion_dir() -> PathBuf {
    let executable = std::env::current_exe().unwrap();
    executable.ancestors().nth(3).unwrap().join("criterion")
}
