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
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if jobs::open_if_told(&runtime) {
        return;
    }
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
        .without_plots()
        .output_directory(&criterion_dir())
        .configure_from_args();
    let mut table = Table::beside("bare wasmtime");
    // The queue is what is worked on by itself most.
    if !std::env::args().any(|argument| argument == "jobs") {
        memory::run(&runtime, &mut table);
        calls::run(&runtime, &mut criterion, &mut table);
        load::run(&runtime, &mut criterion, &mut table);
        streams::run(&runtime, &mut criterion, &mut table);
        cancel::run(&runtime, &mut table);
        manager::run(&runtime, &mut table);
    }
    let of_jobs = jobs::run(&runtime);
    criterion.final_summary();
    table.print();
    of_jobs.iter().for_each(Table::print);
}

/// Beside the build that this program is of.
fn criterion_dir() -> PathBuf {
    let executable = std::env::current_exe().unwrap();
    executable.ancestors().nth(3).unwrap().join("criterion")
}
