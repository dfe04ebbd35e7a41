//! A warm call, and a call in a fresh Store.

use std::time::{Duration, Instant};

use cjm_host::{Host, InstanceMode, Plugin, Source, Value};
use cjm_tests::guest;
use criterion::Criterion;
use tokio::runtime::Runtime;

use crate::bare::{self, Bare};
use crate::pair::Pair;
use crate::table::Table;

const SIZES: [(&str, usize, &str); 3] =
    [("16 B", 16, "≤ 1.3"), ("1 KiB", 1 << 10, "≤ 1.3"), ("1 MiB", 1 << 20, "≤ 1.1")];

pub(crate) fn run(runtime: &Runtime, criterion: &mut Criterion, table: &mut Table) {
    for (lifting, package) in [("sync", "echo"), ("async", "misbehave")] {
        for (size, bytes, aim) in SIZES {
            let what = format!("warm call, {lifting} lifting, {size} in and out");
            let inputs = (bare::blob(bytes), Value::blob("application/octet-stream", vec![7; bytes]));
            warm(runtime, criterion, table, Pair { what: &what, aim, throughput: None }, package, inputs);
        }
    }
    let text = format!("{{\"text\":\"{}\"}}", "x".repeat(1013));
    let inputs = (bare::Value::Json(text.clone()), Value::Json(text));
    let pair = Pair { what: "warm call, sync lifting, 1 KiB of JSON, checked", aim: "", throughput: None };
    warm(runtime, criterion, table, pair, "echo", inputs);
    fresh(runtime, criterion, table);
}

fn warm(
    runtime: &Runtime,
    criterion: &mut Criterion,
    table: &mut Table,
    pair: Pair<'_>,
    package: &str,
    (bare_input, input): (bare::Value, Value),
) {
    let bare = Bare::new();
    let mut instance = runtime.block_on(bare.instantiate(&bare.link(&bare.compile(&guest(package)))));
    let host = Host::builder().build().unwrap();
    let plugin = runtime.block_on(host.load(guest(package))).unwrap();
    pair.measure(
        criterion,
        table,
        |iterations| {
            runtime.block_on(async {
                let began = Instant::now();
                for _ in 0..iterations {
                    // A caller has an input of its own for each call.
                    let input = bare_input.clone();
                    instance.echo(&input).await;
                }
                began.elapsed()
            })
        },
        |iterations| runtime.block_on(calls(&plugin, &input, iterations)),
    );
}

fn fresh(runtime: &Runtime, criterion: &mut Criterion, table: &mut Table) {
    let bare = Bare::new();
    let pre = bare.link(&bare.compile(&guest("echo")));
    let bare_input = bare::blob(1 << 10);
    let host = Host::builder().build().unwrap();
    let loader = host.loader(Source::path(guest("echo"))).instance_mode(InstanceMode::Fresh);
    let plugin = runtime.block_on(loader.load()).unwrap();
    let input = Value::blob("application/octet-stream", vec![7; 1 << 10]);
    Pair { what: "fresh Store, instance and call", aim: "≤ 1.5", throughput: None }.measure(
        criterion,
        table,
        |iterations| {
            runtime.block_on(async {
                let began = Instant::now();
                for _ in 0..iterations {
                    let input = bare_input.clone();
                    bare.instantiate(&pre).await.echo(&input).await;
                }
                began.elapsed()
            })
        },
        |iterations| runtime.block_on(calls(&plugin, &input, iterations)),
    );
}

async fn calls(plugin: &Plugin, input: &Value, iterations: u64) -> Duration {
    let began = Instant::now();
    for _ in 0..iterations {
        plugin.execute("echo", input.clone()).await.unwrap();
    }
    began.elapsed()
}
