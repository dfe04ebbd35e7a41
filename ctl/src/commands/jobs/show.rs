//! `cjm-ctl job`: everything about one.

use std::time::SystemTime;

use cjm_host::{Interrupted, Job, JobEvent, QueueEvent, Retry, Value};
use serde::Serialize;

use super::{id, line, look, words};
use crate::cli::JobArgs;
use crate::failure::Result;
use crate::output::{BAD, Console, DIM, GOOD, NAME, WARNING, styled};
use crate::project::Project;
use crate::text::{self, Layout, one_line, printable};
use crate::time;

/// An input or a result that is longer is cut on the page.
const SHOWN: usize = 2_000;

/// What `--json` prints.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    job: &'a Job,
    timeline: &'a [QueueEvent],
}

/// Prints what there is to know.
pub(crate) fn job(args: &JobArgs, project: &Project, console: &Console) -> Result<()> {
    let (job, input, timeline) = look(project, "looking at the job", console, async |client| {
        let id = id::job(client, &args.id).await?;
        let job = client.get(id).await?;
        // One of which a part is damaged is shown without that part.
        Ok((job, client.input(id).await, client.timeline(id).await?))
    })?;
    if console.json() {
        return console.print_json(&Told { job: &job, timeline: &timeline });
    }
    let now = SystemTime::now();
    let mut page = head(&job, now);
    section(&mut page, "Input");
    match input {
        Ok(value) => page.push_str(&shown(&value)),
        Err(error) => page.push_str(&format!("  {}\n", styled(BAD, one_line(&error.to_string())))),
    }
    section(&mut page, "Timeline");
    let hidden = timeline.iter().filter(|event| {
        let line = line::of_job(event, &job, console);
        page.push_str(line.as_deref().unwrap_or_default());
        line.is_none()
    });
    let hidden = hidden.count();
    console.print(&page)?;
    if hidden > 0 {
        console.note(styled(DIM, format!("{hidden} reports of progress and debug messages more with -v")));
    }
    if let Some(next) = next(&job) {
        console.note(format!("{} {next}", styled(GOOD, "next:")));
    }
    Ok(())
}

/// What a person is likely to want of such a job.
fn next(job: &Job) -> Option<String> {
    use cjm_host::JobState::{Cancelled, Completed, Failed, Pending, Running};
    Some(match job.state {
        Completed => words::command("result", &job.id),
        Failed | Cancelled => words::command("retry", &job.id),
        Running => words::command("wait", &job.id),
        Pending => return None,
    })
}

fn section(page: &mut String, title: &str) {
    page.push_str(&format!("\n{}\n", styled(GOOD, title)));
}

fn fact(page: &mut String, name: &str, what: &str) {
    page.push_str(&format!("  {} {what}\n", styled(DIM, format!("{name:<10}"))));
}

/// The job itself.
fn head(job: &Job, now: SystemTime) -> String {
    let state = words::tone(job.state).paint(job.state);
    let mut page = format!(
        "{} {} of {}\n",
        state,
        styled(NAME, one_line(&job.action)),
        styled(NAME, one_line(&job.instance))
    );
    fact(&mut page, "id", &job.id.to_string());
    let at = |at: SystemTime| format!("{} {}", time::exact(at), styled(DIM, time::relative(at, now)));
    if let Some(plugin) = job.plugin.as_ref().filter(|plugin| **plugin != job.instance) {
        fact(&mut page, "plugin", &one_line(plugin));
    }
    if let (Some(sequence), Some(step)) = (job.sequence_id, job.step) {
        let name = job.step_name.as_ref().map(|name| format!(" `{}`", one_line(name))).unwrap_or_default();
        fact(&mut page, "sequence", &format!("step {}{name} of {sequence}", u64::from(step) + 1));
    }
    fact(&mut page, "submitted", &at(job.submitted_at));
    if let Some(due) = job.due_at {
        fact(&mut page, "due", &at(due));
    }
    if let Some(deadline) = job.deadline {
        fact(&mut page, "deadline", &at(deadline));
    }
    if let Some(started) = job.started_at {
        fact(&mut page, "started", &at(started));
    }
    if let Some(finished) = job.finished_at {
        fact(&mut page, "ended", &at(finished));
    }
    if let Some(took) = words::took(job, now) {
        fact(&mut page, "took", &time::span(took));
    }
    options(job, &mut page);
    if let Some(progress) = &job.progress {
        fact(&mut page, "progress", words::progress(progress).trim_start());
    }
    if let Some(blocked) = &job.blocked {
        fact(&mut page, "waits", &styled(WARNING, words::block(blocked)));
    }
    if job.cancel_requested && !job.state.is_final() {
        fact(&mut page, "cancel", &styled(WARNING, "requested"));
    }
    if let Some(failure) = &job.error {
        let error = printable(&failure.error.to_string()).replace('\n', "\n             ");
        fact(&mut page, "error", &format!("{} {error}", styled(BAD, failure.error.category())));
    }
    page
}

/// How it is run.
fn options(job: &Job, page: &mut String) {
    let attempts = job.retry.times.saturating_add(1);
    let interrupted = match job.interruptions {
        0 => String::new(),
        1 => ", one of them interrupted by the end of the process".to_owned(),
        times => format!(", {times} of them interrupted by the end of the process"),
    };
    fact(page, "attempts", &format!("{} of {attempts}{interrupted}", job.attempt));
    if job.priority != 0 {
        fact(page, "priority", &job.priority.to_string());
    }
    if let Some(lane) = &job.lane {
        fact(page, "lane", &one_line(lane));
    }
    if let Some(timeout) = job.timeout {
        fact(page, "timeout", &time::span(timeout));
    }
    if job.retry.times > 0 {
        let Retry { first, longest, .. } = job.retry;
        fact(page, "back-off", &format!("{}, doubling up to {}", time::span(first), time::span(longest)));
    }
    if job.interrupted == Interrupted::Fail {
        fact(page, "once", "it fails where its process ends, and is not run again");
    }
    if let Some(key) = &job.idempotency_key {
        fact(page, "key", &one_line(key));
    }
    for (name, value) in &job.labels {
        fact(page, "label", &format!("{}={}", one_line(name), one_line(value)));
    }
}

/// A value on the page.
fn shown(value: &Value) -> String {
    match value {
        Value::Json(json) => {
            let json = text::lay_out(json, Layout::Indented);
            let (json, more) = match json.char_indices().nth(SHOWN) {
                Some((end, _)) => (json.get(..end).unwrap_or(&json), "…"),
                None => (json.as_str(), ""),
            };
            json.lines().map(|line| format!("  {line}\n")).collect::<String>().trim_end().to_owned()
                + more
                + "\n"
        }
        Value::Blob(blob) => {
            let size = bytesize::ByteSize(blob.data.len() as u64);
            format!("  {} of {}\n", size, one_line(&blob.media_type))
        }
    }
}

/// Whether an event says that the job has ended.
pub(super) fn is_end(event: &QueueEvent) -> bool {
    matches!(&event.kind, JobEvent::State { state, .. } if state.is_final())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_inputs_are_cut() {
        let long = Value::Json(format!("\"{}\"", "ü".repeat(3_000)));
        assert!(shown(&long).ends_with("ü…\n"));
        assert_eq!(shown(&Value::Json("{\"a\":1}".into())), "  {\n    \"a\": 1\n  }\n");
    }
}
