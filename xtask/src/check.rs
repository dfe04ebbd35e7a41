//! What must be true of the code before it is tested: its form, its lints, its documentation.

use anyhow::Result;

use crate::cargo::{cargo, run};
use crate::guests::{PROFILE, TARGET, add_target};
use crate::workspace::Workspace;

/// Everything, the quickest first.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let cargo = || cargo(&workspace.root);
    run(cargo().args(["fmt", "--all", "--check"]))?;

    let deny = ["--", "--deny", "warnings"];
    run(cargo().arg("clippy").args(workspace.native()).args(["--all-targets", "--keep-going"]).args(deny))?;
    add_target(&workspace.root)?;
    let guests = workspace.guests.iter().flat_map(|guest| ["--package", guest.package.as_str()]);
    // In their own profile, so that the macros that they are made with are built once.
    run(cargo().args(["clippy", "--target", TARGET, "--profile", PROFILE]).args(guests).args(deny))?;

    let flags = std::env::var("RUSTDOCFLAGS").unwrap_or_default();
    run(cargo()
        .args(["doc", "--no-deps", "--keep-going"])
        .args(workspace.native())
        .env("RUSTDOCFLAGS", format!("{flags} --deny warnings")))
}
