//! What a plugin says about itself.

use super::Actions;
use crate::plugin::{InstanceMode, SecretNeed};
use crate::schema;
use crate::value::{Input, Output};

/// What cargo knows of the author's package. Read in the author's crate, where it is the author's.
#[derive(Debug, Clone, Copy)]
pub struct Package {
    /// `CARGO_PKG_NAME`
    pub name: &'static str,
    /// `CARGO_PKG_VERSION`
    pub version: &'static str,
    /// `CARGO_PKG_DESCRIPTION`
    pub description: &'static str,
    /// `CARGO_PKG_AUTHORS`, which separates with colons.
    pub authors: &'static str,
}

/// What a plugin says about itself to a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The plugin's name.
    pub name: String,
    /// A semantic version.
    pub version: String,
    /// One line, for people.
    pub summary: String,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// The kind of work.
    pub category: Option<String>,
    /// What the plugin works on.
    pub domain: Option<String>,
    /// Where the plugin runs; empty where it runs everywhere.
    pub platforms: Vec<String>,
    /// The secrets that the plugin asks for.
    pub secrets: Vec<SecretNeed>,
    /// JSON Schema of the configuration.
    pub config_schema: String,
    /// What it can do.
    pub actions: Vec<Action>,
    /// How calls share an instance.
    pub instance: InstanceMode,
}

/// One thing that a plugin can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// Its name, unique within the plugin.
    pub name: String,
    /// What it does, for people and for agents.
    pub description: String,
    /// JSON Schema of the input; none accepts any value.
    pub input_schema: Option<String>,
    /// JSON Schema of the output, or of each item where it streams.
    pub output_schema: Option<String>,
    /// True where results come one by one.
    pub streams: bool,
    /// True where running it again, after a run that was cut short, does no harm.
    pub idempotent: bool,
}

/// The whole description. Only made when a host asks, never for a call.
pub fn describe<P: Actions>() -> Description {
    let package = P::PACKAGE;
    let authors = match P::AUTHORS {
        Some(authors) => authors.iter().map(|author| (*author).to_owned()).collect(),
        None => package.authors.split(':').filter(|author| !author.is_empty()).map(str::to_owned).collect(),
    };
    Description {
        name: P::NAME.unwrap_or(package.name).to_owned(),
        version: P::VERSION.unwrap_or(package.version).to_owned(),
        // Manifests wrap long descriptions.
        summary: P::SUMMARY.unwrap_or(package.description).split_whitespace().collect::<Vec<_>>().join(" "),
        authors,
        category: P::CATEGORY.map(str::to_owned),
        domain: P::DOMAIN.map(str::to_owned),
        platforms: P::PLATFORMS.iter().map(|&platform| platform.to_owned()).collect(),
        secrets: P::SECRETS.to_vec(),
        config_schema: schema::of_input::<P::Config>(),
        actions: P::actions(),
        instance: P::INSTANCE,
    }
}

/// The input schema of a type.
pub fn input_schema<T: Input>() -> Option<String> {
    T::schema()
}

/// The input schema of an action that takes none.
pub fn no_input_schema() -> Option<String> {
    Some(schema::OF_NOTHING.to_owned())
}

/// The output schema of a type.
pub fn output_schema<T: Output>() -> Option<String> {
    T::schema()
}
