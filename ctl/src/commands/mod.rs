//! One module a command.

mod build;
mod completions;
mod new;

use crate::cli::Command;
use crate::failure::{Failure, Result};
use crate::output::Console;

/// Does what was asked for.
pub(crate) fn dispatch(command: Command, console: &Console) -> Result<()> {
    match command {
        Command::New(args) => new::new(&args, console),
        Command::Build(args) => build::build(&args, console),
        Command::Completions(args) => completions::completions(&args, console),
        Command::Run(_) | Command::Inspect(_) => Err(Failure::fatal("not there yet")),
    }
}
