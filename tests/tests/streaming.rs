//! Results as they come.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::time::Duration;

use cjm_host::{Category, Error, Host, InstanceMode, Limits, Plugin, ResourceKind, Source, Value};
use cjm_tests::guest;
use serde_json::json;

const MODES: [InstanceMode; 3] = [InstanceMode::Exclusive, InstanceMode::Shared, InstanceMode::Fresh];

async fn load(mode: InstanceMode, limits: Limits) -> (Host, Plugin) {
    let host = Host::builder().limits(limits).build().unwrap();
    let plugin = host.loader(Source::path(guest("misbehave"))).instance_mode(mode).load().await.unwrap();
    (host, plugin)
}

/// All that a stream gives: its items, and the error that it ended with.
async fn collect(plugin: &Plugin, action: &str, input: serde_json::Value) -> (Vec<Value>, Option<Error>) {
    let mut stream = plugin.call(action, input).stream();
    let mut items = Vec::new();
    while let Some(item) = stream.next().await {
        match item {
            Ok(item) => items.push(item),
            Err(error) => {
                assert!(stream.next().await.is_none(), "an error is the last");
                return (items, Some(error));
            }
        }
    }
    (items, None)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_arrive_in_order_and_the_stream_ends() {
    for mode in MODES {
        let (_host, plugin) = load(mode, Limits::default()).await;
        let (items, error) = collect(&plugin, "stream-count", json!(1000)).await;
        assert!(error.is_none(), "{mode:?}: {error:?}");
        let numbers: Vec<u64> = items.iter().map(|item| item.to().unwrap()).collect();
        assert_eq!(numbers, (0..1000).collect::<Vec<_>>(), "{mode:?}");
        let (items, error) = collect(&plugin, "stream-blobs", json!(null)).await;
        assert!(error.is_none() && items.len() == 64 && items.iter().all(|item| item.len() == 64 << 10));
        let (items, _) = collect(&plugin, "echo", json!("one")).await;
        assert_eq!(items, [Value::from(json!("one"))], "an action that does not stream gives one result");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_in_the_error_that_it_ran_into() {
    for mode in MODES {
        let (_host, plugin) = load(mode, Limits::default()).await;
        let expected = [
            ("stream-refused", 0, Category::InvalidInput),
            ("stream-failing", 1, Category::Fatal),
            ("stream-trapping", 1, Category::Trapped),
            ("stream-invalid-json", 1, Category::Fatal),
        ];
        for (action, count, category) in expected {
            let (items, error) = collect(&plugin, action, json!(null)).await;
            let error = error.unwrap_or_else(|| panic!("{mode:?} {action} ended well"));
            assert_eq!((items.len(), error.category()), (count, category), "{mode:?} {action}: {error}");
        }
        plugin.execute("echo", json!("again")).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_without_end_is_limited() {
    for mode in MODES {
        let (_host, plugin) = load(mode, Limits { stream_items: 5000, ..Limits::default() }).await;
        let (items, error) = collect(&plugin, "stream-for-ever", json!(null)).await;
        let Some(Error::ResourceExhausted(shortfall)) = &error else { panic!("{mode:?}: {error:?}") };
        assert_eq!((&shortfall.kind, shortfall.available), (&ResourceKind::Stream, Some(5000)));
        assert!(items.len() <= 5000);
        plugin.execute("echo", json!("again")).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_stream_ends_the_guests_work() {
    for mode in MODES {
        let (_host, plugin) = load(mode, Limits::default()).await;
        let mut stream = plugin.call("stream-for-ever", json!(null)).stream();
        for _ in 0..10 {
            stream.next().await.unwrap().unwrap();
        }
        drop(stream);
        let next = tokio::time::timeout(Duration::from_secs(2), plugin.execute("echo", json!("free"))).await;
        next.expect("the instance is free before the grace time is over").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_listens_ends_by_itself() {
    for mode in MODES {
        let (_host, plugin) = load(mode, Limits::default()).await;
        let mut stream = plugin.call("stream-politely", json!(null)).stream();
        stream.next().await.unwrap().unwrap();
        stream.cancel();
        let end = loop {
            match stream.next().await.unwrap() {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert!(matches!(end, Error::Cancelled { forced: false, .. }), "{mode:?}: {end:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_cancelled_like_any_call() {
    for mode in MODES {
        let (_host, plugin) = load(mode, Limits::default()).await;
        let mut stream = plugin.call("stream-unended", json!(null)).grace(Duration::from_millis(50)).stream();
        stream.next().await.unwrap().unwrap();
        stream.cancel();
        let error = stream.next().await.unwrap().unwrap_err();
        assert!(matches!(error, Error::Cancelled { forced: true, .. }), "{mode:?}: {error:?}");
        plugin.execute("echo", json!("again")).await.unwrap();
    }
}
