//! What a plugin may use: parsed once, closed by default.

use serde::{Deserialize, Serialize};

/// What an operator lets one plugin use beyond computing; all that is not named is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Grants {
    /// Secrets, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
}
