//! `sequence`: jobs that follow one another.

use std::path::PathBuf;
use std::time::Duration;

use cjm_host::SequenceState;
use clap::{Args, Subcommand, ValueHint};

use super::submit::label;

const SEQUENCE_HELP: &str = "\
Examples:
  cjm-ctl sequence submit talk.toml
  cjm-ctl sequence list
  cjm-ctl sequence show 9f3c2b1a
  cjm-ctl sequence wait 9f3c2b1a";

/// Run jobs one after the other, with results of one in the input of the next
#[derive(Debug, Subcommand)]
#[command(after_help = SEQUENCE_HELP)]
pub(crate) enum SequenceCommand {
    Submit(SequenceSubmitArgs),
    List(SequenceListArgs),
    Show(SequenceShowArgs),
    Wait(SequenceWaitArgs),
    Cancel(SequenceCancelArgs),
    Retry(SequenceIdsArgs),
}

const SUBMIT_HELP: &str = "\
Examples:
  cjm-ctl sequence submit talk.toml
  cjm-ctl sequence submit talk.json --wait
  jq -n '…' | cjm-ctl sequence submit -

  # talk.toml
  mode = \"fail-fast\"                 # the default; or \"best-effort\"
  labels = { customer = \"acme\" }

  [[steps]]
  name = \"fetch\"
  instance = \"downloader\"
  action = \"fetch\"
  input = { url = \"https://example.org/talk.wav\" }

  [[steps]]
  instance = \"transcriber\"
  action = \"transcribe\"
  input = { file = { \"$result\" = \"/path\" } }      # of the step before
  timeout = \"10m\"
  retry = { times = 3 }

  [[steps]]
  instance = \"reporter\"
  action = \"report\"
  input = { source = { \"$result\" = { step = \"fetch\", at = \"/path\" } } }

A step is a job, with the options of `submit`: priority, timeout, retry, lane,
labels, not-before, deadline, interrupted, keep-result. The steps are stored
all together or not at all; each begins when the one before it has ended. Where
one fails, the rest is cancelled, unless the mode is best-effort.";

/// Store the steps of a file as jobs that follow one another, and print the id of the whole
#[derive(Debug, Args)]
#[command(after_help = SUBMIT_HELP)]
pub(crate) struct SequenceSubmitArgs {
    /// The steps: TOML where the name ends in .toml, else JSON; `-` reads JSON from standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,

    /// Wait for the end of the last step, and show how far it has come
    #[arg(short, long)]
    pub(crate) wait: bool,

    /// Submit it only once under this key: the second time gives the id of the first
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,

    /// Mark the whole, to find it again; may be repeated
    #[arg(short, long = "label", value_name = "NAME=VALUE", value_parser = label)]
    pub(crate) labels: Vec<(String, String)>,
}

const LIST_HELP: &str = "\
Examples:
  cjm-ctl sequence list
  cjm-ctl sequence list --state failed
  cjm-ctl sequence list --json | jq -r '.[] | select(.status == \"failed\") | .id'";

/// List sequences, the newest first
#[derive(Debug, Args)]
#[command(after_help = LIST_HELP)]
pub(crate) struct SequenceListArgs {
    /// Those in this state: running, completed, failed or cancelled; may be repeated
    #[arg(short, long = "state", value_name = "STATE", value_delimiter = ',', value_parser = state)]
    pub(crate) states: Vec<SequenceState>,

    /// Those with this label; of several, with all
    #[arg(short, long = "label", value_name = "NAME=VALUE", value_parser = label)]
    pub(crate) labels: Vec<(String, String)>,

    /// So many at most
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    pub(crate) limit: usize,
}

const SHOW_HELP: &str = "\
Examples:
  cjm-ctl sequence show 9f3c2b1a
  cjm-ctl sequence show 9f3c2b1a --json | jq '.jobs[].status'";

/// Show a sequence with its steps
#[derive(Debug, Args)]
#[command(after_help = SHOW_HELP)]
pub(crate) struct SequenceShowArgs {
    /// The sequence's id, or its last digits
    pub(crate) id: String,
}

const WAIT_HELP: &str = "\
Examples:
  cjm-ctl sequence wait 9f3c2b1a
  cjm-ctl sequence wait 9f3c2b1a --timeout 1h

The exit status is 0 where it completed, that of the first step that failed
where it failed, and 130 where it was cancelled. Where no worker runs, the queue
is run here until it has ended.";

/// Wait for the end of a sequence, and show how far it has come
#[derive(Debug, Args)]
#[command(after_help = WAIT_HELP)]
pub(crate) struct SequenceWaitArgs {
    /// The sequence's id, or its last digits
    pub(crate) id: String,

    /// Wait no longer than this; the sequence goes on
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Option<Duration>,
}

const CANCEL_HELP: &str = "\
Examples:
  cjm-ctl sequence cancel 9f3c2b1a
  cjm-ctl sequence cancel 9f3c2b1a --now

The steps that wait are cancelled at once. The one that runs is asked to stop,
and has its grace time for it.";

/// Cancel sequences as a whole
#[derive(Debug, Args)]
#[command(after_help = CANCEL_HELP)]
pub(crate) struct SequenceCancelArgs {
    /// The sequences' ids, or their last digits
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<String>,

    /// Stop the step that runs at once, without its grace time
    #[arg(long)]
    pub(crate) now: bool,
}

const RETRY_HELP: &str = "\
Examples:
  cjm-ctl sequence retry 9f3c2b1a

Steps that completed keep their results, and are not run again.";

/// Let sequences that failed or were cancelled go on from there
#[derive(Debug, Args)]
#[command(after_help = RETRY_HELP)]
pub(crate) struct SequenceIdsArgs {
    /// The sequences' ids, or their last digits
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<String>,
}

/// Reads a state.
fn state(text: &str) -> Result<SequenceState, String> {
    SequenceState::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| {
        let names = SequenceState::ALL.map(SequenceState::as_str).join(", ");
        format!("no state of a sequence; the states are {names}")
    })
}
