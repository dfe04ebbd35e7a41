//! `cjm-ctl config`: the configurations of plugins, and the settings of the project.

mod fields;
mod show;
mod values;

use crate::cli::ConfigCommand;
use crate::failure::Result;
use crate::output::Console;
use crate::project::Project;

/// Does what was asked for.
pub(crate) fn config(command: &ConfigCommand, project: &Project, console: &Console) -> Result<()> {
    match command {
        ConfigCommand::Get(args) => values::get(args, project, console),
        ConfigCommand::Set(args) => values::set(args, project, console),
        ConfigCommand::Unset(args) => values::unset(args, project, console),
        ConfigCommand::Schema(args) => fields::schema(args, project, console),
        ConfigCommand::Options(args) => fields::options(args, project, console),
        ConfigCommand::Show(args) => show::show(args, project, console),
    }
}
