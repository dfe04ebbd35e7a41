//! Who runs the jobs, and whether that one answers.

use cjm_host::{Holder, JobState, Queue, Settings};
use cjm_server::Client;

use super::report::{Finding, Section};
use crate::time;

fn finding(check: &str) -> Finding {
    Finding::of(Section::Jobs, check)
}

/// Looks at it.
pub(super) async fn look(settings: &Settings, findings: &mut Vec<Finding>) {
    let dir = settings.data_dir();
    match Holder::of(dir) {
        Err(error) => findings.push(finding("queue").error(&error)),
        Ok(Some(Holder { pid, since, .. })) => {
            let since = time::exact(since);
            findings.push(finding("queue").ok(format!("process {pid} runs the jobs, since {since}")));
            findings.push(socket(settings, pid).await);
        }
        Ok(None) => findings.push(waiting(settings).await),
    }
}

/// Whether whoever runs the jobs can be asked.
async fn socket(settings: &Settings, pid: u32) -> Finding {
    let finding = finding("socket");
    let client = match Client::connect(settings.data_dir()).await {
        Ok(Some(client)) => client,
        Ok(None) => {
            return finding
                .warning("it does not answer: other commands cannot reach the jobs")
                .hint(format!("an application lends its queue with the crate cjm-server; `ps -p {pid}` shows which it is"));
        }
        Err(error) => return finding.error(&error),
    };
    match client.status().await {
        Err(error) => finding.error(&error),
        Ok(status) if status.version != env!("CARGO_PKG_VERSION") => {
            let (theirs, ours) = (status.version, env!("CARGO_PKG_VERSION"));
            finding
                .warning(format!("it answers, and is of release {theirs}, while this is {ours}"))
                .hint("let both be of the same release".to_owned())
        }
        Ok(_) => finding.ok("it answers"),
    }
}

/// Whether jobs wait for somebody to run them.
async fn waiting(settings: &Settings) -> Finding {
    let waiting: u64 = match Queue::check(settings.data_dir()).await {
        Ok(Some(health)) => {
            let of = |state| health.jobs.get(state).copied().unwrap_or(0);
            [JobState::Pending, JobState::Running].iter().map(of).sum()
        }
        // It was said already what is wrong with the database.
        _ => 0,
    };
    let hint = "run them: `cjm-ctl worker`".to_owned();
    match waiting {
        0 => finding("queue").ok("nobody runs jobs, and none waits"),
        1 => finding("queue").warning("a job waits, and nobody runs it").hint(hint),
        several => finding("queue").warning(format!("{several} jobs wait, and nobody runs them")).hint(hint),
    }
}
