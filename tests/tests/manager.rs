//! Plugins of a folder, by name: loaded, configured, switched off, found.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

use cjm_host::{Capability, Category, EventKind, Query, Strictness};
use cjm_tests::{Project, drop_numbered, guest, numbered};
use serde_json::json;

fn category(error: &cjm_host::Error) -> Category {
    error.category()
}

#[tokio::test]
async fn what_lies_in_the_folder_is_loaded_by_its_name() {
    let project = Project::default();
    project.drop_in(&guest("calculator"));
    let manager = project.manager().await;
    let calculator = manager.load("calculator").await.unwrap();
    let sum = calculator.execute("add", json!({ "a": 1, "b": 2 })).await.unwrap();
    assert_eq!(sum.to::<f64>().unwrap(), 3.0);
    assert_eq!(manager.instances().len(), 1);
    manager.unload("calculator").await.unwrap();
    let error = calculator.execute("add", json!({ "a": 1, "b": 2 })).await.unwrap_err();
    assert_eq!(category(&error), Category::NotLoaded);
    assert!(manager.instances().is_empty());
}

#[tokio::test]
async fn a_reload_takes_the_component_that_lies_there_now() {
    let project = Project::default();
    let path = drop_numbered(&project.plugins(), 1, 0);
    let manager = project.manager().await;
    let instance = manager.load("numbered-000001").await.unwrap();
    std::fs::write(path, numbered(1, 1)).unwrap();
    manager.reload("numbered-000001").await.unwrap();
    let name: String = instance.execute("name", json!(null)).await.unwrap().to().unwrap();
    assert_eq!(name, "numbered-000001 1.0.1");
    manager.unload("numbered-000001").await.unwrap();
    assert_eq!(category(&manager.reload("numbered-000001").await.unwrap_err()), Category::NotLoaded);
}

#[tokio::test]
async fn a_name_that_is_not_there_brings_up_the_one_that_was_meant() {
    let project = Project::default();
    project.drop_in(&guest("calculator"));
    let manager = project.manager().await;
    let error = manager.load("calcualtor").await.unwrap_err();
    assert_eq!(category(&error), Category::NotLoaded);
    assert!(error.to_string().contains("did you mean `calculator`?"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_used_keeps_nobody_from_using_the_rest() {
    let project = Project::default();
    project.drop_in(&guest("calculator"));
    std::fs::write(project.plugins().join("broken.wasm"), b"\0asm\x0d\0\x01\0 and then nothing").unwrap();
    let manager = project.manager().await;
    let discovery = manager.discovery();
    assert_eq!(discovery.plugins.len(), 1);
    assert_eq!(discovery.problems.len(), 1);
    assert!(discovery.problems[0].path.ends_with("broken.wasm"));
    let loaded = manager.load_all().await;
    assert!(loaded.len() == 1 && loaded[0].result.is_ok());
}

#[tokio::test]
async fn instances_of_one_plugin_have_ids_and_configurations_of_their_own() {
    let project = Project::new("[plugins.segment]\ninstances = [\"short\", \"long\"]\n");
    project.drop_in(&guest("segment"));
    let manager = project.manager().await;
    manager.set_config("short", json!({ "trim": false }), Strictness::Strict).await.unwrap();
    let outcomes = manager.load_all().await;
    let ids: Vec<_> = outcomes.iter().map(|outcome| outcome.id.as_str()).collect();
    assert_eq!(ids, ["long", "short"]);
    assert!(outcomes.iter().all(|outcome| outcome.result.is_ok()), "{outcomes:?}");
    let config = |id: &str| {
        let plugin = manager.instance(id).unwrap().plugin().unwrap();
        serde_json::from_str::<serde_json::Value>(&plugin.config()).unwrap()
    };
    assert_eq!(config("short")["trim"], false);
    assert_eq!(config("long")["trim"], true);
    let another = manager.load_another("segment").await.unwrap();
    assert!(another.id().starts_with("segment-"), "{}", another.id());
    assert_eq!(manager.instances().len(), 3);
    manager.unload_all().await;
    assert!(manager.instances().is_empty());
}

#[tokio::test]
async fn an_id_belongs_to_one_plugin() {
    let project = Project::default();
    drop_numbered(&project.plugins(), 1, 0);
    drop_numbered(&project.plugins(), 2, 0);
    let manager = project.manager().await;
    manager.load_as("numbered-000001", "mine").await.unwrap();
    let error = manager.load_as("numbered-000002", "mine").await.unwrap_err();
    assert!(error.to_string().contains("is the id of an instance of `numbered-000001`"), "{error}");
    for id in ["", "a b", "../a", &"x".repeat(65)] {
        assert_eq!(
            category(&manager.load_as("numbered-000001", id).await.unwrap_err()),
            Category::InvalidInput
        );
    }
}

#[tokio::test]
async fn what_is_switched_off_stays_so_at_the_next_start() {
    let project = Project::default();
    drop_numbered(&project.plugins(), 1, 0);
    let manager = project.manager().await;
    let instance = manager.load("numbered-000001").await.unwrap();
    instance.execute("name", json!(null)).await.unwrap();
    manager.disable("numbered-000001").await.unwrap();
    assert_eq!(category(&instance.execute("name", json!(null)).await.unwrap_err()), Category::Disabled);
    drop((instance, manager));

    let manager = project.manager().await;
    let instance = manager.load("numbered-000001").await.unwrap();
    assert_eq!(category(&instance.execute("name", json!(null)).await.unwrap_err()), Category::Disabled);
    manager.enable("numbered-000001").await.unwrap();
    instance.execute("name", json!(null)).await.unwrap();
    assert!(manager.config("numbered-000001").await.unwrap().enabled);
}

#[tokio::test]
async fn what_another_process_switches_is_followed() {
    let project = Project::default();
    drop_numbered(&project.plugins(), 1, 0);
    let manager = project.manager().await;
    let instance = manager.load("numbered-000001").await.unwrap();
    let _watcher = manager.watch().unwrap();
    let other = project.manager().await;
    for enabled in [false, true] {
        let mut events = manager.host().events();
        match enabled {
            true => other.enable("numbered-000001").await.unwrap(),
            false => other.disable("numbered-000001").await.unwrap(),
        }
        let told = if enabled { EventKind::Enabled } else { EventKind::Disabled };
        while events.next().await.unwrap().kind != told {}
        while instance.plugin().unwrap().is_enabled() != enabled {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    }
}

#[tokio::test]
async fn a_configuration_is_kept_and_comes_back_with_its_defaults() {
    let project = Project::new("[plugins.numbered-000001]\nconfig = { suffix = \"from the file\" }\n");
    drop_numbered(&project.plugins(), 1, 0);
    let manager = project.manager().await;
    let config = manager.config("numbered-000001").await.unwrap();
    assert_eq!((config.stored, config.effective), (None, json!({ "suffix": "from the file" })));
    manager.set_config("numbered-000001", json!({ "suffix": "set" }), Strictness::Strict).await.unwrap();
    drop(manager);

    let manager = project.manager().await;
    let config = manager.config("numbered-000001").await.unwrap();
    assert_eq!(config.effective, json!({ "suffix": "set" }));
    assert!(config.updated_at.is_some());
    assert!(manager.reset_config("numbered-000001").await.unwrap());
    assert!(!manager.reset_config("numbered-000001").await.unwrap(), "there is nothing more to delete");
    let config = manager.config("numbered-000001").await.unwrap();
    assert_eq!(config.effective, json!({ "suffix": "from the file" }));
}

#[tokio::test]
async fn a_configuration_that_does_not_fit_changes_nothing() {
    let project = Project::default();
    drop_numbered(&project.plugins(), 1, 0);
    let manager = project.manager().await;
    let id = "numbered-000001";
    for bad in [json!({ "suffix": 1 }), json!({ "sufix": "a" }), json!([])] {
        let error = manager.set_config(id, bad, Strictness::Strict).await.unwrap_err();
        assert_eq!(category(&error), Category::InvalidInput);
        assert!(!error.violations().is_empty(), "{error}");
    }
    assert_eq!(manager.config(id).await.unwrap().stored, None);
}

#[tokio::test]
async fn plugins_are_found_by_what_they_are() {
    let project = Project::default();
    drop_numbered(&project.plugins(), 1, 0);
    project.drop_in(&guest("segment"));
    let manager = project.manager().await;
    let names = |query: Query| -> Vec<String> {
        manager.find(&query).iter().map(|record| record.name.clone()).collect()
    };
    assert_eq!(names(Query::default()), ["numbered-000001", "segment"]);
    assert_eq!(names(Query::default().name("num*")), ["numbered-000001"]);
    assert_eq!(names(Query::default().category("numbers")), ["numbered-000001"]);
    assert_eq!(names(Query::default().role("cjm:plugin/streaming")), ["segment"]);
    assert_eq!(names(Query::default().role("cjm:plugin/streaming@0.1.0")), ["segment"]);
    assert_eq!(names(Query::default().with(Capability::Network)), [] as [&str; 0]);
    assert_eq!(names(Query::default().without(Capability::Network)).len(), 2);
    assert_eq!(names(Query::default().platform("linux-x86_64")).len(), 2);

    let streaming = manager.canonical("cjm:plugin/streaming").unwrap();
    assert_eq!((streaming.record.name.as_str(), streaming.warning), ("segment", None));
    let plugin = manager.canonical("cjm:plugin/plugin").unwrap();
    assert!(plugin.warning.unwrap().contains("2 plugins export `cjm:plugin/plugin`"));
    assert_eq!(category(&manager.canonical("acme:a/b").unwrap_err()), Category::NotLoaded);
}

#[tokio::test]
async fn categories_offer_plugins_for_choice_and_configuration() {
    let project = Project::default();
    drop_numbered(&project.plugins(), 7, 0);
    let manager = project.manager().await;
    let categories = manager.categories().await.unwrap();
    let [numbers] = categories.as_slice() else { panic!("{categories:?}") };
    assert_eq!((numbers.name.as_str(), numbers.display_name.as_str()), ("numbers", "Numbers"));
    let id = "numbers_numbered-000007";
    assert_eq!(numbers.entries[0].id, id);
    assert!(numbers.entries[0].is_configured, "its defaults suffice");
    manager.save_configuration(id, json!({ "suffix": "x" })).await.unwrap();
    assert_eq!(manager.load_configuration(id).await.unwrap(), json!({ "suffix": "x" }));
    assert!(manager.delete_configuration(id).await.unwrap());
    assert_eq!(manager.load_configuration(id).await.unwrap(), json!({ "suffix": "" }));
    assert_eq!(category(&manager.load_configuration("numbers_x").await.unwrap_err()), Category::NotLoaded);
}
