//! A plugin's manifest: the JSON file beside its component.
//!
//! It says what was installed and from where, what the plugin was found to be, by which its host lists and finds it
//! without running it, and what the operator decided for it.

mod changes;
mod format;
#[cfg(test)]
pub(crate) mod tests;
mod validate;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::SystemTime;

use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::description::{Action, Description, InstanceMode, SecretNeed};
use super::digest::Digest;
use super::inspect::{Capability, Inspection};
use super::name;
use super::schema::Schema;
use crate::error::{Error, Result, Violation};
use crate::file::{self, Access};
use crate::policy::{Grants, LimitOverrides};

pub use changes::{Change, Changes, Differences};
pub use format::FORMAT;
use format::{Format, rfc3339};

/// The longest manifest that is read or written.
pub(crate) const MAX_BYTES: u64 = 16 << 20;

/// What is written down about one plugin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Manifest {
    format: Format,
    /// What was installed, when, and from where.
    pub install: Install,
    /// What the plugin is, as it was when this was written.
    pub code: Code,
    /// What shows that it is something else by now.
    pub drift: DriftRecord,
    /// What the operator decided.
    #[serde(default)]
    pub overrides: Overrides,
}

/// What was installed, when, and from where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Install {
    /// The component's file, in the folder of the manifest.
    pub file: String,
    /// The component's digest.
    pub digest: Digest,
    /// Where it came from: an address, or a path.
    pub source: String,
    /// When, to the second.
    #[serde(with = "rfc3339")]
    pub installed_at: SystemTime,
    /// What installed it.
    pub installer: Installer,
}

/// A program that installs plugins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Installer {
    /// `cjm` for this host.
    pub name: String,
    /// Its version.
    pub version: Version,
}

/// What a plugin is: by its own account, and as its component tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Code {
    /// 1 to 64 characters of `[A-Za-z0-9_-]`.
    pub name: String,
    /// The plugin's own version.
    pub version: Version,
    /// One line, for people.
    pub summary: String,
    /// Who wrote it.
    #[serde(default)]
    pub authors: Vec<String>,
    /// The kind of work, for example `transcription`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// What it works on, for example `audio`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// How calls share an instance.
    pub instance: InstanceMode,
    /// What it can do.
    #[serde(default)]
    pub actions: Vec<ActionRecord>,
    /// The interfaces that it exports, without their versions.
    #[serde(default)]
    pub roles: Vec<String>,
    /// What it wants from the host: its imports, by the capability that they belong to.
    #[serde(default)]
    pub capabilities: BTreeMap<Capability, Vec<String>>,
    /// The JSON Schema of its configuration.
    pub config_schema: Value,
    /// The secrets that it asks for.
    #[serde(default)]
    pub secrets: Vec<SecretNeed>,
    /// What it needs of the machine.
    #[serde(default)]
    pub resources: Resources,
}

/// One thing that a plugin can do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct ActionRecord {
    /// Unique within the plugin.
    pub name: String,
    /// For people, and for agents that choose among actions.
    pub description: String,
    /// The JSON Schema of its input; none accepts any value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_schema: Option<Value>,
    /// The JSON Schema of its output, or of each item where it streams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
    /// True where results come one by one.
    #[serde(default)]
    pub streams: bool,
    /// True where running it again, after a run that was cut short, does no harm.
    #[serde(default = "yes")]
    pub idempotent: bool,
}

fn yes() -> bool {
    true
}

/// What a plugin needs of the machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Resources {
    /// True where it imports an interface to GPUs.
    pub gpu: bool,
    /// Where it runs, as `<os>` or `<os>-<arch>`; empty where it runs everywhere.
    pub platforms: Vec<String>,
    /// Memory that one call takes up at its peak, in bytes, where the plugin says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The same of the memory of a GPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_memory_bytes: Option<u64>,
}

/// What is compared with the live plugin when it is loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct DriftRecord {
    /// The [`schema_digest`] of the configuration's schema.
    pub config_schema: Digest,
}

/// What the operator decided for a plugin. Kept when it is upgraded, or its manifest regenerated.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Overrides {
    /// What it may use, beside what `cjm.toml` grants.
    #[serde(skip_serializing_if = "Grants::is_empty")]
    pub grants: Grants,
    /// Its limits; they win over those in `cjm.toml`.
    #[serde(skip_serializing_if = "LimitOverrides::is_empty")]
    pub limits: LimitOverrides,
}

/// A configuration schema that is no longer the one that was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Drift {
    /// The digest in the manifest.
    pub recorded: Digest,
    /// The digest of the schema that the plugin has now.
    pub live: Digest,
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (recorded, live) = (self.recorded.short(), self.live.short());
        write!(f, "its configuration schema is {live}, and its manifest was written for {recorded}")
    }
}

/// The digest of a schema's canonical JSON (RFC 8785): the same for schemas that differ only in how they are written.
pub fn schema_digest(schema: &Schema) -> Digest {
    json_digest(schema.as_json())
}

fn json_digest(json: &Value) -> Digest {
    // Every JSON value has a canonical form.
    Digest::of(&serde_json_canonicalizer::to_vec(json).unwrap_or_default())
}

impl Install {
    /// What is installed now, under the name that the plugin has.
    pub fn now(name: &str, digest: Digest, source: &str, installer: Installer) -> Self {
        Self {
            file: format!("{name}.wasm"),
            digest,
            source: source.to_owned(),
            installed_at: rfc3339::to_the_second(SystemTime::now()),
            installer,
        }
    }
}

impl Code {
    /// What a plugin is, as it says and as its component shows.
    fn of(description: &Description, inspection: &Inspection) -> Self {
        let needs = description.config_schema.needs();
        Self {
            name: description.name.clone(),
            version: description.version.clone(),
            summary: description.summary.clone(),
            authors: description.authors.clone(),
            category: description.category.clone(),
            domain: description.domain.clone(),
            instance: description.instance,
            actions: description.actions.iter().map(ActionRecord::of).collect(),
            roles: inspection.roles(),
            capabilities: inspection.imports.clone(),
            config_schema: description.config_schema.as_json().clone(),
            secrets: description.secrets.clone(),
            resources: Resources {
                gpu: inspection.imports.contains_key(&Capability::Gpu),
                platforms: description.platforms.clone(),
                memory_bytes: needs.memory_bytes,
                gpu_memory_bytes: needs.gpu_memory_bytes,
            },
        }
    }
}

impl ActionRecord {
    fn of(action: &Action) -> Self {
        let json = |schema: &Option<Schema>| schema.as_ref().map(|schema| schema.as_json().clone());
        Self {
            name: action.name.clone(),
            description: action.description.clone(),
            input_schema: json(&action.input_schema),
            output_schema: json(&action.output_schema),
            streams: action.streams,
            idempotent: action.idempotent,
        }
    }
}

impl Manifest {
    /// The manifest of a plugin that is installed, with nothing decided about it yet.
    pub fn new(description: &Description, inspection: &Inspection, install: Install) -> Self {
        Self {
            format: Format,
            install,
            code: Code::of(description, inspection),
            drift: DriftRecord { config_schema: schema_digest(&description.config_schema) },
            overrides: Overrides::default(),
        }
    }

    /// Reads a manifest. Of one that cannot be used, the error names every fault; one of another format is refused as
    /// such.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = file::read(path, MAX_BYTES)?;
        Self::parse(&path.display().to_string(), &bytes)
    }

    /// Reads the text of a manifest; `what` names it in errors.
    pub(crate) fn parse(what: &str, bytes: &[u8]) -> Result<Self> {
        if let Some(manifest) = serde_json::from_slice(bytes).ok().filter(Self::names_are_plain) {
            return Ok(manifest);
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err(Error::invalid(format!("the manifest {what} is not text")));
        };
        Err(match validate::faults(text) {
            validate::Faults::OtherFormat(why) => Error::invalid(format!("the manifest {what}: {why}")),
            validate::Faults::Violations(violations) => Error::violated(
                format!(
                    "the manifest {what} cannot be used: mend it, or have it written anew (`regenerate`)"
                ),
                violations,
            ),
        })
    }

    /// What a manifest that cannot be used still tells of what a host does not find out anew: its installation, where
    /// that can be read, and what the operator decided. Where the latter cannot be read, it is an error: to leave it
    /// out would take back what was granted, and lift limits that were set.
    pub(crate) fn salvage(what: &str, bytes: &[u8]) -> Result<(Option<Install>, Overrides)> {
        let unreadable = |error: serde_json::Error| {
            Error::invalid(format!(
                "what was decided for the plugin cannot be read from its manifest {what}: {error}; mend it, or delete it \
                 to begin without grants"
            ))
        };
        let mut manifest: Value = serde_json::from_slice(bytes).map_err(unreadable)?;
        let mut section = |name| manifest.get_mut(name).map(Value::take);
        let install = section("install").and_then(|install| serde_json::from_value(install).ok());
        let overrides = section("overrides").map(serde_json::from_value).transpose().map_err(unreadable)?;
        Ok((install, overrides.unwrap_or_default()))
    }

    /// What neither leads out of the plugins folder nor poses as what it cannot be.
    fn names_are_plain(&self) -> bool {
        name::is_component_file(&self.install.file) && name::is_name(&self.code.name)
    }

    /// Every fault of a manifest's text at once, each with the JSON pointer to it; none where it can be used.
    ///
    /// Looks further than reading does: at every schema, and whether the recorded digest is that of the schema.
    pub fn validate(text: &str) -> Vec<Violation> {
        match validate::faults(text) {
            validate::Faults::OtherFormat(message) => vec![Violation { pointer: "/format".into(), message }],
            validate::Faults::Violations(violations) => violations,
        }
    }

    /// The text of the manifest's file. One that would be too long to be read again is an error.
    pub fn to_text(&self) -> Result<String> {
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::invalid(format!("the manifest cannot be written: {error}")))?;
        text.push('\n');
        if text.len() as u64 > MAX_BYTES {
            return Err(Error::invalid(format!(
                "the manifest of `{}` would be {} bytes long; at most {MAX_BYTES} are read: its schemas are too large",
                self.code.name,
                text.len()
            )));
        }
        Ok(text)
    }

    /// Writes the manifest, whole or not at all, in place of one that is there.
    pub fn write(&self, path: &Path) -> Result<()> {
        file::write_atomically(path, self.to_text()?.as_bytes(), Access::Shared)
            .map_err(|error| Error::io("write the manifest", path, &error))
    }

    /// Takes over what the plugin is now, its digest included, and says what changed. What the operator decided stays,
    /// and so does when, from where and by what it was installed.
    pub fn regenerate(&mut self, description: &Description, inspection: &Inspection) -> Changes {
        let before = self.clone();
        self.code = Code::of(description, inspection);
        self.drift.config_schema = schema_digest(&description.config_schema);
        self.install.digest = inspection.digest;
        Changes::between(&before, self)
    }

    /// Whether the schema of the plugin's configuration is another than when this was written.
    pub fn schema_drift(&self, description: &Description) -> Option<Drift> {
        let (recorded, live) = (self.drift.config_schema, schema_digest(&description.config_schema));
        (recorded != live).then_some(Drift { recorded, live })
    }

    /// What changes for whoever goes over from one manifest to another.
    pub fn changes(&self, to: &Manifest) -> Changes {
        Changes::between(self, to)
    }
}
