//! The layer of `cjm.toml`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::check;
use super::document::{Document, Leaf, dotted, position};
use super::layer::Layer;
use super::origin::{Origin, Setting};
use super::plugin::{PluginSettings, PluginSource};
use super::queue::{self, QueueLayer};
use crate::capability::secrets::SecretsBackend;
use crate::catalog::name::check_name;
use crate::catalog::{Digest, InstanceMode, TrustLevel};
use crate::error::{Error, Result};
use crate::file;
use crate::policy::{Grants, LimitOverrides};

/// The largest file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// What a `cjm.toml` says.
#[derive(Debug, Default)]
pub(super) struct SettingsFile {
    pub(super) layer: Layer,
    pub(super) plugins: BTreeMap<String, PluginSettings>,
    /// What is set under `plugins`, with the lines.
    pub(super) plugin_leaves: Vec<Leaf>,
}

/// The file as it is written. An unknown key anywhere is an error.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
struct Wire {
    data_dir: Option<PathBuf>,
    plugins_dir: Option<PathBuf>,
    cache_dir: Option<PathBuf>,
    trust: Option<TrustLevel>,
    drift_detection: Option<bool>,
    #[serde(deserialize_with = "duration")]
    prefetch_stall: Option<Duration>,
    secrets_backend: Option<SecretsBackend>,
    secrets_scope: Option<String>,
    limits: Map<String, Value>,
    queue: Map<String, Value>,
    plugins: BTreeMap<String, WirePlugin>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
struct WirePlugin {
    source: Option<String>,
    digest: Option<Digest>,
    config: Option<toml::Table>,
    instances: Option<Vec<String>>,
    mode: Option<InstanceMode>,
    grants: Grants,
    limits: Map<String, Value>,
}

impl SettingsFile {
    /// Reads a file; its path is absolute. Relative paths in it are relative to its folder.
    ///
    /// # Errors
    ///
    /// `invalid-input`, with the line, the column and the key that is wrong.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let bytes = file::read(path, MAX_BYTES)?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let good = String::from_utf8_lossy(
                error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default(),
            );
            let line = position(&good, good.len()).line;
            Error::invalid(format!("cannot use {}: line {line} is not UTF-8", path.display()))
        })?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self> {
        let wrong = |error: toml::de::Error, document: Option<&Document<'_>>| {
            let at = error.span().map(|span| span.start);
            let key = at.and_then(|at| document?.key_at(at));
            let place = at.map(|at| position(text, at));
            told(path, place.map(|place| (place.line, place.column)), key.as_deref(), error.message())
        };
        let document = Document::parse(text).map_err(|error| wrong(error, None))?;
        let wire: Wire = toml::from_str(text).map_err(|error| wrong(error, Some(&document)))?;
        Reader { path, dir: path.parent().unwrap_or(Path::new("")), document: &document }.read(wire)
    }
}

/// The one form of what is wrong with a file.
fn told(path: &Path, place: Option<(usize, usize)>, key: Option<&str>, why: &str) -> Error {
    let mut message = format!("cannot use {}: ", path.display());
    if let Some((line, column)) = place {
        message += &format!("line {line}, column {column}: ");
    }
    if let Some(key) = key {
        message += &format!("`{key}`: ");
    }
    Error::invalid(message + why.trim_end())
}

struct Reader<'a> {
    path: &'a Path,
    dir: &'a Path,
    document: &'a Document<'a>,
}

impl Reader<'_> {
    fn read(&self, wire: Wire) -> Result<SettingsFile> {
        if let Some(scope) = &wire.secrets_scope {
            check::scope(scope).map_err(|error| self.wrong(&["secrets-scope"], &error))?;
        }
        if let Some(stall) = wire.prefetch_stall {
            check::stall(stall).map_err(|error| self.wrong(&["prefetch-stall"], &error))?;
        }
        let layer = Layer {
            data_dir: self.folder("data-dir", wire.data_dir)?,
            plugins_dir: self.folder("plugins-dir", wire.plugins_dir)?,
            cache_dir: self.folder("cache-dir", wire.cache_dir)?,
            trust: self.setting("trust", wire.trust),
            drift_detection: self.setting("drift-detection", wire.drift_detection),
            prefetch_stall: self.setting("prefetch-stall", wire.prefetch_stall),
            secrets_backend: self.setting("secrets-backend", wire.secrets_backend),
            secrets_scope: self.setting("secrets-scope", wire.secrets_scope),
            limit_origins: wire
                .limits
                .keys()
                .map(|key| (key.clone(), self.origin(&["limits", key])))
                .collect(),
            limits: self.limits(&["limits"], wire.limits)?,
            queue: self.queue(wire.queue)?,
        };
        let plugins = wire
            .plugins
            .into_iter()
            .map(|(name, plugin)| Ok((name.clone(), self.plugin(&name, plugin)?)))
            .collect::<Result<_>>()?;
        self.check_instances(&plugins)?;
        Ok(SettingsFile { layer, plugins, plugin_leaves: self.document.leaves("plugins") })
    }

    fn plugin(&self, name: &str, plugin: WirePlugin) -> Result<PluginSettings> {
        let at = |key| ["plugins", name, key];
        check_name("a plugin", name).map_err(|error| self.wrong(&["plugins", name], &error))?;
        let source = plugin.source.map(|text| PluginSource::parse(&text, self.dir)).transpose();
        let source = source.map_err(|error| self.wrong(&at("source"), &error))?;
        for id in plugin.instances.iter().flatten() {
            check_name("an instance", id).map_err(|error| self.wrong(&at("instances"), &error))?;
        }
        let config =
            plugin.config.map(|table| self.json(&mut at("config").to_vec(), toml::Value::Table(table)));
        let mut grants = plugin.grants;
        grants.rebase(self.dir);
        Ok(PluginSettings {
            source,
            digest: plugin.digest,
            config: config.transpose()?,
            instances: plugin.instances,
            mode: plugin.mode,
            grants,
            limits: self.limits(&at("limits"), plugin.limits)?,
        })
    }

    /// An id stands for one instance.
    fn check_instances(&self, plugins: &BTreeMap<String, PluginSettings>) -> Result<()> {
        let mut known = BTreeMap::new();
        for (name, plugin) in plugins {
            for id in plugin.instance_ids(name) {
                if let Some(other) = known.insert(id, name) {
                    let why =
                        format!("`{id}` is an instance of `{other}` already; give each an id of its own");
                    let path = ["plugins", name, "instances"];
                    let path = if plugin.instances.is_some() { &path[..] } else { &["plugins", name] };
                    return Err(self.wrong(path, &Error::invalid(why)));
                }
            }
        }
        Ok(())
    }

    fn limits(&self, path: &[&str], values: Map<String, Value>) -> Result<LimitOverrides> {
        LimitOverrides::try_from(values).map_err(|error| {
            let Some(first) = error.violations().first() else { return self.wrong(path, &error) };
            let key = first.pointer.trim_start_matches('/').replace("~1", "/").replace("~0", "~");
            self.wrong(&[path, &[&key]].concat(), &Error::invalid(&first.message))
        })
    }

    fn queue(&self, values: Map<String, Value>) -> Result<QueueLayer> {
        let (mut all, mut layer) = (Vec::new(), QueueLayer::default());
        queue::leaves(&mut Vec::new(), &Value::Object(values), &mut all);
        for (path, value) in all {
            let path: Vec<_> = path.iter().map(String::as_str).collect();
            let whole = [&["queue"], path.as_slice()].concat();
            let value = Setting::new(value, self.origin(&whole));
            layer.set(&path, value).map_err(|error| self.wrong(&whole, &error))?;
        }
        Ok(layer)
    }

    /// A value as JSON. Dates and times become text, as JSON has none.
    fn json(&self, path: &mut Vec<&str>, value: toml::Value) -> Result<Value> {
        Ok(match value {
            toml::Value::String(text) => text.into(),
            toml::Value::Integer(number) => number.into(),
            toml::Value::Boolean(truth) => truth.into(),
            toml::Value::Datetime(time) => time.to_string().into(),
            toml::Value::Float(number) => match serde_json::Number::from_f64(number) {
                Some(number) => Value::Number(number),
                None => {
                    let why = format!("`{number}` is no number that a configuration can have");
                    return Err(self.wrong(path, &Error::invalid(why)));
                }
            },
            toml::Value::Array(items) => {
                items.into_iter().map(|item| self.json(path, item)).collect::<Result<_>>()?
            }
            toml::Value::Table(fields) => {
                let mut object = Map::new();
                for (name, field) in fields {
                    let mut path = path.clone();
                    path.push(&name);
                    let field = self.json(&mut path, field)?;
                    object.insert(name, field);
                }
                Value::Object(object)
            }
        })
    }

    fn folder(&self, key: &str, path: Option<PathBuf>) -> Result<Option<Setting<PathBuf>>> {
        match path {
            Some(path) if path.as_os_str().is_empty() => {
                Err(self.wrong(&[key], &Error::invalid("a folder is needed")))
            }
            path => Ok(self.setting(key, path.map(|path| self.dir.join(path)))),
        }
    }

    fn setting<T>(&self, key: &str, value: Option<T>) -> Option<Setting<T>> {
        value.map(|value| Setting::new(value, self.origin(&[key])))
    }

    fn origin(&self, path: &[&str]) -> Origin {
        let line = self.document.position_of(path).map_or(1, |place| place.line);
        Origin::File { path: self.path.to_owned(), line }
    }

    /// What is wrong with a key; the innermost part of its path that can be found is pointed at.
    fn wrong(&self, path: &[&str], error: &Error) -> Error {
        let place = (1..=path.len()).rev().find_map(|length| self.document.position_of(path.get(..length)?));
        let place = place.map(|place| (place.line, place.column));
        told(self.path, place, Some(&dotted(path)), &error.to_string())
    }
}

/// A duration: a number of milliseconds, or text such as `60s`.
fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    struct Written;

    impl Visitor<'_> for Written {
        type Value = Duration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number of milliseconds, or text such as \"60s\"")
        }

        fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Duration, E> {
            let millis = u64::try_from(number);
            millis.map(Duration::from_millis).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Duration, E> {
            humantime::parse_duration(text).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
        }
    }

    deserializer.deserialize_any(Written).map(Some)
}
