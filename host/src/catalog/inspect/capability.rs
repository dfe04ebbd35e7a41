//! Which capability an import belongs to.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A group of host imports that is granted, metered and taken back as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Capability {
    /// The call that the plugin runs for: progress, usage, polling for cancellation.
    Job,
    /// Log lines (`wasi:logging`).
    Log,
    /// Waiting for cancellation.
    Cancellation,
    /// Secrets by name.
    Secrets,
    /// Arguments, environment, standard streams, exit (`wasi:cli`).
    Cli,
    /// Time and timers (`wasi:clocks`).
    Clocks,
    /// Random numbers (`wasi:random`).
    Random,
    /// Streams and polling (`wasi:io`).
    Io,
    /// Files and folders (`wasi:filesystem`).
    Filesystem,
    /// HTTP requests (`wasi:http`).
    Network,
    /// Connections and datagrams of any kind, and the addresses of names (`wasi:sockets`).
    Sockets,
    /// GPUs (`wasi:webgpu` and what it draws on, `wasi:nn`).
    Gpu,
    /// What the host has no capability for.
    Other,
}

impl Capability {
    /// The name, in kebab-case, as in grants and listings.
    pub fn as_str(self) -> &'static str {
        match self {
            Capability::Job => "job",
            Capability::Log => "log",
            Capability::Cancellation => "cancellation",
            Capability::Secrets => "secrets",
            Capability::Cli => "cli",
            Capability::Clocks => "clocks",
            Capability::Random => "random",
            Capability::Io => "io",
            Capability::Filesystem => "filesystem",
            Capability::Network => "network",
            Capability::Sockets => "sockets",
            Capability::Gpu => "gpu",
            Capability::Other => "other",
        }
    }

    /// The capability that an import of this name belongs to, for example `wasi:cli/stdout@0.2.6`.
    pub fn of_import(import: &str) -> Self {
        let unversioned = import.split_once('@').map_or(import, |(name, _)| name);
        let Some((package, interface)) = unversioned.split_once('/') else {
            return Capability::Other;
        };
        match (package, interface) {
            ("cjm:plugin", "job") => Capability::Job,
            ("cjm:plugin", "cancellation") => Capability::Cancellation,
            ("cjm:plugin", "secrets") => Capability::Secrets,
            ("wasi:logging", _) => Capability::Log,
            ("wasi:cli", _) => Capability::Cli,
            ("wasi:clocks", _) => Capability::Clocks,
            ("wasi:random", _) => Capability::Random,
            ("wasi:io", _) => Capability::Io,
            ("wasi:filesystem", _) => Capability::Filesystem,
            ("wasi:http", _) => Capability::Network,
            ("wasi:sockets", _) => Capability::Sockets,
            (
                "wasi:webgpu" | "wasi:graphics-context" | "wasi:frame-buffer" | "wasi:surface" | "wasi:nn",
                _,
            ) => Capability::Gpu,
            _ => Capability::Other,
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_by_package_and_interface_whatever_the_version() {
        for (import, capability) in [
            ("cjm:plugin/job@0.1.0", "job"),
            ("cjm:plugin/secrets@9.0.0", "secrets"),
            ("cjm:plugin/cancellation@0.1.0", "cancellation"),
            ("cjm:plugin/unheard-of@0.1.0", "other"),
            ("wasi:logging/logging@0.1.0-draft", "log"),
            ("wasi:cli/stdout@0.2.6", "cli"),
            ("wasi:http/outgoing-handler@0.2.6", "network"),
            ("wasi:sockets/tcp@0.2.6", "sockets"),
            ("wasi:nn/tensor", "gpu"),
            ("wasi:keyvalue/store@0.2.0", "other"),
            ("plain-function", "other"),
            ("", "other"),
        ] {
            assert_eq!(Capability::of_import(import).as_str(), capability, "{import}");
        }
    }

    #[test]
    fn has_the_same_name_everywhere() {
        let json = serde_json::to_string(&Capability::Filesystem).unwrap();
        assert_eq!(json, format!("\"{}\"", Capability::Filesystem));
    }
}
