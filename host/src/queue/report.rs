//! What an attempt tells, between two moments at which it is stored.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::event::{EventKind, Progress};

/// Records that are kept between two moments of storing.
const KEPT: usize = 10_000;

/// Units of usage that are told apart.
const UNITS: usize = 256;

/// Gathers what is told: bounded, however much it is.
#[derive(Debug, Default)]
pub(super) struct Report {
    state: Mutex<State>,
    told: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// What keeps its order: logs, phases, refusals.
    records: Vec<EventKind>,
    left_out: u64,
    usage: Vec<(String, f64)>,
    progress: Option<Progress>,
    latest: Progress,
    closed: bool,
}

impl Report {
    pub(super) fn push(&self, kind: EventKind) {
        let mut state = self.state();
        if state.closed {
            return;
        }
        match kind {
            EventKind::Progress(progress) => {
                state.latest.clone_from(&progress);
                state.progress = Some(progress);
            }
            EventKind::Usage { unit, amount } => {
                let units = state.usage.len();
                match state.usage.iter_mut().find(|(known, _)| *known == unit) {
                    Some((_, sum)) => *sum += amount,
                    None if units < UNITS => state.usage.push((unit, amount)),
                    None => state.left_out += 1,
                }
            }
            other if state.records.len() < KEPT => state.records.push(other),
            _ => state.left_out += 1,
        }
        drop(state);
        self.told.notify_one();
    }

    /// Waits until there is something to store.
    pub(super) async fn told(&self) {
        self.told.notified().await;
    }

    /// What is to be stored now.
    pub(super) fn take(&self) -> Vec<EventKind> {
        Self::drain(&mut self.state())
    }

    /// What is to be stored at the end; nothing is taken after it.
    pub(super) fn close(&self) -> Vec<EventKind> {
        let mut state = self.state();
        state.closed = true;
        Self::drain(&mut state)
    }

    /// How far the attempt has come.
    pub(super) fn progress(&self) -> Progress {
        self.state().latest.clone()
    }

    fn drain(state: &mut State) -> Vec<EventKind> {
        let mut kinds = std::mem::take(&mut state.records);
        if state.left_out > 0 {
            kinds.push(EventKind::Lagged { missed: std::mem::take(&mut state.left_out) });
        }
        let usage = state.usage.drain(..).map(|(unit, amount)| EventKind::Usage { unit, amount });
        kinds.extend(usage);
        kinds.extend(state.progress.take().map(EventKind::Progress));
        kinds
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{LogLevel, LogRecord};

    fn progress(fraction: f64) -> EventKind {
        EventKind::Progress(Progress { fraction: Some(fraction), message: String::new() })
    }

    fn usage(amount: f64) -> EventKind {
        EventKind::Usage { unit: "tokens".into(), amount }
    }

    #[test]
    fn progress_is_the_latest_and_usage_the_sum() {
        let report = Report::default();
        for step in 1..=4 {
            report.push(progress(f64::from(step) / 4.0));
            report.push(usage(2.0));
        }
        assert_eq!(report.take(), [usage(8.0), progress(1.0)]);
        assert_eq!(report.take(), []);
        assert_eq!(report.progress().fraction, Some(1.0));
    }

    #[test]
    fn a_flood_is_cut_and_counted() {
        let report = Report::default();
        let record = LogRecord { level: LogLevel::Info, target: String::new(), message: String::new() };
        for _ in 0..KEPT + 3 {
            report.push(EventKind::Log(record.clone()));
        }
        let kinds = report.close();
        assert_eq!(kinds.len(), KEPT + 1);
        assert_eq!(kinds.last(), Some(&EventKind::Lagged { missed: 3 }));
        report.push(usage(1.0));
        assert_eq!(report.take(), []);
    }
}
