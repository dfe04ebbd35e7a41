//! `cjm-ctl build`: from a crate to a component that is known to be a plugin.

mod cargo;
mod toolchain;

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::BuildArgs;
use crate::commands::inspect::{Looked, look_at};
use crate::failure::{Failure, Result};
use crate::output::{Console, GOOD, NAME, styled};
use crate::project::Project;

/// What guests are built for: its linker makes components, and its std speaks WASI 0.2, which the host has.
const TARGET: &str = "wasm32-wasip2";

/// What `--json` prints.
#[derive(Serialize)]
struct Built {
    component: PathBuf,
    #[serde(flatten)]
    looked: Looked,
}

/// Builds the crate, puts the component beside it, and checks it.
pub(crate) fn build(args: &BuildArgs, project: &Project, console: &Console) -> Result<()> {
    let dir = fs::canonicalize(&args.dir).map_err(|error| Failure::io("build", &args.dir, &error))?;
    let manifest = dir.join("Cargo.toml");
    if !manifest.is_file() {
        return Err(Failure::user(format!("no Cargo.toml in {}", args.dir.display()))
            .hint("name the directory of a plugin's crate, or start one with `cjm-ctl new NAME`"));
    }

    toolchain::add_target(&dir, console)?;
    let artifact = cargo::build(&manifest, &args.profile, &args.cargo, console)?;
    // Not `./NAME.wasm`, where the directory is this one.
    let beside = if args.dir == Path::new(".") { Path::new("") } else { &args.dir };
    let component = beside.join(format!("{}.wasm", artifact.package));
    put(&artifact.path, &component)?;

    let looked = look_at(&component, args.cache, project, console).and_then(Looked::into_plugin).map_err(
        |failure| {
            failure.hint(format!("{} was built, but it cannot be run as a plugin", component.display()))
        },
    )?;
    if console.json() {
        return console.print_json(&Built { component, looked });
    }
    console.note(format!(
        "{} {}\n{}",
        styled(GOOD, "built"),
        styled(NAME, component.display()),
        looked.next_steps(&component)
    ));
    Ok(())
}

/// Copies the component so that nobody ever sees half of it.
fn put(from: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(from).map_err(|error| Failure::io("read", from, &error))?;
    let mut file = crate::files::AtomicFile::create(to)?;
    file.write(&bytes)?;
    file.commit()
}
