//! What differs between two manifests of one plugin, for whoever decides on an upgrade.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

use semver::Version;
use serde::Serialize;
use serde_json::Value;

use super::Manifest;
use crate::catalog::description::InstanceMode;
use crate::catalog::digest::Digest;
use crate::catalog::name::shown;

/// From what to what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change<T> {
    /// What it was.
    pub from: T,
    /// What it is.
    pub to: T,
}

/// What came, what went, and what stayed but is not what it was; by name, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Differences {
    /// Only in the new.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<String>,
    /// Only in the old.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
    /// In both, and not the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
}

/// All that differs between two manifests of one plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Changes {
    /// The plugin's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Change<Version>>,
    /// The component's digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Change<Digest>>,
    /// How calls share an instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<Change<InstanceMode>>,
    /// Actions; one is changed when its schemas are, or whether it streams or is idempotent.
    #[serde(skip_serializing_if = "Differences::is_empty")]
    pub actions: Differences,
    /// The digest of the configuration's schema, as drift is told by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_schema: Option<Change<Digest>>,
    /// The fields of the configuration, the outermost ones.
    #[serde(skip_serializing_if = "Differences::is_empty")]
    pub config_fields: Differences,
    /// Capabilities; one is changed when other interfaces of it are imported than before.
    #[serde(skip_serializing_if = "Differences::is_empty")]
    pub capabilities: Differences,
    /// The interfaces that are imported, without their versions.
    #[serde(skip_serializing_if = "Differences::is_empty")]
    pub imports: Differences,
    /// Secrets; one is changed when it becomes required, or no longer is.
    #[serde(skip_serializing_if = "Differences::is_empty")]
    pub secrets: Differences,
    /// The interfaces that are exported, without their versions.
    #[serde(skip_serializing_if = "Differences::is_empty")]
    pub roles: Differences,
    /// Where it runs.
    #[serde(skip_serializing_if = "Differences::is_empty")]
    pub platforms: Differences,
}

impl<T: PartialEq + Clone> Change<T> {
    fn between(from: &T, to: &T) -> Option<Self> {
        (from != to).then(|| Self { from: from.clone(), to: to.clone() })
    }
}

impl Differences {
    fn between<V: PartialEq>(from: &BTreeMap<String, V>, to: &BTreeMap<String, V>) -> Self {
        let only = |these: &BTreeMap<String, V>, those: &BTreeMap<String, V>| {
            these.keys().filter(|name| !those.contains_key(*name)).cloned().collect()
        };
        let changed =
            |(name, value): (&String, &V)| to.get(name).is_some_and(|now| now != value).then(|| name.clone());
        Self {
            added: only(to, from),
            removed: only(from, to),
            changed: from.iter().filter_map(changed).collect(),
        }
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

impl Changes {
    pub(super) fn between(from: &Manifest, to: &Manifest) -> Self {
        let by_name = |of: fn(&Manifest) -> BTreeMap<String, Value>| Differences::between(&of(from), &of(to));
        Self {
            version: Change::between(&from.code.version, &to.code.version),
            digest: Change::between(&from.install.digest, &to.install.digest),
            instance: Change::between(&from.code.instance, &to.code.instance),
            actions: by_name(actions),
            config_schema: Change::between(&from.drift.config_schema, &to.drift.config_schema),
            config_fields: by_name(config_fields),
            capabilities: by_name(capabilities),
            imports: by_name(imports),
            secrets: by_name(secrets),
            roles: by_name(|manifest| names(&manifest.code.roles)),
            platforms: by_name(|manifest| names(&manifest.code.resources.platforms)),
        }
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn actions(manifest: &Manifest) -> BTreeMap<String, Value> {
    let kept = |schema: &Option<Value>| schema.clone().unwrap_or(Value::Bool(true));
    let actions = manifest.code.actions.iter().map(|action| {
        let schemas = [kept(&action.input_schema), kept(&action.output_schema)];
        let value = [schemas.as_slice(), &[action.streams.into(), action.idempotent.into()]].concat();
        (action.name.clone(), Value::from(value))
    });
    actions.collect()
}

fn config_fields(manifest: &Manifest) -> BTreeMap<String, Value> {
    let fields = manifest.code.config_schema.get("properties").and_then(Value::as_object);
    fields.into_iter().flatten().map(|(name, schema)| (name.clone(), schema.clone())).collect()
}

fn capabilities(manifest: &Manifest) -> BTreeMap<String, Value> {
    let capabilities = manifest.code.capabilities.iter().map(|(capability, imports)| {
        let imports: BTreeSet<_> = imports.iter().map(|import| unversioned(import)).collect();
        (capability.to_string(), imports.into_iter().collect())
    });
    capabilities.collect()
}

fn imports(manifest: &Manifest) -> BTreeMap<String, Value> {
    let imports = manifest.code.capabilities.values().flatten();
    imports.map(|import| (unversioned(import).to_owned(), Value::Null)).collect()
}

fn secrets(manifest: &Manifest) -> BTreeMap<String, Value> {
    manifest.code.secrets.iter().map(|secret| (secret.name.clone(), secret.required.into())).collect()
}

fn names(names: &[String]) -> BTreeMap<String, Value> {
    names.iter().map(|name| (name.clone(), Value::Null)).collect()
}

fn unversioned(import: &str) -> &str {
    import.split_once('@').map_or(import, |(name, _)| name)
}

/// A line for each thing that differs: `+` what came, `-` what went, `~` what changed.
impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = String::new();
        if let Some(Change { from, to }) = &self.version {
            writeln!(lines, "version {from} -> {to}")?;
        }
        if let Some(Change { from, to }) = &self.digest {
            writeln!(lines, "digest {from} -> {to}")?;
        }
        if let Some(Change { from, to }) = &self.instance {
            writeln!(lines, "instances {} -> {}", from.as_str(), to.as_str())?;
        }
        for (what, differences) in [
            ("action", &self.actions),
            ("configuration field", &self.config_fields),
            ("capability", &self.capabilities),
            ("import", &self.imports),
            ("secret", &self.secrets),
            ("role", &self.roles),
            ("platform", &self.platforms),
        ] {
            for (sign, names) in
                [('+', &differences.added), ('-', &differences.removed), ('~', &differences.changed)]
            {
                for name in names {
                    writeln!(lines, "{sign} {what} {}", shown(name))?;
                }
            }
        }
        if self.config_schema.is_some() && self.config_fields.is_empty() {
            writeln!(lines, "~ configuration schema, in what lies deeper than its fields")?;
        }
        f.write_str(if lines.is_empty() { "nothing changed" } else { lines.trim_end() })
    }
}
