//! `cjm-ctl run`: what comes out, where, and with which status.

mod common;

use std::fs;

use cjm_tests::guest;
use common::{cjm, last_line, lines};
use predicates::prelude::*;
use predicates::str::contains;

#[test]
fn json_in_and_out() {
    let calculator = guest("calculator");
    let run = |arguments: &[&str]| {
        let mut ctl = cjm();
        ctl.arg("run").arg(&calculator).args(arguments);
        ctl
    };
    let operands = r#"{"a": 1, "b": 2}"#;
    run(&["add", "--input", operands]).assert().success().stdout("3.0\n").stderr("");
    run(&["add", "--input", "-"]).write_stdin(operands).assert().success().stdout("3.0\n");

    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in.json"), dir.path().join("out.json"));
    fs::write(&input, operands).unwrap();
    fs::write(&output, "before").unwrap();
    let mut ctl = run(&["add"]);
    ctl.arg("--input-file").arg(&input).arg("--output").arg(&output);
    ctl.assert().success().stdout("").stderr(contains("out.json"));
    assert_eq!(fs::read_to_string(&output).unwrap(), "3.0\n");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);

    let assert = run(&["add", "--json", "--fuel", "1000000", "--input", operands]).assert().success();
    let result = last_line(&assert.get_output().stdout);
    assert_eq!(result["value"], 3.0);
    assert!(result["stats"]["fuel-used"].as_u64().unwrap() > 0);
}

#[test]
fn results_as_they_come() {
    let segment = guest("segment");
    let dir = tempfile::tempdir().unwrap();
    let book = dir.path().join("book.txt");
    fs::write(&book, "One. Two! Three?").unwrap();
    let run = |arguments: &[&str]| {
        let mut ctl = cjm();
        ctl.arg("run").arg(&segment).arg("sentences").arg("--input-file").arg(&book).args(arguments);
        ctl.assert().success().get_output().stdout.clone()
    };
    let texts: Vec<_> = lines(&run(&["--stream"])).iter().map(|item| item["text"].clone()).collect();
    assert_eq!(texts, ["One.", "Two!", "Three?"]);

    let with_stats = lines(&run(&["--stream", "--json"]));
    assert_eq!(with_stats.len(), 4);
    assert_eq!(with_stats[0]["value"]["text"], "One.");
    assert!(with_stats[3]["stats"]["wall-ms"].is_number());

    assert_eq!(last_line(&run(&[])).as_array().unwrap().len(), 3);
    let untrimmed = lines(&run(&["--stream", "--config", r#"{"trim": false}"#]));
    assert_eq!(untrimmed[0]["text"], "One. ");
}

#[test]
fn bytes_in_and_out() {
    let misbehave = guest("misbehave");
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in.png"), dir.path().join("out.png"));
    let bytes = b"\x89PNG\r\n\x1a\n\0\xff";
    fs::write(&input, bytes).unwrap();
    let echo = || {
        let mut ctl = cjm();
        ctl.arg("run").arg(&misbehave).arg("echo").arg("--input-file").arg(&input);
        ctl
    };
    echo().assert().success().stdout(bytes.as_slice());
    echo().arg("--output").arg(&output).assert().success().stdout("").stderr(contains("image/png, 10 B"));
    assert_eq!(fs::read(&output).unwrap(), bytes);

    let assert = echo().arg("--json").assert().success();
    assert_eq!(
        last_line(&assert.get_output().stdout)["blob"],
        serde_json::json!({"media-type": "image/png", "bytes": 10, "base64": "iVBORw0KGgoA/w=="})
    );
    let items = dir.path().join("items");
    let assert = echo().arg("--stream").arg("--output").arg(&items).assert().success();
    assert_eq!(last_line(&assert.get_output().stdout)["blob"]["bytes"], 10);
    assert_eq!(fs::read(items.join("000001.png")).unwrap(), bytes);
}

#[test]
fn failures_of_the_plugin() {
    let misbehave = guest("misbehave");
    let cases: &[(&[&str], i32, &str)] = &[
        (&["panic"], 1, "trapped"),
        (&["trap"], 1, "trapped"),
        (&["spin", "--timeout", "200ms"], 1, "timed-out"),
        (&["spin", "--cpu-time", "200ms"], 1, "timed-out"),
        (&["spin", "--fuel", "100000"], 1, "resource-exhausted"),
        (&["allocate", "--memory", "16MiB"], 1, "resource-exhausted"),
        (&["transient"], 1, "transient"),
        (&["exhausted"], 1, "resource-exhausted"),
        (&["fatal"], 1, "fatal"),
        (&["invalid-json"], 1, "fatal"),
        (&["invalid-input"], 2, "invalid-input"),
        (&["echo", "--config", r#"{"initialize": "refuse"}"#], 2, "invalid-input"),
    ];
    for (arguments, code, category) in cases {
        let mut ctl = cjm();
        let assert = ctl.arg("--json").arg("run").arg(&misbehave).args(*arguments).assert().stdout("");
        let error = last_line(&assert.get_output().stderr);
        assert_eq!(error["error"]["category"], *category, "{arguments:?}: {error}");
        assert.code(*code);
    }
    let mut ctl = cjm();
    ctl.arg("run").arg(&misbehave).args(["spin", "--timeout", "200ms"]);
    ctl.assert().code(1).stderr(contains("error:").and(contains("hint: allow it more with --timeout")));
}

#[test]
fn nothing_is_written_where_the_plugin_fails() {
    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join("out");
    let mut ctl = cjm();
    ctl.arg("run").arg(guest("misbehave")).arg("fatal").arg("--output").arg(&output);
    ctl.assert().code(1);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn what_the_plugin_says_while_it_works() {
    let misbehave = guest("misbehave");
    let report = |arguments: &[&str]| {
        let mut ctl = cjm();
        ctl.arg("run").arg(&misbehave).arg("report").args(arguments);
        ctl.assert().success()
    };
    report(&[])
        .stderr(contains(" 50% half").and(contains("warn here logged")).and(contains("stdout printed")));
    report(&["-v"]).stderr(contains("tokens"));
    report(&["--quiet"]).stderr("");
    let said = lines(&report(&["--json"]).get_output().stderr);
    assert!(
        said.contains(&serde_json::json!({"progress": {"fraction": 0.5, "message": "half"}})),
        "{said:?}"
    );
    let log = serde_json::json!({"log": {"level": "warn", "target": "here", "message": "logged"}});
    assert!(said.contains(&log), "{said:?}");
}

#[test]
fn colours_are_for_terminals_unless_asked_for() {
    let report = |arguments: &[&str]| {
        let mut ctl = cjm();
        ctl.arg("run").arg(guest("misbehave")).arg("report").args(arguments);
        let output = ctl.assert().success().get_output().stderr.clone();
        String::from_utf8(output).unwrap()
    };
    assert!(!report(&[]).contains('\u{1b}'));
    assert!(report(&["--color", "always"]).contains('\u{1b}'));
}

#[test]
fn secrets_are_granted_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key");
    fs::write(&file, "from a file\n").unwrap();
    let ask = |name: &str| {
        let mut ctl = cjm();
        ctl.arg("run").arg(guest("misbehave")).arg("secret").arg("--input").arg(format!("\"{name}\""));
        ctl.arg("--secret").arg("a=env:CJM_TEST_KEY").env("CJM_TEST_KEY", "from the environment");
        ctl.arg("--secret").arg(format!("b=file:{}", file.display()));
        ctl.assert().success()
    };
    ask("a").stdout("\"from the environment\"\n");
    ask("b").stdout("\"from a file\"\n");
    ask("c").stdout("null\n");
}

#[test]
fn compiled_plugins_are_kept_where_they_are_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache");
    let mut ctl = cjm();
    ctl.arg("run").arg(guest("calculator")).args(["add", "--input", r#"{"a":1,"b":2}"#]);
    ctl.arg("--cache-dir").arg(&cache).assert().success();
    assert!(fs::read_dir(&cache).unwrap().count() > 0);

    let mut ctl = cjm();
    ctl.env_remove("CJM_CACHE_DIR").env("HOME", dir.path()).env("XDG_CACHE_HOME", dir.path().join("xdg"));
    ctl.arg("inspect").arg(guest("calculator")).arg("--no-cache").assert().success();
    assert!(!dir.path().join("xdg").exists());
}
