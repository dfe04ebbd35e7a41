//! One module a command, or a few that belong together.

mod build;
mod completions;
mod config;
mod doctor;
mod grants;
mod info;
mod inspect;
mod install;
mod jobs;
mod keys;
mod list;
mod new;
mod plan;
mod prefetch;
mod remove;
mod run;
mod secret;
mod sequence;
mod switch;
mod validate;
mod verify;
mod watch;
mod worker;

use crate::cli::{Command, DoctorArgs};
use crate::failure::Result;
use crate::output::Console;
use crate::project::Project;

/// Does what was asked for.
pub(crate) fn dispatch(command: Command, project: &Project, console: &Console) -> Result<()> {
    match command {
        Command::New(args) => new::new(&args, console),
        Command::Build(args) => build::build(&args, project, console),
        Command::Inspect(args) => inspect::inspect(&args, project, console),
        Command::Run(args) => run::run(&args, project, console),
        Command::Prefetch(args) => prefetch::prefetch(&args, project, console),
        Command::Watch => watch::watch(project, console),
        Command::Install(args) => install::install(&args, project, console),
        Command::Upgrade(args) => install::upgrade(&args, project, console),
        Command::Remove(args) => remove::remove(&args, project, console),
        Command::List(args) => list::list(&args, project, console),
        Command::Info(args) => info::info(&args, project, console),
        Command::Categories => list::categories(project, console),
        Command::Enable(args) => switch::switch(&args, true, project, console),
        Command::Disable(args) => switch::switch(&args, false, project, console),
        Command::Grant(args) => grants::grant(&args, project, console),
        Command::Revoke(args) => grants::revoke(&args, project, console),
        Command::Grants(args) => grants::grants(&args, project, console),
        Command::Config(command) => config::config(&command, project, console),
        Command::Secret(command) => secret::secret(&command, project, console),
        Command::Verify(args) => verify::verify(&args, project, console),
        Command::Validate(args) => validate::validate(&args, console),
        Command::Regenerate(args) => verify::regenerate(&args, project, console),
        Command::Keygen(args) => keys::keygen(&args, console),
        Command::Sign(args) => keys::sign(&args, console),
        Command::Trust(command) => keys::trust(&command, project, console),
        Command::Worker(args) => worker::worker(&args, project, console),
        Command::Submit(args) => jobs::submit(&args, project, console),
        Command::Jobs(args) => jobs::jobs(&args, project, console),
        Command::Job(args) => jobs::job(&args, project, console),
        Command::Wait(args) => jobs::wait(&args, project, console),
        Command::Result(args) => jobs::result(&args, project, console),
        Command::Logs(args) => jobs::logs(&args, project, console),
        Command::Cancel(args) => jobs::cancel(&args, project, console),
        Command::Retry(args) => jobs::retry(&args, project, console),
        Command::Reorder(args) => jobs::reorder(&args, project, console),
        Command::Purge(args) => jobs::purge(&args, project, console),
        Command::Sequence(command) => sequence::sequence(&command, project, console),
        Command::Events(args) => jobs::events(&args, project, console),
        Command::Profiles(args) => jobs::profiles(&args, project, console),
        Command::Doctor(DoctorArgs {}) => doctor::doctor(project, console),
        Command::Completions(args) => completions::completions(&args, console),
    }
}
