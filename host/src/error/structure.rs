//! The structure that is printed with `--json` and stored with a job.

use std::time::Duration;

use serde::{Deserialize, Serialize, de};

use super::{Category, Clock, Error, InvalidInput, Shortfall, Trap, Ungranted, Violation};

/// All that any error has. The message and whether a retry can help are for readers: an [`Error`] knows them by itself.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Structure {
    category: Category,
    message: String,
    retriable: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    violations: Vec<Violation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shortfall: Option<Shortfall>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    what: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clock: Option<Clock>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limit_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    forced: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plugin: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    missing: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    grants: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    toml: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trap: Option<Trap>,
}

impl From<&Error> for Structure {
    fn from(error: &Error) -> Self {
        let mut structure = Structure {
            category: error.category(),
            message: String::new(),
            retriable: error.is_retriable(),
            retry_after_ms: error.retry_after().map(millis),
            violations: error.violations().to_vec(),
            shortfall: None,
            what: None,
            clock: None,
            limit_ms: None,
            forced: None,
            plugin: None,
            reason: None,
            missing: Vec::new(),
            grants: Vec::new(),
            toml: None,
            command: None,
            trap: None,
        };
        structure.message = match error {
            Error::InvalidInput(invalid) => invalid.message.clone(),
            Error::NotGranted(ungranted) => ungranted.headline(),
            Error::Trapped(trap) => trap.headline(),
            _ => error.to_string(),
        };
        match error {
            Error::ResourceExhausted(shortfall) => structure.shortfall = Some(Shortfall::clone(shortfall)),
            Error::TimedOut { what, clock, limit } => {
                structure.what = Some(what.clone());
                structure.clock = Some(*clock);
                structure.limit_ms = Some(millis(*limit));
            }
            Error::Cancelled { what, forced } => {
                structure.what = Some(what.clone());
                structure.forced = Some(*forced);
            }
            Error::Disabled { plugin } => structure.plugin = Some(plugin.clone()),
            Error::NotLoaded { plugin, reason } => {
                structure.plugin = Some(plugin.clone());
                structure.reason = (!reason.is_empty()).then(|| reason.clone());
            }
            Error::NotGranted(ungranted) => {
                structure.what = Some(ungranted.what.clone());
                structure.missing = ungranted.missing.clone();
                structure.grants = ungranted.grants.clone();
                structure.toml = Some(ungranted.toml.clone());
                structure.command = Some(ungranted.command.clone());
            }
            Error::Trapped(trap) => structure.trap = Some(Trap::clone(trap)),
            Error::InvalidInput(_) | Error::Transient { .. } | Error::Fatal { .. } => {}
        }
        structure
    }
}

impl Structure {
    /// The error again; the name of what is missing, where something is.
    fn error(self) -> Result<Error, &'static str> {
        let message = self.message;
        Ok(match self.category {
            Category::InvalidInput => {
                Error::InvalidInput(Box::new(InvalidInput { message, violations: self.violations }))
            }
            Category::Transient => {
                Error::Transient { message, retry_after: self.retry_after_ms.map(Duration::from_millis) }
            }
            Category::ResourceExhausted => {
                Error::ResourceExhausted(Box::new(self.shortfall.ok_or("shortfall")?))
            }
            Category::TimedOut => Error::TimedOut {
                what: self.what.ok_or("what")?,
                clock: self.clock.ok_or("clock")?,
                limit: Duration::from_millis(self.limit_ms.ok_or("limit-ms")?),
            },
            Category::Cancelled => {
                Error::Cancelled { what: self.what.ok_or("what")?, forced: self.forced.ok_or("forced")? }
            }
            Category::Disabled => Error::Disabled { plugin: self.plugin.ok_or("plugin")? },
            Category::NotLoaded => Error::NotLoaded {
                plugin: self.plugin.ok_or("plugin")?,
                reason: self.reason.unwrap_or_default(),
            },
            Category::NotGranted => Error::NotGranted(Box::new(Ungranted {
                what: self.what.ok_or("what")?,
                missing: self.missing,
                grants: self.grants,
                toml: self.toml.ok_or("toml")?,
                command: self.command.ok_or("command")?,
            })),
            Category::Trapped => Error::Trapped(Box::new(self.trap.ok_or("trap")?)),
            Category::Fatal => Error::Fatal { message },
        })
    }
}

impl Serialize for Error {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Structure::from(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Error {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let structure = Structure::deserialize(deserializer)?;
        let category = structure.category;
        structure.error().map_err(|missing| {
            de::Error::custom(format!("an error of category `{category}` has no `{missing}`"))
        })
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::{ResourceKind, TrapKind};
    use super::*;

    #[test]
    fn an_error_is_the_same_when_it_is_read_again() {
        let (what, plugin) = ("action `a` of `p`".to_owned(), "p".to_owned());
        let violations = vec![Violation { pointer: "/a".into(), message: "is no number".into() }];
        let second = Duration::from_secs(1);
        let trap =
            Trap { what: what.clone(), kind: TrapKind::Exit(3), message: "m".into(), backtrace: vec![] };
        let ungranted = Ungranted {
            what: what.clone(),
            missing: vec!["m".into()],
            grants: vec!["gpu".into()],
            toml: "t".into(),
            command: "c".into(),
        };
        for error in [
            Error::violated("no", violations),
            Error::Transient { message: "later".into(), retry_after: Some(second) },
            Error::exhausted(ResourceKind::Other("tokens".into()), "spent", Some(2), Some(1)),
            Error::TimedOut { what: what.clone(), clock: Clock::Cpu, limit: second },
            Error::Cancelled { what, forced: true },
            Error::Disabled { plugin: plugin.clone() },
            Error::NotLoaded { plugin, reason: "gone".into() },
            Error::NotGranted(Box::new(ungranted)),
            Error::Trapped(Box::new(trap)),
            Error::fatal("broken"),
        ] {
            let json = serde_json::to_value(&error).unwrap();
            let again: Error = serde_json::from_value(json.clone()).unwrap();
            assert_eq!(again.to_string(), error.to_string());
            assert_eq!(again.category(), error.category());
            assert_eq!(serde_json::to_value(&again).unwrap(), json);
        }
    }

    #[test]
    fn what_is_no_whole_error_is_told() {
        let json = serde_json::json!({ "category": "timed-out", "message": "", "retriable": true });
        let told = serde_json::from_value::<Error>(json).unwrap_err().to_string();
        assert!(told.contains("`timed-out` has no `what`"), "{told}");
    }
}
