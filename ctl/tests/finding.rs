//! Which plugins there are, and what is known of them: `list`, `info`, `categories`, `inspect` by name.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot be set up fails")]

mod common;

use std::fs;

use cjm_tests::guest;
use common::Project;
use predicates::prelude::*;
use predicates::str::contains;

fn names(listed: &serde_json::Value) -> Vec<&str> {
    listed["plugins"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

#[test]
fn a_list_has_a_stable_structure() {
    let project = Project::installed(&["calculator"]);
    project.write(".cjm/plugins/segment.wasm", &fs::read(guest("segment")).unwrap());
    project.write(".cjm/plugins/broken.wasm", b"broken");
    let listed = project.json(&["list"]);
    assert_eq!(names(&listed), ["calculator", "segment"]);
    let calculator = &listed["plugins"][0];
    for key in ["name", "path", "digest", "description", "installed", "enabled", "imports"] {
        assert!(calculator.get(key).is_some(), "{key} is not in {calculator}");
    }
    assert_eq!((&calculator["installed"], &listed["plugins"][1]["installed"]), (&true.into(), &false.into()));
    assert_eq!(calculator["description"]["version"], "0.1.0");
    assert!(listed["problems"][0]["path"].as_str().unwrap().ends_with("broken.wasm"));
    assert!(listed["problems"][0]["error"]["message"].is_string());
    project
        .ctl(&["list"])
        .assert()
        .success()
        .stdout(contains("installed").and(contains("dropped in")))
        .stderr(contains("broken.wasm"));
}

#[test]
fn plugins_are_found_by_what_they_are() {
    let project = Project::installed(&["calculator", "segment", "thumbnail"]);
    let find = |arguments: &[&str]| {
        let mut all = vec!["list"];
        all.extend(arguments);
        let listed = project.json(&all);
        names(&listed).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(find(&["calc*"]), ["calculator"]);
    assert_eq!(find(&["--role", "cjm:plugin/streaming"]), ["segment"]);
    assert_eq!(find(&["--capability", "network"]), [] as [&str; 0]);
    assert_eq!(find(&["--without", "network"]), ["calculator", "segment", "thumbnail"]);
    assert_eq!(find(&["--platform", "linux-x86_64"]), ["calculator", "segment", "thumbnail"]);
    assert_eq!(find(&["--domain", "image", "--category", "thumbnail"]), ["thumbnail"]);
    assert_eq!(find(&["--domain", "image", "--category", "no-such"]), [] as [&str; 0]);
    assert_eq!(find(&["--category", "no-such"]), [] as [&str; 0]);
    project.ctl(&["list", "--capability", "telepathy"]).assert().code(2).stderr(contains("network"));
}

#[test]
fn all_that_is_known_of_one() {
    let project = Project::installed(&["segment"]);
    project.ctl(&["grant", "segment", "environment=LANG"]).assert().success();
    let page = contains("segment 0.1.0")
        .and(contains("sentences"))
        .and(contains("installed"))
        .and(contains("in cjm.lock, intact"))
        .and(contains("environment=LANG"))
        .and(contains("enabled"));
    project.ctl(&["info", "segment"]).assert().success().stdout(page);
    let info = project.json(&["info", "segment"]);
    assert_eq!(info["manifest"]["format"], "2.0");
    assert_eq!(info["verdict"]["integrity"], "intact");
    assert_eq!(info["instances"][0]["instance"], "segment");
    assert_eq!(info["grants"]["granted"][0]["grant"], "environment=LANG");
    project.ctl(&["info", "segmant"]).assert().code(2).stderr(contains("did you mean `segment`?"));
}

#[test]
fn categories_offer_a_choice() {
    let project = Project::installed(&["calculator", "segment"]);
    let categories = project.json(&["categories"]);
    let choices: Vec<_> = categories
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|category| category["entries"].as_array().unwrap())
        .collect();
    assert_eq!(choices.len(), 2);
    assert!(choices.iter().all(|choice| choice["id"].as_str().unwrap().contains('_')));
    project.ctl(&["categories"]).assert().success().stdout(contains("Calculator").and(contains("Segment")));
}

#[test]
fn where_there_is_no_project_nothing_is_made_of_it() {
    let project = Project::new();
    for command in [
        vec!["list"],
        vec!["verify"],
        vec!["info", "x"],
        vec!["grants"],
        vec!["watch"],
        vec!["run", "x", "y"],
    ] {
        let error = project.error(2, &command);
        assert!(error["hint"].as_str().unwrap().contains("cjm-ctl install"), "{command:?}: {error}");
    }
    assert_eq!(fs::read_dir(project.dir.path()).unwrap().count(), 0);
    let project = Project::with("");
    project.ctl(&["list"]).assert().success().stdout("").stderr(contains("no plugins"));
}

#[test]
fn a_data_folder_can_be_anywhere() {
    let project = Project::new();
    let mut ctl = project.ctl(&["install", "--yes", "--data-dir", "elsewhere"]);
    ctl.arg(guest("calculator")).assert().success();
    assert!(project.path("elsewhere/plugins/calculator.wasm").is_file());
    assert!(project.path("elsewhere/cjm.lock").is_file());
    assert!(!project.path(".cjm").exists());
    assert_eq!(names(&project.json(&["list", "--data-dir", "elsewhere"])), ["calculator"]);
    project.ctl(&["list"]).env("CJM_DATA_DIR", "elsewhere").assert().success().stdout(contains("calculator"));
}

#[test]
fn names_and_files_are_told_apart() {
    let project = Project::installed(&["calculator"]);
    let run = |plugin: &str| {
        let mut ctl = project.ctl(&["run", plugin, "add", "--input", r#"{"a": 1, "b": 2}"#]);
        ctl.assert()
    };
    run("calculater").code(2).stderr(contains("did you mean `calculator`?"));
    project.write("calculator", &fs::read(guest("segment")).unwrap());
    run("calculator").success().stderr(contains("./calculator"));
    run("./calculator").code(2).stderr(contains("sentences"));
    // A file without an ending runs as ever, where no plugin has its name.
    fs::rename(project.path("calculator"), project.path("adder")).unwrap();
    run("adder").code(2).stderr(contains("sentences"));
    project.ctl(&["run", "calculator"]).assert().code(2).stderr(contains("evaluate"));
    project
        .ctl(&["run", "adder", "sentences", "--instance", "x"])
        .assert()
        .code(2)
        .stderr(contains("--instance"));
}

#[test]
fn two_files_with_one_plugin_and_links_out_of_the_folder_are_told() {
    let project = Project::new();
    project.variant(".cjm/plugins/one.wasm", "calculator", 1);
    project.variant(".cjm/plugins/two.wasm", "calculator", 2);
    let listed = project.json(&["list"]);
    assert_eq!(names(&listed), [] as [&str; 0]);
    assert_eq!(listed["problems"].as_array().unwrap().len(), 2);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(guest("segment"), project.path(".cjm/plugins/segment.wasm")).unwrap();
        let listed = project.json(&["list"]);
        assert_eq!(names(&listed), [] as [&str; 0]);
        assert_eq!(listed["problems"].as_array().unwrap().len(), 3);
    }
}
