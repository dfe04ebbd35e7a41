//! Jobs in words: their states, what holds them up, what became of them.

use std::time::{Duration, SystemTime};

use bytesize::ByteSize;
use cjm_host::{
    Block, CancelPhase, Demand, Job, JobId, JobState, Measured, Progress, ResourceKind, SequenceState,
};

use crate::table::Tone;
use crate::text::one_line;
use crate::time;

/// The digits of an id that tables show, and that are mostly enough to name a job.
const SHORT: usize = 8;

/// The last digits of an id.
pub(in crate::commands) fn short(id: &impl ToString) -> String {
    let id = id.to_string();
    id.get(id.len().saturating_sub(SHORT)..).unwrap_or(&id).to_owned()
}

/// How a state looks.
pub(in crate::commands) fn tone(state: JobState) -> Tone {
    match state {
        JobState::Pending => Tone::Plain,
        JobState::Running => Tone::Name,
        JobState::Completed => Tone::Good,
        JobState::Failed => Tone::Bad,
        JobState::Cancelled => Tone::Warning,
    }
}

/// How the state of a sequence looks.
pub(in crate::commands) fn sequence_tone(state: SequenceState) -> Tone {
    match state {
        SequenceState::Running => Tone::Name,
        SequenceState::Completed => Tone::Good,
        SequenceState::Failed => Tone::Bad,
        SequenceState::Cancelled => Tone::Warning,
    }
}

/// What a job waits for.
pub(in crate::commands) fn block(block: &Block) -> String {
    let jobs = |limit: usize| if limit == 1 { "one job".to_owned() } else { format!("{limit} jobs") };
    match block {
        Block::Instance { message } => one_line(message),
        Block::LaneConcurrency { limit } => format!("its lane runs {} at a time", jobs(*limit)),
        Block::InstanceConcurrency { limit } => format!("its instance runs {} at a time", jobs(*limit)),
        Block::Concurrency { limit } => format!("the queue runs {} at a time", jobs(*limit)),
        Block::Resources { kind, needed, available } => {
            let (needed, available) = (ByteSize(*needed), ByteSize(*available));
            format!("it needs {needed} of {}, of which {available} are free", memory(kind))
        }
        Block::Older => "an older job waits for the same".to_owned(),
        // What this version has no words for is told as programs see it.
        other => serde_json::to_string(other).map(|json| one_line(&json)).unwrap_or_default(),
    }
}

/// What kind of memory it is.
fn memory(kind: &ResourceKind) -> &'static str {
    match kind {
        ResourceKind::GpuMemory => "a GPU's memory",
        _ => "memory",
    }
}

/// What a job uses.
pub(in crate::commands) fn measured(used: &Measured) -> String {
    let mut parts = Vec::new();
    if let Some(bytes) = used.memory_bytes {
        parts.push(format!("{} of memory", ByteSize(bytes)));
    }
    if let Some(bytes) = used.gpu_memory_bytes {
        parts.push(format!("{} of a GPU's memory", ByteSize(bytes)));
    }
    if let Some(cpu) = used.cpu_time {
        parts.push(format!("{} of computing", time::span(cpu)));
    }
    parts.join(", ")
}

/// What an instance gave back for a job.
pub(in crate::commands) fn demand(demand: &Demand) -> String {
    match (demand.memory_bytes, demand.gpu_memory_bytes) {
        (memory, 0) => ByteSize(memory).to_string(),
        (0, gpu) => format!("{} of a GPU's memory", ByteSize(gpu)),
        (memory, gpu) => format!("{}, and {} of a GPU's memory", ByteSize(memory), ByteSize(gpu)),
    }
}

/// A phase of a cancellation, with what it means.
pub(in crate::commands) fn phase(phase: CancelPhase) -> &'static str {
    match phase {
        CancelPhase::None => "not asked for",
        CancelPhase::Requested => "requested",
        CancelPhase::Cooperative => "cooperative: the plugin has its grace time to stop by itself",
        CancelPhase::Forced => "forced: the plugin's instance is dropped",
        CancelPhase::Reloaded => "reloaded: a new instance is in its place",
        CancelPhase::Done => "done",
    }
}

/// How far a job has come.
pub(in crate::commands) fn progress(progress: &Progress) -> String {
    let message = one_line(&progress.message);
    match progress.fraction {
        // The cast is exact: the product lies between 0 and 100.
        Some(fraction) => {
            let percent = (fraction.clamp(0.0, 1.0) * 100.0).floor() as u8;
            format!("{percent:>3}% {message}").trim_end().to_owned()
        }
        None => message,
    }
}

/// How long the last attempt took, or takes already; none before the first.
pub(in crate::commands) fn took(job: &Job, now: SystemTime) -> Option<Duration> {
    let started = job.started_at?;
    match job.state {
        JobState::Pending => None,
        JobState::Running => Some(time::between(started, now)),
        _ => Some(time::between(started, job.finished_at?)),
    }
}

/// What is best known of a job in a line.
pub(in crate::commands) fn detail(job: &Job, now: SystemTime) -> (Tone, String) {
    // A backtrace is for the page of the job.
    let first = |error: String| one_line(error.lines().next().unwrap_or_default());
    let error = || job.error.as_ref().map(|failure| first(failure.error.to_string()));
    match job.state {
        JobState::Pending => {
            let waits = match (job.due_at.filter(|at| *at > now), &job.blocked) {
                (Some(due), _) => time::relative(due, now),
                (None, Some(blocked)) => block(blocked),
                (None, None) => String::new(),
            };
            match error() {
                Some(error) if job.attempt > 0 => {
                    let again = format!("attempt {}", job.attempt.saturating_add(1));
                    (Tone::Warning, format!("{again} {waits}: {error}").replace(" :", ":"))
                }
                _ => (Tone::Dim, waits),
            }
        }
        JobState::Running if job.cancel_requested => (Tone::Warning, "cancelling".to_owned()),
        JobState::Running => (Tone::Plain, job.progress.as_ref().map(progress).unwrap_or_default()),
        JobState::Completed => (Tone::Dim, String::new()),
        JobState::Failed => (Tone::Plain, error().unwrap_or_default()),
        JobState::Cancelled => (Tone::Dim, String::new()),
    }
}

/// The job with its action, for sentences: `job 9f3c2b1a (add of calculator)`.
pub(in crate::commands) fn named(job: &Job) -> String {
    format!("job {} ({} of {})", short(&job.id), one_line(&job.action), one_line(&job.instance))
}

/// What a person types next about a job.
pub(in crate::commands) fn command(name: &str, id: &JobId) -> String {
    format!("cjm-ctl {name} {}", short(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_short_where_it_differs() {
        let id: JobId = "0199c0de-1234-7abc-8def-0123456789ab".parse().unwrap();
        assert_eq!(short(&id), "456789ab");
        assert_eq!(command("wait", &id), "cjm-ctl wait 456789ab");
    }

    #[test]
    fn progress_is_whole_percents() {
        let of = |fraction, message: &str| progress(&Progress { fraction, message: message.into() });
        assert_eq!(of(Some(0.459), "half"), " 45% half");
        assert_eq!(of(Some(0.999), ""), " 99%");
        assert_eq!(of(Some(f64::NAN), ""), "  0%");
        assert_eq!(of(None, "a\u{1b}b"), "a\u{fffd}b");
    }

    #[test]
    fn what_a_job_waits_for_is_said() {
        assert_eq!(block(&Block::LaneConcurrency { limit: 1 }), "its lane runs one job at a time");
        assert_eq!(block(&Block::Concurrency { limit: 7 }), "the queue runs 7 jobs at a time");
        assert_eq!(block(&Block::Instance { message: "a\nb".into() }), "a b");
    }

    fn job(more: serde_json::Value) -> Job {
        let mut job = serde_json::json!({
            "id": "0199c0de-1234-7abc-8def-0123456789ab", "number": 1, "instance": "i", "action": "a",
            "status": "pending", "priority": 0, "attempt": 0, "interruptions": 0,
            "retry": {"times": 2, "first-ms": 1000, "longest-ms": 1000}, "interrupted": "retry",
            "cancel-requested": false, "submitted-at": "2030-01-01T00:00:00Z",
        });
        if let (Some(job), serde_json::Value::Object(more)) = (job.as_object_mut(), more) {
            job.extend(more);
        }
        serde_json::from_value(job).unwrap()
    }

    #[test]
    fn what_is_best_known_of_a_job_is_a_line() {
        let now = humantime::parse_rfc3339("2030-01-01T00:01:00Z").unwrap();
        let error = serde_json::json!({
            "category": "transient", "message": "busy\nbacktrace", "retriable": true, "instance": "i", "attempt": 1,
            "at": "2030-01-01T00:00:00Z",
        });
        for (more, says) in [
            (serde_json::json!({}), ""),
            (serde_json::json!({"due-at": "2030-01-01T00:02:00Z"}), "in 1m"),
            (serde_json::json!({"blocked": {"rung": "older"}}), "an older job waits for the same"),
            (
                serde_json::json!({"attempt": 1, "error": error, "due-at": "2030-01-01T00:01:05Z"}),
                "attempt 2 in 5s: busy",
            ),
            (serde_json::json!({"attempt": 1, "error": error}), "attempt 2: busy"),
            (serde_json::json!({"status": "failed", "error": error}), "busy"),
            (serde_json::json!({"status": "running", "cancel-requested": true}), "cancelling"),
        ] {
            assert_eq!(detail(&job(more.clone()), now).1, says, "{more}");
        }
    }

    #[test]
    fn a_job_takes_the_time_of_its_last_attempt() {
        let now = humantime::parse_rfc3339("2030-01-01T00:01:00Z").unwrap();
        let started = "2030-01-01T00:00:30Z";
        let of = |more| took(&job(more), now).map(|took| took.as_secs());
        assert_eq!(of(serde_json::json!({"started-at": started})), None);
        assert_eq!(of(serde_json::json!({"status": "running", "started-at": started})), Some(30));
        let ended = serde_json::json!({
            "status": "completed", "started-at": started, "finished-at": "2030-01-01T00:00:40Z",
        });
        assert_eq!(of(ended), Some(10));
    }
}
