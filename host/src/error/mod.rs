//! The one taxonomy of failures, seen the same by guests, embedders, the command line and APIs.
//!
//! An [`Error`] says which [`Category`] it falls in and whether another attempt can help
//! ([`Error::is_retriable`]); its message says what happened, to what, and what to do next. It serializes to
//! the same structure that is printed with `--json` and stored with a job.

mod structure;
mod trap;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use trap::{Frame, Trap, TrapKind};

/// The result of a fallible operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What was handed in cannot be used: a file that is no plugin, an unknown action, JSON that does not fit its
    /// schema. The caller can mend it; trying again unchanged is of no use.
    #[error("{}", .0)]
    InvalidInput(Box<InvalidInput>),

    /// A later attempt may succeed.
    #[error("{message}")]
    Transient {
        /// What happened.
        message: String,
        /// The least time to wait before the next attempt, where one is known.
        retry_after: Option<Duration>,
    },

    /// Something ran out or went over its limit.
    #[error("{}", .0)]
    ResourceExhausted(Box<Shortfall>),

    /// The call took longer than it was allowed, or showed no progress for so long; its instance was dropped and made
    /// anew unless the guest ended by itself.
    #[error("{}", out_of_time(what, *clock, *limit))]
    TimedOut {
        /// What was running, for example ``action `add` of `calculator` ``.
        what: String,
        /// Which clock ran out.
        clock: Clock,
        /// The limit that was passed.
        limit: Duration,
    },

    /// The call was cancelled.
    #[error("{what} was cancelled{}", if *.forced { " by force: it did not stop within its grace time" } else { "" })]
    Cancelled {
        /// What was cancelled.
        what: String,
        /// True if the instance had to be dropped because the guest did not stop by itself.
        forced: bool,
    },

    /// The plugin is switched off.
    #[error("plugin `{plugin}` is disabled; enable it to run it")]
    Disabled {
        /// The instance's id.
        plugin: String,
    },

    /// There is no such instance, or it was unloaded.
    #[error("plugin `{plugin}` is not loaded{}", if .reason.is_empty() { String::new() } else { format!(": {}", .reason) })]
    NotLoaded {
        /// The instance's id.
        plugin: String,
        /// Why, where that is known; empty otherwise.
        reason: String,
    },

    /// The plugin needs what it was not granted.
    #[error("{}", .0)]
    NotGranted(Box<Ungranted>),

    /// The guest trapped; its instance was dropped and made anew.
    #[error("{}", .0)]
    Trapped(Box<Trap>),

    /// No attempt will succeed: the plugin says so, or broke the contract, or the host itself failed.
    #[error("{message}")]
    Fatal {
        /// What happened.
        message: String,
    },
}

/// What was wrong with an input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvalidInput {
    /// What is wrong as a whole.
    pub message: String,
    /// Every single violation, where the input was held against a schema.
    pub violations: Vec<Violation>,
}

impl fmt::Display for InvalidInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for violation in &self.violations {
            write!(f, "\n  {violation}")?;
        }
        Ok(())
    }
}

/// One place in which an input does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// JSON pointer (RFC 6901) of the offending value; empty for the whole input.
    pub pointer: String,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.pointer.as_str(), self.message.as_str()) {
            ("", message) => f.write_str(message),
            (pointer, "") => f.write_str(pointer),
            (pointer, message) => write!(f, "{pointer}: {message}"),
        }
    }
}

/// What ran out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortfall {
    /// The resource.
    pub kind: ResourceKind,
    /// What happened, to what, and what to do.
    pub message: String,
    /// How much was asked for, in bytes (fuel: in units; counts: as they are), where known.
    pub needed: Option<u64>,
    /// How much there was, in the same unit, where known.
    pub available: Option<u64>,
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The resources that can run out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ResourceKind {
    /// Linear memory of the guest, or memory of the machine.
    SystemMemory,
    /// Memory of a GPU.
    GpuMemory,
    /// Space on a disk.
    Disk,
    /// The deterministic budget of instructions.
    Fuel,
    /// Elements of a table.
    TableElements,
    /// Instances, memories or tables: in one Store, or in the whole host.
    Instances,
    /// The size of an input.
    Input,
    /// The size of a result.
    Output,
    /// The items or bytes of a stream.
    Stream,
    /// A resource that a guest named.
    Other(String),
}

/// What was not granted, and how to grant it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ungranted {
    /// What needs it, for example ``plugin `fetch` ``.
    pub what: String,
    /// The imports or resources that are missing, by name.
    pub missing: Vec<String>,
    /// The grants that would do, each as on a command line: `network=https://*`.
    pub grants: Vec<String>,
    /// The same as a table, ready to be pasted into `cjm.toml`.
    pub toml: String,
    /// The command that grants the same.
    pub command: String,
}

impl Ungranted {
    fn headline(&self) -> String {
        format!("{} needs what it was not granted: {}", self.what, self.missing.join(", "))
    }
}

impl fmt::Display for Ungranted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { toml, command, .. } = self;
        write!(f, "{}\nto grant it, write into cjm.toml:\n\n{toml}\nor run: {command}", self.headline())?;
        let any_place = |grant: &String| grant.starts_with("network=") || grant.starts_with("socket=");
        if self.grants.iter().any(any_place) {
            f.write_str("\nthis lets it reach any place: better name those that it needs")?;
        }
        Ok(())
    }
}

/// The clocks that limit a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// Time in which the guest computed; waiting in the host does not count.
    Cpu,
    /// Time on the wall since the call began to run.
    Wall,
    /// Time on the wall since something new was last reported of its progress.
    Progress,
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Clock::Cpu => "CPU time",
            Clock::Wall => "wall time",
            Clock::Progress => "progress",
        })
    }
}

/// The names of the taxonomy, as they are printed, stored and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Category {
    /// See [`Error::InvalidInput`].
    InvalidInput,
    /// See [`Error::Transient`].
    Transient,
    /// See [`Error::ResourceExhausted`].
    ResourceExhausted,
    /// See [`Error::TimedOut`].
    TimedOut,
    /// See [`Error::Cancelled`].
    Cancelled,
    /// See [`Error::Disabled`].
    Disabled,
    /// See [`Error::NotLoaded`].
    NotLoaded,
    /// See [`Error::NotGranted`].
    NotGranted,
    /// See [`Error::Trapped`].
    Trapped,
    /// See [`Error::Fatal`].
    Fatal,
}

impl Category {
    /// The name, in kebab-case, for example `invalid-input`.
    pub fn as_str(self) -> &'static str {
        match self {
            Category::InvalidInput => "invalid-input",
            Category::Transient => "transient",
            Category::ResourceExhausted => "resource-exhausted",
            Category::TimedOut => "timed-out",
            Category::Cancelled => "cancelled",
            Category::Disabled => "disabled",
            Category::NotLoaded => "not-loaded",
            Category::NotGranted => "not-granted",
            Category::Trapped => "trapped",
            Category::Fatal => "fatal",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Error {
    /// Where this error falls in the taxonomy.
    pub fn category(&self) -> Category {
        match self {
            Error::InvalidInput(_) => Category::InvalidInput,
            Error::Transient { .. } => Category::Transient,
            Error::ResourceExhausted(_) => Category::ResourceExhausted,
            Error::TimedOut { .. } => Category::TimedOut,
            Error::Cancelled { .. } => Category::Cancelled,
            Error::Disabled { .. } => Category::Disabled,
            Error::NotLoaded { .. } => Category::NotLoaded,
            Error::NotGranted(_) => Category::NotGranted,
            Error::Trapped(_) => Category::Trapped,
            Error::Fatal { .. } => Category::Fatal,
        }
    }

    /// Whether another attempt with the same input can succeed.
    pub fn is_retriable(&self) -> bool {
        match self {
            Error::Transient { .. } => true,
            Error::ResourceExhausted(shortfall) => {
                matches!(
                    shortfall.kind,
                    ResourceKind::SystemMemory | ResourceKind::GpuMemory | ResourceKind::Disk
                ) || matches!(shortfall.kind, ResourceKind::Instances | ResourceKind::Other(_))
            }
            Error::TimedOut { clock, .. } => *clock != Clock::Cpu,
            _ => false,
        }
    }

    /// The least time to wait before another attempt, where one was named.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Error::Transient { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// What was wrong with the input, field by field; empty for other errors.
    pub fn violations(&self) -> &[Violation] {
        match self {
            Error::InvalidInput(invalid) => &invalid.violations,
            _ => &[],
        }
    }

    /// An [`Error::InvalidInput`] without single violations.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::violated(message, Vec::new())
    }

    /// An [`Error::InvalidInput`] with its violations.
    pub fn violated(message: impl Into<String>, violations: Vec<Violation>) -> Self {
        Error::InvalidInput(Box::new(InvalidInput { message: message.into(), violations }))
    }

    /// An [`Error::Fatal`].
    pub fn fatal(message: impl Into<String>) -> Self {
        Error::Fatal { message: message.into() }
    }

    /// An [`Error::ResourceExhausted`].
    pub fn exhausted(
        kind: ResourceKind,
        message: impl Into<String>,
        needed: Option<u64>,
        available: Option<u64>,
    ) -> Self {
        Error::ResourceExhausted(Box::new(Shortfall { kind, message: message.into(), needed, available }))
    }
}

fn out_of_time(what: &str, clock: Clock, limit: Duration) -> String {
    let limit = Millis(limit);
    match clock {
        Clock::Cpu | Clock::Wall => format!("{what} ran for longer than its {clock} limit of {limit}"),
        Clock::Progress => format!(
            "{what} was stopped because it showed no progress for {limit}; try again, or allow it more time without \
             progress"
        ),
    }
}

/// Prints a duration in the unit in which people set limits.
struct Millis(Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_millis() {
            ms if ms % 1000 == 0 => write!(f, "{} s", ms / 1000),
            ms => write!(f, "{ms} ms"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_whether_a_retry_can_help() {
        let busy = Error::Transient { message: "busy".into(), retry_after: Some(Duration::from_millis(20)) };
        assert!(busy.is_retriable());
        assert_eq!(busy.retry_after(), Some(Duration::from_millis(20)));
        assert!(!Error::invalid("no").is_retriable());
        assert!(Error::exhausted(ResourceKind::SystemMemory, "full", None, None).is_retriable());
        assert!(!Error::exhausted(ResourceKind::Fuel, "spent", None, None).is_retriable());
    }

    #[test]
    fn serializes_to_a_stable_structure() {
        let error = Error::violated(
            "input of `add` does not fit its schema",
            vec![Violation { pointer: "/a".into(), message: "\"x\" is not of type \"number\"".into() }],
        );
        assert_eq!(
            serde_json::to_value(&error).unwrap(),
            serde_json::json!({
                "category": "invalid-input",
                "message": "input of `add` does not fit its schema",
                "retriable": false,
                "violations": [{ "pointer": "/a", "message": "\"x\" is not of type \"number\"" }],
            })
        );
    }

    #[test]
    fn prints_limits_in_the_unit_people_set_them_in() {
        let error = Error::TimedOut {
            what: "action `spin` of `bad`".into(),
            clock: Clock::Cpu,
            limit: Duration::from_millis(1500),
        };
        assert_eq!(
            error.to_string(),
            "action `spin` of `bad` ran for longer than its CPU time limit of 1500 ms"
        );
        let stalled = Error::TimedOut {
            what: "hook `prefetch` of `bad`".into(),
            clock: Clock::Progress,
            limit: Duration::from_secs(60),
        };
        assert!(stalled.is_retriable());
        assert_eq!(
            stalled.to_string(),
            "hook `prefetch` of `bad` was stopped because it showed no progress for 60 s; try again, or allow it more \
             time without progress"
        );
    }
}
