//! Looking into a component without running or compiling it.

mod capability;
mod contract;
mod lookalike;
mod producers;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;
use serde::{Deserialize, Serialize};
use wasmparser::{BinaryReaderError, Encoding, Parser, Payload};

pub use capability::Capability;
pub use producers::Tool;

use super::digest::Digest;
use crate::error::{Error, Result};
use producers::Producers;

/// The largest file that is looked at.
pub(crate) const MAX_COMPONENT_BYTES: usize = 256 << 20;

/// What a component is, as its bytes alone tell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Inspection {
    /// The file's name, or whatever the bytes were called.
    pub file: String,
    /// What the component is named by.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The version of the package `cjm:plugin` that it was built for.
    pub contract: Version,
    /// What it needs from the host: the names of its imports, by the capability that they belong to.
    pub imports: BTreeMap<Capability, Vec<String>>,
    /// What it offers.
    pub exports: Vec<Export>,
    /// The language that it was written in, where that can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The languages that its `producers` sections name, among them those of libraries in it.
    pub languages: Vec<Tool>,
    /// The tools that its `producers` sections name.
    pub tools: Vec<Tool>,
    /// How many core modules it holds, at any depth.
    pub core_modules: usize,
}

/// One export of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Export {
    /// The full name, for example `cjm:plugin/plugin@0.1.0`.
    pub name: String,
    /// What it is to the host.
    pub role: Role,
}

/// What an export is to the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Role {
    /// The interface that makes a component a plugin.
    Plugin,
    /// Results as they come.
    Streaming,
    /// Hooks into the life of an instance.
    Lifecycle,
    /// The choices that there are for fields of the configuration.
    ConfigOptions,
    /// Nothing that the host uses.
    Other,
}

/// Looks into the component `bytes`; `name` says in errors which file is meant.
///
/// Reads the structure only; whether the code inside is valid turns out when it is compiled.
pub(crate) fn inspect(name: &str, bytes: &[u8]) -> Result<Inspection> {
    let invalid = |what: String| Error::invalid(format!("`{name}` {what}"));
    if bytes.is_empty() {
        return Err(invalid("is empty: was it written to the end?".into()));
    }
    if bytes.len() > MAX_COMPONENT_BYTES {
        return Err(invalid(format!(
            "is {} bytes long; a component may have {MAX_COMPONENT_BYTES}: strip debug information, or load large \
             data at run time",
            bytes.len()
        )));
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(invalid(format!("is not a WebAssembly component but {}", lookalike::describe(bytes))));
    }
    let mut outline = Outline::default();
    outline.read(bytes).map_err(invalid)?;
    let contract = outline.contract().map_err(invalid)?;
    Ok(Inspection {
        file: name.to_owned(),
        digest: Digest::of(bytes),
        size: bytes.len() as u64,
        contract,
        language: outline.producers.language(),
        imports: outline.imports,
        exports: outline.exports,
        languages: outline.producers.languages,
        tools: outline.producers.tools,
        core_modules: outline.core_modules,
    })
}

impl Inspection {
    /// Refuses a component that was built for a version of `cjm:plugin` that a host of version `supported` does
    /// not speak: another major version (below 1.0: minor version), or one newer than the host's.
    ///
    /// Looks at every import and export of the package, not at [`contract`](Self::contract) alone.
    pub fn check_contract(&self, supported: &Version) -> Result<()> {
        contract::check(&self.file, &self.contract, supported)?;
        let imports = self.imports.values().flatten().map(String::as_str);
        for name in imports.chain(self.exports.iter().map(|export| export.name.as_str())) {
            let version = contract::interface(name).and_then(|(_, version)| Version::parse(version).ok());
            if let Some(version) = version {
                contract::check(&self.file, &version, supported)?;
            }
        }
        Ok(())
    }

    /// The roles in which the component can be found: the names of the interfaces that it exports, without their
    /// versions, in order. For example `acme:speech/transcriber`, `cjm:plugin/plugin`.
    pub fn roles(&self) -> Vec<String> {
        let unversioned = |name: &str| name.split_once('@').map_or(name, |(name, _)| name).to_owned();
        let roles: BTreeSet<_> = self.exports.iter().map(|export| unversioned(&export.name)).collect();
        roles.into_iter().collect()
    }

    /// Whether the component exports an interface of this role.
    pub fn exports_role(&self, role: Role) -> bool {
        self.exports.iter().any(|export| export.role == role)
    }
}

/// What is gathered while the bytes go by.
#[derive(Default)]
struct Outline {
    imports: BTreeMap<Capability, Vec<String>>,
    exports: Vec<Export>,
    producers: Producers,
    core_modules: usize,
}

impl Outline {
    fn read(&mut self, bytes: &[u8]) -> Result<(), String> {
        let damaged = |error: BinaryReaderError| {
            format!(
                "is cut off or damaged at byte {} of {}: {}; build or download it anew",
                error.offset(),
                bytes.len(),
                error.message()
            )
        };
        // The component's own imports and exports are those outside all nested modules and components.
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(damaged)? {
                Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                    return Err(
                        "is a core WebAssembly module, not a component: build for wasm32-wasip2, or wrap it \
                                with `wasm-tools component new`"
                            .into(),
                    );
                }
                Payload::ModuleSection { .. } => {
                    depth += 1;
                    self.core_modules += 1;
                }
                Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        self.import(import.map_err(damaged)?.name.name);
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        self.export(export.map_err(damaged)?.name.name);
                    }
                }
                Payload::CustomSection(custom) if custom.name() == "producers" => {
                    self.producers.read(custom.data(), custom.data_offset());
                }
                Payload::UnknownSection { id, range, .. } => {
                    return Err(format!(
                        "is damaged or too new at offset {:#x}: there is no section of kind {id}",
                        range.start
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn import(&mut self, name: &str) {
        // Holds types alone: there is nothing in it that a host could grant.
        if contract::interface(name).is_some_and(|(interface, _)| interface == "types") {
            return;
        }
        self.imports.entry(Capability::of_import(name)).or_default().push(name.to_owned());
    }

    fn export(&mut self, name: &str) {
        let role = match contract::interface(name) {
            Some(("plugin", _)) => Role::Plugin,
            Some(("streaming", _)) => Role::Streaming,
            Some(("lifecycle", _)) => Role::Lifecycle,
            Some(("config-options", _)) => Role::ConfigOptions,
            _ => Role::Other,
        };
        self.exports.push(Export { name: name.to_owned(), role });
    }

    fn contract(&self) -> Result<Version, String> {
        let Some(plugin) = self.exports.iter().find(|export| export.role == Role::Plugin) else {
            return Err(format!(
                "is a component, but no plugin: it does not export cjm:plugin/plugin. {} Build it against the WIT \
                 package cjm:plugin, for example with the SDK",
                self.said_exports()
            ));
        };
        let version = contract::interface(&plugin.name).map_or("", |(_, version)| version);
        Version::parse(version).map_err(|_| {
            format!(
                "exports `{}`, of which the version cannot be read: build it against a version of the package, for \
                 example cjm:plugin@0.1.0",
                shown(&plugin.name)
            )
        })
    }

    fn said_exports(&self) -> String {
        const LISTED: usize = 5;
        if self.exports.is_empty() {
            return "It exports nothing.".into();
        }
        let names: Vec<_> =
            self.exports.iter().take(LISTED).map(|export| format!("`{}`", shown(&export.name))).collect();
        match self.exports.len() - names.len() {
            0 => format!("It exports {}.", names.join(", ")),
            more => format!("It exports {} and {more} more.", names.join(", ")),
        }
    }
}

/// A name out of the file, fit for a message: on one line and not endless.
fn shown(name: &str) -> String {
    name.chars().take(100).flat_map(char::escape_debug).collect()
}
