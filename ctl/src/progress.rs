//! How far the work has come: bars on a terminal, plain lines elsewhere, JSON for programs.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
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
    /// What it is about, where there are several pieces of work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) of: Option<String>,
}

impl Report {
    pub(crate) fn new(fraction: Option<f64>, message: impl Into<String>) -> Self {
        Report { fraction, message: message.into(), of: None }
    }
}

/// Shows the progress of one piece of work. What is drawn disappears with it.
#[derive(Debug)]
pub(crate) struct Progress {
    console: Console,
    /// What is reported, where it is one of several.
    of: Option<String>,
    view: View,
}

/// Shows the progress of several pieces of work, one below the other.
#[derive(Debug)]
pub(crate) struct Several {
    console: Console,
    bars: Option<MultiProgress>,
    _echo: Option<NoEcho>,
}

#[derive(Debug)]
enum View {
    Silent,
    Json,
    Lines(Throttle),
    Bar { bar: ProgressBar, measured: bool, _echo: Option<NoEcho> },
}

/// How progress is shown, by where standard error goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Silent,
    Json,
    Lines,
    Bars,
}

impl Kind {
    fn of(console: &Console) -> Self {
        match (console.quiet(), console.json(), std::io::stderr().is_terminal()) {
            (true, _, _) => Kind::Silent,
            (_, true, _) => Kind::Json,
            (_, _, false) => Kind::Lines,
            (_, _, true) => Kind::Bars,
        }
    }

    fn view(self, title: &str, draw: impl FnOnce(ProgressBar) -> (ProgressBar, Option<NoEcho>)) -> View {
        match self {
            Kind::Silent => View::Silent,
            Kind::Json => View::Json,
            Kind::Lines => View::Lines(Throttle::default()),
            Kind::Bars => {
                let (bar, echo) = draw(ProgressBar::hidden());
                bar.set_length(STEPS);
                bar.set_style(style(SPINNER));
                bar.set_prefix(text::one_line(title));
                bar.enable_steady_tick(Duration::from_millis(100));
                View::Bar { bar, measured: false, _echo: echo }
            }
        }
    }
}

impl Progress {
    /// Progress of the only piece of work.
    pub(crate) fn new(console: &Console, title: &str) -> Self {
        let view = Kind::of(console).view(title, |bar| {
            bar.set_draw_target(ProgressDrawTarget::stderr());
            (bar, Some(NoEcho::begin()))
        });
        Self::over(console, None, view)
    }

    fn over(console: &Console, of: Option<String>, view: View) -> Self {
        let console = match &view {
            View::Bar { bar, .. } => console.above(bar.clone()),
            _ => console.clone(),
        };
        Progress { console, of, view }
    }

    /// The console whose lines go above what is drawn.
    pub(crate) fn console(&self) -> &Console {
        &self.console
    }

    /// Shows a report.
    pub(crate) fn report(&mut self, mut report: Report) {
        report.of = report.of.or_else(|| self.of.clone());
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

    /// Goes on to work whose end is not known.
    pub(crate) fn go_on_to(&mut self, message: &str) {
        if let View::Bar { bar, measured, .. } = &mut self.view {
            *measured = false;
            bar.set_style(style(SPINNER));
        }
        self.phase(message);
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

impl Several {
    pub(crate) fn new(console: &Console) -> Self {
        let bars = (Kind::of(console) == Kind::Bars)
            .then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));
        let echo = bars.is_some().then(NoEcho::begin);
        Several { console: console.clone(), bars, _echo: echo }
    }

    /// One more piece of work.
    pub(crate) fn add(&self, title: &str) -> Progress {
        let view = Kind::of(&self.console).view(title, |bar| match &self.bars {
            Some(bars) => (bars.add(bar), None),
            None => (bar, None),
        });
        Progress::over(&self.console, Some(text::one_line(title)), view)
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
    let mut message = text::one_line(&report.message);
    if let Some(of) = &report.of {
        message = format!("{of}: {message}");
    }
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
        Report::new(Some(fraction), "x")
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
    fn a_line_says_what_it_is_about_where_there_are_several() {
        let plain = |report: &Report| anstream::adapter::strip_str(&line(report)).to_string();
        assert_eq!(plain(&report(0.5)), " 50% x");
        let one = Report { of: Some("a.wasm".into()), ..report(0.5) };
        assert_eq!(plain(&one), " 50% a.wasm: x");
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
