//! Going over from one configuration to another: what is given back, what is made anew, and what stays.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use cjm_host::{Category, Choice, Grant, Host, InstanceMode, Plugin, Source};
use cjm_tests::{compiled, guest};
use serde_json::{Value, json};

fn host() -> Host {
    Host::builder().cache_dir(compiled()).build().unwrap()
}

const MODES: [InstanceMode; 3] = [InstanceMode::Exclusive, InstanceMode::Shared, InstanceMode::Fresh];
/// Those in which there is an instance between two calls.
const LASTING: [InstanceMode; 2] = [InstanceMode::Exclusive, InstanceMode::Shared];

async fn load(package: &str, mode: InstanceMode) -> (Host, Plugin) {
    let host = host();
    let loader = host.loader(Source::path(guest(package))).instance_mode(mode).secret("api.key", "k");
    let plugin = loader.load().await.unwrap();
    (host, plugin)
}

async fn ask(plugin: &Plugin, action: &str) -> Value {
    plugin.execute(action, json!(null)).await.unwrap().to().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_hangs_on_a_field_is_given_back_once_before_it_changes() {
    for mode in LASTING {
        let (_host, plugin) = load("configurable", mode).await;
        plugin.reconfigure(json!({ "volume": 1 })).await.unwrap();
        plugin.reconfigure(json!({ "volume": 1, "model": "a" })).await.unwrap();
        let both = json!({ "model": "b", "server": { "port": 1, "region": "r" } });
        plugin.reconfigure(both).await.unwrap();
        let expected = [
            "new with model ``",
            "reconfigure `` to ``",
            "release model",
            "reconfigure `` to `a`",
            "release model",
            "release server",
            "reconfigure `a` to `b`",
        ];
        assert_eq!(ask(&plugin, "happened").await, json!(expected), "{mode:?}");
        assert_eq!(plugin.stats().instances_made, 1);
        assert_eq!(ask(&plugin, "config").await["server"]["region"], "r");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_configuration_changes_nothing() {
    for mode in LASTING {
        let (_host, plugin) = load("configurable", mode).await;
        plugin.reconfigure(json!({})).await.unwrap();
        plugin.reconfigure(json!({ "volume": 0, "threads": 0 })).await.unwrap();
        assert_eq!(ask(&plugin, "happened").await, json!(["new with model ``"]), "{mode:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_can_ask_for_a_new_instance_where_there_is_a_hook() {
    for mode in LASTING {
        let (_host, plugin) = load("configurable", mode).await;
        ask(&plugin, "count").await;
        plugin.reconfigure(json!({ "threads": 2, "model": "a" })).await.unwrap();
        assert_eq!(ask(&plugin, "happened").await, json!(["new with model `a`"]), "{mode:?}");
        assert_eq!(plugin.stats().instances_made, 2);
        let logged: Vec<_> = plugin.logs().into_iter().map(|logged| logged.record.message).collect();
        assert_eq!(logged, ["shut down after 1 calls"], "the old instance went in good order");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_goes_on_as_it_was_where_a_new_one_refuses() {
    for mode in LASTING {
        let (_host, plugin) = load("configurable", mode).await;
        plugin.reconfigure(json!({ "model": "a" })).await.unwrap();
        assert_eq!(ask(&plugin, "count").await, 1);
        let error = plugin.reconfigure(json!({ "model": "b", "threads": 13 })).await.unwrap_err();
        assert_eq!(error.violations()[0].pointer, "/threads", "{mode:?}");
        assert_eq!(ask(&plugin, "count").await, 2, "{mode:?}");
        assert_eq!(ask(&plugin, "config").await["model"], "a");
        assert!(plugin.config().contains(r#""model":"a""#));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_whose_hook_fails_is_made_anew_with_the_new_configuration() {
    for mode in LASTING {
        for way in ["release-fails", "release-traps"] {
            let (_host, plugin) = load("misbehave", mode).await;
            plugin.reconfigure(json!({ "release": way })).await.unwrap();
            plugin.execute("count", json!(null)).await.unwrap();
            plugin.reconfigure(json!({ "release": "well" })).await.unwrap();
            assert_eq!(ask(&plugin, "config").await, json!({ "release": "well" }), "{mode:?} {way}");
            assert_eq!(ask(&plugin, "count").await, 1, "{mode:?} {way}");
            let messages: Vec<_> = plugin.logs().into_iter().map(|logged| logged.record.message).collect();
            assert!(!messages.contains(&"hook shutdown".to_owned()), "{messages:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_without_hooks_is_made_anew() {
    for mode in LASTING {
        let (_host, plugin) = load("echo", mode).await;
        plugin.reconfigure(json!({ "anything": 1 })).await.unwrap();
        assert_eq!(plugin.stats().instances_made, 2, "{mode:?}");
        assert_eq!(&*plugin.config(), r#"{"anything":1}"#);
        plugin.execute("echo", json!(1)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_instances_are_fresh_the_next_call_has_the_new_configuration() {
    let (_host, plugin) = load("configurable", InstanceMode::Fresh).await;
    plugin.reconfigure(json!({ "model": "a" })).await.unwrap();
    assert_eq!(ask(&plugin, "happened").await, json!(["new with model `a`"]));
    let error = plugin.reconfigure(json!({ "threads": 13 })).await.unwrap_err();
    assert_eq!(error.category(), Category::InvalidInput);
    assert_eq!(ask(&plugin, "config").await["model"], "a");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_tells_the_choices_for_the_fields_that_it_marks() {
    for mode in MODES {
        let (_host, plugin) = load("configurable", mode).await;
        plugin.reconfigure(json!({ "server": { "port": 7 } })).await.unwrap();
        let options = plugin.config_options().await.unwrap();
        let shown = serde_json::to_value(&options).unwrap();
        let expected = json!({
            "/model": [{ "value": "small", "label": "Small: quick" }, { "value": "large", "label": "large" }],
            "/server/region": [{ "value": "near 7", "label": "near 7" }],
        });
        assert_eq!(shown, expected, "{mode:?}");
        let (_host, plugin) = load("echo", mode).await;
        assert!(plugin.config_options().await.unwrap().is_empty(), "it tells none");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn choices_that_break_the_contract_are_refused_or_bounded() {
    for mode in MODES {
        let host = host();
        let limits = cjm_host::Limits {
            cpu_time: Some(std::time::Duration::from_millis(200)),
            ..cjm_host::Limits::default()
        };
        let loader = host.loader(Source::path(guest("misbehave"))).instance_mode(mode).limits(limits);
        let plugin = loader.load().await.unwrap();
        for (way, category) in [
            ("options-fail", Category::InvalidInput),
            ("options-are-no-json", Category::Fatal),
            ("options-trap", Category::Trapped),
            ("options-loop", Category::TimedOut),
        ] {
            plugin.reconfigure(json!({ "options": way })).await.unwrap();
            let error = plugin.config_options().await.unwrap_err();
            assert_eq!(error.category(), category, "{mode:?} {way}: {error}");
            plugin.execute("echo", json!("again")).await.expect("the instance is ready again");
        }
        plugin.reconfigure(json!({ "options": "well" })).await.unwrap();
        let options = plugin.config_options().await.unwrap();
        let [Choice { value, label, .. }] = &options["/options"][..] else { panic!("{options:?}") };
        assert_eq!((value, label.as_str()), (&json!("/options"), "the field itself"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_choices_is_cut() {
    let (_host, plugin) = load("misbehave", InstanceMode::Exclusive).await;
    plugin.reconfigure(json!({ "options": "options-many" })).await.unwrap();
    let options = plugin.config_options().await.unwrap();
    let choices = &options["/options"];
    assert_eq!((choices.len(), choices[0].label.len()), (1_000, 1 << 10));
    plugin.reconfigure(json!({ "options": "options-flood" })).await.unwrap();
    let error = plugin.config_options().await.unwrap_err();
    assert_eq!(error.category(), Category::ResourceExhausted, "{error}");
    plugin.execute("echo", json!("again")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_is_required_and_missing_is_told_before_anything_runs() {
    let host = host();
    let error = host.load(guest("configurable")).await.unwrap_err();
    assert_eq!(error.category(), Category::NotGranted);
    let said = error.to_string();
    assert!(said.contains("the secret `api.key`: Any text."), "{said}");
    assert!(said.contains("cjm-ctl grant configurable secret=api.key"), "{said}");
    assert!(!said.contains("other"), "{said}");
    let grants = [Grant::Secret("api.key".into())].into_iter().collect();
    let error = host.loader(Source::path(guest("configurable"))).grants(grants).load().await.unwrap_err();
    assert_eq!(error.category(), Category::InvalidInput);
    assert!(error.to_string().contains("cjm-ctl secret set api.key"), "{error}");
    assert!(host.plugins().is_empty());
}
