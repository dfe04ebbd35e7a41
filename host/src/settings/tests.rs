use std::fs;

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::catalog::InstanceMode;
use crate::error::{Category, Error};
use crate::policy::{Admission, Grant};

/// A project with this `cjm.toml`; the name of its folder has no link in it.
fn project(toml: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().canonicalize().unwrap();
    fs::write(path.join("cjm.toml"), toml).unwrap();
    (dir, path)
}

/// Nothing of this process's surroundings.
fn builder(dir: &Path) -> SettingsBuilder {
    Settings::builder().project_dir(dir).environment([] as [(&str, &str); 0])
}

fn load(toml: &str) -> Result<Settings> {
    let (dir, path) = project(toml);
    let settings = builder(&path).load();
    drop(dir);
    settings
}

fn refused(toml: &str) -> String {
    let error = load(toml).unwrap_err();
    assert_eq!(error.category(), Category::InvalidInput, "{error}");
    error.to_string()
}

fn origin(settings: &Settings, key: &str) -> (String, Origin) {
    let all = settings.origins();
    let found = all.iter().find(|(known, ..)| known == key);
    let (_, value, origin) = found.unwrap_or_else(|| panic!("{key} in {all:?}"));
    (value.clone(), origin.clone())
}

const WHOLE: &str = r#"
data-dir = "data"
plugins-dir = "/srv/plugins"
cache-dir = "../cache"
trust = "signed"
drift-detection = false
prefetch-stall = "5m"
secrets-backend = "keyring"
secrets-scope = "acme"

[limits]
memory-bytes = "256 MiB"
wall-time = "none"

[plugins.fetch]
source = "vendor/fetch.wasm"
digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
config = { since = 2026-01-02, retries = 3, factor = 0.5, list = [true, "x"], nested = { a = "ü" } }
instances = ["one", "two"]
mode = "shared"

[plugins.fetch.grants]
folders = [{ host = "data/in", guest = "/in", access = "rw" }]
network = ["https://example.org"]
secrets = ["api-key"]

[plugins.fetch.limits]
memory-bytes = "1 GiB"

[plugins.other]
source = "https://example.org/other.wasm"
"#;

#[test]
fn reads_all_that_a_file_can_say() {
    let (_dir, path) = project(WHOLE);
    let settings = builder(&path).load().unwrap();
    assert_eq!(settings.file(), Some(path.join("cjm.toml").as_path()));
    assert_eq!(settings.lock_file(), path.join("cjm.lock"));
    assert_eq!(settings.data_dir(), path.join("data"));
    assert_eq!(settings.database_file(), path.join("data/cjm.db"));
    assert_eq!(settings.secrets_dir(), path.join("data/secrets"));
    assert_eq!(settings.trusted_keys_dir(), path.join("data/trusted-keys"));
    assert_eq!(settings.plugins_dir(), Path::new("/srv/plugins"));
    assert_eq!(settings.cache_dir(), path.join("../cache"));
    assert_eq!(settings.trust(), TrustLevel::Signed);
    assert!(!settings.drift_detection());
    assert_eq!(settings.prefetch_stall(), Duration::from_secs(300));
    assert_eq!(settings.secrets_backend(), SecretsBackend::Keyring);
    assert_eq!(settings.secrets_scope(), "acme");
    let limits = Limits::default().overlaid(settings.limits());
    assert_eq!((limits.memory_bytes, limits.wall_time), (256 << 20, None));

    assert_eq!(settings.plugins().len(), 2);
    let fetch = settings.plugin("fetch").unwrap();
    assert_eq!(fetch.source, Some(PluginSource::Path(path.join("vendor/fetch.wasm"))));
    assert_eq!(fetch.digest.unwrap().short(), "e3b0c44298fc");
    let config = json!({
        "since": "2026-01-02", "retries": 3, "factor": 0.5, "list": [true, "x"], "nested": { "a": "ü" },
    });
    assert_eq!(fetch.config, Some(config));
    assert_eq!(fetch.instance_ids("fetch").collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(fetch.mode, Some(InstanceMode::Shared));
    let grants: Vec<_> = fetch.grants.iter().collect();
    let folder = format!("folder={}:/in:rw", path.join("data/in").display()).parse().unwrap();
    let expected: [Grant; 3] =
        [folder, "network=https://example.org".parse().unwrap(), "secret=api-key".parse().unwrap()];
    assert_eq!(grants, expected);
    assert_eq!(limits.overlaid(&fetch.limits).memory_bytes, 1 << 30);
    let other = settings.plugin("other").unwrap();
    assert_eq!(other.source, Some(PluginSource::Url("https://example.org/other.wasm".into())));
}

#[test]
fn everything_has_a_default() {
    let dir = tempfile::tempdir().unwrap();
    let settings = builder(dir.path()).load().unwrap();
    let path = dir.path();
    assert_eq!(settings.file(), None);
    assert_eq!(settings.lock_file(), path.join("cjm.lock"));
    assert_eq!(settings.data_dir(), path.join(".cjm"));
    assert_eq!(settings.plugins_dir(), path.join(".cjm/plugins"));
    assert_eq!(settings.cache_dir(), path.join(".cjm/cache"));
    assert_eq!(settings.trust(), TrustLevel::Any);
    assert!(settings.drift_detection());
    assert_eq!(settings.prefetch_stall(), Duration::from_secs(60));
    assert_eq!(settings.secrets_backend(), SecretsBackend::File);
    assert_eq!(settings.secrets_scope(), "default");
    assert!(settings.limits().is_empty() && settings.plugins().is_empty());
    assert!(settings.origins().iter().all(|(.., origin)| *origin == Origin::Default));
    assert_eq!(fs::read_dir(path).unwrap().count(), 0, "to look at settings makes nothing");
}

#[test]
fn the_command_line_is_over_the_environment_over_the_file_over_the_defaults() {
    let (_dir, path) = project(WHOLE);
    let variables = [
        ("CJM_TRUST", "locked"),
        ("CJM_SECRETS_SCOPE", "from-environment"),
        ("CJM_DRIFT_DETECTION", "1"),
        ("CJM_PREFETCH_STALL", "1500"),
        ("CJM_SECRETS_BACKEND", "file"),
        ("CJM_CACHE_DIR", "elsewhere"),
        ("CJM_LIMITS_MEMORY_BYTES", "64 MiB"),
        ("CJM_LIMITS_FUEL", "1000"),
        ("CJM_PLUGINS_DIR", ""),
        ("CJM_NOT_OURS", "x"),
        ("TRUST", "x"),
    ];
    let limits: LimitOverrides = serde_json::from_value(json!({ "fuel": 7 })).unwrap();
    let settings = builder(&path)
        .environment(variables)
        .secrets_scope("from-command-line")
        .limits(limits)
        .load()
        .unwrap();
    let file = |line| Origin::File { path: path.join("cjm.toml"), line };
    let variable = |name: &str| Origin::Environment { variable: name.into() };
    let option = |name: &str| Origin::CommandLine { option: name.into() };
    let text = |value: &Path| format!("'{}'", value.display()).replace('\'', "\"");
    let cache = text(&path.join("elsewhere"));
    let expected = [
        ("data-dir", text(&path.join("data")), file(2)),
        ("plugins-dir", "\"/srv/plugins\"".into(), file(3)),
        ("cache-dir", cache, variable("CJM_CACHE_DIR")),
        ("trust", "\"locked\"".into(), variable("CJM_TRUST")),
        ("drift-detection", "true".into(), variable("CJM_DRIFT_DETECTION")),
        ("prefetch-stall", "\"1s 500ms\"".into(), variable("CJM_PREFETCH_STALL")),
        ("secrets-backend", "\"file\"".into(), variable("CJM_SECRETS_BACKEND")),
        ("secrets-scope", "\"from-command-line\"".into(), option("--secrets-scope")),
        ("limits.memory-bytes", "\"64 MiB\"".into(), variable("CJM_LIMITS_MEMORY_BYTES")),
        ("limits.fuel", "7".into(), option("--limit")),
        ("limits.wall-time", "\"none\"".into(), file(13)),
        ("limits.tables", "40".into(), Origin::Default),
        ("plugins.fetch.mode", "\"shared\"".into(), file(20)),
        ("plugins.fetch.limits.memory-bytes", "\"1 GiB\"".into(), file(28)),
    ];
    for (key, value, from) in expected {
        assert_eq!(origin(&settings, key), (value, from), "{key}");
    }
    let limits = Limits::default().overlaid(settings.limits());
    assert_eq!((limits.memory_bytes, limits.fuel, limits.wall_time), (64 << 20, Some(7), None));
    assert_eq!(variable("CJM_TRUST").to_string(), "environment (CJM_TRUST)");
    assert_eq!(option("--trust").to_string(), "command line (--trust)");
    assert_eq!(file(2).to_string(), format!("{}:2", path.join("cjm.toml").display()));
}

#[test]
fn the_options_of_the_queue_come_from_all_layers() {
    let (_dir, path) = project(
        r#"
[queue]
concurrency = 4
admission = "safe"
[queue.lanes]
gpu = 2
[queue.retention]
jobs = 10
"#,
    );
    let variables = [("CJM_QUEUE_CONCURRENCY", "8"), ("CJM_QUEUE_RETENTION_EVENTS", "none")];
    let settings = builder(&path).environment(variables).queue(&["lanes", "net"], 3).unwrap().load().unwrap();
    let queue = settings.queue();
    assert_eq!((queue.concurrency, queue.admission), (8, Admission::Safe));
    assert_eq!((queue.retention.jobs, queue.retention.events), (Some(10), None));
    assert_eq!((queue.lanes["gpu"], queue.lanes["net"]), (2, 3));
    for (key, value, from) in [
        ("queue.concurrency", "8", "environment (CJM_QUEUE_CONCURRENCY)".to_owned()),
        ("queue.admission", "\"safe\"", format!("{}:4", path.join("cjm.toml").display())),
        ("queue.lanes.gpu", "2", format!("{}:6", path.join("cjm.toml").display())),
        ("queue.lanes.net", "3", "command line (--lanes-net)".to_owned()),
        ("queue.interruptions", "5", "default".to_owned()),
    ] {
        let (found, origin) = origin(&settings, key);
        assert_eq!((found.as_str(), origin.to_string()), (value, from), "{key}");
    }
}

#[test]
fn every_variable_of_the_environment_is_told_when_it_is_wrong() {
    let (_dir, path) = project("");
    for (variable, value, why) in [
        ("CJM_TRUST", "some", "no level of trust"),
        ("CJM_DRIFT_DETECTION", "maybe", "neither true nor false"),
        ("CJM_PREFETCH_STALL", "long", "no duration"),
        ("CJM_PREFETCH_STALL", "0", "more than 0 s"),
        ("CJM_SECRETS_BACKEND", "vault", "`file` and `keyring`"),
        ("CJM_QUEUE_CONCURRENCY", "0", "at least one job"),
        ("CJM_QUEUE_CONCURENCY", "1", "did you mean CJM_QUEUE_CONCURRENCY?"),
        ("CJM_SECRETS_SCOPE", "../other", "[A-Za-z0-9_.-]"),
        ("CJM_LIMITS_MEMORY_BYTES", "lots", "256 MiB"),
        ("CJM_LIMITS_GRACE", "none", "30s"),
        ("CJM_LIMITS_MEMORY_BYTE", "1", "did you mean CJM_LIMITS_MEMORY_BYTES?"),
        ("CJM_LIMITS_X", "1", "unset it"),
    ] {
        let error = builder(&path).environment([(variable, value)]).load().unwrap_err();
        assert_eq!(error.category(), Category::InvalidInput);
        let said = error.to_string();
        assert!(said.contains(variable) && said.contains(why), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn paths_of_the_environment_may_be_any_bytes_but_words_may_not() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    let dir = tempfile::tempdir().unwrap();
    let odd = || OsString::from_vec(b"a\xff".to_vec());
    let settings = builder(dir.path()).environment([("CJM_DATA_DIR", odd())]).load().unwrap();
    assert_eq!(settings.data_dir(), dir.path().join(odd()));
    let error = builder(dir.path()).environment([("CJM_TRUST", odd())]).load().unwrap_err();
    assert!(error.to_string().contains("CJM_TRUST cannot be used: it is not UTF-8"), "{error}");
}

#[test]
fn the_file_is_looked_for_in_the_folders_above() {
    let (_dir, path) = project("secrets-scope = \"found\"");
    let below = path.join("a/b");
    fs::create_dir_all(&below).unwrap();
    let settings = builder(&below).load().unwrap();
    assert_eq!(settings.secrets_scope(), "found");
    assert_eq!(settings.data_dir(), path.join(".cjm"));
    assert_eq!(settings.lock_file(), path.join("cjm.lock"));
}

#[test]
fn a_data_folder_of_this_run_has_its_own_file_and_lock() {
    let (_dir, path) = project("secrets-scope = \"of-the-project\"");
    let data = path.join("data");
    fs::create_dir(&data).unwrap();
    for chosen in
        [builder(&path).data_dir("data"), builder(&path).environment([("CJM_DATA_DIR", data.as_os_str())])]
    {
        let _ = fs::remove_file(data.join("cjm.toml"));
        let settings = chosen.clone().load().unwrap();
        assert_eq!(settings.file(), Some(path.join("cjm.toml").as_path()));
        assert_eq!(settings.lock_file(), data.join("cjm.lock"));
        assert_eq!(settings.plugins_dir(), data.join("plugins"));

        fs::write(data.join("cjm.toml"), "secrets-scope = \"of-the-data\"\ndata-dir = \"x\"").unwrap();
        let settings = chosen.clone().load().unwrap();
        assert_eq!(settings.file(), Some(data.join("cjm.toml").as_path()));
        assert_eq!(settings.secrets_scope(), "of-the-data");
        assert_eq!(settings.data_dir(), data);
        assert_eq!(settings.lock_file(), data.join("cjm.lock"));
    }
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let (_dir, path) = project("trust = \"signed\"");
    let other = path.join("conf/other.toml");
    fs::create_dir(path.join("conf")).unwrap();
    fs::write(&other, "data-dir = \"d\"").unwrap();
    for named in [
        builder(&path).file("conf/other.toml"),
        builder(&path).environment([("CJM_CONFIG", "conf/other.toml")]),
    ] {
        let settings = named.load().unwrap();
        assert_eq!((settings.file(), settings.trust()), (Some(other.as_path()), TrustLevel::Any));
        assert_eq!(settings.data_dir(), path.join("conf/d"));
        assert_eq!(settings.lock_file(), path.join("conf/cjm.lock"));
    }
    let error = builder(&path).file("gone.toml").load().unwrap_err();
    assert_eq!(error.category(), Category::InvalidInput);
    assert!(error.to_string().contains("gone.toml"), "{error}");
    assert!(builder(&path).file("conf").load().is_err());
}

#[test]
fn unknown_keys_are_errors_everywhere_and_are_pointed_at() {
    for (toml, place, key) in [
        ("a = 1\n", "line 1, column 1", "`a`"),
        ("trust = \"any\"\n trsut = \"any\"", "line 2, column 2", "`trsut`"),
        ("[plugin.x]\n", "line 1, column 2", "`plugin`"),
        ("[plugins.x]\nmod = \"shared\"", "line 2, column 1", "`plugins.x.mod`"),
        ("[plugins.x.grants]\nnetworks = []", "line 2, column 1", "`plugins.x.grants.networks`"),
        (
            "[plugins.x.grants]\nfolders = [{ host = \"a\", guest = \"/a\", mode = \"rw\" }]",
            "line 2",
            "folders",
        ),
        ("[limits]\nmemory = 1", "line 2, column 1", "`limits.memory`"),
        ("[queue]\nlane = 1", "line 2, column 1", "`queue.lane`"),
        ("[queue.retention]\nage = 1", "line 2, column 1", "`queue.retention.age`"),
        ("[plugins.x.limits]\ntables = 1\nmemory = 1", "line 3, column 1", "`plugins.x.limits.memory`"),
    ] {
        let said = refused(toml);
        assert!(said.contains(place) && said.contains(key) && said.contains("cjm.toml: "), "{toml}: {said}");
        assert!(said.contains("unknown field"), "{toml}: {said}");
    }
}

#[test]
fn values_that_do_not_fit_are_pointed_at() {
    for (toml, place, why) in [
        ("trust = \"some\"", "line 1, column 9: `trust`", "`any`"),
        ("trust = 1", "line 1, column 9: `trust`", "wanted string"),
        ("drift-detection = \"no\"", "`drift-detection`", "expected a boolean"),
        ("prefetch-stall = \"long\"", "`prefetch-stall`", "such as \"60s\""),
        ("prefetch-stall = -1", "`prefetch-stall`", "such as \"60s\""),
        ("prefetch-stall = 0", "line 1, column 1: `prefetch-stall`", "more than 0 s"),
        ("secrets-backend = \"vault\"", "`secrets-backend`", "`file`"),
        ("secrets-scope = \"a/b\"", "`secrets-scope`", "[A-Za-z0-9_.-]"),
        ("data-dir = \"\"", "`data-dir`", "folder is needed"),
        ("[limits]\nmemory-bytes = \"lots\"", "line 2, column 1: `limits.memory-bytes`", "256 MiB"),
        ("[queue]\nmemory = \"lots\"", "line 2, column 1: `queue.memory`", "256 MiB"),
        ("[queue.lanes]\ngpu = 0", "line 2, column 1: `queue.lanes.gpu`", "at least one job"),
        ("[plugins.\"a/b\"]\n", "line 1", "[A-Za-z0-9_-]"),
        ("[plugins.x]\ninstances = [\"../a\"]", "line 2, column 1: `plugins.x.instances`", "[A-Za-z0-9_-]"),
        ("[plugins.x]\ndigest = \"md5:1\"", "line 2, column 10: `plugins.x.digest`", "sha256:"),
        ("[plugins.x]\nsource = \"oci://a/b\"", "line 2, column 1: `plugins.x.source`", "`oci`"),
        ("[plugins.x]\nmode = \"lazy\"", "line 2, column 8: `plugins.x.mode`", "`exclusive`"),
        ("[plugins.x]\nconfig = 7", "line 2, column 10: `plugins.x.config`", "map"),
        ("[plugins.x]\nconfig.a.b = nan", "line 2, column 10: `plugins.x.config.a.b`", "NaN"),
        ("[plugins.x.grants]\nnetwork = [\"ftp://a\"]", "`plugins.x.grants.network`", "ftp"),
        ("plugins = [\n1]", "line 1, column 11: `plugins`", "map"),
    ] {
        let said = refused(toml);
        assert!(said.contains(place), "{toml}: {said}");
        assert!(said.contains(why), "{toml}: {said}");
    }
}

#[test]
fn what_is_no_toml_is_pointed_at() {
    for (toml, place) in [
        ("trust = ", "line 1, column 9"),
        ("\ntrust = \"any\"\ntrust = \"any\"", "line 3, column 1"),
        ("[plugins.x\n", "line 1, column"),
        ("# ü\n= 1", "line 2, column 1"),
    ] {
        let said = refused(toml);
        assert!(said.contains(place), "{toml}: {said}");
    }
    let (_dir, path) = project("");
    fs::write(path.join("cjm.toml"), b"trust = \"any\"\n# \xff").unwrap();
    let said = builder(&path).load().unwrap_err().to_string();
    assert!(said.contains("line 2 is not UTF-8"), "{said}");
    fs::write(path.join("cjm.toml"), "#".repeat(2 << 20)).unwrap();
    assert!(builder(&path).load().is_err());
}

#[test]
fn an_id_stands_for_one_instance() {
    let said = refused("[plugins.a]\ninstances = [\"x\", \"x\"]");
    assert!(said.contains("line 2, column 1: `plugins.a.instances`"), "{said}");
    let said = refused("[plugins.a]\ninstances = [\"b\"]\n[plugins.b]\n");
    assert!(said.contains("`plugins.b`: `b` is an instance of `a` already"), "{said}");
}

#[test]
fn what_an_application_gives_is_held_to_the_same_rules() {
    let dir = tempfile::tempdir().unwrap();
    let wrong: [SettingsBuilder; 3] = [
        builder(dir.path()).data_dir(""),
        builder(dir.path()).prefetch_stall(Duration::ZERO),
        builder(dir.path()).secrets_scope("a/b"),
    ];
    for builder in wrong {
        assert!(matches!(builder.load(), Err(Error::InvalidInput(_))));
    }
    let settings = builder(dir.path())
        .plugins_dir("p")
        .cache_dir("/c")
        .trust(TrustLevel::Locked)
        .drift_detection(false)
        .secrets_backend(SecretsBackend::File)
        .load()
        .unwrap();
    assert_eq!(settings.plugins_dir(), dir.path().join("p"));
    assert_eq!(settings.cache_dir(), Path::new("/c"));
    assert_eq!(settings.trust(), TrustLevel::Locked);
    assert!(!settings.drift_detection());
    assert_eq!(settings.secrets().unwrap().scope(), "default");
}

#[test]
fn the_page_for_operators_has_every_setting_and_its_example_is_one() {
    let page =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md")).unwrap();
    let example = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let settings = load(example).unwrap();
    assert_eq!(settings.plugin("fetch").unwrap().grants.iter().count(), 2);
    let row =
        |name: &str| page.lines().any(|line| line.starts_with('|') && line.contains(&format!("`{name}`")));
    for (key, ..) in settings.origins() {
        if key.contains('.') {
            continue;
        }
        assert!(row(&key), "{key}");
        let variable = format!("CJM_{}", key.replace('-', "_").to_uppercase());
        assert!(row(&variable), "{variable}");
    }
}
