//! The plugins folder is followed: what comes is loaded, what changes is replaced, what goes is unloaded.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

use std::time::Duration;

use cjm_host::{Event, EventKind, Instance, Subscription};
use cjm_tests::{Project, drop_numbered, guest, numbered};
use serde_json::json;

/// Longer than anything here takes: what has not come by then does not come.
const PATIENCE: Duration = Duration::from_secs(60);

async fn until(events: &mut Subscription, wanted: impl Fn(&Event) -> bool) -> Event {
    let found = async {
        loop {
            let event = events.next().await.expect("the host is there");
            if wanted(&event) {
                return event;
            }
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("the event comes")
}

fn loaded(id: &str) -> impl Fn(&Event) -> bool {
    move |event| &*event.instance == id && matches!(event.kind, EventKind::Loaded { .. })
}

/// What the plugin says it is, with its version.
async fn name_of(instance: &Instance) -> String {
    instance.execute("name", json!(null)).await.unwrap().to().unwrap()
}

#[tokio::test]
async fn what_is_put_into_the_folder_runs_and_what_is_taken_out_goes() {
    let project = Project::default();
    let manager = project.manager().await;
    let mut events = manager.host().events();
    let _watcher = manager.watch().unwrap();

    let path = drop_numbered(&project.plugins(), 1, 0);
    until(&mut events, loaded("numbered-000001")).await;
    let instance = manager.instance("numbered-000001").unwrap();
    assert_eq!(name_of(&instance).await, "numbered-000001 1.0.0");

    std::fs::remove_file(path).unwrap();
    until(&mut events, |event| matches!(event.kind, EventKind::Unloaded)).await;
    assert!(manager.instance("numbered-000001").is_err());
}

#[tokio::test]
async fn what_was_installed_and_is_deleted_goes_and_is_told() {
    let project = Project::default();
    let source = drop_numbered(project.path(), 1, 0);
    let manager = project.manager().await;
    let candidate = manager.prepare(source.to_str().unwrap(), |_, _| {}).await.unwrap();
    candidate.commit(&[]).await.unwrap();
    drop(manager.load("numbered-000001").await.unwrap());
    let mut events = manager.host().events();
    let _watcher = manager.watch().unwrap();

    for file in ["numbered-000001.wasm", "numbered-000001.json"] {
        std::fs::remove_file(project.plugins().join(file)).unwrap();
    }
    until(&mut events, |event| {
        matches!(&event.kind, EventKind::PluginProblem { error, .. } if error.to_string().contains("is not there"))
    })
    .await;
    until(&mut events, |event| matches!(event.kind, EventKind::Unloaded)).await;
    assert!(manager.instance("numbered-000001").is_err());
}

#[tokio::test]
async fn a_new_version_takes_over_and_the_same_handle_reaches_it() {
    let project = Project::default();
    let path = drop_numbered(&project.plugins(), 1, 0);
    let manager = project.manager().await;
    let instance = manager.load("numbered-000001").await.unwrap();
    let mut events = manager.host().events();
    let _watcher = manager.watch().unwrap();

    std::fs::write(&path, numbered(1, 2)).unwrap();
    until(&mut events, |event| matches!(event.kind, EventKind::Replaced { .. })).await;
    assert_eq!(name_of(&instance).await, "numbered-000001 1.0.2");
}

#[tokio::test]
async fn a_call_that_runs_ends_on_the_version_that_it_began_on() {
    let project = Project::default();
    let path = project.drop_in(&guest("echo"));
    let manager = project.manager().await;
    let instance = manager.load("echo").await.unwrap();
    let mut events = manager.host().events();
    let _watcher = manager.watch().unwrap();

    let running = instance.call("spin-politely", json!(null)).unwrap().start();
    // A component stays the same plugin with a custom section more, and is another component.
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend([0, 2, 1, b'x']);
    std::fs::write(&path, bytes).unwrap();
    until(&mut events, |event| matches!(event.kind, EventKind::Replaced { .. })).await;
    assert_eq!(instance.execute("echo", json!(7)).await.unwrap().to::<i32>().unwrap(), 7);
    running.cancel();
    let error = running.await.unwrap_err();
    assert_eq!(error.category(), cjm_host::Category::Cancelled, "it ran until it was told to stop: {error}");
}

#[tokio::test]
async fn a_file_that_is_cut_is_told_and_leaves_the_version_before_it_running() {
    let project = Project::default();
    let path = drop_numbered(&project.plugins(), 1, 0);
    let manager = project.manager().await;
    let instance = manager.load("numbered-000001").await.unwrap();
    let mut events = manager.host().events();
    let _watcher = manager.watch().unwrap();

    let whole = numbered(1, 3);
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let problem = until(&mut events, |event| matches!(event.kind, EventKind::PluginProblem { .. })).await;
    let EventKind::PluginProblem { path: told, error } = problem.kind else { unreachable!() };
    assert_eq!(told, path);
    assert!(error.to_string().contains("cut off or damaged"), "{error}");
    assert_eq!(name_of(&instance).await, "numbered-000001 1.0.0");

    std::fs::write(&path, &whole).unwrap();
    until(&mut events, |event| matches!(event.kind, EventKind::Replaced { .. })).await;
    assert_eq!(name_of(&instance).await, "numbered-000001 1.0.3");
}

#[tokio::test]
async fn a_file_that_is_written_slowly_is_loaded_once_and_whole() {
    use std::io::Write;
    let project = Project::default();
    let manager = project.manager().await;
    let mut events = manager.host().events();
    let _watcher = manager.watch().unwrap();
    let bytes = numbered(1, 0);
    let path = project.plugins().join("slow.wasm");
    let writer = tokio::task::spawn_blocking(move || {
        let mut file = std::fs::File::create(path).unwrap();
        for part in bytes.chunks(bytes.len().div_ceil(10)) {
            file.write_all(part).unwrap();
            file.flush().unwrap();
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let first = until(&mut events, |event| {
        matches!(event.kind, EventKind::Loaded { .. } | EventKind::PluginProblem { .. })
    });
    let first = first.await;
    assert!(matches!(first.kind, EventKind::Loaded { .. }), "{first:?}");
    writer.await.unwrap();
}

#[tokio::test]
async fn a_folder_that_vanishes_takes_nothing_with_it_and_is_followed_when_it_is_back() {
    let project = Project::default();
    drop_numbered(&project.plugins(), 1, 0);
    let manager = project.manager().await;
    let instance = manager.load("numbered-000001").await.unwrap();
    let mut events = manager.host().events();
    let _watcher = manager.watch().unwrap();

    let away = project.path().join("away");
    std::fs::rename(project.plugins(), &away).unwrap();
    let problem = until(&mut events, |event| matches!(event.kind, EventKind::PluginProblem { .. })).await;
    let EventKind::PluginProblem { error, .. } = problem.kind else { unreachable!() };
    assert!(error.to_string().contains("is not there"), "{error}");
    instance.execute("name", json!(null)).await.unwrap();
    assert!(manager.discover().await.is_err());
    assert_eq!(manager.discovery().plugins.len(), 1, "what was known is known still");

    drop_numbered(&away, 2, 0);
    std::fs::rename(&away, project.plugins()).unwrap();
    until(&mut events, loaded("numbered-000002")).await;
    instance.execute("name", json!(null)).await.unwrap();
}
