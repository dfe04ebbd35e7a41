//! Which layer a setting comes from.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// Where the value of a setting was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "layer", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Origin {
    /// On the command line, or in the hand of the application that embeds the host.
    CommandLine {
        /// The option, for example `--data-dir`.
        option: String,
    },
    /// In the environment.
    Environment {
        /// The variable, for example `CJM_DATA_DIR`.
        variable: String,
    },
    /// In `cjm.toml`.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// Nowhere: it is the default.
    Default,
}

impl Origin {
    pub(super) fn option(option: &str) -> Self {
        Origin::CommandLine { option: option.to_owned() }
    }

    pub(super) fn variable(variable: &str) -> Self {
        Origin::Environment { variable: variable.to_owned() }
    }

    /// Whether somebody chose it for this run, rather than for the project.
    pub(super) fn is_of_this_run(&self) -> bool {
        matches!(self, Origin::CommandLine { .. } | Origin::Environment { .. })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::CommandLine { option } => write!(f, "command line ({option})"),
            Origin::Environment { variable } => write!(f, "environment ({variable})"),
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// A value, with where it was found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Setting<T> {
    pub(super) value: T,
    pub(super) origin: Origin,
}

impl<T> Setting<T> {
    pub(super) fn new(value: T, origin: Origin) -> Self {
        Self { value, origin }
    }

    pub(super) fn default(value: T) -> Self {
        Self::new(value, Origin::Default)
    }
}
