//! What is run with the components: the demo, the tests, the benchmarks.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::cargo::{cargo, run};
use crate::guests;
use crate::workspace::Workspace;

/// Where tests and benchmarks look for components.
const GUESTS_DIR: &str = "CJM_GUESTS_DIR";

/// Where benchmarks look for the program that they are held against.
const PEER: &str = "CJM_BENCH_PEER";

/// Shows what cjm does.
pub(crate) fn demo(workspace: &Workspace) -> Result<()> {
    let folder = guests::build(workspace)?;
    // With the profile and the packages of the tests, so that the host's dependencies are built once for both.
    let demo = ["--bin", "cjm-demo"];
    run(cargo(&workspace.root).arg("build").args(workspace.native()).args(demo))?;
    let program =
        workspace.target_dir.join("debug").join(format!("cjm-demo{}", std::env::consts::EXE_SUFFIX));
    run(Command::new(program).arg(folder).current_dir(&workspace.root))
}

/// Runs every test.
pub(crate) fn test(workspace: &Workspace, options: &[OsString]) -> Result<()> {
    let folder = guests::build(workspace)?;
    let mut command = cargo(&workspace.root);
    command.arg("test");
    if !chooses_packages(options) {
        command.args(workspace.native()).arg("--no-fail-fast");
    }
    run(command.args(options).env(GUESTS_DIR, folder))
}

/// Runs the benchmarks.
pub(crate) fn bench(workspace: &Workspace, options: &[OsString]) -> Result<()> {
    let folder = guests::build(workspace)?;
    let peer = peer(workspace)?;
    run(cargo(&workspace.root)
        .args(["bench", "--package", "cjm-bench"])
        .args(options)
        .env(GUESTS_DIR, folder)
        .env(PEER, peer))
}

/// Builds what the queue is measured beside. It is no part of the workspace: its SQLite is another release of the same
/// library, of which a program can have only one.
fn peer(workspace: &Workspace) -> Result<PathBuf> {
    let manifest = workspace.root.join("tests/bench/peer/Cargo.toml");
    run(cargo(&workspace.root)
        .args(["build", "--release", "--locked", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(&workspace.target_dir))?;
    let program = format!("cjm-bench-peer{}", std::env::consts::EXE_SUFFIX);
    Ok(workspace.target_dir.join("release").join(program))
}

/// Whether somebody wants the tests of certain packages only.
fn chooses_packages(options: &[OsString]) -> bool {
    let for_cargo = options.iter().map(|option| option.to_string_lossy()).take_while(|option| option != "--");
    for_cargo.into_iter().any(|option| {
        option == "--package"
            || option.starts_with("--package=")
            || (option.starts_with("-p") && !option.starts_with("--"))
    })
}
