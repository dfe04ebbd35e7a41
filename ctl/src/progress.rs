//! How far the work has come: a bar on a terminal, plain lines elsewhere, JSON for programs.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::output::{Console, DIM, styled};
use crate::terminal::NoEcho;
use crate::text;

/// Plain lines come no more often than this: a log file is to stay readable.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// The resolution of the bar: a fraction is shown in as many steps.
const STEPS: u64 = 1000;

/// One report of progress.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Report {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fraction: Option<f64>,
    pub(crate) message: String,
}

/// Shows the progress of one piece of work. What is drawn disappears with it.
#[derive(Debug)]
pub(crate) struct Progress {
    console: Console,
    view: View,
}

#[derive(Debug)]
enum View {
    Silent,
    Json,
    Lines(Throttle),
    Bar { bar: ProgressBar, measured: bool, _echo: NoEcho },
}

impl Progress {
    /// Chooses how to show it by where standard error goes.
    pub(crate) fn new(console: &Console, title: &str) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let view = match (console.quiet(), console.json(), terminal) {
            (true, _, _) => View::Silent,
            (_, true, _) => View::Json,
            (_, _, false) => View::Lines(Throttle::default()),
            (_, _, true) => {
                let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr());
                bar.set_style(style(SPINNER));
                bar.set_prefix(text::one_line(title));
                bar.enable_steady_tick(Duration::from_millis(100));
                View::Bar { bar, measured: false, _echo: NoEcho::begin() }
            }
        };
        let console = match &view {
            View::Bar { bar, .. } => console.above(bar.clone()),
            _ => console.clone(),
        };
        Progress { console, view }
    }

    /// The console whose lines go above what is drawn.
    pub(crate) fn console(&self) -> &Console {
        &self.console
    }

    /// Shows a report.
    pub(crate) fn report(&mut self, report: Report) {
        match &mut self.view {
            View::Silent => {}
            View::Json => self.console.event("progress", &report),
            View::Lines(throttle) => {
                if let Some(report) = throttle.offer(report, Instant::now()) {
                    self.console.complain(&line(&report));
                }
            }
            View::Bar { bar, measured, .. } => {
                if let Some(fraction) = report.fraction {
                    if !*measured {
                        *measured = true;
                        bar.set_style(style(MEASURED));
                    }
                    bar.set_position(steps(fraction));
                }
                bar.set_message(text::one_line(&report.message));
            }
        }
    }

    /// Shows what the work is doing now, where a person watches it on a terminal.
    pub(crate) fn phase(&self, message: &str) {
        if let View::Bar { bar, .. } = &self.view {
            bar.set_message(text::one_line(message));
        }
    }

    /// Ends the display: what is drawn goes away, what was held back comes out.
    pub(crate) fn finish(&mut self) {
        match &mut self.view {
            View::Silent | View::Json => {}
            View::Lines(throttle) => {
                if let Some(report) = throttle.held_back.take() {
                    self.console.complain(&line(&report));
                }
            }
            View::Bar { bar, .. } => bar.finish_and_clear(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

const SPINNER: &str = "{spinner:.cyan} {prefix:.bold} {elapsed:.dim} {wide_msg}";
const MEASURED: &str =
    "{spinner:.cyan} {prefix:.bold} [{bar:24.cyan/dim}] {percent:>3}% {elapsed:.dim} {wide_msg}";

/// A template that does not parse gives the plain bar: how it looks is never worth a failure.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─")
}

fn steps(fraction: f64) -> u64 {
    // The cast is exact: the product lies between 0 and STEPS, and NaN becomes 0.
    (fraction.clamp(0.0, 1.0) * STEPS as f64).round() as u64
}

fn line(report: &Report) -> String {
    let message = text::one_line(&report.message);
    match report.fraction {
        Some(fraction) => {
            format!("{} {message}", styled(DIM, format!("{:>3}%", steps(fraction) * 100 / STEPS)))
        }
        None => format!("{} {message}", styled(DIM, " ...")),
    }
}

/// Lets the first report through, then one every [`LINE_EVERY`]; keeps the latest of the others.
#[derive(Debug, Default)]
struct Throttle {
    last: Option<Instant>,
    held_back: Option<Report>,
}

impl Throttle {
    fn offer(&mut self, report: Report, now: Instant) -> Option<Report> {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < LINE_EVERY) {
            self.held_back = Some(report);
            return None;
        }
        self.last = Some(now);
        self.held_back = None;
        Some(report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(fraction: f64) -> Report {
        Report { fraction: Some(fraction), message: "x".into() }
    }

    #[test]
    fn lines_are_rare_and_the_last_one_is_kept() {
        let mut throttle = Throttle::default();
        let start = Instant::now();
        assert_eq!(throttle.offer(report(0.1), start), Some(report(0.1)));
        assert_eq!(throttle.offer(report(0.2), start + Duration::from_millis(10)), None);
        assert_eq!(throttle.offer(report(0.3), start + Duration::from_millis(20)), None);
        assert_eq!(throttle.held_back, Some(report(0.3)));
        assert_eq!(throttle.offer(report(0.4), start + LINE_EVERY), Some(report(0.4)));
        assert_eq!(throttle.held_back, None);
    }

    #[test]
    fn a_fraction_stays_within_the_bar() {
        assert_eq!((steps(-1.0), steps(0.5), steps(7.0), steps(f64::NAN)), (0, 500, 1000, 0));
    }

    #[test]
    fn the_templates_parse() {
        for template in [SPINNER, MEASURED] {
            ProgressStyle::with_template(template).unwrap();
        }
    }
}
