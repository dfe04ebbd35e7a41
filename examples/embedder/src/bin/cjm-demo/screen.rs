//! What is seen: bars where there is a terminal, lines everywhere.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// The resolution of a bar.
const STEPS: u64 = 1000;

/// The length of a full bar; the template below says the same.
const WIDTH: usize = 32;

/// Where the demo is seen.
#[derive(Clone)]
pub(crate) struct Screen {
    bars: MultiProgress,
    colours: bool,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { bars: MultiProgress::new(), colours }
    }

    /// The heading of an act.
    pub(crate) fn title(&self, text: &str) {
        self.print(&format!("\n{}", self.coloured("1", text)));
    }

    /// A line of an act.
    pub(crate) fn line(&self, text: &str) {
        self.print(&format!("  {text}"));
    }

    /// Whether something was shown.
    pub(crate) fn outcome(&self, what: &str, outcome: Result<&str, &anyhow::Error>) {
        match outcome {
            Ok(text) => self.line(&format!("{} {what}: {text}", self.coloured("32", "ok"))),
            Err(error) => self.line(&format!("{} {what}: {error:#}", self.coloured("31", "FAILED"))),
        }
    }

    /// A bar that fills up, below all others.
    pub(crate) fn bar(&self, label: &str) -> ProgressBar {
        self.add(ProgressBar::new(STEPS), "  {prefix:<12} {bar:32.cyan/dim} {percent:>3}%  {msg}", label)
    }

    /// A line that shows that something goes on, below all bars.
    pub(crate) fn spinner(&self, label: &str) -> ProgressBar {
        let spinner = self.add(ProgressBar::new_spinner(), "  {prefix:<12} {spinner:.cyan} {msg}", label);
        spinner.enable_steady_tick(Duration::from_millis(80));
        spinner
    }

    /// Replaces a bar by a line that stays.
    pub(crate) fn full(&self, bar: &ProgressBar, text: &str) {
        bar.finish_and_clear();
        let full = self.coloured("36", &"━".repeat(WIDTH));
        self.line(&format!("{:<12} {full} 100%  {text}", bar.prefix()));
    }

    fn add(&self, bar: ProgressBar, template: &str, label: &str) -> ProgressBar {
        // Before anything else: a bar by itself would draw where this screen knows nothing of it.
        let bar = self.bars.add(bar);
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.progress_chars("━╸─"));
        bar.set_prefix(label.to_owned());
        bar
    }

    /// Prints above the bars.
    fn print(&self, text: &str) {
        self.bars.suspend(|| println!("{text}"));
    }

    fn coloured(&self, code: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// How far a bar is filled.
pub(crate) fn fill(bar: &ProgressBar, fraction: f64) {
    bar.set_position((fraction.clamp(0.0, 1.0) * STEPS as f64) as u64);
}
