//! The table that a run ends with.

/// Figures of the host beside those of something else.
pub(crate) struct Table {
    beside: &'static str,
    rows: Vec<Row>,
}

struct Row {
    what: String,
    unit: &'static str,
    host: f64,
    bare: Option<f64>,
    ratio: Option<f64>,
    aim: String,
}

impl Table {
    /// A table with the name of what the host is held against.
    pub(crate) fn beside(beside: &'static str) -> Self {
        Self { beside, rows: Vec::new() }
    }

    /// A figure of the host's alone.
    pub(crate) fn figure(&mut self, what: &str, unit: &'static str, host: f64, aim: &str) {
        let (what, aim) = (what.into(), aim.into());
        self.rows.push(Row { what, unit, host, bare: None, ratio: None, aim });
    }

    /// A figure of both. The ratio is given, because the median of ratios is not the ratio of medians.
    pub(crate) fn pair(
        &mut self,
        what: &str,
        unit: &'static str,
        host: f64,
        bare: f64,
        ratio: f64,
        aim: &str,
    ) {
        let (what, aim) = (what.into(), aim.into());
        self.rows.push(Row { what, unit, host, bare: Some(bare), ratio: Some(ratio), aim });
    }

    pub(crate) fn print(&self) {
        if self.rows.is_empty() {
            return;
        }
        println!("\n| what | cjm | {} | ratio | aim |\n|---|---|---|---|---|", self.beside);
        for Row { what, unit, host, bare, ratio, aim } in &self.rows {
            let bare = bare.map_or("–".into(), |bare| format!("{} {unit}", digits(bare)));
            let ratio = ratio.map_or("–".into(), |ratio| format!("{ratio:.2}"));
            println!("| {what} | {} {unit} | {bare} | {ratio} | {aim} |", digits(*host));
        }
    }
}

/// Three digits, which is more than the machine is good for.
fn digits(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}
