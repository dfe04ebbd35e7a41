//! What is counted of an instance, what it logged, and when its hooks are called.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::time::{Duration, SystemTime};

use cjm_host::{Host, InstanceMode, Limits, LogLevel, Plugin, Source};
use cjm_tests::{compiled, guest};
use serde_json::json;

fn host() -> Host {
    Host::builder().cache_dir(compiled()).build().unwrap()
}

const MODES: [InstanceMode; 3] = [InstanceMode::Exclusive, InstanceMode::Shared, InstanceMode::Fresh];

async fn load_with(mode: InstanceMode, limits: Limits) -> (Host, Plugin) {
    let host = host();
    let loader = host.loader(Source::path(guest("misbehave"))).instance_mode(mode).limits(limits);
    let plugin = loader.load().await.unwrap();
    (host, plugin)
}

async fn load(mode: InstanceMode) -> (Host, Plugin) {
    load_with(mode, Limits::default()).await
}

async fn begun(plugin: &Plugin, running: u64) {
    while plugin.stats().running < running {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_counted_however_they_end() {
    for mode in MODES {
        let (_host, plugin) = load(mode).await;
        for action in ["echo", "count", "fatal", "trap", "invalid-json"] {
            let _ = plugin.execute(action, json!(1)).await;
        }
        let mut failing = plugin.call("stream-failing", json!(null)).stream();
        while failing.next().await.is_some() {}
        plugin.execute("no such action", json!(null)).await.unwrap_err();
        let waiting = plugin.call("wait-for-cancellation", json!(null)).start();
        begun(&plugin, 1).await;
        waiting.cancel();
        waiting.await.unwrap_err();
        let spinning = plugin.call("spin", json!(null)).start();
        begun(&plugin, 1).await;
        spinning.cancel_now();
        spinning.await.unwrap_err();
        let stats = plugin.stats();
        assert_eq!((stats.calls, stats.running), (8, 0), "{mode:?}: {stats:?}");
        assert_eq!((stats.failures, stats.cancelled), (4, 2), "{mode:?}: {stats:?}");
        assert!(stats.instances_made >= 3, "the trap and the force made new ones: {stats:?}");
        assert!(stats.cpu_time > Duration::ZERO && stats.wall_time > Duration::ZERO, "{stats:?}");
        assert_eq!(stats.fuel_used, None);
        assert!(stats.loaded_at <= SystemTime::now());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_whose_caller_goes_away_counts_as_cancelled() {
    let (_host, plugin) = load(InstanceMode::Exclusive).await;
    let dropped = tokio::time::timeout(Duration::from_millis(50), plugin.execute("spin", json!(null))).await;
    assert!(dropped.is_err());
    let stats = plugin.stats();
    assert_eq!((stats.calls, stats.running, stats.cancelled), (1, 0, 1));
    assert!(stats.cpu_time > Duration::ZERO, "what it computed before counts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_that_of_the_instances_that_are_there() {
    for mode in MODES {
        let (_host, plugin) = load_with(mode, Limits { memory_bytes: 64 << 20, ..Limits::default() }).await;
        plugin.execute("echo", json!(1)).await.unwrap();
        let before = plugin.stats();
        plugin.execute("allocate", json!(null)).await.unwrap_err();
        let after = plugin.stats();
        assert!(after.peak_memory_bytes > 60 << 20, "{mode:?}: {after:?}");
        assert_eq!(after.memory_bytes, before.memory_bytes, "{mode:?}: as much as before");
        assert_eq!(before.memory_bytes == 0, mode == InstanceMode::Fresh, "{mode:?}: {before:?}");
        plugin.unload().await;
        assert_eq!(plugin.stats().memory_bytes, 0, "{mode:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fuel_is_summed_up_where_it_is_counted() {
    for mode in MODES {
        let (_host, plugin) = load_with(mode, Limits { fuel: Some(100_000_000), ..Limits::default() }).await;
        for _ in 0..3 {
            plugin.execute("report", json!(null)).await.unwrap();
        }
        // What runs at the end of a round is accounted for with the round.
        plugin.config_options().await.unwrap();
        let some = plugin.stats().fuel_used.unwrap();
        assert!(some > 1_000, "{mode:?}: {some}");
        plugin.execute("spin", json!(null)).await.unwrap_err();
        assert!(plugin.stats().fuel_used.unwrap() >= some + 100_000_000, "{mode:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_latest_records_are_kept_with_their_jobs() {
    let (_host, plugin) = load(InstanceMode::Exclusive).await;
    plugin.call("report", json!(null)).job("job-7", 1).await.unwrap();
    plugin.call("report", json!(null)).job("job-8", 1).await.unwrap();
    plugin.disable().await.unwrap();
    let of_job: Vec<_> = plugin.logs_of("job-7").into_iter().map(|logged| logged.record).collect();
    let messages: Vec<_> = of_job.iter().map(|record| (record.level, record.message.as_str())).collect();
    let expected = [(LogLevel::Warn, "logged"), (LogLevel::Info, "printed"), (LogLevel::Info, "complained")];
    assert_eq!(messages, expected);
    let all = plugin.logs();
    assert_eq!(all.len(), 7);
    assert!(all.is_sorted_by_key(|logged| logged.at));
    assert_eq!(all.last().unwrap().record.message, "hook disabled");
    plugin.enable().await.unwrap();
    plugin.execute("flood-stdout", json!(null)).await.unwrap();
    assert!(plugin.logs().len() <= 1_024);
    assert!(plugin.logs_of("job-7").is_empty(), "they had to go");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hooks_are_called_once_the_running_calls_have_ended() {
    for mode in MODES {
        let (_host, plugin) = load(mode).await;
        let printed =
            |hook: &str| plugin.logs().iter().filter(|logged| logged.record.message == hook).count();

        let running = plugin.call("wait-for-cancellation", json!(null)).start();
        begun(&plugin, 1).await;
        let disabling = tokio::spawn({
            let plugin = plugin.clone();
            async move { plugin.disable().await }
        });
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert!(!disabling.is_finished() && printed("hook disabled") == 0, "{mode:?}");
        assert!(plugin.execute("echo", json!(1)).await.is_err(), "calls are refused already");
        running.cancel();
        running.await.unwrap_err();
        disabling.await.unwrap().unwrap();
        assert_eq!(printed("hook disabled"), 1, "{mode:?}");

        plugin.enable().await.unwrap();
        assert_eq!(printed("hook enabled"), 1, "{mode:?}");
        let running = plugin.call("wait-for-cancellation", json!(null)).start();
        begun(&plugin, 1).await;
        let unloading = tokio::spawn({
            let plugin = plugin.clone();
            async move { plugin.unload().await }
        });
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert!(!unloading.is_finished() && printed("hook shutdown") == 0, "{mode:?}");
        running.cancel();
        running.await.unwrap_err();
        unloading.await.unwrap();
        // Fresh instances are dropped after each call, and never told.
        assert_eq!(printed("hook shutdown"), usize::from(mode != InstanceMode::Fresh), "{mode:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_slips_in_behind_the_hook_that_tells_of_the_end() {
    for mode in MODES {
        let (_host, plugin) = load(mode).await;
        for _ in 0..20 {
            let calls: Vec<_> =
                (0..8).map(|_| plugin.call("report", json!(null)).job("call", 1).start()).collect();
            tokio::task::yield_now().await;
            plugin.disable().await.unwrap();
            for call in calls {
                let _ = call.await;
            }
            let last = plugin.logs().pop().unwrap();
            assert_eq!(last.record.message, "hook disabled", "{mode:?}");
            plugin.enable().await.unwrap();
        }
    }
}
