//! How files in the plugins folder are called.

use crate::catalog::name;

/// Held by whoever reads or changes the folder.
pub(super) const LOCK: &str = ".lock";

/// Within the folder of an installation: the entry that it makes in `cjm.lock`.
pub(super) const ENTRY: &str = "entry.json";

const COMPONENT: &str = ".wasm";
const MANIFEST: &str = ".json";

const STAGING: &str = ".staging-";
const READY: &str = ".ready-";
const REMOVING: &str = ".removing-";
const TRASH: &str = ".trash-";

/// The file of an installed component.
pub(super) fn component(name: &str) -> String {
    format!("{name}{COMPONENT}")
}

/// The manifest beside a component that is called `stem` but for its extension.
pub(super) fn manifest(stem: &str) -> String {
    format!("{stem}{MANIFEST}")
}

/// The signature beside a component.
pub(super) fn signature(file: &str) -> String {
    format!("{file}.sig")
}

/// Whether a component can be called so but for its extension. What is installed has a plugin's name; what is dropped in
/// may have any.
pub(super) fn is_stem(name: &str) -> bool {
    name::is_component_file(&component(name))
}

/// What comes before `.wasm`.
pub(super) fn stem(file: &str) -> &str {
    file.strip_suffix(COMPONENT).unwrap_or(file)
}

/// What comes before `.json`.
pub(super) fn manifest_stem(file: &str) -> Option<&str> {
    file.strip_suffix(MANIFEST).filter(|stem| !stem.is_empty() && !stem.starts_with('.'))
}

/// The folder in which an installation gathers its files.
pub(super) fn staging(name: &str) -> String {
    format!("{STAGING}{name}")
}

/// The same folder once it is complete.
pub(super) fn ready(name: &str) -> String {
    format!("{READY}{name}")
}

/// The empty file that says that a plugin is being removed.
pub(super) fn removing(name: &str) -> String {
    format!("{REMOVING}{name}")
}

/// What is of no use any more, for as long as it takes to delete it.
pub(super) fn trash(name: &str) -> String {
    format!("{TRASH}{name}")
}

/// Something in between.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unfinished {
    /// Files that are incomplete or no longer needed, under their whole name.
    Leftover(String),
    /// A complete installation of the plugin of this name.
    Ready(String),
    /// The removal of the plugin of this name.
    Removing(String),
}

impl Unfinished {
    /// What a file of this name is; none for what nobody here makes.
    pub(super) fn of(file: &str) -> Option<Self> {
        let name = |prefix| file.strip_prefix(prefix).filter(|name| is_stem(name)).map(str::to_owned);
        let leftover = || name(STAGING).or_else(|| name(TRASH)).map(|_| Self::Leftover(file.to_owned()));
        name(READY).map(Self::Ready).or_else(|| name(REMOVING).map(Self::Removing)).or_else(leftover)
    }

    /// The plugin that is in between, where one is.
    pub(super) fn plugin(&self) -> Option<&str> {
        match self {
            Self::Leftover(_) => None,
            Self::Ready(name) | Self::Removing(name) => Some(name),
        }
    }
}
