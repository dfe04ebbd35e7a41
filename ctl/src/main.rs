//! `cjm-ctl`: write, build, install and run cjm plugins from the command line.

mod cli;
mod commands;
mod events;
mod exit;
mod failure;
mod files;
mod interrupt;
mod output;
mod progress;
mod project;
mod prompt;
mod runtime;
mod schema;
mod table;
mod terminal;
mod text;
mod time;

use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::cli::OutputArgs;
use crate::exit::Status;
use crate::failure::Failure;
use crate::output::Console;
use crate::project::Project;

fn main() -> ExitCode {
    let status = match cli::parse() {
        Ok(cli) => {
            cli.color.write_global();
            let console = Console::new(cli.output);
            let project = Project::new(cli.project);
            match commands::dispatch(cli.command, &project, &console) {
                Ok(()) => Status::Success,
                Err(failure) => {
                    console.failure(&failure);
                    failure.status()
                }
            }
        }
        Err(error) => explain(&error),
    };
    ExitCode::from(status.code())
}

/// Prints help where that was asked for, or what is wrong with the command line: as JSON too, if that was asked for in it.
fn explain(error: &clap::Error) -> Status {
    let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let json = std::env::args_os().any(|arg| arg == "--json");
    if json && !asked {
        let rendered = error.render().to_string();
        let message = rendered.trim().trim_start_matches("error: ").to_string();
        let output = OutputArgs { json: true, verbose: 0, quiet: false };
        Console::new(output).failure(&Failure::user(message));
    } else {
        // Where this cannot be printed, there is nobody left to tell.
        let _ = error.print();
    }
    if asked { Status::Success } else { Status::UserError }
}
