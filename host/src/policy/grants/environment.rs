//! Environment variables.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// One environment variable: `NAME`, passed through from the host's own environment where it is set there, or
/// `NAME=VALUE`, set to that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EnvironmentGrant {
    name: String,
    value: Option<String>,
}

impl EnvironmentGrant {
    /// The variable's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the plugin finds in it now; none where it is passed through, and the host has no such variable, or one
    /// that is not text.
    pub fn value(&self) -> Option<String> {
        self.value.clone().or_else(|| std::env::var(&self.name).ok())
    }
}

impl FromStr for EnvironmentGrant {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        if name.is_empty() || name.contains(char::is_whitespace) || text.contains('\0') {
            return Err(Error::invalid(format!(
                "`{}` names no environment variable; write `NAME` to pass one through, or `NAME=VALUE` to set one",
                text.escape_debug()
            )));
        }
        Ok(Self { name: name.to_owned(), value })
    }
}

impl fmt::Display for EnvironmentGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.value {
            Some(value) => write!(f, "={value}"),
            None => Ok(()),
        }
    }
}

impl TryFrom<String> for EnvironmentGrant {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<EnvironmentGrant> for String {
    fn from(grant: EnvironmentGrant) -> Self {
        grant.to_string()
    }
}
