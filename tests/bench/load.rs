//! From a component whose compiled code is on disk to the end of the first call.

use std::time::{Duration, Instant};

use cjm_host::{Host, Value};
use cjm_tests::guest;
use criterion::{BatchSize, Criterion};
use tokio::runtime::Runtime;

use crate::bare::{self, Bare};
use crate::table::Table;

pub(crate) fn run(runtime: &Runtime, criterion: &mut Criterion, table: &mut Table) {
    let mut group = criterion.benchmark_group("load");
    group.measurement_time(Duration::from_secs(3));
    let dir = tempfile::tempdir().unwrap();
    let bare = Bare::new();
    let path = dir.path().join("echo.cwasm");
    std::fs::write(&path, bare.compile(&guest("echo")).serialize().unwrap()).unwrap();
    let input = bare::blob(16);
    group.bench_function("bare", |bencher| {
        bencher.iter_custom(|iterations| {
            let began = Instant::now();
            for _ in 0..iterations {
                runtime.block_on(async {
                    // SAFETY: the file was written above.
                    #[allow(unsafe_code)]
                    let component =
                        unsafe { wasmtime::component::Component::deserialize_file(&bare.engine, &path) }
                            .unwrap();
                    bare.instantiate(&bare.link(&component)).await.echo(&input).await;
                });
            }
            began.elapsed()
        });
    });
    let cache = dir.path().join("cache");
    let host = || Host::builder().cache_dir(&cache).build().unwrap();
    drop(runtime.block_on(host().load(guest("echo"))).unwrap());
    let host = host();
    group.bench_function("cjm", |bencher| {
        bencher.iter_batched(
            || Value::blob("application/octet-stream", vec![7; 16]),
            |input| {
                runtime.block_on(async {
                    let plugin = host.load(guest("echo")).await.unwrap();
                    plugin.execute("echo", input).await.unwrap();
                });
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
    table.criterion("load of a cached component to the end of its first call", "load", "bare", "cjm", "≤ 3");
}
