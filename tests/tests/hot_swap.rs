//! One version of a plugin in the place of another, while it is in use.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::time::Duration;

use cjm_host::{Category, Digest, EventKind, Host, InstanceMode, Loader, Plugin, Source};
use cjm_tests::{compiled, guest};
use serde_json::json;

fn host() -> Host {
    Host::builder().cache_dir(compiled()).build().unwrap()
}

const MODES: [InstanceMode; 3] = [InstanceMode::Exclusive, InstanceMode::Shared, InstanceMode::Fresh];

/// A component that does the same as that of the package, and has another digest.
fn version(package: &str, number: u8) -> Source {
    let mut bytes = std::fs::read(guest(package)).unwrap();
    // A custom section named `v` with one byte in it.
    bytes.extend([0, 3, 1, b'v', number]);
    Source::bytes(format!("{package} {number}"), bytes)
}

fn loader(host: &Host, number: u8, mode: InstanceMode) -> Loader {
    host.loader(version("misbehave", number)).id("it").instance_mode(mode)
}

async fn load(mode: InstanceMode) -> (Host, Plugin) {
    let host = host();
    let plugin = loader(&host, 1, mode).load().await.unwrap();
    (host, plugin)
}

async fn count(plugin: &Plugin) -> u64 {
    plugin.execute("count", json!(null)).await.unwrap().to().unwrap()
}

async fn begun(plugin: &Plugin) {
    while plugin.stats().running == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn running_calls_end_on_the_old_version_and_new_ones_go_to_the_new() {
    for mode in MODES {
        let (host, old) = load(mode).await;
        let mut events = old.events();
        let running = old.call("wait-for-cancellation", json!(null)).start();
        begun(&old).await;
        let new = loader(&host, 2, mode).replace(&old).await.unwrap();
        assert_ne!(new.digest(), old.digest());
        assert_eq!(host.plugin("it").unwrap().digest(), new.digest());
        assert_eq!(host.plugins().len(), 1);
        assert_eq!(count(&new).await, 1, "it does not wait for the old one");
        assert_eq!(old.stats().running, 1);
        running.cancel();
        assert_eq!(running.await.unwrap_err().category(), Category::Cancelled);
        old.unload().await;
        assert_eq!(host.plugin("it").unwrap().digest(), new.digest(), "only the old one is gone");

        let mut told = Vec::new();
        while let Some(event) = events.try_next() {
            match event.kind {
                EventKind::Replaced { digest } => told.push(format!("replaced by {digest}")),
                EventKind::Log(record) => told.push(record.message),
                EventKind::Unloaded => told.push("unloaded".into()),
                _ => {}
            }
        }
        let mut expected = vec![format!("replaced by {}", new.digest())];
        if mode != InstanceMode::Fresh {
            expected.push("hook shutdown".into());
        }
        assert_eq!(told, expected, "{mode:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handles_on_the_old_version_pass_their_calls_on() {
    for mode in MODES {
        let (host, old) = load(mode).await;
        let later = old.call("job", json!(null)).job("named", 3);
        let new = loader(&host, 2, mode).replace(&old).await.unwrap();
        old.unload().await;
        for _ in 0..3 {
            old.execute("echo", json!(1)).await.unwrap();
        }
        let seen: serde_json::Value = later.await.unwrap().to().unwrap();
        assert_eq!(seen, json!({ "id": "named", "attempt": 3 }));
        let mut items = old.call("stream-count", json!(4)).stream();
        let mut received = 0;
        while let Some(item) = items.next().await {
            item.unwrap();
            received += 1;
        }
        assert_eq!(received, 4);
        assert_eq!((old.stats().calls, new.stats().calls), (0, 5), "{mode:?}");
        new.unload().await;
        let error = old.execute("echo", json!(1)).await.unwrap_err();
        assert_eq!(error.category(), Category::NotLoaded);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_are_passed_on_are_held_against_the_new_version() {
    let (host, old) = load(InstanceMode::Exclusive).await;
    let _new = host.loader(Source::path(guest("echo"))).replace(&old).await.unwrap();
    old.execute("echo", json!(1)).await.unwrap();
    let error = old.execute("count", json!(1)).await.unwrap_err();
    assert!(error.to_string().contains("plugin `echo` has no action `count`"), "{error}");
    let mut items = old.call("stream-count", json!(4)).stream();
    assert_eq!(items.next().await.unwrap().unwrap_err().category(), Category::InvalidInput);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_version_stays_where_the_new_one_cannot_be_loaded() {
    for mode in MODES {
        let (host, old) = load(mode).await;
        let digest = *old.digest();
        let refused = loader(&host, 2, mode).config(json!({ "initialize": "refuse" })).replace(&old).await;
        assert_eq!(refused.unwrap_err().category(), Category::InvalidInput);
        let altered = loader(&host, 2, mode).digest(Digest::of(b"")).replace(&old).await;
        assert!(altered.unwrap_err().to_string().contains("was altered"));
        let elsewhere = loader(&host, 2, mode).id("other").replace(&old).await;
        assert!(elsewhere.unwrap_err().to_string().contains("under another id"));
        assert_eq!(host.plugin("it").unwrap().digest(), &digest);
        assert_eq!(count(&old).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_is_lost_while_versions_come_and_go() {
    for mode in MODES {
        let (host, first) = load(mode).await;
        let callers: Vec<_> = (0..4)
            .map(|_| {
                let plugin = first.clone();
                tokio::spawn(async move {
                    for number in 0..300 {
                        let echoed = plugin.execute("echo", json!(number)).await.unwrap();
                        assert_eq!(echoed.to::<u32>().unwrap(), number);
                    }
                })
            })
            .collect();
        let mut current = first.clone();
        for number in 2..20 {
            current = loader(&host, number % 3, mode).replace(&current).await.unwrap();
        }
        for caller in callers {
            caller.await.unwrap_or_else(|error| panic!("{mode:?}: {error}"));
        }
        assert_eq!(host.plugins().len(), 1);
        host.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disabled_plugin_stays_disabled() {
    let (host, old) = load(InstanceMode::Exclusive).await;
    old.disable().await.unwrap();
    let new = loader(&host, 2, InstanceMode::Exclusive).replace(&old).await.unwrap();
    assert!(!new.is_enabled());
    assert_eq!(new.execute("echo", json!(1)).await.unwrap_err().category(), Category::Disabled);
    new.enable().await.unwrap();
    new.execute("echo", json!(1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_that_want_the_same_place_one_gets_it() {
    let (host, old) = load(InstanceMode::Exclusive).await;
    let (a, b) = tokio::join!(
        loader(&host, 2, InstanceMode::Exclusive).replace(&old),
        loader(&host, 3, InstanceMode::Exclusive).replace(&old),
    );
    assert!(a.is_ok() != b.is_ok());
    let (won, lost) = if a.is_ok() { (a, b) } else { (b, a) };
    assert_eq!(lost.unwrap_err().category(), Category::NotLoaded);
    assert_eq!(host.plugin("it").unwrap().digest(), won.unwrap().digest());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_loaded_any_more_has_no_place_to_take() {
    let (host, old) = load(InstanceMode::Exclusive).await;
    old.unload().await;
    let error = loader(&host, 2, InstanceMode::Exclusive).replace(&old).await.unwrap_err();
    assert_eq!(error.category(), Category::NotLoaded);
    assert!(host.plugins().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loading_and_unloading_are_told() {
    let host = host();
    let mut events = host.events();
    let plugin = host.load(guest("echo")).await.unwrap();
    let digest = *plugin.digest();
    plugin.unload().await;
    let dropped = host.load(guest("echo")).await.unwrap();
    drop(dropped);
    let told: Vec<_> = std::iter::from_fn(|| events.try_next()).map(|event| event.kind).collect();
    let once = [EventKind::Loaded { digest }, EventKind::Unloaded];
    assert_eq!(told, [once.clone(), once].concat());
    let shown = serde_json::to_value(&told[0]).unwrap();
    assert_eq!(shown, json!({ "event": "loaded", "digest": digest.to_string() }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutting_down_waits_for_versions_that_were_replaced() {
    let (host, old) = load(InstanceMode::Exclusive).await;
    let running = old.call("wait-for-cancellation", json!(null)).start();
    begun(&old).await;
    let new = loader(&host, 2, InstanceMode::Exclusive).replace(&old).await.unwrap();
    let closing = tokio::spawn({
        let host = host.clone();
        async move { host.shutdown().await }
    });
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert!(!closing.is_finished());
    running.cancel();
    closing.await.unwrap();
    running.await.unwrap_err();
    assert_eq!((old.stats().memory_bytes, new.stats().memory_bytes), (0, 0));
}

#[test]
fn it_can_be_done_without_an_async_runtime() {
    let host = cjm_host::blocking::Host::new(Host::builder().cache_dir(compiled())).unwrap();
    let old = host.load(guest("misbehave")).unwrap();
    old.disable().unwrap();
    old.enable().unwrap();
    old.prefetch().unwrap();
    old.reconfigure(json!({ "initialize": "x" })).unwrap();
    assert_eq!(old.config_options().unwrap().len(), 1);
    let new = host.replace(&old, version("misbehave", 2), |loader| loader).unwrap();
    assert_ne!(old.digest(), new.digest());
    old.execute("echo", json!(1)).unwrap();
}
