//! `doctor`.

use clap::Args;

const DOCTOR_HELP: &str = "\
Examples:
  cjm-ctl doctor
  cjm-ctl doctor --json | jq '.checks[] | select(.level == \"problem\")'

Looks, and changes nothing. The exit status is 1 where there is a problem, and 0
where there are warnings at most.";

/// Look for what is wrong with the project and the machine, and say how to mend it
#[derive(Debug, Args)]
#[command(after_help = DOCTOR_HELP)]
pub(crate) struct DoctorArgs {}
