use std::time::Duration;

use serde_json::json;

use super::*;
use crate::catalog::description::{ActionData, DescriptionData};
use crate::catalog::inspect::inspect;

const COMPONENT: &str = r#"(component
    (import "cjm:plugin/job@0.1.0" (instance))
    (import "wasi:http/types@0.2.6" (instance))
    (instance $empty)
    (export "cjm:plugin/plugin@0.1.0" (instance $empty))
    (export "acme:speech/transcriber@1.0.0" (instance $empty))
)"#;

fn inspection(wat: &str) -> Inspection {
    inspect("speech.wasm", &wat::parse_str(wat).unwrap()).unwrap()
}

fn data() -> DescriptionData {
    DescriptionData {
        name: "speech".into(),
        version: "1.2.3".into(),
        summary: "Writes down what is said.".into(),
        authors: vec!["A. Author".into()],
        category: Some("transcription".into()),
        domain: Some("audio".into()),
        platforms: vec!["linux".into()],
        secrets: vec![
            serde_json::from_value(
                json!({ "name": "api-key", "description": "Of a service.", "required": true }),
            )
            .unwrap(),
        ],
        config_schema:
            r#"{"type":"object","properties":{"model":{"type":"string"},"beam":{"type":"integer"}}}"#.into(),
        actions: vec![ActionData {
            name: "transcribe".into(),
            description: "Transcribes.".into(),
            input_schema: Some(r#"{"type":"object"}"#.into()),
            output_schema: None,
            streams: true,
            idempotent: true,
        }],
        instance: InstanceMode::Exclusive,
    }
}

/// The manifest of a plugin of this name and version, of which these are the bytes.
pub(crate) fn sample(name: &str, version: &str, bytes: &[u8]) -> Manifest {
    let data = DescriptionData { name: name.into(), version: version.into(), ..data() };
    let installer = Installer { name: "cjm-ctl".into(), version: Version::new(0, 1, 0) };
    let install =
        Install::now(name, Digest::of(bytes), &format!("https://example.org/{name}.wasm"), installer);
    Manifest::new(&described(data), &inspection(COMPONENT), install)
}

fn described(data: DescriptionData) -> Description {
    Description::new("it", data).unwrap()
}

fn manifest() -> Manifest {
    let inspection = inspection(COMPONENT);
    let installer = Installer { name: "cjm-ctl".into(), version: Version::new(0, 1, 0) };
    let mut install = Install::now("speech", inspection.digest, "https://example.org/speech.wasm", installer);
    install.installed_at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_771_028_887);
    Manifest::new(&described(data()), &inspection, install)
}

fn json_of(manifest: &Manifest) -> Value {
    serde_json::from_str(&manifest.to_text().unwrap()).unwrap()
}

#[test]
fn has_a_stable_structure() {
    let digest = inspection(COMPONENT).digest.to_string();
    let schema = json!({
        "type": "object",
        "properties": { "model": { "type": "string" }, "beam": { "type": "integer" } },
    });
    // Canonical: no spaces, keys in order.
    let canonical = r#"{"properties":{"beam":{"type":"integer"},"model":{"type":"string"}},"type":"object"}"#;
    assert_eq!(
        json_of(&manifest()),
        json!({
            "format": "2.0",
            "install": {
                "file": "speech.wasm",
                "digest": digest,
                "source": "https://example.org/speech.wasm",
                "installed-at": "2026-02-14T00:28:07Z",
                "installer": { "name": "cjm-ctl", "version": "0.1.0" },
            },
            "code": {
                "name": "speech",
                "version": "1.2.3",
                "summary": "Writes down what is said.",
                "authors": ["A. Author"],
                "category": "transcription",
                "domain": "audio",
                "instance": "exclusive",
                "actions": [{
                    "name": "transcribe",
                    "description": "Transcribes.",
                    "input-schema": { "type": "object" },
                    "streams": true,
                    "idempotent": true,
                }],
                "roles": ["acme:speech/transcriber", "cjm:plugin/plugin"],
                "capabilities": { "job": ["cjm:plugin/job@0.1.0"], "network": ["wasi:http/types@0.2.6"] },
                "config-schema": schema,
                "secrets": [{ "name": "api-key", "description": "Of a service.", "required": true }],
                "resources": { "gpu": false, "platforms": ["linux"] },
            },
            "drift": { "config-schema": Digest::of(canonical.as_bytes()).to_string() },
            "overrides": {},
        })
    );
}

#[test]
fn is_read_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("speech.json");
    let mut manifest = manifest();
    manifest.overrides.grants.insert("network=https://example.org".parse().unwrap());
    manifest.overrides.limits.set("memory-bytes", Some("256 MiB".into())).unwrap();
    manifest.write(&path).unwrap();
    assert_eq!(Manifest::read(&path).unwrap(), manifest);
    assert_eq!(Manifest::validate(&manifest.to_text().unwrap()), []);
}

#[test]
fn is_dated_now_and_to_the_second() {
    let installer = Installer { name: "cjm-ctl".into(), version: Version::new(0, 1, 0) };
    let install = Install::now("a", Digest::of(b""), "a.wasm", installer);
    let since = install.installed_at.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(since.subsec_nanos(), 0);
    assert!(install.installed_at <= SystemTime::now());
    assert_eq!(install.file, "a.wasm");
}

/// What is said of the manifest with one value replaced, or taken out where none is given.
fn faults(pointer: &str, value: Option<Value>) -> Vec<Violation> {
    let mut json = json_of(&manifest());
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = json.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => parent.insert(key.to_owned(), value),
        None => parent.remove(key),
    };
    let text = json.to_string();
    let said = Manifest::validate(&text);
    // What validation finds, reading refuses; but for what makes no difference to whoever reads.
    let read = Manifest::parse("a.json", text.as_bytes());
    assert!(!said.is_empty() || read.is_ok(), "{read:?}");
    said
}

#[test]
fn each_fault_is_named_where_it_is() {
    for (pointer, value, said) in [
        ("/format", json!(2), "not of type"),
        ("/install/file", json!("../speech.wasm"), "not the plain name"),
        ("/install/file", json!("/etc/passwd"), "not the plain name"),
        ("/install/digest", json!("sha256:00"), "64 hex digits"),
        ("/install/installed-at", json!("yesterday"), "no date in UTC"),
        ("/install/installed-at", json!("2026-02-14T00:28:07+01:00"), "no date in UTC"),
        ("/install/installer/version", json!("one"), "unexpected character"),
        ("/install/source", json!(null), "not of type"),
        ("/code/name", json!("../speech"), "[A-Za-z0-9_-]"),
        ("/code/category", json!("a b"), "[A-Za-z0-9_-]"),
        ("/code/version", json!("1"), "unexpected end"),
        ("/code/instance", json!("both"), "is not one of"),
        ("/code/capabilities", json!({ "job": "x" }), "not of type"),
        ("/code/config-schema", json!(1), "not of type"),
        ("/code/unheard-of", json!(1), "no such field"),
        ("/overrides/unheard-of", json!(1), "no such field"),
        ("/unheard-of", json!(1), "no such field"),
    ] {
        let found = faults(pointer, Some(value.clone()));
        let hit =
            found.iter().any(|fault| fault.pointer.starts_with(pointer) && fault.message.contains(said));
        assert!(hit, "{pointer} {value}: {found:?}");
    }
    for pointer in ["/format", "/install", "/install/digest", "/code", "/code/name", "/drift"] {
        let found = faults(pointer, None);
        assert!(
            found.iter().any(|fault| fault.pointer == pointer && fault.message.contains("missing")),
            "{found:?}"
        );
    }
    for (pointer, value, at) in [
        ("/code/config-schema", json!({ "type": "strin" }), "/code/config-schema/type"),
        ("/code/capabilities", json!({ "teleport": [] }), "/code/capabilities/teleport"),
        (
            "/code/actions",
            json!([{ "name": "a", "description": "" }, { "name": "a", "description": "", "input-schema": { "type": 1 } }]),
            "/code/actions/1/name",
        ),
        (
            "/code/actions",
            json!([{ "name": "a", "description": "", "input-schema": { "type": 1 } }]),
            "/code/actions/0/input-schema/type",
        ),
        (
            "/overrides/grants",
            json!({ "network": ["https://a.org", "nonsense"] }),
            "/overrides/grants/network/1",
        ),
        ("/overrides/grants", json!({ "sudo": true }), "/overrides/grants/sudo"),
        ("/overrides/limits", json!({ "memory-bytes": "lots" }), "/overrides/limits/memory-bytes"),
    ] {
        let found = faults(pointer, Some(value.clone()));
        assert!(found.iter().any(|fault| fault.pointer == at), "{pointer} {value}: {found:?}");
    }
}

#[test]
fn a_digest_that_is_not_that_of_the_schema_beside_it_is_a_fault() {
    let found = faults("/drift/config-schema", Some(json!(Digest::of(b"another").to_string())));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].pointer == "/drift/config-schema"
            && found[0].message.contains("not the digest of the schema")
    );
}

#[test]
fn all_faults_are_named_at_once() {
    let mut json = json_of(&manifest());
    json["install"]["file"] = json!("../a.wasm");
    json["install"]["digest"] = json!("md5:0");
    json["code"]["name"] = json!("");
    json["overrides"] = json!({ "grants": { "sudo": true, "gpu": "yes" }, "limits": { "speed": 1 } });
    json["extra"] = json!(1);
    let error = Manifest::parse("a.json", json.to_string().as_bytes()).unwrap_err();
    let mut pointers: Vec<_> = error.violations().iter().map(|fault| fault.pointer.as_str()).collect();
    pointers.sort_unstable();
    assert_eq!(
        pointers,
        [
            "/code/name",
            "/extra",
            "/install/digest",
            "/install/file",
            "/overrides/grants/gpu",
            "/overrides/grants/sudo",
            "/overrides/limits/speed",
        ]
    );
    assert!(error.to_string().starts_with("the manifest a.json cannot be used"), "{error}");
}

#[test]
fn another_format_is_refused_as_such() {
    let mut json = json_of(&manifest());
    json["format"] = json!("3.0");
    json["install"] = json!({});
    let said = "this manifest has format 3.0; this host reads 2.0: update the host or regenerate it";
    let found = Manifest::validate(&json.to_string());
    assert_eq!(found, [Violation { pointer: "/format".into(), message: said.into() }]);
    let error = Manifest::parse("a.json", json.to_string().as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), format!("the manifest a.json: {said}"));
}

#[test]
fn what_is_no_json_or_too_large_is_said_so() {
    let said = |text: &str| Manifest::validate(text).remove(0).message;
    let text = manifest().to_text().unwrap();
    for end in (0..text.len() - 1).step_by(7) {
        assert!(said(&text[..end]).contains("not well-formed JSON, or was cut"), "{end}");
        assert!(Manifest::parse("a.json", &text.as_bytes()[..end]).is_err());
    }
    assert!(said(&" ".repeat(MAX_BYTES as usize + 1)).contains("at most"));
    let twice = text.replacen("\"format\": \"2.0\",", "\"format\": \"2.0\", \"format\": \"2.0\",", 1);
    assert!(said(&twice).contains("duplicate field"));
    assert!(Manifest::parse("a.json", &[0xff]).unwrap_err().to_string().contains("is not text"));
    let mut large = manifest();
    large.code.summary = "x".repeat(MAX_BYTES as usize);
    assert!(large.to_text().unwrap_err().to_string().contains("`speech` would be"));
}

#[test]
fn drift_goes_by_what_a_schema_says_and_not_by_how_it_is_written() {
    let schema = |text: &str| described(DescriptionData { config_schema: text.into(), ..data() });
    let manifest = manifest();
    let same =
        r#" { "properties": {"beam":{"type":"integer"}, "model":{"type":"string"}}, "type":"object" } "#;
    assert_eq!(manifest.schema_drift(&schema(same)), None);
    let drift = manifest.schema_drift(&schema("{}")).unwrap();
    assert_eq!((drift.recorded, drift.live), (manifest.drift.config_schema, Digest::of(b"{}")));
    assert!(drift.to_string().contains(&drift.live.short()), "{drift}");
}

#[test]
fn regenerating_keeps_what_the_operator_decided_and_when_it_was_installed() {
    let mut manifest = manifest();
    manifest.overrides.grants.insert("gpu".parse().unwrap());
    let before = manifest.clone();
    let newer = COMPONENT.replace("transcriber", "translator");
    let data = DescriptionData { version: "2.0.0".into(), config_schema: "{}".into(), ..data() };
    let changes = manifest.regenerate(&described(data), &inspection(&newer));
    assert_eq!(manifest.code.version, Version::new(2, 0, 0));
    assert_eq!(manifest.install, Install { digest: inspection(&newer).digest, ..before.install.clone() });
    assert_eq!(manifest.overrides, before.overrides);
    assert_eq!(manifest.drift.config_schema, Digest::of(b"{}"));
    assert_eq!(changes, before.changes(&manifest));
    assert!(Manifest::validate(&manifest.to_text().unwrap()).is_empty());
}

#[test]
fn an_upgrade_says_what_changes() {
    let old = manifest();
    assert!(old.changes(&old).is_empty());
    assert_eq!(old.changes(&old).to_string(), "nothing changed");

    let newer = COMPONENT.replace("wasi:http/types@0.2.6", "wasi:http/outgoing-handler@0.2.7").replace(
        "(instance $empty)\n",
        "(import \"wasi:sockets/tcp@0.2.6\" (instance))\n(instance $empty)\n",
    );
    let inspection = inspection(&newer);
    let mut data = DescriptionData { version: "2.0.0".into(), instance: InstanceMode::Fresh, ..data() };
    data.config_schema =
        r#"{"properties":{"model":{"type":"string","minLength":1},"temperature":{}}}"#.into();
    data.actions[0].streams = false;
    data.actions.push(ActionData { name: "translate".into(), ..data.actions[0].clone() });
    data.secrets[0].required = false;
    data.platforms.clear();
    let install = Install { digest: inspection.digest, ..old.install.clone() };
    let new = Manifest::new(&described(data), &inspection, install);
    let changes = old.changes(&new);
    let (was, is) = (old.install.digest, new.install.digest);
    assert_eq!(
        changes.to_string(),
        format!(
            "version 1.2.3 -> 2.0.0\n\
             digest {was} -> {is}\n\
             instances exclusive -> fresh\n\
             + action translate\n\
             ~ action transcribe\n\
             + configuration field temperature\n\
             - configuration field beam\n\
             ~ configuration field model\n\
             + capability sockets\n\
             ~ capability network\n\
             + import wasi:http/outgoing-handler\n\
             + import wasi:sockets/tcp\n\
             - import wasi:http/types\n\
             ~ secret api-key\n\
             - platform linux"
        )
    );
    let json = serde_json::to_value(&changes).unwrap();
    assert_eq!(json["version"], json!({ "from": "1.2.3", "to": "2.0.0" }));
    assert_eq!(json["actions"], json!({ "added": ["translate"], "changed": ["transcribe"] }));
    assert_eq!(json["capabilities"], json!({ "added": ["sockets"], "changed": ["network"] }));
    assert_eq!(json.get("roles"), None);
}

#[test]
fn a_schema_that_changes_below_its_fields_is_not_passed_over() {
    let with = |default: &str| {
        let config_schema = format!(
            r##"{{"properties":{{"model":{{"$ref":"#/$defs/model"}}}},"$defs":{{"model":{{"const":"{default}"}}}}}}"##
        );
        let mut manifest = manifest();
        manifest.regenerate(&described(DescriptionData { config_schema, ..data() }), &inspection(COMPONENT));
        manifest
    };
    let changes = with("a").changes(&with("b"));
    assert!(changes.config_fields.is_empty() && changes.config_schema.is_some());
    assert_eq!(changes.to_string(), "~ configuration schema, in what lies deeper than its fields");
}

#[test]
fn what_the_documentation_shows_can_be_used() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/manifest.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    let block = |kind: &str| docs.split(kind).nth(1).unwrap().split("```").next().unwrap().to_owned();
    assert_eq!(Manifest::validate(&block("```json\n")), []);
    let manifest = Manifest::parse("it", block("```json\n").as_bytes()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let lock = dir.path().join("cjm.lock");
    std::fs::write(&lock, block("```toml\n")).unwrap();
    let lock = crate::catalog::lock::LockFile::read(&lock).unwrap();
    assert!(lock.check(&manifest.code.name, &manifest.install.digest).is_ok());
}
