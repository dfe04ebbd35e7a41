//! Ctrl-C: what it does to a plugin that works, and what is said about it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot be set up fails")]

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cjm_tests::guest;
use common::{binary, cache_dir};
use serde_json::Value;

/// A run of the plugin that misbehaves.
struct Run {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
}

impl Run {
    fn start(action: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(binary())
            .arg("--json")
            .arg("run")
            .arg(guest("misbehave"))
            .arg(action)
            .args(arguments)
            .env("CJM_CACHE_DIR", cache_dir())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Run { child, stderr }
    }

    fn at_work(&mut self) {
        self.wait_for("started");
        // Nothing tells that the guest itself has begun.
        std::thread::sleep(Duration::from_millis(300));
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Reads up to the line that has this key.
    fn wait_for(&mut self, key: &str) -> Value {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.stderr.read_line(&mut line).unwrap() > 0, "no `{key}` was said");
            let said: Value = serde_json::from_str(&line).unwrap();
            if let Some(value) = said.get(key) {
                return value.clone();
            }
        }
    }

    fn phases(&mut self, expected: &[&str]) {
        for phase in expected {
            assert_eq!(self.wait_for("cancel"), *phase);
        }
    }

    fn ends_cancelled(mut self, forced: bool) {
        let error = self.wait_for("error");
        assert_eq!(
            (error["category"].as_str(), error["forced"].as_bool()),
            (Some("cancelled"), Some(forced))
        );
        assert_eq!(self.child.wait().unwrap().code(), Some(130));
    }
}

#[test]
fn a_plugin_that_listens_stops_by_itself() {
    let mut run = Run::start("spin-politely", &[]);
    run.at_work();
    run.signal("-INT");
    run.phases(&["requested", "cooperative", "done"]);
    run.ends_cancelled(false);
}

#[test]
fn a_supervisor_ends_it_as_well() {
    let mut run = Run::start("wait-for-cancellation", &[]);
    run.at_work();
    run.signal("-TERM");
    run.phases(&["requested", "cooperative", "done"]);
    run.ends_cancelled(false);
}

#[test]
fn a_plugin_that_does_not_listen_is_stopped_after_its_grace_time() {
    let mut run = Run::start("spin", &["--grace", "300ms"]);
    run.at_work();
    run.signal("-INT");
    run.phases(&["requested", "cooperative", "forced", "reloaded", "done"]);
    run.ends_cancelled(true);
}

#[test]
fn the_second_time_there_is_no_grace() {
    let mut run = Run::start("spin", &["--grace", "1h"]);
    run.at_work();
    run.signal("-INT");
    run.phases(&["requested", "cooperative"]);
    let start = Instant::now();
    run.signal("-INT");
    run.phases(&["forced", "reloaded", "done"]);
    assert!(start.elapsed() < Duration::from_secs(10));
    run.ends_cancelled(true);
}

#[test]
fn loading_can_be_interrupted() {
    // The plugin never gets ready.
    let mut run = Run::start("echo", &["--config", r#"{"initialize": "spin"}"#]);
    // Long enough for the process to listen, whether it compiles still or waits for the plugin.
    std::thread::sleep(Duration::from_millis(1500));
    run.signal("-INT");
    let error = run.wait_for("error");
    assert_eq!(error["category"], "cancelled");
    assert_eq!(run.child.wait().unwrap().code(), Some(130));
}
