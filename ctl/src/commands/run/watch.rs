//! What a person or a program sees while an action runs, and what becomes of a Ctrl-C.

use std::time::Duration;

use cjm_host::{CancelPhase, Event, EventKind, LogLevel, LogRecord};
use serde_json::json;

use crate::output::{BAD, Console, DIM, GOOD, WARNING, styled};
use crate::progress::{Progress, Report};
use crate::text;

/// Shows the events of a plugin.
#[derive(Debug)]
pub(super) struct Watch {
    progress: Progress,
    console: Console,
    /// How long the plugin has to stop.
    grace: Duration,
    muted: bool,
}

impl Watch {
    pub(super) fn new(progress: Progress, grace: Duration) -> Self {
        let console = progress.console().clone();
        Watch { progress, console, grace, muted: false }
    }

    /// The console that prints above what is being drawn.
    pub(super) fn console(&self) -> &Console {
        &self.console
    }

    /// Shows an event.
    pub(super) fn show(&mut self, event: Event) {
        if self.muted {
            return;
        }
        match event.kind {
            EventKind::Progress(progress) => {
                self.progress.report(Report { fraction: progress.fraction, message: progress.message });
            }
            EventKind::Log(record) => self.log(&record),
            EventKind::Usage { unit, amount } => self.used(&unit, amount),
            EventKind::Cancel { phase } => self.cancel(phase),
            EventKind::GrantRefused { wanted, grant, untold, .. } => self.refused(&wanted, &grant, untold),
            EventKind::Lagged { missed } => {
                self.console.note(format!("{} {missed} messages were lost", styled(WARNING, "warning:")));
            }
            // Events that this version has no words for.
            _ => {}
        }
    }

    fn log(&self, record: &LogRecord) {
        let least = match self.console.verbosity() {
            0 => LogLevel::Info,
            1 => LogLevel::Debug,
            _ => LogLevel::Trace,
        };
        if self.console.quiet() || record.level < least {
            return;
        }
        if self.console.json() {
            return self.console.event("log", record);
        }
        let (style, name) = match record.level {
            LogLevel::Trace => (DIM, "trace"),
            LogLevel::Debug => (DIM, "debug"),
            LogLevel::Info => (GOOD, "info"),
            LogLevel::Warn => (WARNING, "warn"),
            LogLevel::Error => (BAD, "error"),
            LogLevel::Critical => (BAD, "critical"),
        };
        let target = match text::one_line(&record.target) {
            target if target.is_empty() => String::new(),
            target => format!(" {}", styled(DIM, target)),
        };
        let message = text::printable(record.message.trim_end());
        self.console.complain(&format!("{}{target} {message}", styled(style, format!("{name:>5}"))));
    }

    fn used(&self, unit: &str, amount: f64) {
        if self.console.quiet() {
        } else if self.console.json() {
            self.console.event("usage", &json!({ "unit": unit, "amount": amount }));
        } else if self.console.verbosity() > 0 {
            self.console.complain(&format!("{} {amount} {}", styled(DIM, " used"), text::one_line(unit)));
        }
    }

    fn refused(&self, wanted: &str, grant: &str, untold: u64) {
        if self.console.json() {
            let refused = json!({ "wanted": wanted, "grant": grant, "untold": untold });
            return self.console.event("grant-refused", &refused);
        }
        let (wanted, grant) = (text::one_line(wanted), text::one_line(grant));
        let more = if untold > 0 { format!(" ({untold} more before)") } else { String::new() };
        self.console
            .note(format!("{} {wanted}, without the grant {grant}{more}", styled(WARNING, "refused:")));
    }

    fn cancel(&mut self, phase: CancelPhase) {
        if self.console.quiet() {
            return;
        }
        if self.console.json() {
            return self.console.event("cancel", &phase);
        }
        let text = match phase {
            CancelPhase::None => return,
            CancelPhase::Requested => "requested".to_string(),
            CancelPhase::Cooperative => format!(
                "cooperative: the plugin has {} to stop by itself; Ctrl-C again stops it at once",
                humantime::format_duration(self.grace)
            ),
            CancelPhase::Forced => "forced: the plugin's instance is dropped".to_string(),
            CancelPhase::Reloaded => "reloaded: a new instance is in its place".to_string(),
            CancelPhase::Done => "done".to_string(),
        };
        self.progress.phase("cancelling");
        self.console.complain(&format!("{} {text}", styled(WARNING, "cancel:")));
    }

    /// Shows what is going on, where a person watches.
    pub(super) fn phase(&self, phase: &str) {
        self.progress.phase(phase);
    }

    /// Shows nothing more: whoever looked at the results has gone.
    pub(super) fn mute(&mut self) {
        self.muted = true;
        self.finish();
    }

    /// Takes away what is being drawn.
    pub(super) fn finish(&mut self) {
        self.progress.finish();
    }
}
