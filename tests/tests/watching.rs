//! What a plugin prints, logs and reports, and who sees it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::time::Duration;

use cjm_host::{EventKind, Host, Limits, LogLevel, Plugin, Source};
use cjm_tests::guest;
use serde_json::json;

async fn load(host: &Host, id: &str) -> Plugin {
    host.loader(Source::path(guest("misbehave"))).id(id).load().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_reach_the_watchers_of_the_call_of_the_plugin_and_of_the_host() {
    let host = Host::builder().build().unwrap();
    let (watched, other) = (load(&host, "watched").await, load(&host, "other").await);
    let mut of_other = other.events();
    let mut subscriptions = vec![host.events(), watched.events()];
    let mut call = watched.call("report", json!(null)).job("job-7", 1);
    subscriptions.push(call.events());
    let running = call.start();
    let canceller = running.canceller();
    running.await.unwrap();

    assert_eq!(canceller.progress().fraction, Some(1.0));
    assert_eq!(canceller.usage(), [("tokens".to_owned(), 5.0)]);
    let stats = canceller.stats();
    assert!(
        stats.wall > Duration::ZERO && stats.cpu > Duration::ZERO && stats.peak_memory_bytes > 0,
        "{stats:?}"
    );

    for events in &mut subscriptions {
        let mut logs = Vec::new();
        let mut progress = Vec::new();
        let mut usage = 0.0;
        while let Some(event) = events.try_next() {
            assert_eq!((&*event.instance, &*event.job), ("watched", "job-7"));
            match event.kind {
                EventKind::Log(record) => logs.push((record.level, record.target, record.message)),
                EventKind::Progress(report) => progress.push(report),
                EventKind::Usage { unit, amount } => {
                    assert_eq!(unit, "tokens");
                    usage += amount;
                }
                other => panic!("{other:?}"),
            }
        }
        let expected = [
            (LogLevel::Warn, "here", "logged"),
            (LogLevel::Info, "stdout", "printed"),
            (LogLevel::Info, "stderr", "complained"),
        ];
        assert_eq!(
            logs,
            expected.map(|(level, target, message)| (level, target.to_owned(), message.to_owned()))
        );
        assert_eq!(progress.last().and_then(|report| report.fraction), Some(1.0), "the latest wins");
        assert_eq!(usage, 5.0);
    }
    assert!(of_other.try_next().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_watcher_is_told_how_much_it_missed() {
    let host = Host::builder().build().unwrap();
    let plugin = load(&host, "chatty").await;
    let mut events = plugin.events();
    plugin.call("flood-stdout", json!(null)).await.unwrap();
    let mut missed = 0;
    let mut seen = 0;
    let mut last = None;
    while let Some(event) = events.try_next() {
        match event.kind {
            EventKind::Lagged { missed: more } => missed += more,
            kind => {
                seen += 1;
                last = Some(kind);
            }
        }
    }
    let records = u64::from(Limits::default().log_records);
    assert_eq!(missed + seen, records + 1, "every record, and the one that counts those that were not kept");
    let Some(EventKind::Log(last)) = last else { panic!("{last:?}") };
    assert_eq!(last.message, "90000 more log records were not kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriptions_end_with_what_they_watch() {
    let host = Host::builder().build().unwrap();
    let plugin = load(&host, "short").await;
    let (mut of_plugin, mut of_host) = (plugin.events(), host.events());
    let mut call = plugin.call("echo", json!(1));
    let mut of_call = call.events();
    let running = call.start();
    running.await.unwrap();
    assert!(of_call.next().await.is_none(), "nothing happened, and nothing can happen any more");
    plugin.unload().await;
    drop(plugin);
    // The plugin has a last word as it is shut down.
    while of_plugin.next().await.is_some() {}
    drop(host);
    while of_host.next().await.is_some() {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_gets_the_secrets_that_it_was_granted_and_no_others() {
    let host = Host::builder().build().unwrap();
    let loader = host.loader(Source::path(guest("misbehave"))).secret("api-key", "hunter2");
    assert!(!format!("{loader:?}").contains("hunter2"));
    let plugin = loader.load().await.unwrap();
    let get = async |name: &str| -> Option<String> {
        plugin.execute("secret", json!(name)).await.unwrap().to().unwrap()
    };
    assert_eq!(get("api-key").await.as_deref(), Some("hunter2"));
    assert_eq!(get("other").await, None);
    assert!(!format!("{plugin:?}").contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_have_a_stable_structure() {
    let host = Host::builder().build().unwrap();
    let plugin = load(&host, "structured").await;
    let mut events = plugin.events();
    plugin.call("report", json!(null)).job(Arc::from("j"), 1).await.unwrap();
    let first = serde_json::to_value(events.try_next().unwrap()).unwrap();
    assert_eq!(
        first,
        json!({ "instance": "structured", "job": "j", "event": "progress", "fraction": 0.5, "message": "half" })
    );
}
