//! What is known of one job while it runs, and told to its watchers.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::cancel::{Cancellation, Stopper};
use super::sinks::Sinks;
use super::watcher::Watcher;
use crate::event::{CancelPhase, Event, EventBus, EventKind, LogLevel, LogRecord, Progress, Subscription};
use crate::policy::Limits;

/// The least time between two progress events of one job. A guest that reports in a tight loop would otherwise push
/// everything else out of its watchers' backlog.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(20);

/// The longest target of a log record, in bytes.
const LOG_TARGET_BYTES: usize = 128;

/// The longest name of a unit of usage, in bytes.
const UNIT_BYTES: usize = 64;

/// What one call was measured to use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallStats {
    /// Time on the wall from when the guest began to run.
    pub wall: Duration,
    /// Time in which the guest computed. Zero for a call of a `shared` instance, whose calls cannot be told apart.
    pub cpu: Duration,
    /// Linear memory of the instance at the end of the call, in bytes.
    pub memory_bytes: u64,
    /// The most linear memory that the instance ever had, in bytes.
    pub peak_memory_bytes: u64,
    /// Fuel that was used; none where fuel was not counted.
    pub fuel_used: Option<u64>,
}

/// What a job may tell at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JobLimits {
    log_records: u32,
    log_message_bytes: usize,
    progress_message_bytes: usize,
    usage_units: usize,
}

impl From<&Limits> for JobLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            log_records: limits.log_records,
            log_message_bytes: limits.log_message_bytes,
            progress_message_bytes: limits.progress_message_bytes,
            usage_units: limits.usage_units,
        }
    }
}

/// One job: shared by the handle of its caller, the guest's imports, and the watchers.
#[derive(Debug)]
pub(crate) struct Job {
    sinks: Arc<Sinks>,
    number: u64,
    id: OnceLock<Arc<str>>,
    attempt: u32,
    limits: JobLimits,
    cancellation: Cancellation,
    bus: EventBus,
    watcher: Option<Arc<Watcher>>,
    logged: AtomicU32,
    finished: AtomicBool,
    report: Mutex<Report>,
}

#[derive(Debug, Default)]
struct Report {
    progress: Progress,
    progress_told: Option<Instant>,
    progress_untold: bool,
    /// When something new was last reported, of a job that is watched for it.
    progressed: Option<Instant>,
    usage: Vec<(String, f64)>,
    stats: CallStats,
}

impl Job {
    /// A job without a name of its own; it gets one that is unique in this process.
    pub(crate) fn new(sinks: Arc<Sinks>, limits: JobLimits) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        Self {
            sinks,
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            id: OnceLock::new(),
            attempt: 1,
            limits,
            cancellation: Cancellation::new(),
            bus: EventBus::default(),
            watcher: None,
            logged: AtomicU32::new(0),
            finished: AtomicBool::new(false),
            report: Mutex::default(),
        }
    }

    /// Names the job; without effect once it has a name.
    pub(crate) fn named(mut self, id: Arc<str>, attempt: u32) -> Self {
        self.id = OnceLock::from(id);
        self.attempt = attempt;
        self
    }

    /// Has somebody told all that happens in it.
    pub(crate) fn watched_by(mut self, watcher: Option<Arc<Watcher>>) -> Self {
        self.watcher = watcher;
        self
    }

    /// The job runs in this Store alone from now on, and can be stopped and measured by it.
    pub(crate) fn attach(&self, store: &Arc<Stopper>) {
        if let Some(watcher) = &self.watcher {
            watcher.gauges.enter(store);
        }
        self.cancellation.attach(store);
    }

    /// The job runs in this Store beside others from now on.
    pub(crate) fn attach_shared(&self, store: &Stopper) {
        if let Some(watcher) = &self.watcher {
            watcher.gauges.enter_shared(store);
        }
    }

    /// The job does not run in a Store any more.
    pub(crate) fn detach(&self) {
        self.cancellation.detach();
        if let Some(watcher) = &self.watcher {
            watcher.gauges.leave();
        }
    }

    /// Notes from now on when something new is reported, for [`stalled`](Self::stalled).
    pub(crate) fn watched_for_progress(self) -> Self {
        self.report().progressed = Some(Instant::now());
        self
    }

    /// Waits until nothing new was reported for so long: neither another fraction nor another message. Never ends for
    /// a job that is not watched for it.
    pub(crate) async fn stalled(&self, limit: Duration) {
        loop {
            let Some(progressed) = self.report().progressed else { return std::future::pending().await };
            // A limit beyond all clocks is none.
            let Some(at) = progressed.checked_add(limit) else { return std::future::pending().await };
            if at <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(at.into()).await;
        }
    }

    pub(crate) fn id(&self) -> &Arc<str> {
        // Most calls are never asked for their id, so that it is made on demand.
        self.id.get_or_init(|| format!("call-{}", self.number).into())
    }

    pub(crate) fn attempt(&self) -> u32 {
        self.attempt
    }

    pub(crate) fn instance(&self) -> &Arc<str> {
        &self.sinks.instance
    }

    pub(crate) fn cancellation(&self) -> &Cancellation {
        &self.cancellation
    }

    pub(crate) fn subscribe(&self) -> Subscription {
        self.bus.subscribe()
    }

    pub(crate) fn progress(&self) -> Progress {
        self.report().progress.clone()
    }

    pub(crate) fn usage(&self) -> Vec<(String, f64)> {
        self.report().usage.clone()
    }

    /// What was measured; all zero before the end.
    pub(crate) fn stats(&self) -> CallStats {
        self.report().stats
    }

    pub(crate) fn measured(&self, stats: CallStats) {
        self.report().stats = stats;
    }

    /// Asks the job to stop.
    pub(crate) fn cancel(&self, at_once: bool) {
        // Told before it is done, so that nobody can be told of a later phase first.
        self.enter(CancelPhase::Requested);
        if !at_once && self.cancellation.is_attached() {
            self.enter(CancelPhase::Cooperative);
        }
        self.cancellation.request(at_once);
    }

    /// Tells that the cancellation came into a later phase.
    pub(crate) fn enter(&self, phase: CancelPhase) {
        if self.cancellation.advance(phase) {
            self.emit(|| EventKind::Cancel { phase });
        }
    }

    pub(super) fn report_progress(&self, fraction: Option<f64>, message: &str) {
        let fraction =
            fraction.filter(|fraction| !fraction.is_nan()).map(|fraction| fraction.clamp(0.0, 1.0));
        let watched = self.is_watched();
        let told = {
            let mut report = self.report();
            let message = cut(message, self.limits.progress_message_bytes);
            if report.progressed.is_some()
                && (report.progress.fraction != fraction || report.progress.message != message)
            {
                report.progressed = Some(Instant::now());
            }
            report.progress.fraction = fraction;
            report.progress.message.clear();
            report.progress.message.push_str(message);
            let now = watched.then(Instant::now);
            let due = match (now, report.progress_told) {
                (Some(now), Some(last)) => now.duration_since(last) >= PROGRESS_INTERVAL,
                (Some(_), None) => true,
                (None, _) => false,
            };
            report.progress_untold = !due;
            if due {
                report.progress_told = now;
            }
            due.then(|| report.progress.clone())
        };
        if let Some(progress) = told {
            self.emit(|| EventKind::Progress(progress));
        }
    }

    pub(super) fn report_usage(&self, unit: &str, amount: f64) {
        if !amount.is_finite() || amount < 0.0 {
            return;
        }
        let unit = cut(unit, UNIT_BYTES);
        {
            let mut report = self.report();
            let full = report.usage.len() >= self.limits.usage_units;
            match report.usage.iter_mut().find(|(known, _)| known == unit) {
                Some((_, sum)) => *sum += amount,
                None if full => return,
                None => report.usage.push((unit.to_owned(), amount)),
            }
        }
        self.emit(|| EventKind::Usage { unit: unit.to_owned(), amount });
    }

    /// Takes one record of what the guest printed or logged, within the limits.
    pub(crate) fn log(&self, level: LogLevel, target: &str, message: &str) {
        // A flood must not wrap around to where it is told again.
        let before =
            self.logged.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| Some(n.saturating_add(1)));
        if before.unwrap_or(u32::MAX) < self.limits.log_records {
            self.tell(level, cut(target, LOG_TARGET_BYTES), cut(message, self.limits.log_message_bytes));
        }
    }

    /// Tells what was held back, at the end of the job. Without effect the second time.
    pub(crate) fn finish(&self) {
        if self.finished.swap(true, Ordering::AcqRel) {
            return;
        }
        let progress = {
            let mut report = self.report();
            std::mem::take(&mut report.progress_untold).then(|| report.progress.clone())
        };
        if let Some(progress) = progress {
            self.emit(|| EventKind::Progress(progress));
        }
        let logged = self.logged.load(Ordering::Relaxed);
        if logged > self.limits.log_records {
            let message = format!("{} more log records were not kept", logged - self.limits.log_records);
            self.tell(LogLevel::Warn, "cjm", &message);
        }
        if self.cancellation.is_requested() {
            self.enter(CancelPhase::Done);
        }
    }

    fn tell(&self, level: LogLevel, target: &str, message: &str) {
        trace(level, &self.sinks.instance, target, message, || self.id().clone());
        let record = LogRecord { level, target: target.to_owned(), message: message.to_owned() };
        self.emit(|| EventKind::Log(record.clone()));
        self.sinks.logs.push(self.id(), record);
    }

    fn is_watched(&self) -> bool {
        self.watcher.is_some()
            || self.bus.is_watched()
            || self.sinks.plugin.is_watched()
            || self.sinks.host.all.is_watched()
    }

    /// Tells what happened in this job.
    pub(crate) fn emit(&self, kind: impl FnOnce() -> EventKind) {
        if !self.is_watched() {
            return;
        }
        let kind = kind();
        let buses = [&self.bus, &self.sinks.plugin, &self.sinks.host.all];
        if buses.iter().any(|bus| bus.is_watched()) {
            let (instance, job) = (self.sinks.instance.clone(), self.id().clone());
            let event = Event { instance, job, kind: kind.clone() };
            for bus in buses.into_iter().filter(|bus| bus.is_watched()) {
                bus.send(event.clone());
            }
        }
        if let Some(watcher) = &self.watcher {
            (watcher.tell)(kind);
        }
    }

    fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// At most `limit` bytes of `text`, cut between characters.
fn cut(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit.min(text.len()))).unwrap_or(text)
}

/// Passes a record on to `tracing`, whose levels are static.
fn trace(level: LogLevel, instance: &str, target: &str, message: &str, job: impl Fn() -> Arc<str>) {
    macro_rules! at {
        ($level:expr) => {
            if tracing::enabled!(target: "cjm_plugin", $level) {
                tracing::event!(target: "cjm_plugin", $level, instance, job = &*job(), from = target, "{message}");
            }
        };
    }
    match level {
        LogLevel::Trace => at!(tracing::Level::TRACE),
        LogLevel::Debug => at!(tracing::Level::DEBUG),
        LogLevel::Info => at!(tracing::Level::INFO),
        LogLevel::Warn => at!(tracing::Level::WARN),
        LogLevel::Error | LogLevel::Critical => at!(tracing::Level::ERROR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(limits: Limits) -> Job {
        let sinks = Sinks::new("test".into(), Arc::default());
        Job::new(Arc::new(sinks), JobLimits::from(&limits))
    }

    fn drain(events: &mut Subscription) -> Vec<EventKind> {
        std::iter::from_fn(|| events.try_next()).map(|event| event.kind).collect()
    }

    #[test]
    fn progress_is_clamped_cut_and_coalesced() {
        let job = job(Limits { progress_message_bytes: 4, ..Limits::default() });
        let mut events = job.subscribe();
        for _ in 0..1000 {
            job.report_progress(Some(0.2), "early");
        }
        job.report_progress(Some(7.0), "größer");
        job.finish();
        let told = drain(&mut events);
        assert!(told.len() < 100, "{} events", told.len());
        let last = Progress { fraction: Some(1.0), message: "grö".into() };
        assert_eq!(told.last(), Some(&EventKind::Progress(last)));
        job.report_progress(Some(f64::NAN), "");
        assert_eq!(job.progress().fraction, None);
    }

    #[test]
    fn usage_adds_up_by_unit_and_is_bounded() {
        let job = job(Limits { usage_units: 2, ..Limits::default() });
        for (unit, amount) in [("a", 1.0), ("b", 2.0), ("a", 3.0), ("c", 9.0), ("a", f64::NAN), ("b", -1.0)] {
            job.report_usage(unit, amount);
        }
        assert_eq!(job.usage(), [("a".to_owned(), 4.0), ("b".to_owned(), 2.0)]);
    }

    #[test]
    fn a_flood_of_logs_is_cut_and_counted() {
        let job = job(Limits { log_records: 3, log_message_bytes: 2, ..Limits::default() });
        let mut events = job.subscribe();
        for _ in 0..10 {
            job.log(LogLevel::Info, "t", "message");
        }
        job.finish();
        let told = drain(&mut events);
        assert_eq!(told.len(), 4);
        let EventKind::Log(last) = &told[3] else { panic!("{told:?}") };
        assert_eq!(last.message, "7 more log records were not kept");
        let EventKind::Log(first) = &told[0] else { panic!("{told:?}") };
        assert_eq!(first.message, "me");
    }

    #[test]
    fn records_are_kept_with_the_job_that_they_are_of() {
        let job = job(Limits::default()).named("mine".into(), 1);
        job.log(LogLevel::Error, "here", "what");
        let kept = job.sinks.logs.of("mine");
        assert_eq!((kept.len(), kept[0].record.message.as_str()), (1, "what"));
    }

    #[test]
    fn only_what_is_new_counts_as_progress() {
        let job = job(Limits::default()).watched_for_progress();
        job.report_progress(Some(0.5), "half");
        let before = Instant::now().checked_sub(Duration::from_secs(1));
        let progressed = |fraction, message| {
            job.report().progressed = before;
            job.report_progress(fraction, message);
            job.report().progressed > before
        };
        assert!(!progressed(Some(0.5), "half"));
        assert!(progressed(Some(0.5), "a little more"));
        assert!(progressed(None, "a little more"));
    }

    #[test]
    fn cancelling_goes_through_its_phases_once() {
        let job = job(Limits::default());
        let mut events = job.subscribe();
        job.cancel(false);
        job.cancel(false);
        job.cancel(true);
        job.finish();
        let phases = [CancelPhase::Requested, CancelPhase::Done];
        assert_eq!(drain(&mut events), phases.map(|phase| EventKind::Cancel { phase }));
    }
}
