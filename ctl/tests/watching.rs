//! `cjm-ctl watch`: what is put into the plugins folder is there, until Ctrl-C.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot be set up fails")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{ChildStdout, Command, Stdio};

use cjm_tests::guest;
use common::{Project, binary, cache_dir};
use serde_json::Value;

/// The next event of this kind.
fn wait_for(events: &mut BufReader<ChildStdout>, kind: &str) -> Value {
    let mut line = String::new();
    loop {
        line.clear();
        assert!(events.read_line(&mut line).unwrap() > 0, "no `{kind}` was told");
        let event: Value = serde_json::from_str(&line).unwrap();
        if event["event"] == kind {
            return event;
        }
    }
}

#[test]
fn the_folder_is_followed_until_ctrl_c() {
    let project = Project::installed(&["calculator"]);
    let mut watch = Command::new(binary())
        .args(["watch", "--json"])
        .current_dir(project.dir.path())
        .env("CJM_CACHE_DIR", cache_dir())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut events = BufReader::new(watch.stdout.take().unwrap());
    assert_eq!(wait_for(&mut events, "loaded")["instance"], "calculator");

    project.write(".cjm/plugins/segment.wasm", &fs::read(guest("segment")).unwrap());
    assert_eq!(wait_for(&mut events, "loaded")["instance"], "segment");
    project.variant(".cjm/plugins/segment.wasm", "segment", 1);
    assert_eq!(wait_for(&mut events, "replaced")["instance"], "segment");
    project.write(".cjm/plugins/broken.wasm", b"broken");
    let problem = wait_for(&mut events, "plugin-problem");
    assert!(problem["path"].as_str().unwrap().ends_with("broken.wasm"), "{problem}");
    fs::remove_file(project.path(".cjm/plugins/segment.wasm")).unwrap();
    assert_eq!(wait_for(&mut events, "unloaded")["instance"], "segment");

    assert!(Command::new("kill").args(["-INT", &watch.id().to_string()]).status().unwrap().success());
    assert_eq!(watch.wait().unwrap().code(), Some(0));
}
