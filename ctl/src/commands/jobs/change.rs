//! `cjm-ctl cancel`, `retry`, `reorder`, `purge`: changing jobs that were submitted.

use std::time::SystemTime;

use cjm_host::{Category, JobFilter, JobId, JobState};
use serde_json::json;

use super::reach::{Purpose, with};
use super::{id, look, words};
use crate::cli::{CancelArgs, PurgeArgs, ReorderArgs, RetryArgs};
use crate::failure::{Failure, Result};
use crate::output::{Console, GOOD, NAME, styled};
use crate::project::Project;
use crate::prompt;
use cjm_server::Client;

/// Cancels them.
pub(crate) fn cancel(args: &CancelArgs, project: &Project, console: &Console) -> Result<()> {
    look(project, "cancelling jobs", console, async |client| {
        let ids = id::jobs(client, &args.ids).await?;
        let mut done = Vec::new();
        for id in ids {
            let cancelled = if args.now { client.cancel_now(id).await? } else { client.cancel(id).await? };
            let state = match client.get(id).await {
                Ok(job) => Some(job.state),
                // A command that ran this job alone has ended with it.
                Err(error) if cancelled && error.category() == Category::Transient => None,
                Err(error) => return Err(error.into()),
            };
            match (cancelled, state) {
                (false, state) => {
                    let state = state.map(|state| format!(": {state}")).unwrap_or_default();
                    console.note(format!("{} had ended already{state}", words::short(&id)));
                }
                (true, None | Some(JobState::Running)) => console.note(format!(
                    "{} {}; `{}` waits until it has",
                    styled(GOOD, "asked to stop:"),
                    styled(NAME, words::short(&id)),
                    words::command("wait", &id)
                )),
                (true, Some(state)) => {
                    console.note(format!("{} {}", styled(GOOD, state), styled(NAME, words::short(&id))));
                }
            }
            done.push(json!({ "id": id, "cancelled": cancelled, "status": state }));
        }
        if console.json() { console.print_json(&done) } else { Ok(()) }
    })
}

/// Runs them once more.
pub(crate) fn retry(args: &RetryArgs, project: &Project, console: &Console) -> Result<()> {
    look(project, "retrying jobs", console, async |client| {
        let ids = id::jobs(client, &args.ids).await?;
        let (mut done, mut refused) = (Vec::new(), None);
        for id in ids {
            let retried = client.retry(id).await?;
            if retried {
                console.note(format!(
                    "{} {}",
                    styled(GOOD, "to be run once more:"),
                    styled(NAME, words::short(&id))
                ));
            } else {
                let state = client.get(id).await?.state;
                refused.get_or_insert((id, state));
            }
            done.push(json!({ "id": id, "retried": retried }));
        }
        if console.json() {
            console.print_json(&done)?;
        }
        match refused {
            None => Ok(()),
            Some((id, state)) => Err(Failure::user(format!(
                "job {} is {state}: only what failed or was cancelled is run once more",
                words::short(&id)
            ))
            .hint("to do it again, submit it again")),
        }
    })
}

/// Gives a job another priority.
pub(crate) fn reorder(args: &ReorderArgs, project: &Project, console: &Console) -> Result<()> {
    look(project, "reordering a job", console, async |client| {
        let id = id::job(client, &args.id).await?;
        if !client.reorder(id, args.priority).await? {
            let state = client.get(id).await?.state;
            return Err(Failure::user(format!(
                "job {} is {state}: only what waits can go before or after others",
                words::short(&id)
            )));
        }
        let (short, priority) = (styled(NAME, words::short(&id)), args.priority);
        console.note(format!("{} {short} to priority {priority}", styled(GOOD, "reordered")));
        if console.json() { console.print_json(&json!({ "id": id, "priority": priority })) } else { Ok(()) }
    })
}

/// Deletes what has ended.
pub(crate) fn purge(args: &PurgeArgs, project: &Project, console: &Console) -> Result<()> {
    if let Some(state) = args.states.iter().find(|state| !state.is_final()) {
        return Err(Failure::user(format!("jobs that are {state} are not deleted: they have not ended"))
            .hint("cancel them first: `cjm-ctl cancel ID`"));
    }
    with(Purpose::Look, project, "deleting jobs", console, async |reach, interrupts| {
        let work = async {
            let purged = match args.ids.is_empty() {
                true => purge_matching(args, &reach.client, console).await?,
                false => purge_named(args, &reach.client, console).await?,
            };
            if args.vacuum {
                reach.client.vacuum().await?;
            }
            let jobs = if purged == 1 { "job" } else { "jobs" };
            console.note(format!("{} {purged} {jobs}", styled(GOOD, "deleted")));
            if console.json() { console.print_json(&json!({ "purged": purged })) } else { Ok(()) }
        };
        tokio::select! {
            biased;
            _ = interrupts.next() => Err(Failure::cancelled("deleting jobs")),
            done = work => done,
        }
    })
}

async fn purge_named(args: &PurgeArgs, client: &Client, console: &Console) -> Result<u64> {
    let ids = id::jobs(client, &args.ids).await?;
    // Before anything is asked or done.
    for id in &ids {
        let job = client.get(*id).await?;
        if !job.state.is_final() {
            return Err(Failure::user(format!(
                "{} is {}: only what has ended is deleted",
                words::named(&job),
                job.state
            ))
            .hint(format!("cancel it first: `{}`", words::command("cancel", id))));
        }
    }
    let names: Vec<String> = ids.iter().map(words::short).collect();
    let question = format!("Delete {} with what was put in and what came out?", names.join(", "));
    prompt::confirm(args.confirm, &question, "deleting jobs", console).await?;
    let mut purged = 0;
    for id in ids {
        purged += u64::from(client.purge(id).await?);
    }
    Ok(purged)
}

async fn purge_matching(args: &PurgeArgs, client: &Client, console: &Console) -> Result<u64> {
    let filter = matching(args);
    let question =
        format!("Delete all jobs that have ended{}, with what was put in and what came out?", which(args));
    prompt::confirm(args.confirm, &question, "deleting jobs", console).await?;
    Ok(client.purge_all(&filter).await?)
}

fn matching(args: &PurgeArgs) -> JobFilter {
    let mut filter = JobFilter::default().states(args.states.iter().copied());
    if let Some(instance) = &args.instance {
        filter = filter.instance(instance);
    }
    if let Some(lane) = &args.lane {
        filter = filter.lane(lane);
    }
    for (name, value) in &args.labels {
        filter = filter.label(name, value);
    }
    if let Some(age) = args.older_than {
        let before = SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
        filter = filter.ended_before(before);
    }
    filter
}

/// The same in words.
fn which(args: &PurgeArgs) -> String {
    let mut words = String::new();
    if !args.states.is_empty() {
        let states: Vec<_> = args.states.iter().map(|state| state.as_str()).collect();
        words.push_str(&format!(" as {}", states.join(" or ")));
    }
    if let Some(instance) = &args.instance {
        words.push_str(&format!(" of {instance}"));
    }
    if let Some(lane) = &args.lane {
        words.push_str(&format!(" in the lane {lane}"));
    }
    for (name, value) in &args.labels {
        words.push_str(&format!(" labelled {name}={value}"));
    }
    if let Some(age) = args.older_than {
        words.push_str(&format!(" more than {} ago", humantime::format_duration(age)));
    }
    words
}

/// The id as programs get it; of a submission.
pub(super) fn printed(id: JobId) -> serde_json::Value {
    json!({ "id": id })
}
