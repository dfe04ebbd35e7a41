//! `worker`.

use std::time::Duration;

use clap::Args;

const WORKER_HELP: &str = "\
Examples:
  cjm-ctl worker
  cjm-ctl worker --concurrency 8 --lane gpu=1
  cjm-ctl worker --drain 10m           for jobs that take their time
  cjm-ctl worker --json > events.jsonl

Runs the jobs that are submitted to the project, those that wait already, and
those that ran when the last worker ended, as their options say. One worker at
a time; other commands reach it through the socket worker.sock in the data
folder. Plugins are loaded with their first job, and the plugins folder is
followed. What happens is printed, one event a line with --json.

Ctrl-C, SIGTERM:
  The first lets no more jobs begin, and those that run have the time of --drain
  to end by themselves. The second, or the end of that time, stops them: they
  are run again by the next worker, or have failed, as their `interrupted`
  says. The third waits for nothing. The exit status is 0, but 130 after the
  third.

As a service of systemd:
  [Service]
  Type=notify
  ExecStart=cjm-ctl worker --data-dir /srv/app/.cjm
  TimeoutStopSec=90
  Restart=on-failure";

/// Run the jobs of the project, until told to stop
#[derive(Debug, Args)]
#[command(after_help = WORKER_HELP)]
pub(crate) struct WorkerArgs {
    /// How many jobs run at once [default: the setting queue.concurrency, 256]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) concurrency: Option<u32>,

    /// How many jobs of a lane run at once; may be repeated [default: the settings queue.lanes, 1 each]
    #[arg(long = "lane", value_name = "NAME=N", value_parser = lane)]
    pub(crate) lanes: Vec<(String, usize)>,

    /// How long jobs that run may take to end once this is told to stop
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, default_value = "30s")]
    pub(crate) drain: Duration,
}

/// Reads `gpu=1`.
fn lane(text: &str) -> Result<(String, usize), String> {
    let wanted =
        || "expected the name of a lane and how many of its jobs run at once, as in gpu=1".to_owned();
    let (name, jobs) = text.rsplit_once('=').ok_or_else(wanted)?;
    let jobs = jobs.parse().ok().filter(|jobs| *jobs > 0).ok_or_else(wanted)?;
    if name.is_empty() {
        return Err(wanted());
    }
    Ok((name.to_owned(), jobs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_a_name_and_a_number() {
        assert_eq!(lane("gpu=2"), Ok(("gpu".to_owned(), 2)));
        assert_eq!(lane("a=b=3"), Ok(("a=b".to_owned(), 3)));
        for odd in ["gpu", "gpu=", "gpu=0", "gpu=-1", "=1", "gpu=all"] {
            assert!(lane(odd).is_err(), "{odd}");
        }
    }
}
