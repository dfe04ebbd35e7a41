//! `submit`: jobs that outlive this process.

use std::time::{Duration, SystemTime};

use clap::{Args, ValueEnum};

use super::InputArgs;
use crate::time;

const SUBMIT_HELP: &str = "\
Examples:
  cjm-ctl submit transcriber transcribe --input '{\"file\": \"/in/a.wav\"}'
  cjm-ctl submit thumbnail thumbnail -f photo.jpg --wait --output small.webp
  cjm-ctl submit report build --not-before 2030-01-31T06:00:00Z --deadline 1h30m
  cjm-ctl submit fetch fetch -f url.json --retries 5 --retry-first 10s
  cjm-ctl submit transcriber transcribe -f a.wav --idempotency-key a.wav \\
      --label customer=acme --lane gpu --priority 10
  id=$(cjm-ctl submit calculator add --input '{\"a\": 1, \"b\": 2}')

When this prints the job's id, the job is on the disk, and is run whatever
happens: by a worker (`cjm-ctl worker`), at once where one runs. The input is
held against the action's schema first; what does not fit is not stored.

Times:
  --not-before and --deadline take a time, 2030-01-31T06:00:00Z, or a wait from
  now on, 10m. A job that has not begun by its deadline fails, and one that runs
  is stopped.

Waiting:
  With --wait the result is printed as by `run`, and the exit status is that of
  `run`. Where no worker runs, the queue is run here until the job has ended.
  Ctrl-C ends the wait; the job stays in the queue: `cjm-ctl wait ID`,
  `cjm-ctl cancel ID`.";

/// Store a job, which is run whatever happens to this process, and print its id
#[derive(Debug, Args)]
#[command(after_help = SUBMIT_HELP)]
pub(crate) struct SubmitArgs {
    /// The plugin, or the id of one of its instances
    pub(crate) name: String,

    /// The action
    pub(crate) action: String,

    /// Wait for the job's end and print its result, with its progress meanwhile
    #[arg(short, long)]
    pub(crate) wait: bool,

    /// Write the result to this file
    #[arg(short, long, value_name = "FILE", requires = "wait", value_hint = clap::ValueHint::AnyPath)]
    pub(crate) output: Option<std::path::PathBuf>,

    #[command(flatten)]
    pub(crate) input: InputArgs,

    #[command(flatten)]
    pub(crate) options: JobOptions,
}

/// How a job is to be run.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Job")]
pub(crate) struct JobOptions {
    /// The higher goes first
    #[arg(short, long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub(crate) priority: i32,

    /// Not before this time, or after this wait
    #[arg(long, value_name = "TIME|WAIT", value_parser = time::moment)]
    pub(crate) not_before: Option<SystemTime>,

    /// Not after this time, or this long from now
    #[arg(long, value_name = "TIME|WAIT", value_parser = time::moment)]
    pub(crate) deadline: Option<SystemTime>,

    /// The longest that one attempt may take, for example 30s or 5m
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Option<Duration>,

    /// Try it so often again where it fails with something that may work later
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) retries: u32,

    /// The wait before the first retry; each later one is twice as long
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, requires = "retries")]
    pub(crate) retry_first: Option<Duration>,

    /// What the wait between two attempts does not grow beyond
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, requires = "retries")]
    pub(crate) retry_longest: Option<Duration>,

    /// Submit it only once under this key: the second time gives the id of the first
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,

    /// Mark it, to find it again; may be repeated
    #[arg(short, long = "label", value_name = "NAME=VALUE", value_parser = label)]
    pub(crate) labels: Vec<(String, String)>,

    /// Share the concurrency of this lane: one job at a time, unless cjm.toml says otherwise
    #[arg(long, value_name = "NAME")]
    pub(crate) lane: Option<String>,

    /// Store only how it ends, and not its result
    #[arg(long, conflicts_with = "wait")]
    pub(crate) no_keep_result: bool,

    /// What becomes of it where the process ends that runs it [default: what the plugin says of the action]
    #[arg(long, value_name = "WHAT")]
    pub(crate) interrupted: Option<Interruption>,
}

/// What becomes of a job whose process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Interruption {
    /// It is run again, as the next attempt
    Retry,
    /// It fails: for what must not be done twice
    Fail,
}

/// `NAME=VALUE`.
pub(super) fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a label is NAME=VALUE".to_owned()),
    }
}
