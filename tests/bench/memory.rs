//! What an idle instance takes of the machine.

use cjm_host::{Host, Source, Value};
use cjm_tests::{guest, resident_bytes};
use tokio::runtime::Runtime;

use crate::bare::{self, Bare};
use crate::table::Table;

const INSTANCES: usize = 1000;

pub(crate) fn run(runtime: &Runtime, table: &mut Table) {
    let (bare_idle, bare_called) = runtime.block_on(bare());
    let (host_idle, host_called) = runtime.block_on(host());
    let kib = |bytes: u64| bytes as f64 / 1024.0 / INSTANCES as f64;
    let rows = [("initialized", host_idle, bare_idle), ("after a call", host_called, bare_called)];
    for (when, host, bare) in rows {
        let what = format!("memory of an idle instance, {when}");
        table.pair(&what, "KiB", kib(host), kib(bare), kib(host) / kib(bare), "≤ 2");
    }
}

async fn bare() -> (u64, u64) {
    let bare = Bare::new();
    let pre = bare.link(&bare.compile(&guest("echo")));
    drop(bare.instantiate(&pre).await);
    let before = resident_bytes();
    let mut instances = Vec::new();
    for _ in 0..INSTANCES {
        instances.push(bare.instantiate(&pre).await);
    }
    let idle = resident_bytes().saturating_sub(before);
    for instance in &mut instances {
        instance.echo(&bare::blob(16)).await;
    }
    (idle, resident_bytes().saturating_sub(before))
}

async fn host() -> (u64, u64) {
    let host = Host::builder().build().unwrap();
    let load = async |id: usize| {
        host.loader(Source::path(guest("echo"))).id(format!("echo-{id}")).load().await.unwrap()
    };
    let _first = load(INSTANCES).await;
    let before = resident_bytes();
    let mut plugins = Vec::new();
    for id in 0..INSTANCES {
        plugins.push(load(id).await);
    }
    let idle = resident_bytes().saturating_sub(before);
    for plugin in &plugins {
        plugin.execute("echo", Value::blob("a/b", vec![7; 16])).await.unwrap();
    }
    (idle, resident_bytes().saturating_sub(before))
}
