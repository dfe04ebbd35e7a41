//! The host and its baseline in turn, a little of each at a time, so that both meet the same noise.

use std::time::Duration;

use criterion::{Criterion, Throughput};

use crate::table::Table;

/// Turns of each.
const ROUNDS: usize = 60;

/// What one turn is to take.
const TURN: Duration = Duration::from_millis(15);

/// One comparison: a row of the table, and a group of criterion's.
pub(crate) struct Pair<'a> {
    /// As it stands in the table.
    pub(crate) what: &'a str,
    pub(crate) aim: &'a str,
    pub(crate) throughput: Option<Throughput>,
}

impl Pair<'_> {
    /// Measures both; each takes a number of iterations and gives the time that they took.
    pub(crate) fn measure(
        self,
        criterion: &mut Criterion,
        table: &mut Table,
        mut bare: impl FnMut(u64) -> Duration,
        mut host: impl FnMut(u64) -> Duration,
    ) {
        let iterations = [calibrate(&mut bare), calibrate(&mut host)];
        let mut samples = [Vec::new(), Vec::new()];
        let mut ratios = Vec::new();
        for _ in 0..ROUNDS {
            let bare = bare(iterations[0]).as_secs_f64() / iterations[0] as f64;
            let host = host(iterations[1]).as_secs_f64() / iterations[1] as f64;
            samples[0].push(bare * 1e6);
            samples[1].push(host * 1e6);
            ratios.push(host / bare);
        }
        let [bare_median, host_median] = samples.map(median);
        table.pair(self.what, "µs", host_median, bare_median, median(ratios), self.aim);

        let mut group = criterion.benchmark_group(self.what);
        if let Some(throughput) = self.throughput {
            group.throughput(throughput);
        }
        group.bench_function("bare", |bencher| bencher.iter_custom(&mut bare));
        group.bench_function("cjm", |bencher| bencher.iter_custom(&mut host));
        group.finish();
    }
}

fn calibrate(run: &mut impl FnMut(u64) -> Duration) -> u64 {
    run(20);
    let each = run(20).as_secs_f64() / 20.0;
    (TURN.as_secs_f64() / each).ceil() as u64
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}
