//! `cjm-ctl completions`.

use crate::cli::{self, CompletionsArgs};
use crate::failure::Result;
use crate::output::Console;

/// Prints the completion script of a shell.
pub(crate) fn completions(args: &CompletionsArgs, console: &Console) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli::command(), "cjm-ctl", &mut script);
    console.print_bytes(&script)
}
