//! A warm call, and a call in a fresh Store.

use std::time::Instant;

use cjm_host::{Host, InstanceMode, Source, Value};
use cjm_tests::guest;
use criterion::Criterion;
use tokio::runtime::Runtime;

use crate::bare::{self, Bare};
use crate::table::Table;

const SIZES: [(&str, usize, &str); 3] =
    [("16 B", 16, "≤ 1.3"), ("1 KiB", 1 << 10, "≤ 1.3"), ("1 MiB", 1 << 20, "≤ 1.1")];

pub(crate) fn run(runtime: &Runtime, criterion: &mut Criterion, table: &mut Table) {
    for (lifting, package) in [("sync", "echo"), ("async", "misbehave")] {
        for (size, bytes, aim) in SIZES {
            let group = format!("execute {lifting} {size}");
            warm(runtime, criterion, &group, package, bytes);
            table.criterion(
                &format!("warm call, {lifting} lifting, {size} in and out"),
                &group,
                "bare",
                "cjm",
                aim,
            );
        }
    }
    json(runtime, criterion);
    table.criterion("warm call, sync lifting, 1 KiB of JSON", "execute JSON 1 KiB", "bare", "cjm", "");
    fresh(runtime, criterion);
    table.criterion("fresh Store, instance and call", "fresh", "bare", "cjm", "≤ 1.5");
}

fn warm(runtime: &Runtime, criterion: &mut Criterion, group: &str, package: &str, bytes: usize) {
    let mut group = criterion.benchmark_group(group);
    let bare = Bare::new();
    let mut instance = runtime.block_on(bare.instantiate(&bare.link(&bare.compile(&guest(package)))));
    let input = bare::blob(bytes);
    group.bench_function("bare", |bencher| {
        bencher.iter_custom(|iterations| {
            runtime.block_on(async {
                let began = Instant::now();
                for _ in 0..iterations {
                    // A caller has an input of its own for each call.
                    let input = input.clone();
                    instance.echo(&input).await;
                }
                began.elapsed()
            })
        });
    });
    let host = Host::builder().build().unwrap();
    let plugin = runtime.block_on(host.load(guest(package))).unwrap();
    let input = Value::blob("application/octet-stream", vec![7; bytes]);
    group.bench_function("cjm", |bencher| {
        bencher.iter_custom(|iterations| {
            runtime.block_on(async {
                let began = Instant::now();
                for _ in 0..iterations {
                    plugin.execute("echo", input.clone()).await.unwrap();
                }
                began.elapsed()
            })
        });
    });
}

fn json(runtime: &Runtime, criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("execute JSON 1 KiB");
    let text = format!("{{\"text\":\"{}\"}}", "x".repeat(1013));
    let bare = Bare::new();
    let mut instance = runtime.block_on(bare.instantiate(&bare.link(&bare.compile(&guest("echo")))));
    group.bench_function("bare", |bencher| {
        bencher.iter_custom(|iterations| {
            runtime.block_on(async {
                let began = Instant::now();
                for _ in 0..iterations {
                    instance.echo(&bare::Value::Json(text.clone())).await;
                }
                began.elapsed()
            })
        });
    });
    let host = Host::builder().build().unwrap();
    let plugin = runtime.block_on(host.load(guest("echo"))).unwrap();
    group.bench_function("cjm", |bencher| {
        bencher.iter_custom(|iterations| {
            runtime.block_on(async {
                let began = Instant::now();
                for _ in 0..iterations {
                    plugin.execute("echo", Value::Json(text.clone())).await.unwrap();
                }
                began.elapsed()
            })
        });
    });
}

fn fresh(runtime: &Runtime, criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fresh");
    let bare = Bare::new();
    let pre = bare.link(&bare.compile(&guest("echo")));
    let input = bare::blob(1 << 10);
    group.bench_function("bare", |bencher| {
        bencher.iter_custom(|iterations| {
            runtime.block_on(async {
                let began = Instant::now();
                for _ in 0..iterations {
                    let input = input.clone();
                    bare.instantiate(&pre).await.echo(&input).await;
                }
                began.elapsed()
            })
        });
    });
    let host = Host::builder().build().unwrap();
    let loader = host.loader(Source::path(guest("echo"))).instance_mode(InstanceMode::Fresh);
    let plugin = runtime.block_on(loader.load()).unwrap();
    let input = Value::blob("application/octet-stream", vec![7; 1 << 10]);
    group.bench_function("cjm", |bencher| {
        bencher.iter_custom(|iterations| {
            runtime.block_on(async {
                let began = Instant::now();
                for _ in 0..iterations {
                    plugin.execute("echo", input.clone()).await.unwrap();
                }
                began.elapsed()
            })
        });
    });
}
