//! Fetching beforehand: for as long as it makes progress, and no longer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::time::Duration;

use cjm_host::{Category, Clock, Error, EventKind, Host, InstanceMode, Limits, Plugin, Source};
use cjm_tests::{compiled, guest};
use serde_json::json;

fn host() -> Host {
    Host::builder().cache_dir(compiled()).build().unwrap()
}

const MODES: [InstanceMode; 3] = [InstanceMode::Exclusive, InstanceMode::Shared, InstanceMode::Fresh];

async fn load(mode: InstanceMode, way: &str, limits: Limits) -> (Host, Plugin) {
    let host = host();
    let loader = host
        .loader(Source::path(guest("misbehave")))
        .instance_mode(mode)
        .config(json!({ "prefetch": way }))
        .limits(limits)
        .prefetch_stall(Duration::from_millis(100));
    let plugin = loader.load().await.unwrap();
    (host, plugin)
}

fn quick_to_force() -> Limits {
    Limits { grace: Duration::from_millis(50), ..Limits::default() }
}

fn printed(plugin: &Plugin) -> Vec<String> {
    plugin.logs().into_iter().map(|logged| logged.record.message).collect()
}

fn check_stalled(error: &Error) {
    assert!(matches!(error, Error::TimedOut { clock: Clock::Progress, .. }), "{error:?}");
    assert!(error.is_retriable());
    assert!(error.to_string().contains("`prefetch`"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_shows_no_progress_is_asked_to_stop() {
    for mode in MODES {
        for way in ["prefetch-waits", "prefetch-repeats"] {
            let (_host, plugin) = load(mode, way, Limits::default()).await;
            let made = plugin.stats().instances_made;
            check_stalled(&plugin.prefetch().await.unwrap_err());
            let more = u64::from(mode == InstanceMode::Fresh);
            assert_eq!(plugin.stats().instances_made, made + more, "it ended by itself: {mode:?} {way}");
            plugin.execute("echo", json!("works")).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_does_not_listen_is_stopped_by_force() {
    for mode in MODES {
        let (_host, plugin) = load(mode, "prefetch-loops", quick_to_force()).await;
        check_stalled(&plugin.prefetch().await.unwrap_err());
        plugin.execute("echo", json!("works")).await.expect("there is a new instance");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_makes_progress_may_take_longer_than_a_call() {
    for mode in MODES {
        let limits = Limits { wall_time: Some(Duration::from_millis(500)), ..Limits::default() };
        let (_host, plugin) = load(mode, "prefetch-progresses", limits).await;
        let mut events = plugin.events();
        plugin.prefetch_with(Duration::from_secs(60)).await.unwrap();
        let mut last = None;
        while let Some(event) = events.try_next() {
            if let EventKind::Progress(progress) = event.kind {
                assert!(!event.job.is_empty());
                last = progress.fraction;
            }
        }
        assert_eq!(last, Some(0.99), "its progress is told as that of a job: {mode:?}");
        let error = plugin.execute("sleep", json!(null)).await.unwrap_err();
        assert_eq!(error.category(), Category::TimedOut, "calls have the limit all the same");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_goes_away_takes_the_instance_along() {
    for mode in MODES {
        let (_host, plugin) = load(mode, "prefetch-loops", Limits::default()).await;
        let prefetch = plugin.prefetch_with(Duration::from_secs(3600));
        assert!(tokio::time::timeout(Duration::from_millis(50), prefetch).await.is_err());
        plugin.execute("echo", json!("works")).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_without_the_hook_has_nothing_to_fetch() {
    let host = host();
    let plugin = host.load(guest("echo")).await.unwrap();
    plugin.prefetch().await.unwrap();
    let (_host, plugin) = load(InstanceMode::Fresh, "well", Limits::default()).await;
    plugin.prefetch().await.unwrap();
    assert_eq!(printed(&plugin), ["hook prefetch"], "one with fresh instances has");
}
