//! What of a description breaks the contract.

use std::collections::HashSet;

use semver::Version;

use super::{Action, ActionData, DescriptionData, SecretNeed};
use crate::catalog::name::{is_name, is_secret_name, shown};
use crate::catalog::schema::Schema;
use crate::error::{Error, Result, Violation};

/// Bounds what one plugin can make the host keep and list.
const MAX_ACTIONS: usize = 1024;
const MAX_AUTHORS: usize = 100;
const MAX_PLATFORMS: usize = 64;
const MAX_SECRETS: usize = 64;
const MAX_AUTHOR_BYTES: usize = 200;
const MAX_LINE_BYTES: usize = 4 << 10;
const MAX_TEXT_BYTES: usize = 64 << 10;

/// The faults that were found so far.
#[derive(Default)]
pub(super) struct Faults(Vec<Violation>);

impl Faults {
    pub(super) fn into_violations(self) -> Vec<Violation> {
        self.0
    }

    pub(super) fn version(&mut self, text: &str) -> Option<Version> {
        let version = Version::parse(text)
            .map_err(|error| Error::invalid(format!("`{}` is not a semantic version: {error}", shown(text))));
        self.take("/version", version)
    }

    pub(super) fn config_schema(&mut self, text: &str) -> Option<Schema> {
        let schema = self.take("/config-schema", Schema::parse("the configuration schema", text))?;
        // Most have none, and need not be looked through for them.
        let violations = if text.contains("x-cjm-") { schema.check_annotations() } else { Vec::new() };
        for violation in violations {
            self.add("/config-schema", violation.to_string());
        }
        Some(schema)
    }

    pub(super) fn actions(&mut self, data: Vec<ActionData>) -> Vec<Action> {
        self.check_count("/actions", "actions", data.len(), MAX_ACTIONS);
        let mut names = HashSet::new();
        let mut actions = Vec::new();
        for (index, action) in data.into_iter().take(MAX_ACTIONS).enumerate() {
            let at = format!("/actions/{index}");
            self.check_name(&format!("{at}/name"), &action.name);
            self.check_unique(&format!("{at}/name"), "an action", &mut names, &action.name);
            actions.push(self.action(&at, action));
        }
        actions
    }

    fn action(&mut self, at: &str, data: ActionData) -> Action {
        self.check_length(&format!("{at}/description"), &data.description, MAX_TEXT_BYTES);
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
            idempotent: data.idempotent,
        }
    }

    /// What the plugin is called and where it belongs.
    pub(super) fn check_identity(&mut self, data: &DescriptionData) {
        self.check_name("/name", &data.name);
        self.check_length("/summary", &data.summary, MAX_LINE_BYTES);
        self.check_count("/authors", "authors", data.authors.len(), MAX_AUTHORS);
        for (index, author) in data.authors.iter().take(MAX_AUTHORS).enumerate() {
            self.check_length(&format!("/authors/{index}"), author, MAX_AUTHOR_BYTES);
        }
        for (pointer, name) in [("/category", &data.category), ("/domain", &data.domain)] {
            if let Some(name) = name {
                self.check_name(pointer, name);
            }
        }
    }

    pub(super) fn check_platforms(&mut self, platforms: &[String]) {
        self.check_count("/platforms", "platforms", platforms.len(), MAX_PLATFORMS);
        for (index, platform) in platforms.iter().take(MAX_PLATFORMS).enumerate() {
            if !is_platform(platform) {
                let platform = shown(platform);
                self.add(
                    &format!("/platforms/{index}"),
                    format!(
                        "`{platform}` is not `<os>` or `<os>-<arch>`, for example `linux` or `macos-aarch64`"
                    ),
                );
            }
        }
    }

    pub(super) fn check_secrets(&mut self, secrets: &[SecretNeed]) {
        self.check_count("/secrets", "secrets", secrets.len(), MAX_SECRETS);
        let mut names = HashSet::new();
        for (index, secret) in secrets.iter().take(MAX_SECRETS).enumerate() {
            let at = format!("/secrets/{index}/name");
            if !is_secret_name(&secret.name) {
                let name = shown(&secret.name);
                self.add(&at, format!("`{name}` is not 1 to 64 characters of [A-Za-z0-9_.-]"));
            }
            self.check_unique(&at, "a secret", &mut names, &secret.name);
            self.check_length(&format!("/secrets/{index}/description"), &secret.description, MAX_LINE_BYTES);
        }
    }

    fn check_name(&mut self, pointer: &str, name: &str) {
        if !is_name(name) {
            let name = shown(name);
            self.add(pointer, format!("`{name}` is not 1 to 64 characters of [A-Za-z0-9_-]"));
        }
    }

    fn check_unique(&mut self, pointer: &str, of: &str, names: &mut HashSet<String>, name: &str) {
        if !names.insert(name.to_owned()) {
            self.add(pointer, format!("`{}` is the name of {of} before it", shown(name)));
        }
    }

    fn check_count(&mut self, pointer: &str, what: &str, count: usize, limit: usize) {
        if count > limit {
            self.add(pointer, format!("has {count} {what}; at most {limit} are allowed"));
        }
    }

    fn check_length(&mut self, pointer: &str, text: &str, limit: usize) {
        if text.len() > limit {
            self.add(pointer, format!("is {} bytes long; at most {limit} are allowed", text.len()));
        }
    }

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
}

/// `<os>` or `<os>-<arch>`, in the words that Rust has for them.
fn is_platform(platform: &str) -> bool {
    let is_word = |word: &str| {
        (1..=32).contains(&word.len())
            && word.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_')
    };
    match platform.split_once('-') {
        Some((os, arch)) => is_word(os) && is_word(arch),
        None => is_word(platform),
    }
}
