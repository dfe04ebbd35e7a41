//! One module a command.

mod build;
mod completions;
mod inspect;
mod new;
mod run;

use crate::cli::Command;
use crate::failure::Result;
use crate::output::Console;

/// Does what was asked for.
pub(crate) fn dispatch(command: Command, console: &Console) -> Result<()> {
    match command {
        Command::New(args) => new::new(&args, console),
        Command::Build(args) => build::build(&args, console),
        Command::Completions(args) => completions::completions(&args, console),
        Command::Run(args) => run::run(&args, console),
        Command::Inspect(args) => inspect::inspect(&args, console),
    }
}
