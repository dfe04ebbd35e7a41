//! Waiting for the end of a sequence, and showing how far it has come.

use std::time::{Duration, Instant};

use cjm_host::{
    Clock, Error, EventFilter, EventKind, JobEvent, JobState, Notice, QueueEvent, Sequence, SequenceId,
    SequenceState, Since,
};
use cjm_server::Events;

use crate::commands::jobs::{Reach, words};
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupts;
use crate::output::{Console, GOOD, NAME, styled};
use crate::progress::{Progress, Report};
use crate::text::one_line;
use crate::time;

/// A sequence that has ended, as the end of a command.
pub(super) fn ended(sequence: &Sequence, console: &Console) -> Result<()> {
    let show = format!("cjm-ctl sequence show {}", words::short(&sequence.id));
    if sequence.state == SequenceState::Completed {
        let took = sequence.finished_at.map(|end| time::span(time::between(sequence.submitted_at, end)));
        let took = took.map(|took| format!(" in {took}")).unwrap_or_default();
        console.note(format!("{} {} steps{took}: `{show}`", styled(GOOD, "completed"), sequence.steps));
        return Ok(());
    }
    let error = match (&sequence.error, sequence.state) {
        (Some(failure), SequenceState::Failed) => failure.error.clone(),
        (_, SequenceState::Cancelled) => {
            Error::Cancelled { what: format!("sequence {}", sequence.id), forced: false }
        }
        (_, state) => Error::fatal(format!("sequence {} is {state}", sequence.id)),
    };
    Err(Failure::from(error).hint(format!("its steps: `{show}`")))
}

/// Waits for its end, for `timeout` at most.
pub(super) async fn wait(
    reach: &Reach,
    id: SequenceId,
    timeout: Option<Duration>,
    interrupts: &mut Interrupts,
    console: &Console,
) -> Result<Sequence> {
    // What was before the sequence is looked at is in it, and what is after is told.
    let events = reach.client.subscribe(EventFilter::default().sequence(id), Since::Now).await?;
    let sequence = reach.client.sequence(id).await?;
    if sequence.state.is_final() {
        return Ok(sequence);
    }
    if !reach.is_worker() {
        console.note("no worker runs: the queue is run here until the sequence has ended");
    }
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let over = async {
        match deadline {
            Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
            None => std::future::pending().await,
        }
    };
    let mut view = View::new(&sequence, console);
    let ended = tokio::select! {
        biased;
        _ = interrupts.next() => Err(cut_short(id)),
        () = over => {
            let what = format!("the wait for sequence {}", words::short(&id));
            let error = Error::TimedOut { what, clock: Clock::Wall, limit: timeout.unwrap_or_default() };
            Err(stays(error.into(), id))
        }
        ended = follow(events, &mut view) => ended.map_err(|error| stays(error.into(), id)),
    };
    view.progress.finish();
    ended?;
    Ok(reach.client.sequence(id).await?)
}

/// Shows what happens, until the end.
async fn follow(mut events: Events, view: &mut View) -> cjm_host::Result<()> {
    loop {
        match events.next().await {
            Some(Ok(Notice::Event(event))) => {
                view.show(&event);
                if matches!(event.kind, JobEvent::SequenceEnded { .. }) {
                    return Ok(());
                }
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error),
            None => {
                let message = "the worker has ended".to_owned();
                return Err(Error::Transient { message, retry_after: None });
            }
        }
    }
}

fn cut_short(id: SequenceId) -> Failure {
    stays(Failure::cancelled(format!("waiting for sequence {}", words::short(&id))), id)
}

fn stays(failure: Failure, id: SequenceId) -> Failure {
    let id = words::short(&id);
    failure.hint(format!(
        "the sequence stays in the queue: `cjm-ctl sequence wait {id}` waits again, `cjm-ctl sequence cancel {id}` \
         cancels it"
    ))
}

/// The progress of the whole, by its steps.
struct View {
    progress: Progress,
    steps: u32,
    ended: u32,
    /// What the step that runs is called.
    step: String,
}

impl View {
    fn new(sequence: &Sequence, console: &Console) -> Self {
        let mut view = View {
            progress: Progress::new(console, "sequence"),
            steps: sequence.steps.max(1),
            ended: sequence.completed + sequence.failed + sequence.cancelled,
            step: sequence.current_name.clone().unwrap_or_default(),
        };
        view.report(0.0, "");
        view
    }

    fn show(&mut self, event: &QueueEvent) {
        match &event.kind {
            JobEvent::State { state: JobState::Running, .. } => {
                self.step = one_line(&event.instance);
                self.report(0.0, "running");
            }
            JobEvent::State { state, error, .. } if state.is_final() => {
                self.ended = self.ended.saturating_add(1);
                let job = event.job.map(|id| words::short(&id)).unwrap_or_default();
                let error = error.as_ref().filter(|_| *state == JobState::Failed).map(ToString::to_string);
                let error =
                    error.and_then(|error| error.lines().next().map(|line| format!(": {}", one_line(line))));
                self.progress.console().note(format!(
                    "{} {job} {}{}",
                    words::tone(*state).paint(state),
                    styled(NAME, one_line(&event.instance)),
                    error.unwrap_or_default()
                ));
                self.step.clear();
                self.report(0.0, "");
            }
            JobEvent::Blocked { reason } => {
                self.step = one_line(&event.instance);
                self.report(0.0, &format!("waits: {}", words::block(reason)));
            }
            JobEvent::Told(EventKind::Progress(progress)) => {
                self.report(progress.fraction.unwrap_or(0.0), &progress.message);
            }
            _ => {}
        }
    }

    /// How far the whole has come, where its current step is at `fraction`.
    fn report(&mut self, fraction: f64, message: &str) {
        let done = (f64::from(self.ended) + fraction.clamp(0.0, 1.0)) / f64::from(self.steps);
        let at = self.ended.saturating_add(1).min(self.steps);
        let parts = [&*format!("step {at} of {}", self.steps), &*self.step, message];
        let message: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        self.progress.report(Report::new(Some(done.min(1.0)), message.join(" ")));
    }
}
