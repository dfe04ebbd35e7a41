//! The live table as it is drawn: a line for each job, with a bar where it is known how far that has come.

use std::time::{Duration, SystemTime};

use anstream::ColorChoice;
use anstyle::AnsiColor;
use cjm_host::{Job, JobState};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::words;
use crate::output::{DIM, NAME, styled};
use crate::table::Tone;
use crate::terminal::{self, NoEcho};
use crate::text::one_line;
use crate::time;

/// Names that are longer are cut: a line has to fit into the terminal.
const WIDEST: usize = 20;

/// The characters of a bar.
const BAR: usize = 20;

/// What is drawn; it stays on the screen when this is gone.
///
/// It is a single bar of several lines: with one for each job, what is drawn at once would be drawn line by line.
pub(super) struct Screen {
    all: ProgressBar,
    coloured: bool,
    _echo: NoEcho,
}

impl Screen {
    pub(super) fn new() -> Self {
        let coloured = anstream::AutoStream::choice(&std::io::stdout()) != ColorChoice::Never;
        let all = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout());
        // A template that does not parse gives the plain bar: how it looks is never worth a failure.
        all.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar()));
        Screen { all, coloured, _echo: NoEcho::begin() }
    }

    /// Draws the jobs, with a line below them.
    pub(super) fn draw(&mut self, jobs: &[Job], foot: &str, now: SystemTime) {
        let width = usize::from(terminal::width().unwrap_or(80));
        let mut lines = table(jobs, width, now);
        lines.push(foot.to_owned());
        let text = lines.join("\n");
        let text = if self.coloured { text } else { anstream::adapter::strip_str(&text).to_string() };
        self.all.set_message(text);
        self.all.force_draw();
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.all.abandon();
    }
}

/// The header and the jobs, aligned, none wider than the terminal.
fn table(jobs: &[Job], width: usize, now: SystemTime) -> Vec<String> {
    let widest = |of: fn(&Job) -> &str, least: usize| {
        jobs.iter().map(|job| one_line(of(job)).chars().count()).max().unwrap_or(0).clamp(least, WIDEST)
    };
    let (name, action) = (widest(|job| &job.instance, 4), widest(|job| &job.action, 6));
    let header = format!("ID        STATE      {}  {}      TIME", fit("NAME", name), fit("ACTION", action));
    // What is left for the rest: behind the columns, and the two blanks after each.
    let room = width.saturating_sub(8 + 2 + 9 + 2 + name + 2 + action + 2 + 8 + 2);
    let mut lines = vec![styled(DIM, cut(&header, width))];
    lines.extend(jobs.iter().map(|job| {
        // How long it takes or took; of one that has not begun, how long it waits.
        let time = words::took(job, now).unwrap_or_else(|| time::between(job.submitted_at, now));
        format!(
            "{}  {}  {}  {}  {:>8}  {}",
            words::short(&job.id),
            words::tone(job.state).paint(format!("{:<9}", job.state.as_str())),
            styled(NAME, fit(&job.instance, name)),
            fit(&job.action, action),
            steady(time),
            rest(job, room, now),
        )
    }));
    lines
}

/// What a job does, in so many characters.
fn rest(job: &Job, room: usize, now: SystemTime) -> String {
    let progress = job.progress.as_ref().filter(|_| job.state == JobState::Running && !job.cancel_requested);
    match progress.and_then(|progress| Some((progress, progress.fraction?))) {
        Some((progress, fraction)) if room >= BAR + 7 => {
            let percent = (fraction.clamp(0.0, 1.0) * 100.0).floor();
            let message = cut(&one_line(&progress.message), room - (BAR + 7));
            format!("{} {percent:>3.0}%  {message}", bar(fraction))
        }
        _ => {
            let (tone, detail) = match words::detail(job, now) {
                (Tone::Plain, detail) if job.state == JobState::Failed => (Tone::Bad, detail),
                other => other,
            };
            tone.paint(cut(&detail, room))
        }
    }
}

/// How far it has come, as a bar.
fn bar(fraction: f64) -> String {
    // In halves of characters. The cast is exact: the product lies between 0 and twice the width, and NaN becomes 0.
    let halves = (fraction.clamp(0.0, 1.0) * (BAR * 2) as f64).round() as usize;
    let (whole, half) = (halves / 2, halves % 2);
    let done = "━".repeat(whole) + if half == 1 { "╸" } else { "" };
    let left = "─".repeat(BAR.saturating_sub(whole + half));
    format!("{}{}", styled(AnsiColor::Cyan.on_default(), done), styled(DIM, left))
}

/// A time that does not flicker: what lasts longer than a second has no fraction.
fn steady(span: Duration) -> String {
    match span.as_secs() {
        0 => time::span(span),
        seconds @ 1..60 => format!("{seconds}s"),
        _ => time::span(span),
    }
}

/// The text, filled up or cut to a width.
fn fit(text: &str, width: usize) -> String {
    format!("{:<width$}", cut(&one_line(text), width))
}

/// The text, cut to a width.
fn cut(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        Some(_) if width > 0 => text.chars().take(width - 1).chain(['…']).collect(),
        Some(_) => String::new(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_cut() {
        assert_eq!(fit("abc", 5), "abc  ");
        assert_eq!(fit("abcdef", 5), "abcd…");
        assert_eq!(fit("abcde", 5), "abcde");
        assert_eq!(cut("abc", 0), "");
    }

    #[test]
    fn bars_are_as_long_as_each_other() {
        let plain = |fraction| anstream::adapter::strip_str(&bar(fraction)).to_string();
        for (fraction, begins) in
            [(0.0, "────"), (0.5, "━━━━━━━━━━─"), (0.525, "━━━━━━━━━━╸─"), (f64::NAN, "────")]
        {
            let bar = plain(fraction);
            assert!(bar.starts_with(begins), "{bar}");
            assert_eq!(bar.chars().count(), BAR);
        }
        assert_eq!(plain(7.0), "━".repeat(BAR));
    }

    #[test]
    fn times_do_not_flicker() {
        assert_eq!(steady(Duration::from_millis(340)), "340ms");
        assert_eq!(steady(Duration::from_millis(4_250)), "4s");
        assert_eq!(steady(Duration::from_secs(192)), "3m 12s");
    }
}
