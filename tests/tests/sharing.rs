//! How calls share an instance: one at a time, several at a time, or a fresh instance for each.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::HashSet;
use std::time::Duration;

use cjm_host::{Category, Error, Host, InstanceMode, Limits, Plugin, Source};
use cjm_tests::guest;
use futures::future::join_all;
use serde_json::json;

async fn load(mode: InstanceMode) -> (Host, Plugin) {
    let host = Host::builder().build().unwrap();
    let plugin = host.loader(Source::path(guest("misbehave"))).instance_mode(mode).load().await.unwrap();
    assert_eq!(plugin.instance_mode(), mode);
    (host, plugin)
}

async fn count(plugin: &Plugin) -> u64 {
    plugin.execute("count", json!(null)).await.unwrap().to().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exclusive_instance_keeps_its_state_and_takes_one_call_at_a_time() {
    let (_host, plugin) = load(InstanceMode::Exclusive).await;
    let counts = join_all((0..50).map(|_| count(&plugin))).await;
    assert_eq!(counts.into_iter().collect::<HashSet<_>>().len(), 50, "no two calls overlapped");
    let waiting = plugin.call("wait-for-cancellation", json!(null)).start();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let second = tokio::time::timeout(Duration::from_millis(50), plugin.execute("count", json!(null))).await;
    assert!(second.is_err(), "it waits for its turn");
    waiting.cancel();
    waiting.await.unwrap_err();
    assert_eq!(count(&plugin).await, 51, "a call that was dropped before its turn changed nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shared_instance_keeps_its_state_and_interleaves_calls() {
    let (_host, plugin) = load(InstanceMode::Shared).await;
    let waiting: Vec<_> =
        (0..10).map(|_| plugin.call("wait-for-cancellation", json!(null)).start()).collect();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(count(&plugin).await, 1, "ten calls wait in it, and this one runs");
    assert_eq!(count(&plugin).await, 2);
    for running in &waiting {
        running.cancel();
    }
    for running in waiting {
        assert!(matches!(running.await, Err(Error::Cancelled { forced: false, .. })));
    }
    assert_eq!(count(&plugin).await, 3, "nothing was reloaded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_a_shared_instance_are_told_apart() {
    let (_host, plugin) = load(InstanceMode::Shared).await;
    let calls = (0..8).map(|number| {
        let plugin = plugin.clone();
        async move {
            let id = format!("job-{number}");
            let seen = plugin.call("job", json!(null)).job(id.clone(), number + 1).await.unwrap();
            let seen: serde_json::Value = seen.to().unwrap();
            assert_eq!(seen, json!({ "id": id, "attempt": number + 1 }));
        }
    });
    join_all(calls).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shared_instance_takes_no_more_calls_than_it_may() {
    let host = Host::builder().build().unwrap();
    let loader = host
        .loader(Source::path(guest("misbehave")))
        .instance_mode(InstanceMode::Shared)
        .limits(Limits { max_concurrency: 2, ..Limits::default() });
    let plugin = loader.load().await.unwrap();
    let waiting: Vec<_> = (0..2).map(|_| plugin.call("wait-for-cancellation", json!(null)).start()).collect();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let third = plugin.call("count", json!(null)).start();
    tokio::time::sleep(Duration::from_millis(50)).await;
    waiting[0].cancel();
    assert_eq!(third.await.unwrap().to::<u64>().unwrap(), 1);
    waiting[1].cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_shared_instance_each_call_has_its_fuel_and_printing_is_seen() {
    let host = Host::builder().build().unwrap();
    let loader = host
        .loader(Source::path(guest("misbehave")))
        .instance_mode(InstanceMode::Shared)
        .limits(Limits { fuel: Some(5_000_000), ..Limits::default() });
    let plugin = loader.load().await.unwrap();
    let mut events = plugin.events();
    for _ in 0..200 {
        plugin.execute("report", json!(null)).await.unwrap();
    }
    let error = plugin.execute("spin", json!(null)).await.unwrap_err();
    assert_eq!(error.category(), Category::ResourceExhausted, "{error}");
    let mut printed = 0;
    while let Some(event) = events.try_next() {
        printed +=
            u32::from(matches!(event.kind, cjm_host::EventKind::Log(record) if record.target == "stdout"));
    }
    assert!(printed > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_waits_behind_one_that_spins_is_cancelled_at_once() {
    let (_host, plugin) = load(InstanceMode::Shared).await;
    let spinning = plugin.call("spin", json!(null)).start();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let waiting = plugin.call("count", json!(null)).start();
    tokio::time::sleep(Duration::from_millis(20)).await;
    waiting.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(1), waiting).await.expect("it did not wait");
    assert!(matches!(ended, Err(Error::Cancelled { forced: false, .. })));
    spinning.cancel_now();
    spinning.await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shared_instance_that_traps_is_made_anew() {
    let (_host, plugin) = load(InstanceMode::Shared).await;
    assert_eq!(count(&plugin).await, 1);
    let error = plugin.execute("trap", json!(null)).await.unwrap_err();
    assert_eq!(error.category(), Category::Trapped);
    assert_eq!(count(&plugin).await, 1);
    let out_of_time = plugin.call("sleep", json!(null)).timeout(Duration::from_millis(50));
    let error = out_of_time.grace(Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(error.category(), Category::TimedOut, "{error}");
    let spinning = plugin.call("spin", json!(null)).cpu_time(Duration::from_millis(100));
    assert_eq!(spinning.await.unwrap_err().category(), Category::TimedOut);
    assert_eq!(count(&plugin).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fresh_instance_for_each_call_keeps_nothing() {
    let (_host, plugin) = load(InstanceMode::Fresh).await;
    let counts = join_all((0..20).map(|_| count(&plugin))).await;
    assert!(counts.iter().all(|count| *count == 1), "{counts:?}");
    let error = plugin.execute("panic", json!(null)).await.unwrap_err();
    assert_eq!(error.category(), Category::Trapped);
    assert_eq!(count(&plugin).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hooks_are_called_in_every_mode_that_has_an_instance_between_calls() {
    for mode in [InstanceMode::Exclusive, InstanceMode::Shared] {
        let (_host, plugin) = load(mode).await;
        let mut events = plugin.events();
        plugin.prefetch().await.unwrap();
        plugin.disable().await.unwrap();
        let refused = plugin.execute("count", json!(null)).await.unwrap_err();
        assert_eq!(refused.category(), Category::Disabled);
        plugin.enable().await.unwrap();
        plugin.reconfigure(json!({ "initialize": "new" })).await.unwrap();
        assert_eq!(count(&plugin).await, 1);
        let error = plugin.reconfigure(json!({ "initialize": 1 })).await.unwrap_err();
        assert_eq!(error.violations()[0].pointer, "/initialize");
        plugin.unload().await;
        let error = plugin.execute("count", json!(null)).await.unwrap_err();
        assert_eq!(error.category(), Category::NotLoaded);
        let mut printed = Vec::new();
        while let Some(event) = events.try_next() {
            if let cjm_host::EventKind::Log(record) = event.kind {
                printed.push(record.message);
            }
        }
        let expected = [
            "hook prefetch",
            "hook disabled",
            "hook enabled",
            r#"hook reconfigure {} {"initialize":"new"}"#,
            "hook shutdown",
        ];
        assert_eq!(printed, expected, "{mode:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_that_the_plugin_refuses_changes_nothing() {
    for mode in [InstanceMode::Exclusive, InstanceMode::Shared, InstanceMode::Fresh] {
        let (_host, plugin) = load(mode).await;
        plugin.reconfigure(json!({ "initialize": "first" })).await.unwrap();
        // The hook traps, and so does nothing for the instance that is then initialized: it refuses.
        let error = plugin.reconfigure(json!({ "initialize": "trap-in-hook refuse" })).await.unwrap_err();
        assert_eq!(error.category(), Category::InvalidInput, "{mode:?}: {error}");
        let config: serde_json::Value = plugin.execute("config", json!(null)).await.unwrap().to().unwrap();
        assert_eq!(config, json!({ "initialize": "first" }), "{mode:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_instances_of_one_plugin_have_ids_of_their_own() {
    let host = Host::builder().build().unwrap();
    let load = async |id: &str| host.loader(Source::path(guest("misbehave"))).id(id).load().await;
    let (a, b) = (load("a").await.unwrap(), load("b").await.unwrap());
    assert_eq!((count(&a).await, count(&a).await, count(&b).await), (1, 2, 1));
    for id in ["a", "", "a b", "../a", &"x".repeat(65)] {
        assert_eq!(load(id).await.unwrap_err().category(), Category::InvalidInput, "`{id}`");
    }
    drop(a);
    load("a").await.expect("the id is free once the last handle is gone");
}
