//! The table that a run ends with.

use std::path::PathBuf;

use serde_json::Value;

/// Figures of the host beside those of bare wasmtime.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

struct Row {
    what: String,
    unit: &'static str,
    host: f64,
    bare: Option<f64>,
    aim: String,
}

impl Table {
    /// A figure that was measured here.
    pub(crate) fn row(&mut self, what: &str, unit: &'static str, host: f64, bare: Option<f64>, aim: &str) {
        self.rows.push(Row { what: what.into(), unit, host, bare, aim: aim.into() });
    }

    /// Medians that criterion measured under these names, in microseconds.
    pub(crate) fn criterion(&mut self, what: &str, group: &str, bare: &str, host: &str, aim: &str) {
        if let (Some(bare), Some(host)) = (median(group, bare), median(group, host)) {
            self.row(what, "µs", host / 1000.0, Some(bare / 1000.0), aim);
        }
    }

    pub(crate) fn print(&self) {
        println!("\n| what | cjm | bare wasmtime | ratio | aim |\n|---|---|---|---|---|");
        for Row { what, unit, host, bare, aim } in &self.rows {
            let (bare_text, ratio) = match bare {
                Some(bare) => (format!("{} {unit}", figure(*bare)), format!("{:.2}", host / bare)),
                None => ("–".into(), "–".into()),
            };
            println!("| {what} | {} {unit} | {bare_text} | {ratio} | {aim} |", figure(*host));
        }
    }
}

fn figure(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// The median that criterion left on disk, in nanoseconds; none where the benchmark was filtered out.
fn median(group: &str, name: &str) -> Option<f64> {
    let file = criterion_dir()?.join(group.replace('/', "_")).join(name).join("new/estimates.json");
    let estimates: Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}

/// Where criterion keeps its estimates: beside the build that this program is of.
pub(crate) fn criterion_dir() -> Option<PathBuf> {
    let executable = std::env::current_exe().ok()?;
    Some(executable.parent()?.parent()?.parent()?.join("criterion"))
}
