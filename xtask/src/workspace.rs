//! What the workspace consists of, as cargo tells it.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cargo::{cargo, read};

/// The workspace that this program was built from.
pub(crate) struct Workspace {
    /// Where its `Cargo.toml` is.
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds.
    pub(crate) target_dir: PathBuf,
    /// The packages that are built into components.
    pub(crate) guests: Vec<Guest>,
}

/// A package that is built into a component: one whose library is a `cdylib`.
pub(crate) struct Guest {
    /// The package.
    pub(crate) package: String,
    /// The component's file name.
    pub(crate) file: String,
    /// Whether the package is a library for this machine as well, and has tests that run on it.
    pub(crate) native: bool,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn find() -> Result<Self> {
        // Asked at run time: several checkouts may share a target folder, and with it this program.
        let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let package = package.context("run this as `cargo xtask`, which says where the workspace is")?;
        let root = package.parent().context("the workspace has no folder")?;
        let text = read(cargo(root).args(["metadata", "--no-deps", "--format-version", "1"]))?;
        let metadata: Value = serde_json::from_str(&text).context("cargo's metadata cannot be read")?;
        let target_dir = field(&metadata, "target_directory").and_then(Value::as_str).map(PathBuf::from);
        let target_dir = target_dir.context("cargo's metadata name no target directory")?;
        let guests = list(&metadata, "packages").iter().filter_map(guest).collect();
        Ok(Self { root: root.to_owned(), target_dir, guests })
    }

    /// Cargo's options that choose all packages which make sense on this machine.
    ///
    /// Every command on this machine makes the same choice: what the packages' dependencies are built with depends on
    /// it, and the largest of them is to be built once.
    pub(crate) fn native(&self) -> Vec<&str> {
        let guests_only = self.guests.iter().filter(|guest| !guest.native);
        std::iter::once("--workspace")
            .chain(guests_only.flat_map(|guest| ["--exclude", guest.package.as_str()]))
            .collect()
    }
}

/// The package as a guest, if it is one.
fn guest(package: &Value) -> Option<Guest> {
    let is = |target: &Value, kind: &str| list(target, "kind").iter().any(|known| known == kind);
    let library = list(package, "targets").iter().find(|target| is(target, "cdylib"))?;
    let name = field(package, "name")?.as_str()?.to_owned();
    let file = format!("{}.wasm", field(library, "name")?.as_str()?.replace('-', "_"));
    Some(Guest { package: name, file, native: is(library, "rlib") || is(library, "lib") })
}

fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.get(name)
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    field(value, name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
