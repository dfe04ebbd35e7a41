//! What is installed is what runs: digests, signatures, and everything that somebody could alter.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up fails"
)]

use std::fs;
use std::path::{Path, PathBuf};

use cjm_host::{
    Category, Error, EventKind, Integrity, LockFile, Manager, Manifest, SecretKey, Signature, Signed,
    TrustedKeys,
};
use cjm_tests::{Project, drop_numbered, numbered};
use serde_json::json;

/// A numbered plugin as a file outside of the project.
fn component(project: &Project, patch: u8) -> PathBuf {
    let path = project.path().join(format!("numbered-{patch}.wasm"));
    fs::write(&path, numbered(1, patch)).unwrap();
    path
}

async fn install(manager: &Manager, path: &Path) -> cjm_host::Result<cjm_host::Installed> {
    manager.prepare(path.to_str().unwrap(), |_, _| {}).await?.commit(&[]).await
}

async fn runs(manager: &Manager) -> cjm_host::Result<String> {
    let instance = manager.load("numbered-000001").await?;
    instance.execute("name", json!(null)).await?.to()
}

fn said(error: &Error) -> String {
    error.to_string()
}

#[tokio::test]
async fn an_installed_plugin_is_pinned_listed_and_runs() {
    let project = Project::default();
    let manager = project.manager().await;
    let installed = install(&manager, &component(&project, 0)).await.unwrap();
    assert_eq!(installed.name, "numbered-000001");
    assert!(installed.changes.is_none());
    let lock = LockFile::read(project.settings().lock_file()).unwrap();
    assert_eq!(lock.get("numbered-000001").unwrap().digest, installed.digest);
    assert_eq!(runs(&manager).await.unwrap(), "numbered-000001 1.0.0");
    let verdicts = manager.verify(None).await.unwrap();
    assert_eq!(verdicts.len(), 1);
    assert_eq!(verdicts[0].integrity, Integrity::Intact);
}

#[tokio::test]
async fn an_upgrade_says_what_changes_and_keeps_what_the_operator_decided() {
    let project = Project::default();
    let manager = project.manager().await;
    install(&manager, &component(&project, 0)).await.unwrap();
    manager.grant("numbered-000001", &["environment=LANG".parse().unwrap()]).await.unwrap();
    let next = manager.prepare(component(&project, 1).to_str().unwrap(), |_, _| {}).await.unwrap();
    assert!(!next.is_up_to_date());
    let changes = next.changes().unwrap();
    let version = changes.version.unwrap();
    assert_eq!((version.from.to_string(), version.to.to_string()), ("1.0.0".into(), "1.0.1".into()));
    next.commit(&[]).await.unwrap();
    assert_eq!(manager.grants("numbered-000001").await.unwrap().granted.len(), 1);
    assert_eq!(runs(&manager).await.unwrap(), "numbered-000001 1.0.1");
    let again = manager.prepare(component(&project, 1).to_str().unwrap(), |_, _| {}).await.unwrap();
    assert!(again.is_up_to_date());
}

#[tokio::test]
async fn a_removed_plugin_leaves_nothing_but_its_configuration_and_that_on_demand() {
    let project = Project::default();
    let manager = project.manager().await;
    let id = "numbered-000001";
    for purge in [false, true] {
        install(&manager, &component(&project, 0)).await.unwrap();
        if !purge {
            manager.save_configuration("numbers_numbered-000001", json!({ "suffix": "mine" })).await.unwrap();
        }
        assert_eq!(
            manager.config(id).await.unwrap().effective,
            json!({ "suffix": "mine" }),
            "kept over a removal"
        );
        runs(&manager).await.unwrap();
        manager.remove(id, purge).await.unwrap();
        assert!(manager.discovery().plugins.is_empty() && manager.instances().is_empty());
        assert!(LockFile::read(project.settings().lock_file()).unwrap().get(id).is_none());
        let left: Vec<_> = fs::read_dir(project.plugins())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.starts_with('.'))
            .collect();
        assert!(left.is_empty(), "{left:?}");
        assert_eq!(manager.remove(id, purge).await.unwrap_err().category(), Category::NotLoaded);
    }
    install(&manager, &component(&project, 0)).await.unwrap();
    assert_eq!(manager.config(id).await.unwrap().stored, None, "purged");
}

#[tokio::test]
async fn an_altered_component_is_refused_also_while_the_manager_runs() {
    let project = Project::default();
    let manager = project.manager().await;
    install(&manager, &component(&project, 0)).await.unwrap();
    fs::write(project.plugins().join("numbered-000001.wasm"), numbered(1, 9)).unwrap();
    let error = said(&runs(&manager).await.unwrap_err());
    assert!(error.contains("was altered") && error.contains("sha256:"), "{error}");
    assert_eq!(manager.verify(None).await.unwrap()[0].integrity, Integrity::Altered);

    let manager = project.manager().await;
    let record = manager.record("numbered-000001").unwrap();
    assert!(said(record.refusal.as_ref().unwrap()).contains("was altered"));
    assert!(said(&runs(&manager).await.unwrap_err()).contains("was altered"));
    // Whoever replaced it knowingly says so.
    let changes = manager.regenerate("numbered-000001").await.unwrap().unwrap();
    assert!(changes.version.is_some());
    assert_eq!(runs(&manager).await.unwrap(), "numbered-000001 1.0.9");
}

#[tokio::test]
async fn an_altered_lock_is_told_and_loads_nothing_that_it_contradicts() {
    let project = Project::default();
    let manager = project.manager().await;
    install(&manager, &component(&project, 0)).await.unwrap();
    let path = project.settings().lock_file().to_owned();
    let text = fs::read_to_string(&path).unwrap();
    let digest = manager.record("numbered-000001").unwrap().digest.to_string();
    fs::write(&path, text.replace(&digest, &format!("sha256:{}", "0".repeat(64)))).unwrap();
    assert!(said(&runs(&manager).await.unwrap_err()).contains("cjm.lock has sha256:000"));
    fs::write(&path, "version = 1\n[[plugin]]\nname = \"../../etc\"\n").unwrap();
    let error = runs(&manager).await.unwrap_err();
    assert!(said(&error).contains("the lock file"), "{error}");
    fs::write(&path, text).unwrap();
    runs(&manager).await.unwrap();
}

#[tokio::test]
async fn compiled_code_that_was_altered_is_compiled_anew() {
    let project = Project::default();
    drop_numbered(&project.plugins(), 1, 0);
    drop(project.manager().await.load("numbered-000001").await.unwrap());
    let mut altered = 0;
    for entry in fs::read_dir(project.settings().cache_dir()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some() {
            let mut bytes = fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x55;
            fs::write(&path, bytes).unwrap();
            altered += 1;
        }
    }
    assert!(altered >= 2, "the code and the description");
    assert_eq!(runs(&project.manager().await).await.unwrap(), "numbered-000001 1.0.0");
}

#[tokio::test]
async fn a_manifest_of_another_format_is_refused_as_such() {
    let project = Project::default();
    let manager = project.manager().await;
    install(&manager, &component(&project, 0)).await.unwrap();
    let path = project.plugins().join("numbered-000001.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"2.0\"", "\"3.0\"", 1)).unwrap();
    let discovery = manager.discover().await.unwrap();
    assert!(discovery.plugins.is_empty());
    assert!(said(&discovery.problems[0].error).contains("3.0"), "{:?}", discovery.problems);
    fs::write(&path, text).unwrap();
    assert_eq!(manager.discover().await.unwrap().plugins.len(), 1);
}

#[tokio::test]
async fn a_file_cannot_take_the_name_of_an_installed_plugin() {
    let project = Project::default();
    let manager = project.manager().await;
    install(&manager, &component(&project, 0)).await.unwrap();
    drop_numbered(&project.plugins(), 1, 5);
    let discovery = manager.discover().await.unwrap();
    assert_eq!(discovery.plugins.len(), 1);
    assert!(
        said(&discovery.problems[0].error).contains("`numbered-000001.wasm` is installed under this name")
    );
    assert_eq!(runs(&manager).await.unwrap(), "numbered-000001 1.0.0");
}

#[tokio::test]
async fn of_two_files_with_one_name_none_is_loaded() {
    let project = Project::default();
    fs::write(project.plugins().join("a.wasm"), numbered(1, 0)).unwrap();
    fs::write(project.plugins().join("b.wasm"), numbered(1, 1)).unwrap();
    let manager = project.manager().await;
    let discovery = manager.discovery();
    assert!(discovery.plugins.is_empty());
    let said: Vec<_> = discovery.problems.iter().map(|problem| said(&problem.error)).collect();
    assert!(said[0].contains("so does `b.wasm`") && said[1].contains("so does `a.wasm`"), "{said:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_out_of_the_folder_is_not_followed() {
    let project = Project::default();
    let outside = component(&project, 0);
    std::os::unix::fs::symlink(&outside, project.plugins().join("link.wasm")).unwrap();
    let manager = project.manager().await;
    assert!(manager.discovery().plugins.is_empty());
    assert!(said(&manager.discovery().problems[0].error).contains("out of the plugins folder"));
}

#[tokio::test]
async fn at_the_level_locked_only_what_was_installed_is_loaded_and_nothing_else_is_even_asked_what_it_is() {
    let project = Project::new("trust = \"locked\"\n");
    let dropped_in = project.plugins().join("numbered-000001.wasm");
    fs::write(&dropped_in, numbered(1, 0)).unwrap();
    let manager = project.manager().await;
    assert!(manager.discovery().plugins.is_empty(), "its description would have been its own word");
    let error = said(&runs(&manager).await.unwrap_err());
    assert!(error.contains("cjm.lock does not have it"), "{error}");
    fs::remove_file(dropped_in).unwrap();
    install(&manager, &component(&project, 0)).await.unwrap();
    runs(&manager).await.unwrap();
}

#[tokio::test]
async fn at_the_level_signed_a_trusted_key_must_have_signed() {
    let project = Project::new("trust = \"signed\"\n");
    let manager = project.manager().await;
    let path = component(&project, 0);
    assert!(said(&install(&manager, &path).await.unwrap_err()).contains("is not signed"));

    let key = SecretKey::generate("alice").unwrap();
    key.sign(&fs::read(&path).unwrap()).write(&Signature::path_of(&path)).unwrap();
    assert!(said(&install(&manager, &path).await.unwrap_err()).contains("which is not trusted"));

    TrustedKeys::open(&project.settings().trusted_keys_dir()).unwrap().add("alice", key.public()).unwrap();
    install(&manager, &path).await.unwrap();
    assert_eq!(runs(&manager).await.unwrap(), "numbered-000001 1.0.0");
    let record = manager.record("numbered-000001").unwrap();
    assert!(matches!(&record.signature, Signed::By { .. }), "{:?}", record.signature);

    // Another's signature does not do, nor does trust that was taken back.
    manager.unload_all().await;
    TrustedKeys::open(&project.settings().trusted_keys_dir()).unwrap().remove("alice").unwrap();
    assert!(said(&runs(&manager).await.unwrap_err()).contains("not trusted"));
}

#[tokio::test]
async fn a_signature_that_does_not_fit_is_refused_at_every_level() {
    let project = Project::default();
    let manager = project.manager().await;
    let key = SecretKey::generate("alice").unwrap();
    TrustedKeys::open(&project.settings().trusted_keys_dir()).unwrap().add("alice", key.public()).unwrap();
    let path = component(&project, 0);
    key.sign(b"another component").write(&Signature::path_of(&path)).unwrap();
    assert_eq!(install(&manager, &path).await.unwrap_err().category(), Category::InvalidInput);
    assert!(manager.discovery().plugins.is_empty());
}

#[tokio::test]
async fn a_pin_in_the_settings_holds() {
    let pin = format!("sha256:{}", "1".repeat(64));
    let project = Project::new(&format!("[plugins.numbered-000001]\ndigest = \"{pin}\"\n"));
    let manager = project.manager().await;
    let error = said(&install(&manager, &component(&project, 0)).await.unwrap_err());
    assert!(error.contains("cjm.toml pins `numbered-000001`") && error.contains(&pin), "{error}");
}

#[tokio::test]
async fn a_schema_that_drifted_is_a_warning_and_an_event() {
    for detection in [true, false] {
        let project = Project::new(&format!("drift-detection = {detection}\n"));
        let manager = project.manager().await;
        install(&manager, &component(&project, 0)).await.unwrap();
        // As if the plugin had described another schema when it was installed.
        let path = project.plugins().join("numbered-000001.json");
        let mut manifest: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        manifest["drift"]["config-schema"] = json!(format!("sha256:{}", "2".repeat(64)));
        fs::write(&path, manifest.to_string()).unwrap();
        manager.discover().await.unwrap();
        let mut events = manager.host().events();
        let instance = manager.load("numbered-000001").await.unwrap();
        let told = std::iter::from_fn(|| events.try_next()).any(|event| {
            matches!(event.kind, EventKind::Drift { .. }) && &*event.instance == "numbered-000001"
        });
        assert_eq!(told, detection);
        assert_eq!(instance.warnings().len(), usize::from(detection), "{:?}", instance.warnings());
        manager.regenerate("numbered-000001").await.unwrap();
        assert!(
            Manifest::read(&path)
                .unwrap()
                .schema_drift(&manager.record("numbered-000001").unwrap().description)
                .is_none()
        );
    }
}

#[tokio::test]
async fn what_is_no_plugin_is_not_installed() {
    let project = Project::default();
    let manager = project.manager().await;
    let text = project.path().join("readme.wasm");
    fs::write(&text, "hello").unwrap();
    assert_eq!(install(&manager, &text).await.unwrap_err().category(), Category::InvalidInput);
    let missing = project.path().join("missing.wasm");
    assert!(said(&install(&manager, &missing).await.unwrap_err()).contains("missing.wasm"));
    assert_eq!(
        fs::read_dir(project.plugins())
            .unwrap()
            .filter(|entry| { !entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.') })
            .count(),
        0
    );
}

#[tokio::test]
async fn two_installers_at_once_leave_one_whole_plugin() {
    let project = Project::default();
    let manager = project.manager().await;
    let other = project.manager().await;
    let candidates = [
        manager.prepare(component(&project, 1).to_str().unwrap(), |_, _| {}).await.unwrap(),
        other.prepare(component(&project, 2).to_str().unwrap(), |_, _| {}).await.unwrap(),
    ];
    let committed =
        futures::future::join_all(candidates.into_iter().map(|candidate| async {
            tokio::spawn(async move { candidate.commit(&[]).await }).await.unwrap()
        }));
    assert!(committed.await.iter().all(Result::is_ok));
    manager.discover().await.unwrap();
    assert_eq!(manager.verify(None).await.unwrap()[0].integrity, Integrity::Intact);
    runs(&manager).await.unwrap();
}
