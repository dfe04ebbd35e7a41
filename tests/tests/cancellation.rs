//! Stopping a call: asked first, then made to; with every phase told, and the instance ready again at the end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::time::Duration;

use cjm_host::{CancelPhase, Category, Error, EventKind, Host, InstanceMode, Plugin, Source, Subscription};
use cjm_tests::guest;
use serde_json::json;

async fn load(name: &str) -> (Host, Plugin) {
    let host = Host::builder().build().unwrap();
    let plugin = host.load(guest(name)).await.unwrap();
    (host, plugin)
}

/// The phases that a finished call went through.
async fn phases(mut events: Subscription) -> Vec<CancelPhase> {
    let mut phases = Vec::new();
    while let Some(event) = events.try_next() {
        if let EventKind::Cancel { phase } = event.kind {
            phases.push(phase);
        }
    }
    phases
}

async fn begun() {
    tokio::time::sleep(Duration::from_millis(30)).await;
}

const FORCED: [CancelPhase; 5] = [
    CancelPhase::Requested,
    CancelPhase::Cooperative,
    CancelPhase::Forced,
    CancelPhase::Reloaded,
    CancelPhase::Done,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_listens_ends_by_itself_and_keeps_its_state() {
    for (name, action) in
        [("misbehave", "wait-for-cancellation"), ("misbehave", "spin-politely"), ("echo", "spin-politely")]
    {
        let (_host, plugin) = load(name).await;
        let running = plugin.call(action, json!(null)).start();
        let (events, canceller) = (running.events(), running.canceller());
        begun().await;
        running.cancel();
        let error = running.await.unwrap_err();
        assert!(matches!(error, Error::Cancelled { forced: false, .. }), "{name} {action}: {error:?}");
        assert_eq!(canceller.phase(), CancelPhase::Done);
        let phases = phases(events).await;
        assert!(!phases.contains(&CancelPhase::Forced), "{phases:?}");
        assert_eq!(phases.last(), Some(&CancelPhase::Done));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_does_not_listen_is_dropped_after_its_grace_time() {
    for (name, action) in [
        ("misbehave", "spin"),
        ("misbehave", "sleep"),
        ("misbehave", "ignore-cancellation"),
        ("echo", "spin"),
    ] {
        let (_host, plugin) = load(name).await;
        let running = plugin.call(action, json!(null)).grace(Duration::from_millis(50)).start();
        let events = running.events();
        begun().await;
        running.cancel();
        let error = running.await.unwrap_err();
        assert!(matches!(error, Error::Cancelled { forced: true, .. }), "{name} {action}: {error:?}");
        assert_eq!(phases(events).await, FORCED, "{name} {action}");
        plugin.execute("echo", json!("again")).await.expect("the instance is ready again");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_at_once_leaves_out_the_grace_time() {
    let (_host, plugin) = load("misbehave").await;
    for action in ["spin", "spin-politely", "sleep"] {
        let running = plugin.call(action, json!(null)).grace(Duration::from_secs(3600)).start();
        begun().await;
        running.cancel_now();
        let error = running.await.unwrap_err();
        assert!(matches!(error, Error::Cancelled { forced: true, .. }), "{action}: {error:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_request_cuts_the_grace_time_short() {
    let (_host, plugin) = load("misbehave").await;
    let running = plugin.call("spin", json!(null)).grace(Duration::from_secs(3600)).start();
    begun().await;
    running.cancel();
    begun().await;
    assert_eq!(running.phase(), CancelPhase::Cooperative);
    running.cancel_now();
    assert_eq!(running.await.unwrap_err().category(), Category::Cancelled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_waits_for_its_turn_is_cancelled_without_running() {
    let (_host, plugin) = load("misbehave").await;
    let first = plugin.call("spin", json!(null)).start();
    begun().await;
    let second = plugin.call("count", json!(null)).start();
    begun().await;
    second.cancel();
    assert!(matches!(second.await, Err(Error::Cancelled { forced: false, .. })));
    first.cancel_now();
    first.await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_that_arrives_all_the_same_counts() {
    let (_host, plugin) = load("misbehave").await;
    let running = plugin.call("nap", json!(null)).start();
    tokio::time::sleep(Duration::from_millis(5)).await;
    running.cancel();
    running.await.expect("the guest ended within its grace time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_a_call_drops_its_instance_and_the_next_call_gets_a_new_one() {
    let (_host, plugin) = load("misbehave").await;
    assert_eq!(plugin.execute("count", json!(null)).await.unwrap().to::<u64>().unwrap(), 1);
    assert_eq!(plugin.execute("count", json!(null)).await.unwrap().to::<u64>().unwrap(), 2);
    let dropped = tokio::time::timeout(Duration::from_millis(50), plugin.execute("spin", json!(null))).await;
    assert!(dropped.is_err());
    assert_eq!(plugin.execute("count", json!(null)).await.unwrap().to::<u64>().unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_new_instance_has_the_same_configuration() {
    let host = Host::builder().build().unwrap();
    let loader = host.loader(Source::path(guest("misbehave"))).config(json!({ "initialize": "kept" }));
    let plugin = loader.load().await.unwrap();
    let running = plugin.call("spin", json!(null)).start();
    begun().await;
    running.cancel_now();
    running.await.unwrap_err();
    let config: serde_json::Value = plugin.execute("config", json!(null)).await.unwrap().to().unwrap();
    assert_eq!(config, json!({ "initialize": "kept" }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_shared_instance_forcing_one_call_tells_the_others_to_try_again() {
    let host = Host::builder().build().unwrap();
    let loader = host.loader(Source::path(guest("misbehave"))).instance_mode(InstanceMode::Shared);
    let plugin = loader.load().await.unwrap();
    let sibling = plugin.call("wait-for-cancellation", json!(null)).start();
    begun().await;
    let bad = plugin.call("spin", json!(null)).grace(Duration::from_millis(50)).start();
    let events = bad.events();
    begun().await;
    bad.cancel();
    assert!(matches!(bad.await, Err(Error::Cancelled { forced: true, .. })));
    assert_eq!(phases(events).await, FORCED);
    let error = sibling.await.unwrap_err();
    assert!(error.is_retriable(), "{error:?}");
    plugin.execute("echo", json!("again")).await.expect("the instance is ready again");
}

#[tokio::test]
async fn a_runtime_of_one_thread_can_cancel_a_guest_that_spins() {
    let (_host, plugin) = load("misbehave").await;
    let running = plugin.call("spin", json!(null)).grace(Duration::from_millis(20)).start();
    begun().await;
    running.cancel();
    assert_eq!(running.await.unwrap_err().category(), Category::Cancelled);
}
