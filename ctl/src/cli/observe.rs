//! What happened, and what was measured: `events`, `profiles`.

use clap::Args;

const EVENTS_HELP: &str = "\
Examples:
  cjm-ctl events                            the last 50
  cjm-ctl events --from 1                   all that are stored
  cjm-ctl events --follow                   from now on, until Ctrl-C
  cjm-ctl events --job 9f3c2b1a
  cjm-ctl events --from 1201 --follow --json > events.jsonl

Each event has a number. They are without gaps, so that who stopped at 1200 goes
on with --from 1201 and has missed nothing.";

/// Print what happened to jobs and instances, in its order
#[derive(Debug, Args)]
#[command(after_help = EVENTS_HELP)]
pub(crate) struct EventsArgs {
    /// Begin with the event of this number; 1 is the first of all
    #[arg(long, value_name = "N")]
    pub(crate) from: Option<u64>,

    /// Those of this job
    #[arg(long, value_name = "ID")]
    pub(crate) job: Option<String>,

    /// Those of this sequence and its steps
    #[arg(long, value_name = "ID")]
    pub(crate) sequence: Option<String>,

    /// Those of this plugin or instance
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,

    /// Go on with what happens, until Ctrl-C
    #[arg(short, long)]
    pub(crate) follow: bool,
}

const PROFILES_HELP: &str = "\
Examples:
  cjm-ctl profiles
  cjm-ctl profiles transcriber
  cjm-ctl profiles --json | jq '.[] | {instance, peak: .\"memory-bytes\".peak}'

A job is held back until what its profile says that it needs is free: see the
setting queue.admission.";

/// Show what jobs were measured to use, by instance
#[derive(Debug, Args)]
#[command(after_help = PROFILES_HELP)]
pub(crate) struct ProfilesArgs {
    /// The plugin, or the id of one of its instances; left out, all of them
    pub(crate) name: Option<String>,
}
