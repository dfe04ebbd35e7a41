//! The components that the demo, the tests and the benchmarks run.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cargo::{cargo, read, run};
use crate::workspace::Workspace;

/// What components are built for.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// The profile that they are built with, in the workspace's `Cargo.toml`.
pub(crate) const PROFILE: &str = "guest";

/// Builds all components, and gives the folder that they are in.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    add_target(&workspace.root)?;
    let packages = workspace.guests.iter().flat_map(|guest| ["--package", guest.package.as_str()]);
    run(cargo(&workspace.root).args(["build", "--target", TARGET, "--profile", PROFILE]).args(packages))?;
    let folder = workspace.target_dir.join(TARGET).join(PROFILE);
    for guest in &workspace.guests {
        let component = folder.join(&guest.file);
        if !component.is_file() {
            bail!("package `{}` was built, but {} is not there", guest.package, component.display());
        }
    }
    Ok(folder)
}

/// Says where the components are.
pub(crate) fn show(workspace: &Workspace, folder: &Path) -> Result<()> {
    println!("\n{} components in {}:", workspace.guests.len(), folder.display());
    for guest in &workspace.guests {
        let size = std::fs::metadata(folder.join(&guest.file))?.len();
        println!("  {:<20} {:>6} kB", guest.file, size.div_ceil(1000));
    }
    Ok(())
}

/// Adds the target for components to the toolchain where it is missing.
///
/// `rust-toolchain.toml` names it, but rustup installs nothing by itself where that is switched off, nor is it always
/// there.
pub(crate) fn add_target(root: &Path) -> Result<()> {
    if has_target(root)? {
        return Ok(());
    }
    let hint = format!(
        "install the standard library for {TARGET}: `rustup target add {TARGET}`, or the package of your distribution"
    );
    let rustup = Command::new("rustup").arg("--version").current_dir(root).output();
    if !rustup.is_ok_and(|output| output.status.success()) {
        bail!("the Rust toolchain cannot build for {TARGET}, and there is no rustup to add it with; {hint}");
    }
    run(Command::new("rustup").args(["target", "add", TARGET]).current_dir(root)).context(hint)
}

fn has_target(root: &Path) -> Result<bool> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let printed =
        read(Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).current_dir(root))?;
    // The folder may be there, and empty, after a target was removed.
    Ok(Path::new(printed.trim()).read_dir().is_ok_and(|mut entries| entries.next().is_some()))
}
