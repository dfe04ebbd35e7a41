//! The command line: what can be typed, and the help that teaches it. One module a group of commands.

mod author;
mod config;
mod doctor;
mod grants;
mod groups;
mod jobs;
mod observe;
mod operate;
mod plugins;
mod run;
mod secrets;
mod sequence;
mod submit;
mod trust;
mod worker;

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Effects, Styles};
use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueHint};

pub(crate) use author::{BuildArgs, CompletionsArgs, InspectArgs, NewArgs};
pub(crate) use config::{
    ConfigCommand, ConfigGetArgs, ConfigOptionsArgs, ConfigSchemaArgs, ConfigSetArgs, ConfigShowArgs,
    ConfigUnsetArgs,
};
pub(crate) use doctor::DoctorArgs;
pub(crate) use grants::{GrantArgs, GrantsArgs, RevokeArgs};
pub(crate) use jobs::{
    CancelArgs, JobArgs, JobsArgs, LogsArgs, PurgeArgs, ReorderArgs, ResultArgs, RetryArgs, WaitArgs,
    WhichArgs,
};
pub(crate) use observe::{EventsArgs, ProfilesArgs};
pub(crate) use operate::{PrefetchArgs, SwitchArgs};
pub(crate) use plugins::{
    InfoArgs, InstallArgs, ListArgs, RegenerateArgs, RemoveArgs, UpgradeArgs, ValidateArgs, VerifyArgs,
};
pub(crate) use run::{InputArgs, LimitArgs, RunArgs};
pub(crate) use secrets::{ScopeArgs, SecretCommand};
pub(crate) use sequence::{
    SequenceCancelArgs, SequenceCommand, SequenceIdsArgs, SequenceListArgs, SequenceShowArgs,
    SequenceSubmitArgs, SequenceWaitArgs,
};
pub(crate) use submit::{Interruption, JobOptions, SubmitArgs};
pub(crate) use trust::{KeygenArgs, SignArgs, TrustAddArgs, TrustCommand};
pub(crate) use worker::WorkerArgs;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().effects(Effects::BOLD))
    .usage(AnsiColor::Green.on_default().effects(Effects::BOLD))
    .literal(AnsiColor::Cyan.on_default().effects(Effects::BOLD))
    .placeholder(AnsiColor::Cyan.on_default());

const ABOUT: &str = "\
Examples:
  cjm-ctl new greeter                      start a plugin
  cjm-ctl build greeter                    build it: greeter/greeter.wasm
  cjm-ctl inspect greeter/greeter.wasm     see what it can do and what it needs
  cjm-ctl install greeter/greeter.wasm     take it into this project, pinned by its digest
  cjm-ctl run greeter greet --input '{\"names\": [\"Ada\"]}'
  cjm-ctl submit greeter greet --input '{\"names\": [\"Ada\"]}'     as a job that outlives this

Where things are:
  Plugins, configurations, secrets and jobs are in the data folder: .cjm beside
  the cjm.toml of this directory or of one above it, or --data-dir.

Output:
  Results go to standard output; progress, logs and errors go to standard
  error. With --json both are JSON, and what goes to standard error is one
  object a line, each with a single key: \"note\", \"started\",
  \"submitted\", \"state\", \"blocked\", \"progress\", \"usage\", \"log\",
  \"grant-refused\", \"cancel\", \"ready\" or \"error\".

Exit status:
    0  success
    1  the plugin failed: it trapped, went over a limit or its time, said that
       it cannot, or that it may later; the machine below it failed; or
       `verify` found something altered, or `doctor` a problem
    2  what you gave cannot be used: an option, a file, an input, a
       configuration, a grant that is missing
  130  the job was cancelled, as by Ctrl-C, or not confirmed
  With --json, \"category\" of the error says more.";

/// Write, build, install and run cjm plugins: WebAssembly components that run as jobs in a sandbox.
#[derive(Debug, Parser)]
#[command(name = "cjm-ctl", version, about, styles = STYLES, after_help = ABOUT)]
#[command(arg_required_else_help = true, propagate_version = true, max_term_width = 120)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) project: ProjectArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    #[command(flatten)]
    pub(crate) color: colorchoice_clap::Color,
}

/// Where the project is, the same for every command.
// Environment variables are a layer of the settings, below these; so they are not clap's to read.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Project")]
pub(crate) struct ProjectArgs {
    /// Keep plugins, configurations and secrets in this folder [env: CJM_DATA_DIR] [default: .cjm beside cjm.toml]
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) data_dir: Option<PathBuf>,

    /// Read this file instead of the cjm.toml of this directory or of one above it [env: CJM_CONFIG]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config_file: Option<PathBuf>,

    /// Keep compiled plugins in this folder [env: CJM_CACHE_DIR] [default: of a project, in its data folder; of
    /// single files, the user's cache]
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) cache_dir: Option<PathBuf>,
}

/// How to print, the same for every command.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Print JSON: results on standard output; progress, logs and errors as lines on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Say more: the plugin's debug messages; twice for its trace messages
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub(crate) verbose: u8,

    /// Say nothing but results and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

/// Whether compiled plugins are kept between runs.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct CacheArgs {
    /// Compile anew, and keep nothing
    #[arg(long, conflicts_with = "cache_dir", help_heading = "Project")]
    pub(crate) no_cache: bool,
}

/// Whether to ask before something is changed.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ConfirmArgs {
    /// Do it without asking
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    New(NewArgs),
    Build(BuildArgs),
    Inspect(InspectArgs),
    Run(Box<RunArgs>),
    Prefetch(PrefetchArgs),
    /// Load all plugins, follow the plugins folder, and print what happens
    #[command(after_help = operate::WATCH_HELP)]
    Watch,
    Install(InstallArgs),
    Upgrade(UpgradeArgs),
    Remove(RemoveArgs),
    List(ListArgs),
    Info(InfoArgs),
    /// Show the plugins by what they are for, as an application offers them for choice
    #[command(after_help = operate::CATEGORIES_HELP)]
    Categories,
    /// Let a plugin take calls again
    Enable(SwitchArgs),
    /// Have a plugin refuse calls, until it is enabled again
    Disable(SwitchArgs),
    Grant(GrantArgs),
    Revoke(RevokeArgs),
    Grants(GrantsArgs),
    #[command(subcommand)]
    Config(ConfigCommand),
    #[command(subcommand)]
    Secret(SecretCommand),
    Verify(VerifyArgs),
    Validate(ValidateArgs),
    Regenerate(RegenerateArgs),
    Keygen(KeygenArgs),
    Sign(SignArgs),
    #[command(subcommand)]
    Trust(TrustCommand),
    Worker(WorkerArgs),
    Submit(Box<SubmitArgs>),
    Jobs(JobsArgs),
    Job(JobArgs),
    Wait(WaitArgs),
    Result(ResultArgs),
    Logs(LogsArgs),
    Cancel(CancelArgs),
    Retry(RetryArgs),
    Reorder(ReorderArgs),
    Purge(PurgeArgs),
    #[command(subcommand)]
    Sequence(SequenceCommand),
    Events(EventsArgs),
    Profiles(ProfilesArgs),
    Doctor(DoctorArgs),
    Completions(CompletionsArgs),
}

/// The command line, with its commands in groups.
pub(crate) fn command() -> clap::Command {
    let command = Cli::command();
    let groups = groups::render(&command, &STYLES);
    command.help_template(groups::template(&groups))
}

/// Reads the command line of this process.
pub(crate) fn parse() -> Result<Cli, clap::Error> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytesize::ByteSize;

    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_command_has_examples() {
        fn check(command: &clap::Command) {
            for sub in command.get_subcommands() {
                let help = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.starts_with("Examples:\n  cjm-ctl "), "{}", sub.get_name());
                check(sub);
            }
        }
        check(&Cli::command());
    }

    #[test]
    fn durations_and_sizes_are_written_as_people_write_them() {
        let limits = ["--timeout", "500ms", "--memory", "256MiB", "--fuel", "10"];
        let cli = Cli::try_parse_from(["cjm-ctl", "run", "p.wasm", "a"].iter().chain(&limits)).unwrap();
        let Command::Run(run) = cli.command else { panic!("not run") };
        assert_eq!(run.limits.timeout, Some(Duration::from_millis(500)));
        assert_eq!(run.limits.memory, Some(ByteSize::mib(256)));
        assert_eq!(run.limits.fuel, Some(10));
    }

    #[test]
    fn a_negative_number_is_an_input_and_not_an_option() {
        let cli = Cli::try_parse_from(["cjm-ctl", "run", "p.wasm", "a", "--input", "-1"]).unwrap();
        let Command::Run(run) = cli.command else { panic!("not run") };
        assert_eq!(run.input.input.as_deref(), Some("-1"));
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for line in [
            "run p.wasm a --input 1 --input-file x",
            "run p.wasm a --no-cache --cache-dir x",
            "install --all x.wasm",
            "install",
            "config set p",
            "config set p a=1 --file x",
        ] {
            let arguments = ["cjm-ctl"].into_iter().chain(line.split(' '));
            assert!(Cli::try_parse_from(arguments).is_err(), "{line}");
        }
    }
}
