//! From a component whose compiled code is on disk to the end of the first call.

use std::time::Instant;

use cjm_host::{Host, Value};
use cjm_tests::guest;
use criterion::Criterion;
use tokio::runtime::Runtime;
use wasmtime::component::Component;

use crate::bare::{self, Bare};
use crate::pair::Pair;
use crate::table::Table;

pub(crate) fn run(runtime: &Runtime, criterion: &mut Criterion, table: &mut Table) {
    let dir = tempfile::tempdir().unwrap();
    let bare = Bare::new();
    let path = dir.path().join("echo.cwasm");
    std::fs::write(&path, bare.compile(&guest("echo")).serialize().unwrap()).unwrap();
    let bare_input = bare::blob(16);
    let host = Host::builder().cache_dir(dir.path().join("cache")).build().unwrap();
    drop(runtime.block_on(host.load(guest("echo"))).unwrap());
    let pair = Pair {
        what: "load of a cached component to the end of its first call",
        aim: "≤ 3",
        throughput: None,
    };
    pair.measure(
        criterion,
        table,
        |iterations| {
            let began = Instant::now();
            for _ in 0..iterations {
                runtime.block_on(async {
                    // SAFETY: the file was written above.
                    #[allow(unsafe_code)]
                    let component = unsafe { Component::deserialize_file(&bare.engine, &path) }.unwrap();
                    bare.instantiate(&bare.link(&component)).await.echo(&bare_input).await;
                });
            }
            began.elapsed()
        },
        |iterations| {
            let began = Instant::now();
            for _ in 0..iterations {
                runtime.block_on(async {
                    // The handle is dropped, and with it all that the host keeps in memory of the component.
                    let plugin = host.load(guest("echo")).await.unwrap();
                    plugin.execute("echo", Value::blob("a/b", vec![7; 16])).await.unwrap();
                });
            }
            began.elapsed()
        },
    );
}
