//! `cjm-ctl logs`: the lines of one job, and of no other.

use cjm_host::{EventFilter, EventKind, JobEvent, JobId, LogRecord, QueueEvent};

use super::follow::Follow;
use super::{id, look, show};
use crate::cli::LogsArgs;
use crate::events;
use crate::failure::{Failure, Result};
use crate::output::Console;
use crate::project::Project;

/// Prints them, and goes on until the job has ended where that is wanted.
pub(crate) fn logs(args: &LogsArgs, project: &Project, console: &Console) -> Result<()> {
    let (id, timeline, ended) = look(project, "reading the logs", console, async |client| {
        let id = id::job(client, &args.id).await?;
        let job = client.get(id).await?;
        Ok((id, client.timeline(id).await?, job.state.is_final()))
    })?;
    let mut any = false;
    for event in &timeline {
        any |= print(event, console)?;
    }
    if args.follow && !ended {
        let next = timeline.last().map_or(1, |event| event.sequence.saturating_add(1));
        return follow(id, next, project, console);
    }
    if !any {
        console.note(if ended {
            "it logged nothing"
        } else {
            "it has logged nothing yet; --follow waits for it"
        });
    }
    Ok(())
}

fn follow(id: JobId, next: u64, project: &Project, console: &Console) -> Result<()> {
    Follow::run(EventFilter::default().job(id), Some(next), project, console, |event| {
        print(event, console)?;
        Ok(!show::is_end(event))
    })
}

/// Prints what an event holds of a log; whether it did.
fn print(event: &QueueEvent, console: &Console) -> Result<bool> {
    let JobEvent::Told(EventKind::Log(record)) = &event.kind else { return Ok(false) };
    if !events::is_wanted(record, console) && !console.quiet() {
        return Ok(false);
    }
    match console.json() {
        true => console.print_json_line(&json(record)?)?,
        false => console.print(&format!("{}\n", events::log_line(record)))?,
    }
    Ok(true)
}

fn json(record: &LogRecord) -> Result<String> {
    serde_json::to_string(record)
        .map_err(|error| Failure::fatal(format!("cannot write a log line as JSON: {error}")))
}
