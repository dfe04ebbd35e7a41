//! Where everything that is printed goes through: results to standard output, the rest to standard error, each for
//! people or as JSON.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use indicatif::ProgressBar;
use serde::Serialize;

use crate::cli::OutputArgs;
use crate::failure::{Failure, Result};
use crate::text::{self, Layout};

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const NAME: Style = AnsiColor::Cyan.on_default().bold();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();

/// The text in a style. What reaches no terminal is stripped of styles by the stream that it is written to.
pub(crate) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Prints.
#[derive(Debug, Clone)]
pub(crate) struct Console {
    args: OutputArgs,
    /// A bar that is being drawn on standard error: lines have to go above it.
    bar: Option<ProgressBar>,
}

impl Console {
    pub(crate) fn new(args: OutputArgs) -> Self {
        Console { args, bar: None }
    }

    /// The same console while `bar` is being drawn.
    pub(crate) fn above(&self, bar: ProgressBar) -> Self {
        Console { args: self.args, bar: Some(bar) }
    }

    pub(crate) fn json(&self) -> bool {
        self.args.json
    }

    pub(crate) fn quiet(&self) -> bool {
        self.args.quiet
    }

    pub(crate) fn verbosity(&self) -> u8 {
        self.args.verbose
    }

    /// Prints a result for a person.
    pub(crate) fn print(&self, text: &str) -> Result<()> {
        self.suspended(|| {
            let mut stdout = anstream::stdout().lock();
            stdout.write_all(text.as_bytes())?;
            stdout.flush()
        })
    }

    /// Prints a result as JSON.
    pub(crate) fn print_json(&self, result: &impl Serialize) -> Result<()> {
        let json = serde_json::to_string(result)
            .map_err(|error| Failure::fatal(format!("cannot write the result as JSON: {error}")))?;
        self.print_json_text(&json)
    }

    /// Prints a result that is JSON already: indented for people, on a single line for programs.
    pub(crate) fn print_json_text(&self, json: &str) -> Result<()> {
        let layout = if io::stdout().is_terminal() { Layout::Indented } else { Layout::Compact };
        self.print(&format!("{}\n", text::lay_out(json, layout)))
    }

    /// Prints one of many results: always a single line.
    pub(crate) fn print_json_line(&self, json: &str) -> Result<()> {
        self.print(&format!("{}\n", text::lay_out(json, Layout::Compact)))
    }

    /// Hands bytes to standard output as they are.
    pub(crate) fn print_bytes(&self, bytes: &[u8]) -> Result<()> {
        self.suspended(|| {
            let mut stdout = io::stdout().lock();
            stdout.write_all(bytes)?;
            stdout.flush()
        })
    }

    /// Tells a person what was done or what to do next.
    pub(crate) fn note(&self, message: impl Display) {
        if self.args.quiet {
        } else if self.args.json {
            self.event("note", &anstream::adapter::strip_str(&message.to_string()).to_string());
        } else {
            self.complain(&message.to_string());
        }
    }

    /// Tells a program what happened, as one line on standard error.
    pub(crate) fn event(&self, name: &str, what: &impl Serialize) {
        if let Ok(json) = serde_json::to_string(&BTreeMap::from([(name, what)])) {
            self.complain(&json);
        }
    }

    /// Says why the command did not succeed, and what to do.
    pub(crate) fn failure(&self, failure: &Failure) {
        if failure.is_silent() {
            return;
        }
        if self.args.json {
            return self.event("error", failure);
        }
        let message = failure.error.to_string();
        let mut lines = message.lines();
        let mut text = format!(
            "{} {}",
            styled(BAD, "error:"),
            text::printable(lines.next().unwrap_or("something went wrong"))
        );
        for line in lines {
            text.push_str("\n  ");
            text.push_str(text::printable(line).trim_start());
        }
        if let Some(hint) = &failure.hint {
            text.push_str(&format!("\n{} {}", styled(GOOD, "hint:"), hint));
        }
        self.complain(&text);
    }

    /// A line on standard error. Where even that is gone, there is nobody left to tell.
    pub(crate) fn complain(&self, line: &str) {
        let _ = self.on_screen(|| writeln!(anstream::stderr().lock(), "{line}"));
    }

    fn suspended(&self, write: impl FnOnce() -> io::Result<()>) -> Result<()> {
        match self.on_screen(write) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::reader_gone()),
            Err(error) => Err(Failure::fatal(format!("cannot write to standard output: {error}"))),
        }
    }

    fn on_screen<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_style_ends_where_its_text_ends() {
        let text = styled(BOLD, "x");
        assert_eq!(anstream::adapter::strip_str(&text).to_string(), "x");
        assert!(text.ends_with("\u{1b}[0m"));
    }
}
