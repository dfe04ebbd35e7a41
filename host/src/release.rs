//! What this host is made of.

use serde::Serialize;

/// The versions of this host and of what it stands on, for reports of problems.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Release {
    /// This crate.
    pub cjm: String,
    /// The engine that runs plugins.
    pub wasmtime: String,
    /// The database that keeps what is stored.
    pub sqlite: String,
}

/// The version that the workspace pins; the crate does not say it.
const WASMTIME: &str = "48.0.8";

impl Release {
    /// Of this process.
    pub fn current() -> Self {
        Self {
            cjm: env!("CARGO_PKG_VERSION").to_owned(),
            wasmtime: WASMTIME.to_owned(),
            sqlite: rusqlite::version().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_is_the_one_that_is_built_in() {
        let lock = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock");
        let lock = std::fs::read_to_string(lock).unwrap();
        assert!(lock.contains(&format!("name = \"wasmtime\"\nversion = \"{WASMTIME}\"\n")));
    }
}
