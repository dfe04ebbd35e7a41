//! Every fault of a manifest at once, each where it is.

use std::collections::HashSet;
use std::str::FromStr;
use std::sync::LazyLock;

use semver::Version;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::format::{FORMAT, other_format, rfc3339};
use super::{MAX_BYTES, Manifest, json_digest};
use crate::catalog::digest::Digest;
use crate::catalog::inspect::Capability;
use crate::catalog::name;
use crate::catalog::schema::Schema;
use crate::error::{Error, Result, Violation};
use crate::policy::{Grants, LimitOverrides};

/// The shape of a manifest. What is within its texts is looked at here.
static SHAPE: LazyLock<Result<Schema>> =
    LazyLock::new(|| Schema::parse("the schema of manifests", include_str!("schema.json")));

/// What is wrong with a manifest.
#[derive(Debug)]
pub(super) enum Faults {
    /// It goes by other rules, by which nothing in it can be judged.
    OtherFormat(String),
    /// What breaks the rules of this format; nothing where it can be used.
    Violations(Vec<Violation>),
}

pub(super) fn faults(text: &str) -> Faults {
    let whole = |message: String| Faults::Violations(vec![Violation { pointer: String::new(), message }]);
    if text.len() as u64 > MAX_BYTES {
        return whole(format!("it is {} bytes long; at most {MAX_BYTES} are read", text.len()));
    }
    let manifest: Value = match serde_json::from_str(text) {
        Ok(manifest) => manifest,
        Err(error) => return whole(format!("it is not well-formed JSON, or was cut: {error}")),
    };
    match manifest.get("format") {
        Some(Value::String(format)) if format != FORMAT => return Faults::OtherFormat(other_format(format)),
        _ => {}
    }
    let mut check = Check { violations: shape(&manifest) };
    check.install(&manifest);
    check.code(&manifest);
    check.drift(&manifest);
    check.each::<Grants>("/overrides/grants", &manifest);
    check.each::<LimitOverrides>("/overrides/limits", &manifest);
    if check.violations.is_empty()
        && let Err(error) = serde_json::from_str::<Manifest>(text)
    {
        check.add("", error.to_string());
    }
    Faults::Violations(check.violations)
}

fn shape(manifest: &Value) -> Vec<Violation> {
    match &*SHAPE {
        Ok(schema) => schema.validate(manifest),
        Err(error) => vec![Violation { pointer: String::new(), message: error.to_string() }],
    }
}

struct Check {
    violations: Vec<Violation>,
}

impl Check {
    fn add(&mut self, pointer: &str, message: impl Into<String>) {
        self.violations.push(Violation { pointer: pointer.into(), message: message.into() });
    }

    fn install(&mut self, manifest: &Value) {
        if let Some(file) = text(manifest, "/install/file")
            && !name::is_component_file(file)
        {
            let file = name::shown(file);
            self.add("/install/file", format!("`{file}` is not the plain name of a `.wasm` file"));
        }
        self.parses::<Digest>("/install/digest", manifest);
        self.parses::<Version>("/install/installer/version", manifest);
        if let Some(Err(message)) = text(manifest, "/install/installed-at").map(rfc3339::parse) {
            self.add("/install/installed-at", message);
        }
    }

    fn code(&mut self, manifest: &Value) {
        for pointer in ["/code/name", "/code/category", "/code/domain"] {
            self.name(pointer, manifest);
        }
        self.parses::<Version>("/code/version", manifest);
        self.schema("/code/config-schema", manifest);
        let capabilities = manifest.pointer("/code/capabilities").and_then(Value::as_object);
        for capability in capabilities.into_iter().flat_map(Map::keys) {
            if serde_json::from_value::<Capability>(json!(capability)).is_err() {
                let shown = name::shown(capability);
                self.add(
                    &format!("/code/capabilities/{}", escape(capability)),
                    format!("there is no capability `{shown}`"),
                );
            }
        }
        let mut names = HashSet::new();
        for index in 0..length(manifest, "/code/actions") {
            let at = format!("/code/actions/{index}");
            self.name(&format!("{at}/name"), manifest);
            self.unique(&mut names, &format!("{at}/name"), manifest);
            self.schema(&format!("{at}/input-schema"), manifest);
            self.schema(&format!("{at}/output-schema"), manifest);
        }
        names.clear();
        for index in 0..length(manifest, "/code/secrets") {
            let at = format!("/code/secrets/{index}/name");
            if let Some(name) = text(manifest, &at)
                && !name::is_secret_name(name)
            {
                self.add(&at, format!("`{}` is no name of a secret", name::shown(name)));
            }
            self.unique(&mut names, &at, manifest);
        }
    }

    fn drift(&mut self, manifest: &Value) {
        const AT: &str = "/drift/config-schema";
        self.parses::<Digest>(AT, manifest);
        let recorded = text(manifest, AT).and_then(|text| text.parse::<Digest>().ok());
        let Some((recorded, schema)) = recorded.zip(manifest.pointer("/code/config-schema")) else { return };
        let is = json_digest(schema);
        if recorded != is {
            self.add(AT, format!("is not the digest of the schema at /code/config-schema, which is {is}"));
        }
    }

    /// Looks at each field by itself, and at each item of a list, so that one fault does not hide another.
    fn each<T: DeserializeOwned>(&mut self, at: &str, manifest: &Value) {
        let Some(fields) = manifest.pointer(at).and_then(Value::as_object) else { return };
        for (key, value) in fields {
            let at = format!("{at}/{}", escape(key));
            let fault = |value: Value| {
                let single = Map::from_iter([(key.clone(), value)]);
                serde_json::from_value::<T>(Value::Object(single)).err().map(|error| error.to_string())
            };
            let items = value.as_array().filter(|items| !items.is_empty());
            for (index, item) in items.into_iter().flatten().enumerate() {
                if let Some(message) = fault(json!([item])) {
                    self.add(&format!("{at}/{index}"), message);
                }
            }
            if items.is_none()
                && let Some(message) = fault(value.clone())
            {
                self.add(&at, message);
            }
        }
    }

    fn name(&mut self, pointer: &str, manifest: &Value) {
        if let Some(name) = text(manifest, pointer)
            && !name::is_name(name)
        {
            let name = name::shown(name);
            self.add(pointer, format!("`{name}` is not 1 to 64 characters of [A-Za-z0-9_-]"));
        }
    }

    fn unique<'a>(&mut self, names: &mut HashSet<&'a str>, pointer: &str, manifest: &'a Value) {
        if let Some(name) = text(manifest, pointer)
            && !names.insert(name)
        {
            self.add(pointer, format!("`{}` is the name of another before it", name::shown(name)));
        }
    }

    fn parses<T: FromStr<Err: ToString>>(&mut self, pointer: &str, manifest: &Value) {
        if let Some(Err(error)) = text(manifest, pointer).map(T::from_str) {
            self.add(pointer, error.to_string());
        }
    }

    fn schema(&mut self, pointer: &str, manifest: &Value) {
        let Some(schema) = manifest.pointer(pointer) else { return };
        let Err(error) = Schema::parse("it", &schema.to_string()) else { return };
        match &error {
            Error::InvalidInput(invalid) if !invalid.violations.is_empty() => {
                for Violation { pointer: within, message } in &invalid.violations {
                    self.add(&format!("{pointer}{within}"), format!("{}: {message}", invalid.message));
                }
            }
            other => self.add(pointer, other.to_string()),
        }
    }
}

fn text<'a>(manifest: &'a Value, pointer: &str) -> Option<&'a str> {
    manifest.pointer(pointer).and_then(Value::as_str)
}

fn length(manifest: &Value, pointer: &str) -> usize {
    manifest.pointer(pointer).and_then(Value::as_array).map_or(0, Vec::len)
}

/// A key as a part of a JSON pointer.
fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
