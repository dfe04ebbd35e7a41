//! The other queue, in a process of its own: its SQLite cannot be linked beside the host's.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

/// Where the program is; `cargo xtask bench` builds it and says so.
const PEER: &str = "CJM_BENCH_PEER";

/// Connections to the database. More of them wait for one another.
const CONNECTIONS: &str = "1";

pub(super) struct Measured {
    pub(super) jobs_a_second: f64,
    /// How long a job takes to be stored, in microseconds.
    pub(super) median: f64,
    pub(super) p99: f64,
}

/// None, where there is no such program.
pub(super) fn run(dir: &Path, submitters: usize, turn: Duration) -> Option<Measured> {
    let program = std::env::var_os(PEER)?;
    let (submitters, turn) = (submitters.to_string(), turn.as_millis().to_string());
    let ran = Command::new(program).arg(dir).args([&submitters, &turn, CONNECTIONS]).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let said: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let number = |name: &str| said[name].as_f64().unwrap();
    let jobs_a_second = number("jobs") / number("seconds");
    Some(Measured { jobs_a_second, median: number("median-us"), p99: number("p99-us") })
}
