//! A data folder in which something is wrong: told clearly, and nothing is lost or half-done.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

use std::fs;

use cjm_host::{Category, Secret, create};
use cjm_tests::{Project, drop_numbered};
use serde_json::json;

#[tokio::test]
async fn a_damaged_database_is_told_and_left_as_it_is() {
    let project = Project::default();
    let path = project.settings().database_file();
    fs::write(&path, "this was a database once".repeat(1000)).unwrap();
    let before = fs::read(&path).unwrap();
    let error = create(project.settings()).await.unwrap_err();
    assert_eq!(error.category(), Category::Fatal);
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_whole_database_passes_its_check() {
    let project = Project::default();
    drop_numbered(&project.plugins(), 1, 0);
    let manager = project.manager().await;
    manager.disable("numbered-000001").await.unwrap();
    manager.check_database().await.unwrap();
    let [stored] = manager.configurations().await.unwrap().try_into().unwrap();
    assert!(stored.plugin == "numbered-000001" && !stored.enabled, "{stored:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn secrets_that_others_can_read_are_given_to_nobody() {
    use std::os::unix::fs::PermissionsExt;
    let project = Project::new("[plugins.numbered-000001.grants]\nsecrets = [\"token\"]\n");
    drop_numbered(&project.plugins(), 1, 0);
    let settings = project.settings();
    settings.secrets().unwrap().set("token", &Secret::new("hunter2")).unwrap();
    let manager = project.manager().await;
    manager.load("numbered-000001").await.unwrap();
    manager.unload("numbered-000001").await.unwrap();
    for entry in fs::read_dir(settings.secrets_dir()).unwrap() {
        fs::set_permissions(entry.unwrap().path(), fs::Permissions::from_mode(0o644)).unwrap();
    }
    let error = manager.load("numbered-000001").await.unwrap_err().to_string();
    assert!(error.contains("chmod") && !error.contains("hunter2"), "{error}");
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_is_a_name_that_is_not_there() {
    let project = Project::default();
    drop_numbered(&project.plugins(), 1, 0);
    let outside = project.path().join(".cjm/outside.wasm");
    fs::write(&outside, "precious").unwrap();
    let manager = project.manager().await;
    for name in ["../outside", "..", "/etc/passwd", "a/b", "", "\0", "numbered-000001/../../outside"] {
        assert!(manager.load(name).await.is_err());
        assert!(manager.verify(Some(name)).await.is_err());
        assert!(manager.remove(name, true).await.is_err());
        assert!(manager.regenerate(name).await.is_err());
        assert!(manager.grants(name).await.is_err());
        assert!(manager.grant(name, &["gpu".parse().unwrap()]).await.is_err());
        assert!(manager.disable(name).await.is_err());
        assert!(manager.save_configuration(name, json!({})).await.is_err());
        assert!(manager.config(name).await.is_err());
    }
    assert_eq!(fs::read(&outside).unwrap(), b"precious");
    assert_eq!(manager.discovery().plugins.len(), 1);
}

#[tokio::test]
async fn a_setting_that_nobody_knows_is_named_with_its_line() {
    let project = Project::new("trust = \"any\"\ntrusst = \"locked\"\n");
    let settings = cjm_host::Settings::builder().project_dir(project.path());
    let error = settings.environment(Vec::<(String, String)>::new()).load().unwrap_err().to_string();
    assert!(error.contains("trusst") && error.contains('2'), "{error}");
}
