//! Events as lines.

use cjm_host::{Cause, Error, EventKind, Job, JobEvent, JobState, QueueEvent};

use super::words;
use crate::events;
use crate::output::{BAD, Console, DIM, GOOD, NAME, WARNING, styled};
use crate::text::one_line;
use crate::time;

/// An event among those of many jobs: nothing where nobody wants to know it.
pub(in crate::commands) fn among_others(event: &QueueEvent, console: &Console) -> Option<String> {
    // Of the plugin only its instance is known, which mostly has its name.
    let what = what(event, &event.instance, console)?;
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
pub(in crate::commands) fn of_job(event: &QueueEvent, job: &Job, console: &Console) -> Option<String> {
    let what = what(event, job.plugin.as_deref().unwrap_or(&job.instance), console)?;
    let passed = time::span(time::between(job.submitted_at, event.at));
    Some(format!("  {} {what}\n", styled(DIM, format!("{:>8}", format!("+{passed}")))))
}

fn what(event: &QueueEvent, plugin: &str, console: &Console) -> Option<String> {
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
        JobEvent::Told(kind) => told(kind, &event.instance, plugin, console)?,
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
fn told(kind: &EventKind, instance: &str, plugin: &str, console: &Console) -> Option<String> {
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
        refusal @ EventKind::GrantRefused { .. } => events::refusal_line(refusal, Some(plugin)),
        other => events::in_words(instance, other, plugin, console),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cli::OutputArgs;

    fn line(verbose: u8, more: Value) -> Option<String> {
        let mut event = json!({
            "sequence": 7, "at": "2030-01-01T12:00:00.250Z", "job": "0199c0de-1234-7abc-8def-0123456789ab",
            "instance": "calculator", "attempt": 1,
        });
        let (Value::Object(event_map), Value::Object(more)) = (&mut event, more) else {
            panic!("no objects")
        };
        event_map.extend(more);
        let event: QueueEvent = serde_json::from_value(event).unwrap();
        let console = Console::new(OutputArgs { json: false, verbose, quiet: false });
        let line = among_others(&event, &console)?;
        Some(anstream::adapter::strip_str(&line).to_string())
    }

    #[test]
    fn an_event_names_its_number_its_time_and_its_job() {
        let line = line(0, json!({"event": "state", "state": "pending", "cause": "submitted"})).unwrap();
        assert_eq!(line, "     7 12:00:00.250 456789ab calculator submitted\n");
    }

    #[test]
    fn what_happened_is_said_in_words() {
        let error = json!({"category": "transient", "message": "busy\nat all", "retriable": true});
        let due = "2030-01-01T12:00:02.250Z";
        for (event, says) in [
            (
                json!({"event": "state", "state": "pending", "cause": "retry", "error": error, "due-at": due}),
                "attempt 1 failed: busy; attempt 2, in 2s",
            ),
            (json!({"event": "state", "state": "failed", "cause": "ended", "error": error}), "failed: busy"),
            (json!({"event": "state", "state": "failed", "cause": "deadline"}), "its deadline passed"),
            (
                json!({"event": "blocked", "reason": {"rung": "concurrency", "limit": 2}}),
                "runs 2 jobs at a time",
            ),
            (json!({"event": "advanced", "step": 1, "steps": 3}), "step 2 of 3"),
            (json!({"event": "usage", "unit": "tokens", "amount": 1.5}), "used 1.5 tokens"),
            (json!({"event": "cancel", "phase": "forced"}), "cancel: forced"),
        ] {
            let line = line(0, event).unwrap();
            assert!(line.contains(says), "{line}");
        }
    }

    #[test]
    fn progress_is_told_to_who_wants_to_know_more() {
        let progress = json!({"event": "progress", "fraction": 0.5, "message": "half"});
        assert_eq!(line(0, progress.clone()), None);
        assert!(line(1, progress).unwrap().ends_with(" 50% half\n"));
    }
}
