//! Whatever a plugin does, the host's memory stays where it was. In a process of their own and one after the other,
//! because it is the process that is measured.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::time::Duration;

use cjm_host::{Error, Host, InstanceMode, Limits, ResourceKind, Source};
use cjm_tests::{guest, resident_bytes};
use serde_json::json;
use tokio::sync::Mutex;

static ALONE: Mutex<()> = Mutex::const_new(());

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
    let _alone = ALONE.lock().await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_cost_the_host_no_memory() {
    let _alone = ALONE.lock().await;
    let host = Host::builder().build().unwrap();
    let plugin = host.load(guest("misbehave")).await.unwrap();
    plugin.execute("flood-progress", json!(null)).await.unwrap();
    let before = resident_bytes();
    // Nobody reads these events.
    let _events = plugin.events();
    for action in ["flood-logs", "flood-stdout", "flood-progress", "flood-usage"] {
        let ended = plugin
            .call(action, json!(null))
            .cpu_time(Duration::from_secs(20))
            .timeout(Duration::from_secs(60))
            .await;
        ended.unwrap_or_else(|error| panic!("{action}: {error}"));
    }
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_over_the_limit_never_reaches_the_host() {
    let _alone = ALONE.lock().await;
    let roomy = Limits { memory_bytes: 1 << 30, cpu_time: None, wall_time: None, ..Limits::default() };
    let host = Host::builder().limits(roomy).build().unwrap();
    let plugin = host.load(guest("misbehave")).await.unwrap();
    let before = resident_bytes();
    for action in ["huge", "huge-json"] {
        let error = plugin.execute(action, json!(null)).await.unwrap_err();
        let Error::ResourceExhausted(shortfall) = &error else { panic!("{action}: {error:?}") };
        assert_eq!(shortfall.kind, ResourceKind::Output);
    }
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_waits_while_nobody_reads() {
    let _alone = ALONE.lock().await;
    let host = Host::builder().build().unwrap();
    let plugin = host.load(guest("misbehave")).await.unwrap();
    let mut stream = plugin.call("stream-for-ever", json!(null)).stream();
    stream.next().await.unwrap().unwrap();
    let before = resident_bytes();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(resident_bytes().saturating_sub(before) < 16 << 20);
    stream.cancel_now();
}
