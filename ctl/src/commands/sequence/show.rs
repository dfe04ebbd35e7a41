//! `cjm-ctl sequence show`: a sequence with its steps.

use std::time::SystemTime;

use cjm_host::{Job, Sequence};
use serde::Serialize;

use super::id;
use crate::cli::SequenceShowArgs;
use crate::commands::jobs::{look, words};
use crate::failure::Result;
use crate::output::{BAD, Console, DIM, GOOD, styled};
use crate::project::Project;
use crate::table::{Table, Tone};
use crate::text::{one_line, printable};
use crate::time;

/// What `--json` prints.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    sequence: &'a Sequence,
    jobs: &'a [Job],
}

/// Prints it.
pub(super) fn show(args: &SequenceShowArgs, project: &Project, console: &Console) -> Result<()> {
    let (sequence, jobs) = look(project, "looking at the sequence", console, async |client| {
        let id = id::sequence(client, &args.id).await?;
        Ok((client.sequence(id).await?, client.steps(id).await?))
    })?;
    if console.json() {
        return console.print_json(&Told { sequence: &sequence, jobs: &jobs });
    }
    let now = SystemTime::now();
    console.print(&(head(&sequence, now) + "\n" + &steps(&jobs, now)))?;
    if sequence.state.is_final() && sequence.completed < sequence.steps {
        let retry = format!("cjm-ctl sequence retry {}", words::short(&sequence.id));
        console.note(format!("{} {retry}", styled(GOOD, "next:")));
    }
    Ok(())
}

fn head(sequence: &Sequence, now: SystemTime) -> String {
    let state = words::sequence_tone(sequence.state).paint(sequence.state);
    let mut page = format!("{state}: {} of {} steps completed\n", sequence.completed, sequence.steps);
    let mut fact = |name: &str, what: String| {
        page.push_str(&format!("  {} {what}\n", styled(DIM, format!("{name:<10}"))));
    };
    let at = |at: SystemTime| format!("{} {}", time::exact(at), styled(DIM, time::relative(at, now)));
    fact("id", sequence.id.to_string());
    fact("mode", sequence.mode.as_str().to_owned());
    fact("submitted", at(sequence.submitted_at));
    if let Some(finished) = sequence.finished_at {
        fact("ended", at(finished));
    }
    if sequence.failed > 0 {
        fact("failed", sequence.failed.to_string());
    }
    if sequence.cancelled > 0 {
        fact("cancelled", sequence.cancelled.to_string());
    }
    if let Some(key) = &sequence.idempotency_key {
        fact("key", one_line(key));
    }
    for (name, value) in &sequence.labels {
        fact("label", format!("{}={}", one_line(name), one_line(value)));
    }
    if let Some(failure) = &sequence.error {
        let error = failure.error.to_string();
        let error = printable(error.lines().next().unwrap_or_default()).into_owned();
        fact("error", format!("{} {error}", styled(BAD, failure.error.category())));
    }
    page
}

fn steps(jobs: &[Job], now: SystemTime) -> String {
    let mut table = Table::new(["STEP", "JOB", "STATE", "NAME", "ACTION", "TOOK", ""]);
    for job in jobs {
        let (tone, detail) = words::detail(job, now);
        let number = u64::from(job.step.unwrap_or_default()) + 1;
        let step = match &job.step_name {
            Some(name) => format!("{number} {name}"),
            None => number.to_string(),
        };
        let took = words::took(job, now).map(time::span).unwrap_or_default();
        table.row([
            (Tone::Plain, &step),
            (Tone::Dim, &words::short(&job.id)),
            (words::tone(job.state), job.state.as_str()),
            (Tone::Name, &job.instance),
            (Tone::Plain, &job.action),
            (Tone::Plain, &took),
            (tone, &detail),
        ]);
    }
    table.render()
}
