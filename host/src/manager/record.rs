//! What is known of a plugin in the plugins folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use semver::Version;
use serde::{Serialize, Serializer};

use crate::catalog::{Description, Digest, Inspection, Install, Installer, Manifest, Problem, Signed};
use crate::error::Error;

/// A plugin that was found in the plugins folder.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Record {
    /// The plugin's name.
    pub name: String,
    /// Its component.
    pub path: PathBuf,
    /// The component's digest when the folder was last read.
    pub digest: Digest,
    /// What its bytes tell.
    #[serde(skip)]
    pub inspection: Arc<Inspection>,
    /// What it says of itself.
    #[serde(serialize_with = "shared")]
    pub description: Arc<Description>,
    /// Its manifest; none for a component that was dropped in.
    #[serde(skip)]
    pub manifest: Option<Arc<Manifest>>,
    /// Whose signature lies beside it.
    pub signature: Signed,
    /// Why it cannot be loaded as things are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Error>,
}

/// What a look into the plugins folder found.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Discovery {
    /// The plugins, by name.
    pub plugins: Vec<Arc<Record>>,
    /// What else there is, by path.
    pub problems: Vec<Problem>,
    /// The names that several files claim and none has.
    pub(super) disputed: BTreeMap<String, Problem>,
    /// A file was being written, and is to be looked at again.
    pub(super) unsettled: bool,
}

impl Discovery {
    /// The plugin of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Record>> {
        let at = self.plugins.binary_search_by(|record| record.name.as_str().cmp(name)).ok()?;
        self.plugins.get(at)
    }

    /// What is wrong with the plugin of this name, where there is one that cannot be used: a file or manifest of that
    /// name, or several components that claim it.
    pub fn problem(&self, name: &str) -> Option<&Problem> {
        let named = |problem: &&Problem| problem.path.file_stem().is_some_and(|stem| stem == name);
        self.disputed.get(name).or_else(|| self.problems.iter().find(named))
    }
}

impl Record {
    /// The component's file, by name.
    pub(super) fn file(&self) -> String {
        file_name(&self.path)
    }

    /// A manifest for a component that has none.
    pub(super) fn new_manifest(&self) -> Manifest {
        new_manifest(&self.path, &self.description, &self.inspection)
    }

    /// Whether it is the same plugin, for whoever loads it.
    pub(super) fn is_same(&self, other: &Record) -> bool {
        self.digest == other.digest
            && self.manifest == other.manifest
            && self.refusal.is_none() == other.refusal.is_none()
    }
}

/// A manifest for a component in the plugins folder.
pub(super) fn new_manifest(path: &Path, description: &Description, inspection: &Inspection) -> Manifest {
    let source = path.display().to_string();
    let mut install = Install::now(&description.name, inspection.digest, &source, installer());
    install.file = file_name(path);
    Manifest::new(description, inspection, install)
}

/// The last part of a path.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Serializes what is shared as what it is.
pub(super) fn shared<T: Serialize, S: Serializer>(value: &Arc<T>, serializer: S) -> Result<S::Ok, S::Error> {
    value.serialize(serializer)
}

/// What manifests name as their installer.
pub(super) fn installer() -> Installer {
    let version = Version::parse(env!("CARGO_PKG_VERSION")).unwrap_or(Version::new(0, 0, 0));
    Installer { name: "cjm".to_owned(), version }
}
