//! How files in the plugins folder are called.

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

/// Something in between, with the plugin's name as it stands there; nobody has looked at that name yet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unfinished {
    /// Files that are incomplete or no longer needed, under their whole name.
    Leftover(String),
    /// A complete installation.
    Ready(String),
    /// A removal.
    Removing(String),
}

impl Unfinished {
    pub(super) fn of(file: &str) -> Option<Self> {
        if file.starts_with(STAGING) || file.starts_with(TRASH) {
            return Some(Self::Leftover(file.to_owned()));
        }
        let ready = || file.strip_prefix(READY).map(|name| Self::Ready(name.to_owned()));
        let removing = || file.strip_prefix(REMOVING).map(|name| Self::Removing(name.to_owned()));
        ready().or_else(removing)
    }
}
