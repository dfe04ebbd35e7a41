//! What loading, unloading and caching leave behind: nothing but what they should.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::fs;

use cjm_host::{Category, Digest, Host, Source};
use cjm_tests::{guest, resident_bytes};
use serde_json::json;
use tokio::sync::Mutex;

/// One of these tests measures the process that all run in.
static ALONE: Mutex<()> = Mutex::const_new(());

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_loads_and_unloads_leak_nothing() {
    let _alone = ALONE.lock().await;
    let host = Host::builder().build().unwrap();
    // Kept, so that the component is compiled once.
    let kept = host.loader(Source::path(guest("echo"))).id("kept").load().await.unwrap();
    let bytes: std::sync::Arc<[u8]> = fs::read(guest("echo")).unwrap().into();
    let rounds = async |count: u32| {
        for round in 0..count {
            let plugin = host.loader(Source::bytes("echo", bytes.clone())).id("again").load().await.unwrap();
            plugin.execute("echo", json!(round)).await.unwrap();
            plugin.unload().await;
        }
    };
    rounds(500).await;
    let before = resident_bytes();
    rounds(10_000).await;
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes in 10,000 rounds");
    assert_eq!(host.plugins().len(), 1);
    drop(kept);
    assert!(host.plugins().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compiled_code_is_kept_and_an_altered_file_is_never_loaded() {
    let _alone = ALONE.lock().await;
    let dir = tempfile::tempdir().unwrap();
    let load = async || {
        let host = Host::builder().cache_dir(dir.path().join("cache")).build().unwrap();
        let plugin = host.load(guest("echo")).await.unwrap();
        plugin.execute("echo", json!("works")).await.unwrap();
    };
    let compiled = || {
        let files = fs::read_dir(dir.path().join("cache")).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|kind| kind == "cwasm")).collect::<Vec<_>>()
    };
    load().await;
    let files = compiled();
    assert_eq!(files.len(), 1);
    let good = fs::read(&files[0]).unwrap();
    load().await;
    assert_eq!(fs::read(&files[0]).unwrap(), good);

    let mut altered = good.clone();
    let middle = altered.len() / 2;
    altered[middle] ^= 0xff;
    fs::write(&files[0], &altered).unwrap();
    load().await;
    assert_eq!(fs::read(&files[0]).unwrap().len(), good.len());
    assert_ne!(fs::read(&files[0]).unwrap(), altered, "it was compiled anew, and put in its place");

    fs::remove_file(dir.path().join("cache/key")).unwrap();
    load().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_known_of_a_component_is_told_again_without_compiling_it() {
    let _alone = ALONE.lock().await;
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache");
    let first = {
        let host = Host::builder().cache_dir(&cache).build().unwrap();
        host.examine(Source::path(guest("misbehave"))).await.unwrap()
    };
    for file in fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_some_and(|kind| kind == "cwasm") {
            fs::remove_file(file).unwrap();
        }
    }
    let host = Host::builder().cache_dir(&cache).build().unwrap();
    let bytes = fs::read(guest("misbehave")).unwrap();
    let again = host.examine(Source::bytes("under another name", bytes)).await.unwrap();
    assert_eq!(again.inspection.file, "under another name");
    assert_eq!((again.inspection.digest, &again.description), (first.inspection.digest, &first.description));
    assert_eq!(again.inspection.roles(), first.inspection.roles());
    let compiled = fs::read_dir(&cache)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|kind| kind == "cwasm"));
    assert_eq!(compiled.count(), 0, "nothing was compiled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_of_another_digest_is_refused() {
    let host = Host::builder().build().unwrap();
    let expected = Digest::of(b"another component");
    let error = host.loader(Source::path(guest("echo"))).digest(expected).load().await.unwrap_err();
    assert_eq!(error.category(), Category::InvalidInput);
    let found = Digest::of(&fs::read(guest("echo")).unwrap());
    let said = error.to_string();
    assert!(said.contains("was altered") && said.contains(&expected.to_string()), "{said}");
    assert!(said.contains(&found.to_string()), "{said}");
    host.loader(Source::path(guest("echo"))).digest(found).load().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutting_down_lets_running_calls_end() {
    let _alone = ALONE.lock().await;
    let host = Host::builder().build().unwrap();
    let plugin = host.load(guest("misbehave")).await.unwrap();
    let running = plugin.call("nap", json!(null)).start();
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    host.shutdown().await;
    running.await.expect("it was let to end");
    assert!(host.plugins().is_empty());
}

/// A machine that gives a process little address space: the host does without its pool.
#[cfg(target_os = "linux")]
#[test]
fn a_host_without_room_for_a_pool_still_runs() {
    const INSIDE: &str = "CJM_TEST_WITHOUT_POOL";
    if std::env::var_os(INSIDE).is_some() {
        let host = cjm_host::blocking::Host::new(Host::builder()).unwrap();
        let plugin = host.load(guest("echo")).unwrap();
        plugin.execute("echo", json!("works")).unwrap();
        return;
    }
    let test = std::env::current_exe().unwrap();
    let status = std::process::Command::new("sh")
        // 40 GiB: enough for a program and a few instances, not for thousands of 4 GiB each.
        .args(["-c", "ulimit -v 41943040 && exec \"$0\" --exact a_host_without_room_for_a_pool_still_runs"])
        .arg(test)
        .env(INSIDE, "1")
        .env("CJM_GUESTS_DIR", guest("echo").parent().unwrap())
        .status()
        .unwrap();
    assert!(status.success());
}
