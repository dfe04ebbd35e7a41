//! Disks that are full, for all that a queue keeps.

#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use crate::error::{Category, ResourceKind};
use crate::value::Value;

/// Says to this program, when it runs itself, where the small disk is.
const INSIDE: &str = "CJM_TEST_SMALL_DISK";

/// Runs one of these tests in a shell that makes its disk small.
fn run_in(test: &str, shell: &[&str], prepare: &str, dir: &Path) -> std::process::Output {
    let run = format!("{prepare} && exec \"$0\" --exact --nocapture queue::tests::disk::{test}");
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).args(["sh", "-c", &run]).arg(std::env::current_exe().unwrap());
    command.env(INSIDE, dir).output().unwrap()
}

fn inside() -> Option<PathBuf> {
    std::env::var_os(INSIDE).map(PathBuf::from)
}

fn large(byte: u8, bytes: usize) -> NewJob {
    NewJob::new("i", "echo", Value::blob("a/b", vec![byte; bytes]))
}

fn assert_no_room(error: &Error) {
    assert_eq!(error.category(), Category::ResourceExhausted, "{error}");
    let Error::ResourceExhausted(shortfall) = error else { panic!("{error:?}") };
    assert_eq!(shortfall.kind, ResourceKind::Disk);
}

fn files(dir: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    std::fs::read_dir(dir.join("blobs")).unwrap().map(name).collect()
}

/// The jobs are these, all completed with what they were given; nothing is damaged, and nothing was left behind.
async fn assert_sound(queue: &Queue, dir: &Path, accepted: &[JobId]) {
    for id in accepted {
        assert_eq!(ended(queue, *id).await.state, JobState::Completed);
        assert_eq!(queue.result(*id).await.unwrap(), queue.input(*id).await.unwrap());
    }
    assert_eq!(queue.list(&JobFilter::default(), usize::MAX).await.unwrap().len(), accepted.len());
    queue.inner().writer.database().check().unwrap();
    assert_gapless(queue).await;
    assert!(files(dir).iter().all(|name| !name.starts_with(".writing-")), "{:?}", files(dir));
}

#[tokio::test]
async fn what_is_larger_than_a_file_may_be_is_refused_and_leaves_nothing() {
    let Some(dir) = inside() else {
        let dir = tempfile::tempdir().unwrap();
        let test = "what_is_larger_than_a_file_may_be_is_refused_and_leaves_nothing";
        // Of 512 or of 1024 bytes each, as shells differ.
        let ran = run_in(test, &["env"], "trap '' XFSZ && ulimit -f 16384", dir.path());
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        return;
    };
    let queue = Queue::builder(&dir).open(Script::default()).await.unwrap();
    let mut accepted = vec![queue.submit(job("echo")).await.unwrap()];
    assert_no_room(&queue.submit(large(1, 20 << 20)).await.unwrap_err());
    assert_eq!(files(&dir), Vec::<String>::new());
    accepted.push(queue.submit(large(1, 1 << 20)).await.unwrap());
    assert_sound(&queue, &dir, &accepted).await;
    queue.close(Duration::ZERO).await;
}

#[tokio::test]
async fn a_disk_that_is_full_takes_what_fits_refuses_the_rest_and_loses_nothing() {
    let Some(dir) = inside() else {
        let dir = tempfile::tempdir().unwrap();
        let test = "a_disk_that_is_full_takes_what_fits_refuses_the_rest_and_loses_nothing";
        let own = ["unshare", "--user", "--map-root-user", "--mount"];
        let mount = format!("mount -t tmpfs -o size=24m small '{}'", dir.path().display());
        let probe = Command::new(own[0]).args(&own[1..]).args(["sh", "-c", &mount]).status();
        if !probe.is_ok_and(|status| status.success()) {
            eprintln!("left out: no disk can be mounted here");
            return;
        }
        let ran = run_in(test, &own, &mount, dir.path());
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        return;
    };
    let queue = Queue::builder(&dir).open(Script::default()).await.unwrap();
    // Room that is kept for later.
    let ballast = dir.join("ballast");
    std::fs::write(&ballast, vec![1; 4 << 20]).unwrap();
    let (mut accepted, mut refused) = (Vec::new(), 0);
    for byte in 0..120 {
        match queue.submit(large(byte, 300_000)).await {
            // Its end may have to wait until there is room for it.
            Ok(id) => accepted.push(id),
            Err(error) => {
                assert_no_room(&error);
                refused += 1;
            }
        }
    }
    assert!(refused > 0 && accepted.len() > 10, "{refused} of {}", refused + accepted.len());
    assert_eq!(files(&dir).len(), accepted.len());
    // Now also the database has no room.
    refused = 0;
    for _ in 0..200 {
        match queue.submit(NewJob::new("i", "echo", json!("x".repeat(40_000)))).await {
            Ok(id) => accepted.push(id),
            Err(error) => {
                assert_no_room(&error);
                refused += 1;
            }
        }
    }
    assert!(refused > 0);
    std::fs::remove_file(ballast).unwrap();
    assert_sound(&queue, &dir, &accepted).await;
    accepted.push(queue.submit(large(200, 300_000)).await.unwrap());
    assert_sound(&queue, &dir, &accepted).await;
    queue.close(Duration::ZERO).await;
    drop(queue);
    let queue = Queue::builder(&dir).open(Script::default()).await.unwrap();
    assert_sound(&queue, &dir, &accepted).await;
    queue.close(Duration::ZERO).await;
}

#[tokio::test]
async fn where_no_file_can_be_made_large_ones_are_refused_and_small_ones_run() {
    let (dir, queue) = opened().await;
    let blobs = dir.path().join("blobs");
    std::fs::remove_dir(&blobs).unwrap();
    std::fs::write(&blobs, "in the way").unwrap();
    let error = queue.submit(large(1, 100_000)).await.unwrap_err();
    assert_eq!(error.category(), Category::InvalidInput);
    assert!(error.to_string().contains(&blobs.display().to_string()), "{error}");
    let small = queue.submit(job("echo")).await.unwrap();
    assert_eq!(ended(&queue, small).await.state, JobState::Completed);
    assert_eq!(queue.list(&JobFilter::default(), 9).await.unwrap().len(), 1);
}
