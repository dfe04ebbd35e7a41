//! The target that plugins are built for, in the toolchain that the crate is built with.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use super::TARGET;
use crate::failure::{Failure, Result};
use crate::output::Console;

/// Adds the target to the toolchain where it is missing.
///
/// A `rust-toolchain.toml` that lists the target is not enough: rustup leaves it alone where installing by itself is
/// switched off.
pub(super) fn add_target(dir: &Path, console: &Console) -> Result<()> {
    if has_target(dir)? {
        return Ok(());
    }
    console.note(format!("adding the target {TARGET} to the toolchain"));
    let added = Command::new("rustup").args(["target", "add", TARGET]).current_dir(dir).output();
    let problem = match added {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => Failure::user(format!(
            "`rustup target add {TARGET}` failed:\n{}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(error) if error.kind() == ErrorKind::NotFound => Failure::user(format!(
            "the toolchain has no target {TARGET}, and there is no rustup to add it with"
        )),
        Err(error) => Failure::fatal(format!("cannot start rustup: {error}")),
    };
    Err(problem.hint(format!(
        "install the target: `rustup target add {TARGET}`, or the package of your distribution that holds it"
    )))
}

/// Whether the standard library is there for the target.
fn has_target(dir: &Path) -> Result<bool> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(dir)
        .output()
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                Failure::user("there is no rustc to build with").hint("install Rust: https://rustup.rs")
            }
            _ => Failure::fatal(format!("cannot start rustc: {error}")),
        })?;
    if !output.status.success() {
        return Err(Failure::user(format!(
            "rustc does not work here:\n{}",
            String::from_utf8_lossy(&output.stderr).trim()
        ))
        .hint("is the toolchain of rust-toolchain.toml installed? `rustup toolchain install` installs it"));
    }
    let libdir = String::from_utf8_lossy(&output.stdout).trim().to_string();
    // The directory may be there and empty once a target was removed.
    Ok(Path::new(&libdir).read_dir().is_ok_and(|mut entries| entries.next().is_some()))
}
