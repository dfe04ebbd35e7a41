//! What an attempt tells, between two moments at which it is stored.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::event::{EventKind, Measured, Progress};

/// Records that are kept between two moments of storing.
const KEPT: usize = 10_000;

/// What those records may be long together, in bytes: many jobs may flood their logs at once.
const KEPT_BYTES: usize = 4 << 20;

/// Units of usage that are told apart in one attempt.
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
    record_bytes: usize,
    left_out: u64,
    usage: Vec<Usage>,
    progress: Option<Progress>,
    latest: Progress,
    resources: Option<Measured>,
    /// The last that was told of them.
    latest_resources: Option<Measured>,
    closed: bool,
}

/// What was used of one unit.
#[derive(Debug)]
struct Usage {
    unit: String,
    sum: f64,
    /// What of it was not told yet.
    untold: Option<f64>,
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
            EventKind::Resources(measured) => {
                if state.latest_resources == Some(measured) {
                    return;
                }
                state.latest_resources = Some(measured);
                state.resources = Some(measured);
            }
            // What is no amount would make none of the sum.
            EventKind::Usage { amount, .. } if !amount.is_finite() || amount < 0.0 => return,
            EventKind::Usage { unit, amount } => {
                let units = state.usage.len();
                match state.usage.iter_mut().find(|known| known.unit == unit) {
                    Some(known) => {
                        known.sum = sum(known.sum, amount);
                        known.untold = Some(sum(known.untold.unwrap_or_default(), amount));
                    }
                    None if units < UNITS => {
                        state.usage.push(Usage { unit, sum: amount, untold: Some(amount) });
                    }
                    None => state.left_out += 1,
                }
            }
            other => {
                let bytes = state.record_bytes + length(&other);
                if state.records.len() < KEPT && bytes <= KEPT_BYTES {
                    state.record_bytes = bytes;
                    state.records.push(other);
                } else {
                    state.left_out += 1;
                }
            }
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

    /// What the attempt used in all, by unit.
    pub(super) fn used(&self) -> Vec<(String, f64)> {
        self.state().usage.iter().map(|used| (used.unit.clone(), used.sum)).collect()
    }

    /// Whether anything was told of what the attempt uses of the machine.
    pub(super) fn has_told_resources(&self) -> bool {
        self.state().latest_resources.is_some()
    }

    fn drain(state: &mut State) -> Vec<EventKind> {
        let mut kinds = std::mem::take(&mut state.records);
        state.record_bytes = 0;
        if state.left_out > 0 {
            kinds.push(EventKind::Lagged { missed: std::mem::take(&mut state.left_out) });
        }
        let untold = |used: &mut Usage| {
            Some(EventKind::Usage { amount: used.untold.take()?, unit: used.unit.clone() })
        };
        kinds.extend(state.usage.iter_mut().filter_map(untold));
        kinds.extend(state.resources.take().map(EventKind::Resources));
        kinds.extend(state.progress.take().map(EventKind::Progress));
        kinds
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sum of two amounts; never more than can be written down as a number.
fn sum(one: f64, other: f64) -> f64 {
    (one + other).min(f64::MAX)
}

/// About how many bytes a record takes up.
fn length(kind: &EventKind) -> usize {
    let text = match kind {
        EventKind::Log(record) => record.target.len() + record.message.len(),
        EventKind::GrantRefused { wanted, grant, .. } => wanted.len() + grant.len(),
        _ => 0,
    };
    size_of::<EventKind>() + text
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
    fn of_resources_the_latest_is_told_and_what_is_as_it_was_is_not() {
        let report = Report::default();
        let resources =
            |bytes| EventKind::Resources(Measured { memory_bytes: Some(bytes), ..Measured::default() });
        assert!(!report.has_told_resources());
        report.push(resources(1));
        report.push(resources(2));
        assert_eq!(report.take(), [resources(2)]);
        report.push(resources(2));
        assert_eq!(report.take(), []);
        assert!(report.has_told_resources());
    }

    #[test]
    fn usage_is_summed_up_over_all_that_was_told_and_what_is_no_amount_is_not_taken() {
        let report = Report::default();
        for amount in [1.0, f64::NAN, f64::INFINITY, -5.0, 0.5] {
            report.push(usage(amount));
            report.take();
        }
        assert_eq!(report.used(), [("tokens".to_owned(), 1.5)]);
        report.push(usage(2.0));
        assert_eq!(report.close(), [usage(2.0)]);
        assert_eq!(report.used(), [("tokens".to_owned(), 3.5)]);
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

    #[test]
    fn a_flood_of_long_records_is_cut_before_it_takes_much_memory() {
        let report = Report::default();
        let record = LogRecord { level: LogLevel::Info, target: String::new(), message: "x".repeat(8 << 10) };
        for _ in 0..1_000 {
            report.push(EventKind::Log(record.clone()));
        }
        let kinds = report.take();
        let kept = kinds.len() - 1;
        assert!((500..512).contains(&kept), "{kept}");
        assert_eq!(kinds.last(), Some(&EventKind::Lagged { missed: 1_000 - kept as u64 }));
        // Then there is room again.
        report.push(EventKind::Log(record));
        assert_eq!(report.close().len(), 1);
    }

    #[test]
    fn what_was_used_stays_a_number_that_can_be_stored() {
        let report = Report::default();
        report.push(usage(f64::MAX));
        report.push(usage(f64::MAX));
        assert_eq!(report.take(), [usage(f64::MAX)]);
        assert_eq!(report.used(), [("tokens".to_owned(), f64::MAX)]);
    }
}
