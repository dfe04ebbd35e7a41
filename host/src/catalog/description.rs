//! What a plugin says of itself, held against the contract once, so that all else can rely on it.

use semver::Version;
use serde::{Deserialize, Serialize};

use super::schema::{Schema, check_json, not_json};
use crate::error::{Error, Result, Violation};

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

/// A description as the plugin gave it, before anything of it was believed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DescriptionData {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) summary: String,
    pub(crate) authors: Vec<String>,
    pub(crate) domain: Option<String>,
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
    /// What it is for, for example `transcription`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// What its configuration must fit.
    pub config_schema: Schema,
    /// What it can do.
    pub actions: Vec<Action>,
    /// How calls share an instance.
    pub instance: InstanceMode,
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
}

/// Bounds what one plugin can make the host keep and list.
const MAX_ACTIONS: usize = 1024;
const MAX_NAME: usize = 64;

impl Description {
    /// Holds what a plugin said against the contract; the error names every fault.
    ///
    /// `what` names the plugin or its file in that error.
    pub(crate) fn new(what: &str, data: DescriptionData) -> Result<Self> {
        let mut faults = Faults::default();
        faults.check_name("/name", &data.name);
        let version = faults.take("/version", version(&data.version));
        let config_schema =
            faults.take("/config-schema", Schema::parse("the configuration schema", &data.config_schema));
        if data.actions.len() > MAX_ACTIONS {
            faults.add(
                "/actions",
                format!("has {} actions; at most {MAX_ACTIONS} are allowed", data.actions.len()),
            );
        }
        let mut actions: Vec<Action> = Vec::new();
        for (index, action) in data.actions.into_iter().take(MAX_ACTIONS).enumerate() {
            let action = faults.check_action(&format!("/actions/{index}"), action);
            if actions.iter().any(|other| other.name == action.name) {
                faults.add(
                    &format!("/actions/{index}/name"),
                    format!("`{}` is the name of an action before it", shown(&action.name)),
                );
            }
            actions.push(action);
        }
        match (version, config_schema) {
            (Some(version), Some(config_schema)) if faults.0.is_empty() => Ok(Self {
                name: data.name,
                version,
                summary: data.summary,
                authors: data.authors,
                domain: data.domain,
                config_schema,
                actions,
                instance: data.instance,
            }),
            _ => Err(Error::violated(
                format!("{what} describes itself in a way that breaks the contract; its author must mend it"),
                faults.0,
            )),
        }
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

#[derive(Default)]
struct Faults(Vec<Violation>);

impl Faults {
    fn add(&mut self, pointer: &str, message: impl Into<String>) {
        self.0.push(Violation { pointer: pointer.into(), message: message.into() });
    }

    /// Keeps what went well; of what did not, every violation under one pointer.
    fn take<T>(&mut self, pointer: &str, result: Result<T>) -> Option<T> {
        let error = match result {
            Ok(good) => return Some(good),
            Err(error) => error,
        };
        match &error {
            Error::InvalidInput(invalid) if !invalid.violations.is_empty() => {
                for violation in &invalid.violations {
                    self.add(pointer, format!("{}: {violation}", invalid.message));
                }
            }
            other => self.add(pointer, other.to_string()),
        }
        None
    }

    fn check_name(&mut self, pointer: &str, name: &str) {
        let fits = (1..=MAX_NAME).contains(&name.len())
            && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_' || c == b'-');
        if !fits {
            let name = shown(name);
            self.add(pointer, format!("`{name}` is not 1 to {MAX_NAME} characters of [A-Za-z0-9_-]"));
        }
    }

    fn check_action(&mut self, at: &str, data: ActionData) -> Action {
        self.check_name(&format!("{at}/name"), &data.name);
        let mut schema = |field: &str, kind: &str, text: Option<String>| {
            let what = format!("the {kind} schema of action `{}`", shown(&data.name));
            self.take(&format!("{at}/{field}"), Schema::parse(&what, &text?))
        };
        let input_schema = schema("input-schema", "input", data.input_schema);
        let output_schema = schema("output-schema", "output", data.output_schema);
        Action {
            name: data.name,
            description: data.description,
            input_schema,
            output_schema,
            streams: data.streams,
        }
    }
}

fn version(text: &str) -> Result<Version> {
    Version::parse(text)
        .map_err(|error| Error::invalid(format!("`{}` is not a semantic version: {error}", shown(text))))
}

/// As much of a name that a plugin made up as is worth printing, on one line.
fn shown(name: &str) -> String {
    let cut: String = name.chars().take(MAX_NAME).flat_map(char::escape_debug).collect();
    if name.chars().nth(MAX_NAME).is_some() { cut + "…" } else { cut }
}

/// The candidate that `name` is probably a misspelling of.
fn closest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > 2 * MAX_NAME {
        return None;
    }
    candidates
        .map(|candidate| (distance(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1.max(candidate.len() / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many characters have to be inserted, dropped or replaced (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(b.chars()) {
            let above = *cell;
            *cell = (diagonal + usize::from(from != to)).min(left + 1).min(above + 1);
            (diagonal, left) = (above, *cell);
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(name: &str, input_schema: Option<&str>) -> ActionData {
        ActionData {
            name: name.into(),
            description: "Adds.".into(),
            input_schema: input_schema.map(str::to_owned),
            output_schema: None,
            streams: false,
        }
    }

    fn calculator() -> DescriptionData {
        DescriptionData {
            name: "calculator".into(),
            version: "1.2.3".into(),
            summary: "Calculates.".into(),
            authors: vec!["A. Author".into()],
            domain: None,
            config_schema: "{}".into(),
            actions: vec![
                action("add", Some(r#"{"type":"object","required":["a","b"]}"#)),
                action("divide", None),
            ],
            instance: InstanceMode::Fresh,
        }
    }

    #[test]
    fn shows_schemas_as_json() {
        let description = Description::new("`a.wasm`", calculator()).unwrap();
        assert_eq!(
            serde_json::to_value(&description).unwrap(),
            serde_json::json!({
                "name": "calculator",
                "version": "1.2.3",
                "summary": "Calculates.",
                "authors": ["A. Author"],
                "config-schema": {},
                "actions": [
                    {
                        "name": "add",
                        "description": "Adds.",
                        "input-schema": { "type": "object", "required": ["a", "b"] },
                        "streams": false,
                    },
                    { "name": "divide", "description": "Adds.", "streams": false },
                ],
                "instance": "fresh",
            })
        );
    }

    #[test]
    fn names_every_fault_at_once() {
        let mut data = calculator();
        data.name = "a b".into();
        data.version = "one".into();
        data.config_schema = r#"{"type":"strin"}"#.into();
        data.actions.push(action("add", Some("{")));
        data.actions.push(action("", None));
        let error = Description::new("`a.wasm`", data).unwrap_err();
        assert!(error.to_string().starts_with("`a.wasm` describes itself in a way that breaks the contract"));
        let pointers: Vec<_> =
            error.violations().iter().map(|violation| violation.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/name",
                "/version",
                "/config-schema",
                "/actions/2/input-schema",
                "/actions/2/name",
                "/actions/3/name"
            ]
        );
    }

    #[test]
    fn takes_names_of_the_pattern_alone() {
        let with_name = |name: &str| {
            Description::new("it", DescriptionData { name: name.into(), ..calculator() }).is_ok()
        };
        assert!(with_name("a") && with_name("A_b-9") && with_name(&"x".repeat(64)));
        for name in ["", "a.b", "a/b", "ä", "a\n", &"x".repeat(65)] {
            assert!(!with_name(name), "{name:?}");
        }
    }

    #[test]
    fn suggests_the_action_that_was_meant() {
        let description = Description::new("it", calculator()).unwrap();
        assert_eq!(description.action("divide").unwrap().name, "divide");
        assert!(description.action("Divide").is_none());
        assert_eq!(
            description.unknown_action("devide").to_string(),
            "plugin `calculator` has no action `devide`; did you mean `divide`? It has `add`, `divide`"
        );
        assert_eq!(
            description.unknown_action("transcribe\n").to_string(),
            "plugin `calculator` has no action `transcribe\\n`. It has `add`, `divide`"
        );
    }

    #[test]
    fn holds_input_against_the_schema_where_there_is_one() {
        let description = Description::new("it", calculator()).unwrap();
        let (add, divide) = (description.action("add").unwrap(), description.action("divide").unwrap());
        assert!(add.validate_input_json(r#"{"a":1,"b":2}"#).is_ok());
        let error = add.validate_input_json("{}").unwrap_err();
        assert_eq!(error.violations().len(), 2);
        assert!(error.to_string().starts_with("input of action `add` does not fit its schema\n  /a: "));
        assert!(divide.validate_input_json("[null]").is_ok());
        for action in [add, divide] {
            let said = action.validate_input_json("{").unwrap_err().to_string();
            assert!(said.contains(" is not well-formed JSON: EOF") && said.contains("line 1"), "{said}");
        }
    }
}
