//! Jobs that were submitted: looking at them, waiting for them, changing them.

use std::path::PathBuf;
use std::time::Duration;

use cjm_host::JobState;
use clap::{ArgGroup, Args, ValueHint};

use super::ConfirmArgs;
use super::submit::label;

const JOBS_HELP: &str = "\
Examples:
  cjm-ctl jobs
  cjm-ctl jobs --watch                      a live table, until Ctrl-C
  cjm-ctl jobs transcriber --state failed
  cjm-ctl jobs --label customer=acme --limit 500
  cjm-ctl jobs --json | jq -r '.[] | select(.status == \"failed\") | .id'
  cjm-ctl jobs --watch --json               what happens to them, an event a line

An id may be abbreviated wherever one is asked for, to its last digits as the
table shows them.";

/// List jobs, the newest first
#[derive(Debug, Args)]
#[command(after_help = JOBS_HELP)]
pub(crate) struct JobsArgs {
    #[command(flatten)]
    pub(crate) which: WhichArgs,

    /// So many at most
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    pub(crate) limit: usize,

    /// Follow them: a live table on a terminal, elsewhere a line for each event
    #[arg(short, long)]
    pub(crate) watch: bool,
}

/// Which jobs are meant.
#[derive(Debug, Clone, Args)]
pub(crate) struct WhichArgs {
    /// Those of this plugin, or of this instance
    #[arg(value_name = "NAME")]
    pub(crate) instance: Option<String>,

    /// Those in this state: pending, running, completed, failed or cancelled; may be repeated
    #[arg(short, long = "state", value_name = "STATE", value_delimiter = ',')]
    pub(crate) states: Vec<JobState>,

    /// Those of this lane
    #[arg(long, value_name = "NAME")]
    pub(crate) lane: Option<String>,

    /// Those with this label; of several, with all
    #[arg(short, long = "label", value_name = "NAME=VALUE", value_parser = label)]
    pub(crate) labels: Vec<(String, String)>,
}

const JOB_HELP: &str = "\
Examples:
  cjm-ctl job 9f3c2b1a
  cjm-ctl job 9f3c2b1a -v                   with every report of progress, and its logs
  cjm-ctl job 9f3c2b1a --json | jq .timeline";

/// Show everything about a job, with its timeline
#[derive(Debug, Args)]
#[command(after_help = JOB_HELP)]
pub(crate) struct JobArgs {
    /// The job's id, or its last digits
    pub(crate) id: String,
}

const LOGS_HELP: &str = "\
Examples:
  cjm-ctl logs 9f3c2b1a
  cjm-ctl logs 9f3c2b1a --follow            until the job has ended
  cjm-ctl logs 9f3c2b1a -v                  with its debug messages
  cjm-ctl logs 9f3c2b1a --json | jq -r .message

These are the job's own lines, whatever else its plugin does at the same time.";

/// Print what a job logged and printed
#[derive(Debug, Args)]
#[command(after_help = LOGS_HELP)]
pub(crate) struct LogsArgs {
    /// The job's id, or its last digits
    pub(crate) id: String,

    /// Go on with what it logs, until it has ended
    #[arg(short, long)]
    pub(crate) follow: bool,
}

const WAIT_HELP: &str = "\
Examples:
  cjm-ctl wait 9f3c2b1a && cjm-ctl result 9f3c2b1a
  cjm-ctl wait 9f3c2b1a --timeout 10m

The exit status is that of `run`: 0 where it completed, 1 or 2 where it failed,
130 where it was cancelled. Where no worker runs, the queue is run here until
the job has ended.";

/// Wait for a job's end, and show its progress meanwhile
#[derive(Debug, Args)]
#[command(after_help = WAIT_HELP)]
pub(crate) struct WaitArgs {
    /// The job's id, or its last digits
    pub(crate) id: String,

    /// Wait no longer than this; the job goes on
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Option<Duration>,
}

const RESULT_HELP: &str = "\
Examples:
  cjm-ctl result 9f3c2b1a
  cjm-ctl result 9f3c2b1a --output small.webp
  cjm-ctl result 9f3c2b1a --input           what it was submitted with

Of a job that failed or was cancelled, this fails with its error, and with the
exit status that `run` had.";

/// Print what a job completed with
#[derive(Debug, Args)]
#[command(after_help = RESULT_HELP)]
pub(crate) struct ResultArgs {
    /// The job's id, or its last digits
    pub(crate) id: String,

    /// Write it to this file
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,

    /// Print what the job was submitted with instead
    #[arg(long)]
    pub(crate) input: bool,
}

const CANCEL_HELP: &str = "\
Examples:
  cjm-ctl cancel 9f3c2b1a
  cjm-ctl cancel 9f3c2b1a 02cc41d7 --now

A job that waits is cancelled at once. One that runs is asked to stop, and has
its grace time for it. `cjm-ctl wait ID` waits for that.";

/// Cancel jobs
#[derive(Debug, Args)]
#[command(after_help = CANCEL_HELP)]
pub(crate) struct CancelArgs {
    /// The jobs' ids, or their last digits
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<String>,

    /// Stop those that run at once, without their grace time
    #[arg(long)]
    pub(crate) now: bool,
}

const RETRY_HELP: &str = "\
Examples:
  cjm-ctl retry 9f3c2b1a
  cjm-ctl retry $(cjm-ctl jobs --state failed --json | jq -r '.[].id')

The job keeps its id and its options, except for its deadline, and has all its
attempts again.";

/// Run jobs once more that failed or were cancelled
#[derive(Debug, Args)]
#[command(after_help = RETRY_HELP)]
pub(crate) struct RetryArgs {
    /// The jobs' ids, or their last digits
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<String>,
}

const REORDER_HELP: &str = "\
Examples:
  cjm-ctl reorder 9f3c2b1a 100
  cjm-ctl reorder 9f3c2b1a -5";

/// Let a job that waits go before or after others
#[derive(Debug, Args)]
#[command(after_help = REORDER_HELP)]
pub(crate) struct ReorderArgs {
    /// The job's id, or its last digits
    pub(crate) id: String,

    /// Its new priority: the higher goes first
    #[arg(allow_negative_numbers = true)]
    pub(crate) priority: i32,
}

const PURGE_HELP: &str = "\
Examples:
  cjm-ctl purge 9f3c2b1a
  cjm-ctl purge --state completed --older-than 7d
  cjm-ctl purge --label customer=acme --yes
  cjm-ctl purge --all --vacuum              and give the space back to the disk

Only jobs that have ended are deleted, with their inputs and results. What is
kept without this is said in cjm.toml, under [queue.retention].";

/// Delete jobs that have ended
#[derive(Debug, Args)]
#[command(after_help = PURGE_HELP)]
#[command(group = ArgGroup::new("what").required(true).multiple(true)
    .args(["ids", "states", "instance", "lane", "labels", "older_than", "all"]))]
pub(crate) struct PurgeArgs {
    /// The jobs' ids, or their last digits
    #[arg(value_name = "ID", conflicts_with_all = ["states", "instance", "lane", "labels", "older_than", "all"])]
    pub(crate) ids: Vec<String>,

    /// Those in this state: completed, failed or cancelled; may be repeated
    #[arg(short, long = "state", value_name = "STATE", value_delimiter = ',')]
    pub(crate) states: Vec<JobState>,

    /// Those of this plugin or instance
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,

    /// Those of this lane
    #[arg(long, value_name = "NAME")]
    pub(crate) lane: Option<String>,

    /// Those with this label; of several, with all
    #[arg(short, long = "label", value_name = "NAME=VALUE", value_parser = label)]
    pub(crate) labels: Vec<(String, String)>,

    /// Those that ended so long ago, for example 12h or 7d
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) older_than: Option<Duration>,

    /// All that have ended
    #[arg(long)]
    pub(crate) all: bool,

    /// Give the space back to the disk, which takes a while: jobs wait meanwhile
    #[arg(long)]
    pub(crate) vacuum: bool,

    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
}
