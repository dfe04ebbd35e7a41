//! Events as lines.

use std::time::SystemTime;

use cjm_host::{Cause, Error, EventKind, JobEvent, JobState, QueueEvent};

use super::words;
use crate::events;
use crate::output::{BAD, Console, DIM, GOOD, NAME, WARNING, styled};
use crate::text::one_line;
use crate::time;

/// An event among those of many jobs: nothing where nobody wants to know it.
pub(in crate::commands) fn among_others(event: &QueueEvent, console: &Console) -> Option<String> {
    let what = what(event, console)?;
    let number = styled(DIM, format!("{:>6}", event.sequence));
    let at = styled(DIM, time::of_day(event.at));
    let mut line = format!("{number} {at} ");
    if let Some(job) = &event.job {
        line.push_str(&format!("{} {} ", words::short(job), styled(NAME, one_line(&event.instance))));
    } else if let Some(sequence) = &event.sequence_id {
        line.push_str(&format!("sequence {} ", words::short(sequence)));
    }
    line.push_str(&what);
    line.push('\n');
    Some(line)
}

/// An event among those of its own job, with the time since that was submitted.
pub(in crate::commands) fn of_job(
    event: &QueueEvent,
    since: SystemTime,
    console: &Console,
) -> Option<String> {
    let what = what(event, console)?;
    let passed = time::span(time::between(since, event.at));
    Some(format!("  {} {what}\n", styled(DIM, format!("{:>8}", format!("+{passed}")))))
}

fn what(event: &QueueEvent, console: &Console) -> Option<String> {
    Some(match &event.kind {
        JobEvent::State { state, cause, error, due_at } => {
            let due = due_at.map(|due| time::relative(due, event.at));
            changed(event.attempt, *state, *cause, error.as_ref(), due)
        }
        JobEvent::Reordered { priority } => format!("{} to priority {priority}", styled(GOOD, "reordered")),
        JobEvent::Blocked { reason } => format!("{} {}", styled(WARNING, "waits:"), words::block(reason)),
        JobEvent::Advanced { step, steps } => {
            format!("{} {} of {steps}", styled(GOOD, "step"), u64::from(*step) + 1)
        }
        JobEvent::SequenceStarted { steps, cause: Cause::Submitted } => {
            format!("{} with {steps} steps", styled(GOOD, "submitted"))
        }
        JobEvent::SequenceStarted { .. } => format!("{} where it failed", styled(GOOD, "goes on")),
        JobEvent::SequenceEnded { state } => words::sequence_tone(*state).paint(state),
        JobEvent::Evicted { from, freed } => {
            let (from, freed) = (styled(NAME, one_line(from)), words::demand(freed));
            format!("{} {from} gave back {freed} for it", styled(WARNING, "evicted:"))
        }
        JobEvent::Reloaded => {
            format!("{}: its instance is made anew, since it ran out of memory", styled(WARNING, "reloaded"))
        }
        JobEvent::Told(kind) => told(kind, event, console)?,
        // What this version has no words for is told as programs see it.
        other => one_line(&serde_json::to_string(other).ok()?),
    })
}

/// A change of state.
fn changed(
    attempt: u32,
    state: JobState,
    cause: Cause,
    error: Option<&Error>,
    due: Option<String>,
) -> String {
    // A backtrace is for the page of the job.
    let first = |error: String| one_line(error.lines().next().unwrap_or_default());
    let error = error.map(|error| format!(": {}", first(error.to_string()))).unwrap_or_default();
    let due = due.map(|due| format!(", {due}")).unwrap_or_default();
    match (state, cause) {
        (JobState::Pending, Cause::Submitted) => format!("{}{due}", styled(GOOD, "submitted")),
        (JobState::Pending, Cause::Retry) => {
            let next = attempt.saturating_add(1);
            format!("{}{error}; attempt {next}{due}", styled(WARNING, format!("attempt {attempt} failed")))
        }
        (JobState::Pending, Cause::Interrupted) => {
            format!("{}: it is run again{due}", styled(WARNING, format!("attempt {attempt} was interrupted")))
        }
        (JobState::Pending, _) => format!("{} once more{due}", styled(GOOD, "to be run")),
        (JobState::Running, _) => styled(NAME, format!("attempt {attempt} began")),
        (JobState::Completed, _) => styled(GOOD, "completed"),
        (JobState::Failed, Cause::Deadline) => {
            format!("{}: its deadline passed while it waited", styled(BAD, "failed"))
        }
        (JobState::Failed, Cause::Refused) => {
            format!("{}: the machine has not what it needs{error}", styled(BAD, "refused"))
        }
        (JobState::Failed, Cause::Interrupted) if error.is_empty() => {
            format!("{}: its process ended", styled(BAD, "failed"))
        }
        (JobState::Failed, _) => format!("{}{error}", styled(BAD, "failed")),
        (JobState::Cancelled, _) => styled(WARNING, "cancelled"),
    }
}

/// What an attempt told.
fn told(kind: &EventKind, event: &QueueEvent, console: &Console) -> Option<String> {
    match kind {
        EventKind::Progress(progress) => (console.verbosity() > 0).then(|| words::progress(progress)),
        EventKind::Resources(used) => {
            let used = words::measured(used);
            (console.verbosity() > 0 && !used.is_empty()).then(|| format!("uses {used}"))
        }
        EventKind::Usage { unit, amount } => Some(format!("used {amount} {}", one_line(unit))),
        EventKind::Cancel { phase } => {
            Some(format!("{} {}", styled(WARNING, "cancel:"), words::phase(*phase)))
        }
        EventKind::Log(record) => events::is_wanted(record, console).then(|| events::log_line(record)),
        refusal @ EventKind::GrantRefused { .. } => events::refusal_line(refusal, Some(&event.instance)),
        other => events::in_words(&event.instance, other, &event.instance, console),
    }
}
