//! Tables for people: columns without borders, fitted to the terminal.

use anstyle::Style;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table as Layout};

use crate::output::{BAD, DIM, GOOD, NAME, WARNING};
use crate::{terminal, text};

/// How a cell looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Name,
    Dim,
    Good,
    Warning,
    Bad,
}

impl Tone {
    /// The text as it looks outside of a table.
    pub(crate) fn paint(self, text: impl std::fmt::Display) -> String {
        match MARKS.iter().find(|(known, _, _)| *known == self) {
            Some((_, _, style)) => crate::output::styled(*style, text),
            None => text.to_string(),
        }
    }
}

/// What begins each tone while a table is laid out, and what ends it: characters without any width, so that the layout
/// does not count them. Escape sequences it would count.
const MARKS: [(Tone, char, Style); 5] = [
    (Tone::Name, '\u{2061}', NAME),
    (Tone::Dim, '\u{2062}', DIM),
    (Tone::Good, '\u{2063}', GOOD),
    (Tone::Warning, '\u{2064}', WARNING),
    (Tone::Bad, '\u{206b}', BAD),
];
const END: char = '\u{206f}';

/// Rows under a header.
#[derive(Debug)]
pub(crate) struct Table {
    layout: Layout,
}

impl Table {
    /// An empty table with these columns.
    pub(crate) fn new<const N: usize>(columns: [&str; N]) -> Self {
        let mut layout = Layout::new();
        layout.load_style(NOTHING).set_header(columns.map(|name| marked(Tone::Dim, name)));
        if let Some(width) = terminal::width() {
            layout.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        layout.column_iter_mut().for_each(|column| {
            column.set_padding((0, 2));
        });
        Table { layout }
    }

    /// Adds a row; the text of its cells may come from plugins.
    pub(crate) fn row<const N: usize>(&mut self, cells: [(Tone, &str); N]) {
        self.layout.add_row(cells.map(|(tone, text)| marked(tone, text)));
    }

    /// The lines of the table.
    pub(crate) fn render(&self) -> String {
        self.layout.lines().map(|line| format!("{}\n", styled(line.trim_end()))).collect()
    }
}

/// A cell whose every word carries the marks, so that it may be broken between any two.
fn marked(tone: Tone, text: &str) -> String {
    let plain = text::one_line(text).replace(|c| c == END || style_of(c).is_some(), "");
    match MARKS.iter().find(|(known, _, _)| *known == tone) {
        Some((_, begin, _)) => {
            let words = plain.split(' ').filter(|word| !word.is_empty());
            words.map(|word| format!("{begin}{word}{END}")).collect::<Vec<_>>().join(" ")
        }
        None => plain,
    }
}

/// A laid-out line with styles in place of its marks.
fn styled(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut open: Option<Style> = None;
    let end = |open: &mut Option<Style>, out: &mut String| {
        if let Some(style) = open.take() {
            out.push_str(&style.render_reset().to_string());
        }
    };
    for c in line.trim_end().chars() {
        match style_of(c) {
            Some(style) => {
                open = Some(style);
                out.push_str(&style.render().to_string());
            }
            None if c == END => end(&mut open, &mut out),
            None => out.push(c),
        }
    }
    // A word too long for its column goes on in the next line, in which it is plain.
    end(&mut open, &mut out);
    out
}

fn style_of(c: char) -> Option<Style> {
    MARKS.iter().find(|(_, begin, _)| *begin == c).map(|(_, _, style)| *style)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(["NAME", "STATE", "WHY"]);
        table.row([(Tone::Name, "calculator"), (Tone::Good, "intact"), (Tone::Plain, "")]);
        table.row([(Tone::Name, "x"), (Tone::Bad, "not there"), (Tone::Dim, "a\u{1b}[2J\u{206f} b")]);
        table
    }

    #[test]
    fn columns_are_aligned_whatever_their_styles() {
        let plain = anstream::adapter::strip_str(&table().render()).to_string();
        assert_eq!(
            plain,
            "NAME        STATE      WHY\ncalculator  intact\nx           not there  a\u{fffd}[2J b\n"
        );
    }

    #[test]
    fn a_narrow_terminal_breaks_cells_and_keeps_their_styles() {
        let mut table = table();
        table.layout.set_content_arrangement(ContentArrangement::Dynamic).set_width(24);
        let rendered = table.render();
        let plain = anstream::adapter::strip_str(&rendered).to_string();
        assert!(plain.lines().all(|line| line.chars().count() <= 24), "{plain}");
        assert!(plain.lines().count() > 3, "{plain}");
        let word = format!("{BAD}there{BAD:#}");
        assert!(rendered.contains(&word), "{rendered:?}");
    }
}
