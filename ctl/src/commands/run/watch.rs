//! What a person or a program sees while an action runs, and what becomes of a Ctrl-C.

use std::time::Duration;

use cjm_host::{CancelPhase, EventKind, LogRecord};
use serde_json::json;

use crate::events;
use crate::output::{Console, DIM, WARNING, styled};
use crate::progress::{Progress, Report};
use crate::text;

/// Shows the events of a plugin.
#[derive(Debug)]
pub(in crate::commands) struct Watch {
    progress: Progress,
    console: Console,
    /// The plugin, where it is one of the project.
    plugin: Option<String>,
    /// How long the plugin has to stop, where that is known.
    grace: Option<Duration>,
    muted: bool,
}

impl Watch {
    pub(in crate::commands) fn new(progress: Progress) -> Self {
        let console = progress.console().clone();
        Watch { progress, console, plugin: None, grace: None, muted: false }
    }

    /// Learns whose events these are: the plugin's name, where it is one of the project, and its grace time.
    pub(in crate::commands) fn is_about(&mut self, plugin: Option<&str>, grace: Option<Duration>) {
        self.plugin = plugin.map(str::to_owned);
        self.grace = grace;
    }

    /// The console that prints above what is being drawn.
    pub(in crate::commands) fn console(&self) -> &Console {
        &self.console
    }

    /// Shows an event.
    pub(in crate::commands) fn show(&mut self, event: EventKind) {
        if self.muted {
            return;
        }
        match event {
            EventKind::Progress(progress) => {
                self.progress.report(Report::new(progress.fraction, progress.message));
            }
            EventKind::Log(record) => self.log(&record),
            EventKind::Usage { unit, amount } => self.used(&unit, amount),
            EventKind::Cancel { phase } => self.cancel(phase),
            refusal @ EventKind::GrantRefused { .. } => self.refused(&refusal),
            EventKind::Lagged { missed } => {
                self.console.note(format!("{} {missed} messages were lost", styled(WARNING, "warning:")));
            }
            // Events that this version has no words for.
            _ => {}
        }
    }

    fn log(&self, record: &LogRecord) {
        if !events::is_wanted(record, &self.console) {
        } else if self.console.json() {
            self.console.event("log", record);
        } else {
            self.console.complain(&events::log_line(record));
        }
    }

    fn refused(&self, refusal: &EventKind) {
        if self.console.quiet() {
        } else if self.console.json() {
            self.console.event("grant-refused", &events::refusal_json(refusal));
        } else if let Some(line) = events::refusal_line(refusal, self.plugin.as_deref()) {
            self.console.complain(&line);
        }
    }

    fn used(&self, unit: &str, amount: f64) {
        if self.console.quiet() {
        } else if self.console.json() {
            self.console.event("usage", &json!({ "unit": unit, "amount": amount }));
        } else if self.console.verbosity() > 0 {
            self.console.complain(&format!("{} {amount} {}", styled(DIM, " used"), text::one_line(unit)));
        }
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
            CancelPhase::Cooperative => match self.grace {
                Some(grace) => format!(
                    "cooperative: the plugin has {} to stop by itself; Ctrl-C again stops it at once",
                    humantime::format_duration(grace)
                ),
                None => "cooperative: the plugin has its grace time to stop by itself".to_string(),
            },
            CancelPhase::Forced => "forced: the plugin's instance is dropped".to_string(),
            CancelPhase::Reloaded => "reloaded: a new instance is in its place".to_string(),
            CancelPhase::Done => "done".to_string(),
        };
        self.progress.phase("cancelling");
        self.console.complain(&format!("{} {text}", styled(WARNING, "cancel:")));
    }

    /// Shows what is going on, where a person watches.
    pub(in crate::commands) fn phase(&self, phase: &str) {
        self.progress.phase(phase);
    }

    /// Shows nothing more: whoever looked at the results has gone.
    pub(in crate::commands) fn mute(&mut self) {
        self.muted = true;
        self.finish();
    }

    /// Takes away what is being drawn.
    pub(in crate::commands) fn finish(&mut self) {
        self.progress.finish();
    }
}
