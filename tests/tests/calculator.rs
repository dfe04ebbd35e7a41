//! The thinnest path through all floors: a component from a file to a result.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use cjm_host::{Host, Value, blocking};
use cjm_tests::guest;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_loaded_described_and_run() {
    let host = Host::builder().build().unwrap();
    let plugin = host.load(guest("calculator")).await.unwrap();
    assert_eq!(plugin.id(), "calculator");
    assert!(plugin.description().action("divide").is_some());

    let sum = plugin.execute("add", json!({ "a": 1, "b": 2 })).await.unwrap();
    assert_eq!(sum.to::<f64>().unwrap(), 3.0);

    let error = plugin.execute("divide", json!({ "a": 1, "b": 0 })).await.unwrap_err();
    assert_eq!(error.category().as_str(), "invalid-input");
    assert_eq!(error.violations()[0].pointer, "/b");

    let error = plugin.execute("add", json!({ "a": "one", "c": 2 })).await.unwrap_err();
    assert!(error.violations().len() >= 2, "{error}");

    let error = plugin.execute("ad", json!({})).await.unwrap_err();
    assert!(error.to_string().contains("did you mean `add`"), "{error}");
    host.shutdown().await;
    let error = plugin.execute("add", json!({ "a": 1, "b": 2 })).await.unwrap_err();
    assert_eq!(error.category().as_str(), "not-loaded");
}

#[test]
fn a_program_without_a_runtime_can_do_the_same() {
    let host = blocking::Host::new(Host::builder()).unwrap();
    let plugin = host.load(guest("calculator")).unwrap();
    let product = plugin.execute("multiply", Value::parse_json(r#"{"a": 6, "b": 7}"#).unwrap()).unwrap();
    assert_eq!(product.to::<f64>().unwrap(), 42.0);
}
