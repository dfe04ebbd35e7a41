//! Builds, shows, tests and measures cjm: `cargo xtask …`.

mod cargo;
mod check;
mod guests;
mod tasks;
mod workspace;

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use anyhow::{Result, bail};
use workspace::Workspace;

const USAGE: &str = "\
Usage: cargo xtask COMMAND

Commands:
  demo                   build everything that is needed, and show what cjm does
  test [CARGO OPTIONS]   run every test; the options go to `cargo test`, for example `--test calculator`
  bench [CARGO OPTIONS]  run the benchmarks; the options go to `cargo bench`, for example `-- execute`
  check                  rustfmt, clippy and rustdoc, with warnings denied
  guests                 build the example plugins and the plugins of the tests, and say where they are

Each command installs the target for plugins, wasm32-wasip2, where it is missing.";

fn main() -> ExitCode {
    match run(std::env::args_os().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut args: Vec<OsString>) -> Result<()> {
    if args.is_empty() || args.iter().take(1).any(|arg| arg == "help" || arg == "--help" || arg == "-h") {
        println!("{USAGE}");
        return Ok(());
    }
    let command = args.remove(0);
    let command = command.to_string_lossy();
    let takes_options = matches!(&*command, "test" | "bench");
    if let (Some(option), false) = (args.first(), takes_options) {
        bail!("`{command}` takes no options, got `{}`\n\n{USAGE}", option.to_string_lossy());
    }
    if takes_options && args.first().is_some_and(|arg| arg == OsStr::new("--help")) {
        println!("{USAGE}");
        return Ok(());
    }
    let workspace = Workspace::find()?;
    match &*command {
        "demo" => tasks::demo(&workspace),
        "test" => tasks::test(&workspace, &args),
        "bench" => tasks::bench(&workspace, &args),
        "check" => check::check(&workspace),
        "guests" => guests::show(&workspace, &guests::build(&workspace)?),
        _ => bail!("there is no command `{command}`\n\n{USAGE}"),
    }
}
