//! `cjm-ctl doctor`: a project in order, and others.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot be set up fails")]

mod common;

use std::fs;

use common::{Project, last_line};
use predicates::str::contains;
use serde_json::Value;

/// What was found, of a project that ends the command with this status.
fn report(project: &Project, status: i32) -> Value {
    let assert = project.ctl(&["doctor", "--json"]).assert().code(status);
    last_line(&assert.get_output().stdout)
}

/// What was found of one check.
fn found<'a>(report: &'a Value, check: &str) -> Vec<&'a Value> {
    report["checks"].as_array().unwrap().iter().filter(|finding| finding["check"] == check).collect()
}

#[test]
fn a_project_in_order_has_no_problem() {
    let project = Project::installed(&["calculator"]);
    let report = report(&project, 0);
    assert_eq!(report["problems"], 0, "{report}");
    for check in ["data folder", "database", "queue", "plugins", "lock file", "versions", "memory", "disk"] {
        assert_eq!(found(&report, check)[0]["level"], "ok", "{report}");
    }
    assert!(report["release"]["sqlite"].is_string());
    project.ctl(&["doctor"]).assert().success().stdout(contains("Plugins"));
}

#[test]
fn without_a_project_the_machine_is_looked_at() {
    let project = Project::new();
    let report = report(&project, 0);
    assert_eq!(found(&report, "settings")[0]["level"], "warning");
    assert_eq!(found(&report, "versions")[0]["level"], "ok");
    assert_eq!(fs::read_dir(project.dir.path()).unwrap().count(), 0);
}

#[test]
fn what_is_broken_is_told_with_what_mends_it() {
    let project = Project::installed(&["calculator", "segment"]);
    project.variant(".cjm/plugins/segment.wasm", "segment", 1);
    project.write(".cjm/plugins/broken.wasm", b"broken");
    fs::remove_file(project.path(".cjm/plugins/calculator.wasm")).unwrap();
    let altered = report(&project, 1);
    assert_eq!(found(&altered, "segment")[0]["level"], "problem", "{altered}");
    assert_eq!(found(&altered, ".cjm/plugins/calculator.json")[0]["level"], "problem", "{altered}");
    assert_eq!(found(&altered, ".cjm/plugins/broken.wasm")[0]["level"], "problem", "{altered}");
    assert!(
        altered["checks"]
            .as_array()
            .unwrap()
            .iter()
            .all(|finding| { finding["level"] == "ok" || finding["message"].is_string() })
    );
    project.ctl(&["doctor"]).assert().code(1).stdout(contains("problem"));

    let project = Project::installed(&["calculator"]);
    project.ctl(&["jobs"]).assert().success();
    let damaged: Vec<u8> = fs::read(project.path(".cjm/cjm.db")).unwrap().iter().map(|_| 0x5a).collect();
    fs::write(project.path(".cjm/cjm.db"), &damaged).unwrap();
    let report = report(&project, 1);
    assert_eq!(found(&report, "database")[0]["level"], "problem", "{report}");
    assert_eq!(fs::read(project.path(".cjm/cjm.db")).unwrap(), damaged);

    let project = Project::with("[settings]\nno-such = 1\n");
    assert_eq!(found(&self::report(&project, 1), "settings")[0]["level"], "problem");
}

#[test]
fn jobs_that_nobody_runs_are_told() {
    let project = Project::installed(&["calculator"]);
    project.ctl(&["submit", "calculator", "add", "--input", r#"{"a": 1, "b": 2}"#]).assert().success();
    let report = report(&project, 0);
    let queue = found(&report, "queue")[0];
    assert_eq!(queue["level"], "warning");
    assert!(queue["hint"].as_str().unwrap().contains("cjm-ctl worker"), "{queue}");
}

#[cfg(unix)]
#[test]
fn what_others_could_read_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let project = Project::installed(&["calculator"]);
    project.ctl(&["jobs"]).assert().success();
    fs::set_permissions(project.path(".cjm/cjm.db"), fs::Permissions::from_mode(0o644)).unwrap();
    let report = report(&project, 0);
    let permissions = found(&report, "permissions")[0];
    assert_eq!(permissions["level"], "warning");
    assert!(permissions["hint"].as_str().unwrap().starts_with("chmod go= "), "{permissions}");
}
