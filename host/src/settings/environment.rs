//! The layer of environment variables.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde_json::Value;

use super::check;
use super::layer::Layer;
use super::origin::{Origin, Setting};
use super::queue::{self, QueueLayer};
use crate::catalog::{closest, shown};
use crate::error::{Error, Result};
use crate::policy::LimitOverrides;

/// The variables that are read. Empty ones count as not set, and others that begin with `CJM_` are other programs',
/// but for those that begin like a limit.
const FILE: &str = "CJM_CONFIG";
const DATA_DIR: &str = "CJM_DATA_DIR";
const PLUGINS_DIR: &str = "CJM_PLUGINS_DIR";
const CACHE_DIR: &str = "CJM_CACHE_DIR";
const TRUST: &str = "CJM_TRUST";
const DRIFT_DETECTION: &str = "CJM_DRIFT_DETECTION";
const PREFETCH_STALL: &str = "CJM_PREFETCH_STALL";
const SECRETS_BACKEND: &str = "CJM_SECRETS_BACKEND";
const SECRETS_SCOPE: &str = "CJM_SECRETS_SCOPE";
/// Before the name of a limit, as in `CJM_LIMITS_MEMORY_BYTES`.
const LIMITS: &str = "CJM_LIMITS_";
/// Before the path of a key of `[queue]`, as in `CJM_QUEUE_RETENTION_JOBS`.
const QUEUE: &str = "CJM_QUEUE_";

/// The environment of this process, or one that stands for it.
#[derive(Debug, Clone)]
pub(super) struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    pub(super) fn of_this_process() -> Self {
        Self::new(std::env::vars_os())
    }

    pub(super) fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let ours = |name: &OsStr| name.as_encoded_bytes().starts_with(b"CJM_");
        Self(variables.into_iter().filter(|(name, value)| ours(name) && !value.is_empty()).collect())
    }

    /// The `cjm.toml` that is to be read; a relative path is relative to `dir`.
    pub(super) fn file(&self, dir: &Path) -> Option<PathBuf> {
        self.0.get(OsStr::new(FILE)).map(|path| dir.join(path))
    }

    /// What the variables say; relative paths are relative to `dir`.
    pub(super) fn layer(&self, dir: &Path) -> Result<Layer> {
        let (limits, limit_origins) = self.limits()?;
        Ok(Layer {
            limits,
            limit_origins,
            queue: self.queue()?,
            data_dir: self.path(DATA_DIR, dir),
            plugins_dir: self.path(PLUGINS_DIR, dir),
            cache_dir: self.path(CACHE_DIR, dir),
            trust: self.parsed(TRUST, FromStr::from_str)?,
            drift_detection: self.parsed(DRIFT_DETECTION, switch)?,
            prefetch_stall: self.parsed(PREFETCH_STALL, duration)?,
            secrets_backend: self.parsed(SECRETS_BACKEND, FromStr::from_str)?,
            secrets_scope: self
                .parsed(SECRETS_SCOPE, |scope| check::scope(scope).map(|()| scope.to_owned()))?,
        })
    }

    fn limits(&self) -> Result<(LimitOverrides, BTreeMap<String, Origin>)> {
        let (mut limits, mut origins) = (LimitOverrides::default(), BTreeMap::new());
        let known: BTreeMap<_, _> =
            super::default_limits().keys().map(|key| (spelt(LIMITS, key), key.clone())).collect();
        // A limit that is misspelt would be no limit.
        self.check_known(LIMITS, "a limit", &known)?;
        for (variable, key) in &known {
            let set = |text: &str| {
                limits.set(key, Some(written(text))).map_err(|error| match error.violations() {
                    [only] => Error::invalid(&only.message),
                    _ => error,
                })
            };
            if let Some(set) = self.parsed(variable, set)? {
                origins.insert(key.clone(), set.origin);
            }
        }
        Ok((limits, origins))
    }

    fn queue(&self) -> Result<QueueLayer> {
        let variable = |path: &[String]| spelt(QUEUE, &path.join("-"));
        let known: BTreeMap<_, _> =
            queue::defaults().into_iter().map(|(path, _)| (variable(&path), path)).collect();
        self.check_known(QUEUE, "something of the queue", &known)?;
        let mut layer = QueueLayer::default();
        for (variable, path) in &known {
            let path: Vec<_> = path.iter().map(String::as_str).collect();
            let set = |text: &str| layer.set(&path, Setting::new(written(text), Origin::variable(variable)));
            self.parsed(variable, set)?;
        }
        Ok(layer)
    }

    /// # Errors
    ///
    /// `invalid-input`, where a variable begins like this and is none of those that are known.
    fn check_known<T>(&self, prefix: &str, what: &str, known: &BTreeMap<String, T>) -> Result<()> {
        let unknown = |name: &&OsString| name.to_str().is_none_or(|name| !known.contains_key(name));
        let ours = |name: &&OsString| name.as_encoded_bytes().starts_with(prefix.as_bytes());
        let Some(name) = self.0.keys().filter(ours).find(unknown) else { return Ok(()) };
        let name = name.to_string_lossy();
        // The beginning, which they share, is not to count as likeness.
        let candidates = known.keys().filter_map(|name| name.strip_prefix(prefix));
        let meant = closest(name.strip_prefix(prefix).unwrap_or_default(), candidates);
        let hint =
            meant.map_or_else(|| "unset it".to_owned(), |meant| format!("did you mean {prefix}{meant}?"));
        Err(Error::invalid(format!(
            "the environment variable {} sets {what} that there is not; {hint}",
            shown(&name)
        )))
    }

    /// A path, absolute.
    fn path(&self, variable: &str, dir: &Path) -> Option<Setting<PathBuf>> {
        let value = self.0.get(OsStr::new(variable))?;
        Some(Setting::new(dir.join(value), Origin::variable(variable)))
    }

    fn parsed<T>(&self, variable: &str, parse: impl FnOnce(&str) -> Result<T>) -> Result<Option<Setting<T>>> {
        let Some(value) = self.0.get(OsStr::new(variable)) else { return Ok(None) };
        let told = |why: &str| {
            let hint = "set it anew, or unset it";
            Error::invalid(format!("the environment variable {variable} cannot be used: {why}; {hint}"))
        };
        let text = value.to_str().ok_or_else(|| told("it is not UTF-8"))?;
        let value = parse(text).map_err(|error| told(&error.to_string()))?;
        Ok(Some(Setting::new(value, Origin::variable(variable))))
    }
}

/// A key as the name of a variable.
fn spelt(prefix: &str, key: &str) -> String {
    format!("{prefix}{}", key.replace('-', "_").to_ascii_uppercase())
}

/// A value as it would be written in `cjm.toml`, but for the quotes.
fn written(text: &str) -> Value {
    text.parse::<u64>().map_or_else(|_| text.into(), Value::from)
}

fn switch(text: &str) -> Result<bool> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        other => Err(Error::invalid(format!("`{}` is neither true nor false", other.escape_debug()))),
    }
}

fn duration(text: &str) -> Result<Duration> {
    let duration = match text.parse() {
        Ok(millis) => Duration::from_millis(millis),
        Err(_) => humantime::parse_duration(text).map_err(|error| {
            Error::invalid(format!(
                "`{}` is no duration ({error}); write one such as 60s",
                text.escape_debug()
            ))
        })?,
    };
    check::stall(duration).map(|()| duration)
}
