//! What a plugin says of itself, held against the contract once, so that all else can rely on it.

mod faults;
#[cfg(test)]
mod tests;

use semver::Version;
use serde::{Deserialize, Serialize};

use super::name::{closest, shown};
use super::schema::{Schema, check_json, not_json};
use crate::error::{Error, Result};
use faults::Faults;

/// How calls share an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceMode {
    /// One call at a time; the others wait. State is kept.
    Exclusive,
    /// Several calls at a time in one instance. State is kept, and shared.
    Shared,
    /// A fresh instance for each call; nothing is kept.
    Fresh,
}

impl InstanceMode {
    /// The name, in kebab-case, as in descriptions and listings.
    pub fn as_str(self) -> &'static str {
        match self {
            InstanceMode::Exclusive => "exclusive",
            InstanceMode::Shared => "shared",
            InstanceMode::Fresh => "fresh",
        }
    }
}

/// A description as the plugin gave it, before anything of it was believed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DescriptionData {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) summary: String,
    pub(crate) authors: Vec<String>,
    pub(crate) category: Option<String>,
    pub(crate) domain: Option<String>,
    pub(crate) platforms: Vec<String>,
    pub(crate) secrets: Vec<SecretNeed>,
    pub(crate) config_schema: String,
    pub(crate) actions: Vec<ActionData>,
    pub(crate) instance: InstanceMode,
}

/// An action as the plugin gave it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ActionData {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) input_schema: Option<String>,
    pub(crate) output_schema: Option<String>,
    pub(crate) streams: bool,
    pub(crate) idempotent: bool,
}

/// What a plugin is, by its own account: well-formed, with unique actions and schemas that compile.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Description {
    /// 1 to 64 characters of `[A-Za-z0-9_-]`.
    pub name: String,
    /// The plugin's own version.
    pub version: Version,
    /// One line, for people.
    pub summary: String,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// The kind of work, for example `transcription`: plugins of one category can stand in for one another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// What it works on, for example `audio`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Where it runs, as `<os>` or `<os>-<arch>`; empty where it runs everywhere. See [`runs_on`](Self::runs_on).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<String>,
    /// The secrets that it asks for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretNeed>,
    /// What its configuration must fit.
    pub config_schema: Schema,
    /// What it can do.
    pub actions: Vec<Action>,
    /// How calls share an instance.
    pub instance: InstanceMode,
}

/// A secret that a plugin asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct SecretNeed {
    /// The name by which it asks: 1 to 64 characters of `[A-Za-z0-9_.-]`.
    pub name: String,
    /// What it is and where it comes from, for the operator.
    pub description: String,
    /// True where the plugin is not loaded without it.
    pub required: bool,
}

/// One thing that a plugin can do.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Action {
    /// Unique within the plugin.
    pub name: String,
    /// For people, and for agents that choose among actions.
    pub description: String,
    /// What JSON input must fit; none accepts any value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_schema: Option<Schema>,
    /// What the output fits; each item of it where `streams` is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Schema>,
    /// True where results come one by one.
    pub streams: bool,
    /// True where running it again, after a run that was cut short, does no harm.
    pub idempotent: bool,
}

impl Description {
    /// Holds what a plugin said against the contract; the error names every fault.
    ///
    /// `what` names the plugin or its file in that error.
    pub(crate) fn new(what: &str, data: DescriptionData) -> Result<Self> {
        let mut faults = Faults::default();
        faults.check_identity(&data);
        faults.check_platforms(&data.platforms);
        faults.check_secrets(&data.secrets);
        let version = faults.version(&data.version);
        let config_schema = faults.config_schema(&data.config_schema);
        let actions = faults.actions(data.actions);
        match (version, config_schema, faults.into_violations()) {
            (Some(version), Some(config_schema), violations) if violations.is_empty() => Ok(Self {
                name: data.name,
                version,
                summary: data.summary,
                authors: data.authors,
                category: data.category,
                domain: data.domain,
                platforms: data.platforms,
                secrets: data.secrets,
                config_schema,
                actions,
                instance: data.instance,
            }),
            (_, _, violations) => Err(Error::violated(
                format!("{what} describes itself in a way that breaks the contract; its author must mend it"),
                violations,
            )),
        }
    }

    /// Whether the plugin runs on this operating system and architecture, in the names of [`std::env::consts`].
    pub fn runs_on(&self, os: &str, arch: &str) -> bool {
        self.platforms.is_empty()
            || self.platforms.iter().any(|platform| match platform.split_once('-') {
                Some((of, on)) => of == os && on == arch,
                None => platform == os,
            })
    }

    /// The action of this name.
    ///
    /// A plain search: for the handful of actions that plugins have, comparing lengths first beats hashing.
    pub fn action(&self, name: &str) -> Option<&Action> {
        self.actions.iter().find(|action| action.name == name)
    }

    /// The error for an action that does not exist; names the one that was probably meant, and the others.
    pub fn unknown_action(&self, name: &str) -> Error {
        let plugin = &self.name;
        let mut message = format!("plugin `{plugin}` has no action `{}`", shown(name));
        if self.actions.is_empty() {
            message.push_str(": it has none at all");
            return Error::invalid(message);
        }
        if let Some(meant) = closest(name, self.actions.iter().map(|action| action.name.as_str())) {
            message.push_str(&format!("; did you mean `{meant}`?"));
        } else {
            message.push('.');
        }
        let listed: Vec<_> =
            self.actions.iter().take(20).map(|action| format!("`{}`", action.name)).collect();
        message.push_str(&format!(" It has {}", listed.join(", ")));
        if self.actions.len() > listed.len() {
            message.push_str(&format!(" and {} more", self.actions.len() - listed.len()));
        }
        Error::invalid(message)
    }
}

impl Action {
    /// Holds JSON input against the input schema, or where there is none only checks that it is JSON.
    pub fn validate_input_json(&self, text: &str) -> Result<()> {
        let Some(schema) = &self.input_schema else {
            return check_json(text).map_err(|error| self.of_input(&error));
        };
        let value = serde_json::from_str(text).map_err(|error| self.of_input(&not_json(&error)))?;
        let violations = schema.validate(&value);
        if violations.is_empty() {
            return Ok(());
        }
        Err(Error::violated(format!("input of action `{}` does not fit its schema", self.name), violations))
    }

    fn of_input(&self, error: &Error) -> Error {
        Error::invalid(format!("input of action `{}` is {error}", self.name))
    }
}
