//! Running cargo, and finding in what it says where the component is.

use std::ffi::OsString;
use std::fs;
use std::io::{BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cargo_metadata::{Artifact, CrateType, Message};

use super::TARGET;
use crate::failure::{Failure, Result};
use crate::output::Console;

/// What cargo built.
#[derive(Debug)]
pub(super) struct Component {
    /// The name of the package, with its hyphens.
    pub(super) package: String,
    pub(super) path: PathBuf,
}

/// Builds the package of `manifest`. What cargo says to people goes to standard error as it comes.
pub(super) fn build(manifest: &Path, profile: &str, more: &[String], console: &Console) -> Result<Component> {
    // Set where cargo runs us: the cargo that the user chose.
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(&program);
    command
        .args(["build", "--lib", "--target", TARGET, "--profile", profile])
        .args(["--message-format", "json-render-diagnostics", "--manifest-path"])
        .arg(manifest)
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    if console.quiet() {
        command.arg("--quiet");
    }
    if let Some(dir) = manifest.parent() {
        command.current_dir(dir);
    }
    let mut child = command.spawn().map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            Failure::user("there is no cargo to build with").hint("install Rust: https://rustup.rs")
        }
        _ => Failure::fatal(format!("cannot start cargo: {error}")),
    })?;

    let mut components = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        for message in Message::parse_stream(BufReader::new(stdout)) {
            match message {
                Ok(Message::CompilerArtifact(artifact)) => {
                    components.extend(component(&artifact, manifest));
                }
                Ok(_) => {}
                Err(error) => return Err(Failure::fatal(format!("cannot read what cargo says: {error}"))),
            }
        }
    }
    let status = child.wait().map_err(|error| Failure::fatal(format!("cannot wait for cargo: {error}")))?;
    if !status.success() {
        return Err(Failure::user(format!("the build of {} failed ({status})", manifest.display()))
            .hint("cargo said why, above"));
    }
    components.pop().ok_or_else(|| {
        Failure::user(format!("{} makes no component", manifest.display())).hint(
            "a plugin is a library: put `[lib] crate-type = [\"cdylib\", \"rlib\"]` into its Cargo.toml",
        )
    })
}

/// The component among the artifact's files, if the artifact is the plugin itself and not one of its dependencies.
fn component(artifact: &Artifact, manifest: &Path) -> Option<Component> {
    let own =
        fs::canonicalize(artifact.manifest_path.as_std_path()).ok()? == fs::canonicalize(manifest).ok()?;
    if !own || !artifact.target.crate_types.contains(&CrateType::CDyLib) {
        return None;
    }
    let path = artifact.filenames.iter().find(|file| file.extension() == Some("wasm"))?;
    Some(Component { package: package_name(artifact)?, path: path.clone().into_std_path_buf() })
}

/// The package's name out of its id, a specification such as `path+file:///src/x#name@0.1.0` in which the name is left out
/// where the directory has the same one.
fn package_name(artifact: &Artifact) -> Option<String> {
    let (url, fragment) = artifact.package_id.repr.rsplit_once('#')?;
    match fragment.split_once('@') {
        Some((name, _)) => Some(name.to_string()),
        None => url.rsplit('/').next().map(|name| name.split('?').next().unwrap_or(name).to_string()),
    }
}
