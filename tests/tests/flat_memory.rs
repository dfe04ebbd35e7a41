//! Whatever a plugin does, the host's memory stays where it was. Alone in its process, because that is what is measured.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::time::Duration;

use cjm_host::{Host, InstanceMode, Limits, Source};
use cjm_tests::{guest, resident_bytes};
use serde_json::json;

const ACTIONS: [&str; 20] = [
    "spin",
    "spin-yielding",
    "spin-politely",
    "sleep",
    "never",
    "wait-for-cancellation",
    "ignore-cancellation",
    "allocate",
    "recurse",
    "panic",
    "trap",
    "out-of-bounds",
    "exit",
    "invalid-json",
    "huge",
    "huge-json",
    "stream-for-ever",
    "stream-trapping",
    "stream-invalid-json",
    "stream-unended",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn misbehaving_again_and_again_costs_the_host_no_memory() {
    let limits = Limits {
        memory_bytes: 48 << 20,
        cpu_time: Some(Duration::from_millis(15)),
        wall_time: Some(Duration::from_millis(30)),
        grace: Duration::from_millis(5),
        stream_items: 5000,
        ..Limits::default()
    };
    let host = Host::builder().limits(limits).build().unwrap();
    let mut plugins = Vec::new();
    for mode in [InstanceMode::Exclusive, InstanceMode::Shared, InstanceMode::Fresh] {
        let loader =
            host.loader(Source::path(guest("misbehave"))).id(format!("{mode:?}")).instance_mode(mode);
        plugins.push(loader.load().await.unwrap());
    }
    let neighbour = host.load(guest("echo")).await.unwrap();
    let round = async || {
        for plugin in &plugins {
            for action in ACTIONS {
                let mut results = plugin.call(action, json!(null)).stream();
                let mut last = None;
                while let Some(result) = results.next().await {
                    last = Some(result);
                }
                let ended = last.expect("something becomes of it");
                assert!(ended.is_err(), "{} {action}: {ended:?}", plugin.id());
                neighbour.execute("echo", json!("still here")).await.unwrap();
            }
        }
    };
    for _ in 0..3 {
        round().await;
    }
    let before = resident_bytes();
    for _ in 0..10 {
        round().await;
    }
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 24 << 20, "{grown} bytes in 600 misbehaviours");
}
