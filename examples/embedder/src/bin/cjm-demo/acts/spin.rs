//! A plugin that spins for ever is stopped, twice, while its neighbour goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use cjm_host::{CancelPhase, Clock, Error, EventKind, Limits, Plugin, Source, Subscription};
use indicatif::ProgressBar;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::Stage;
use crate::screen::Screen;

/// How long the plugin spins before somebody loses patience.
const PATIENCE: Duration = Duration::from_millis(1500);

/// How long it may go on once it was asked to stop. The default is 3 s.
const GRACE: Duration = Duration::from_secs(1);

/// How long it may compute where nobody watches. The default is 10 min.
const CPU_TIME: Duration = Duration::from_millis(700);

pub(crate) async fn play(stage: &Stage) -> Result<String> {
    stage.screen.title("A plugin that spins for ever, and its neighbour");
    let calculator = stage.host.load(stage.plugin("calculator")).await?;
    let limits = Limits { grace: GRACE, ..Limits::default() };
    let bad = stage.host.loader(Source::path(stage.plugin("misbehave"))).limits(limits).load().await?;

    let neighbour = Neighbour::start(calculator, stage.screen.spinner("calculator"));
    let stopped = async {
        cancel(&bad, &stage.screen).await?;
        run_out_of_time(&bad, &stage.screen).await
    };
    let stopped = stopped.await;
    let (calls, longest) = neighbour.stop().await?;
    stopped?;
    stage
        .screen
        .line(&format!("calculator answered {calls} calls meanwhile; the slowest took {longest:.1?}"));
    ensure!(calls > 100, "the neighbour was held up");
    Ok(format!("stopped by cancellation and by its CPU limit, while its neighbour answered {calls} calls"))
}

/// Cancels a call that spins, and tells each phase.
async fn cancel(bad: &Plugin, screen: &Screen) -> Result<()> {
    let running = bad.call("spin", json!({})).start();
    let phases = tokio::spawn(tell_phases(running.events(), screen.clone()));
    screen.line(&format!("`misbehave` spins; in {PATIENCE:?} it is asked to stop"));
    tokio::time::sleep(PATIENCE).await;
    running.cancel();
    let Err(error) = running.await else { bail!("what spins for ever came to an end") };
    let phases = phases.await?;
    screen.line(&format!("{}: {error}", error.category()));
    ensure!(matches!(error, Error::Cancelled { forced: true, .. }), "it was not stopped by force");
    ensure!(phases == PHASES, "the phases were {phases:?}");
    answers_again(bad, screen).await
}

const PHASES: [CancelPhase; 5] = [
    CancelPhase::Requested,
    CancelPhase::Cooperative,
    CancelPhase::Forced,
    CancelPhase::Reloaded,
    CancelPhase::Done,
];

/// Prints each phase of the cancellation, with the time since the first.
async fn tell_phases(mut events: Subscription, screen: Screen) -> Vec<CancelPhase> {
    let (mut phases, mut first) = (Vec::new(), None);
    while let Some(event) = events.next().await {
        if let EventKind::Cancel { phase } = event.kind {
            let begin = *first.get_or_insert_with(Instant::now);
            screen.line(&format!("{:>7} ms  {phase:?}", begin.elapsed().as_millis()));
            phases.push(phase);
        }
    }
    phases
}

/// Lets a call spin until its own limit ends it.
async fn run_out_of_time(bad: &Plugin, screen: &Screen) -> Result<()> {
    let Err(error) = bad.call("spin", json!({})).cpu_time(CPU_TIME).await else {
        bail!("what spins for ever came to an end");
    };
    screen.line(&format!("{}: {error}", error.category()));
    ensure!(
        matches!(error, Error::TimedOut { clock: Clock::Cpu, .. }),
        "it was not stopped by its CPU limit"
    );
    answers_again(bad, screen).await
}

async fn answers_again(bad: &Plugin, screen: &Screen) -> Result<()> {
    let begin = Instant::now();
    let count: u64 = bad.execute("count", json!({})).await?.to()?;
    ensure!(count == 1, "the instance is not a new one");
    screen.line(&format!("its new instance answers, in {:.1?}", begin.elapsed()));
    Ok(())
}

/// Somebody who keeps another plugin busy.
struct Neighbour {
    enough: Arc<AtomicBool>,
    task: JoinHandle<Result<(u64, Duration)>>,
}

impl Neighbour {
    fn start(calculator: Plugin, spinner: ProgressBar) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn({
            let enough = enough.clone();
            async move { add_up(&calculator, &spinner, &enough).await }
        });
        Self { enough, task }
    }

    /// The number of calls that were answered, and how long the slowest took.
    async fn stop(self) -> Result<(u64, Duration)> {
        self.enough.store(true, Ordering::Release);
        self.task.await?
    }
}

async fn add_up(calculator: &Plugin, spinner: &ProgressBar, enough: &AtomicBool) -> Result<(u64, Duration)> {
    let (mut calls, mut longest) = (0, Duration::ZERO);
    while !enough.load(Ordering::Acquire) {
        let begin = Instant::now();
        let sum: f64 = calculator.execute("add", json!({ "a": calls, "b": 1 })).await?.to()?;
        longest = longest.max(begin.elapsed());
        calls += 1;
        ensure!(sum == calls as f64, "the neighbour made a mistake: {calls} is not {sum}");
        spinner.set_message(format!("{calls} calls answered, the slowest in {longest:.1?}"));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    spinner.finish_and_clear();
    Ok((calls, longest))
}
