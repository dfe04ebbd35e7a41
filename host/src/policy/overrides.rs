//! Some limits, to be laid over others.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::Limits;
use crate::error::{Error, Result, Violation};

/// Some limits, to be laid over others: the keys and values of [`Limits`] that somebody wrote down.
///
/// Keys and values are held against [`Limits`] when they are read, and are written as they were read.
///
/// # Examples
///
/// ```
/// use cjm_host::{LimitOverrides, Limits};
///
/// let overrides: LimitOverrides = serde_json::from_str(r#"{ "memory-bytes": "256 MiB" }"#).unwrap();
/// let limits = Limits::default().overlaid(&overrides);
/// assert_eq!(limits.memory_bytes, 256 << 20);
/// assert_eq!(limits.tables, Limits::default().tables);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct LimitOverrides {
    values: Map<String, Value>,
    /// What the values mean; of no meaning where there is no value.
    #[serde(skip)]
    read: Limits,
}

impl Limits {
    /// These limits, but for those that are named.
    pub fn overlaid(&self, overrides: &LimitOverrides) -> Limits {
        let mut limits = self.clone();
        for key in overrides.values.keys() {
            copy(key, &overrides.read, &mut limits);
        }
        limits
    }
}

/// Copies the limit that is written as `key`.
fn copy(key: &str, from: &Limits, to: &mut Limits) {
    macro_rules! copy {
        ($($key:literal => $field:ident),* $(,)?) => {
            match key {
                $($key => to.$field = from.$field,)*
                _ => {}
            }
        };
    }
    copy! {
        "memory-bytes" => memory_bytes,
        "table-elements" => table_elements,
        "tables" => tables,
        "memories" => memories,
        "instances" => instances,
        "cpu-time" => cpu_time,
        "wall-time" => wall_time,
        "fuel" => fuel,
        "input-bytes" => input_bytes,
        "output-bytes" => output_bytes,
        "stream-items" => stream_items,
        "stream-bytes" => stream_bytes,
        "log-records" => log_records,
        "log-message-bytes" => log_message_bytes,
        "progress-message-bytes" => progress_message_bytes,
        "usage-units" => usage_units,
        "grace" => grace,
        "max-concurrency" => max_concurrency,
    }
}

impl LimitOverrides {
    /// The keys and values, as they were written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Whether no limit is named.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Takes over what others name; where both name a limit, theirs holds.
    pub fn extend(&mut self, others: &LimitOverrides) {
        self.read = self.read.overlaid(others);
        self.values.extend(others.values.clone());
    }

    /// Sets one limit, or with none leaves it to what these are laid over.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where there is no such limit, or the value does not fit it.
    pub fn set(&mut self, key: &str, value: Option<Value>) -> Result<()> {
        let mut values = self.values.clone();
        match value {
            Some(value) => values.insert(key.to_owned(), value),
            None => values.remove(key),
        };
        *self = Self::try_from(values)?;
        Ok(())
    }
}

/// # Errors
///
/// `invalid-input`, with each key that is no limit, and each value that does not fit.
impl TryFrom<Map<String, Value>> for LimitOverrides {
    type Error = Error;

    fn try_from(values: Map<String, Value>) -> Result<Self> {
        let wrong = |(key, value): (&String, &Value)| {
            let single = Map::from_iter([(key.clone(), value.clone())]);
            let error = Limits::deserialize(Value::Object(single)).err()?;
            let pointer = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
            Some(Violation { pointer, message: error.to_string() })
        };
        let violations: Vec<_> = values.iter().filter_map(wrong).collect();
        match Limits::deserialize(Value::Object(values.clone())) {
            Ok(read) if violations.is_empty() => Ok(Self { values, read }),
            _ => Err(Error::violated("these limits cannot be set", violations)),
        }
    }
}

impl<'de> Deserialize<'de> for LimitOverrides {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Map::deserialize(deserializer)?.try_into().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn overrides(toml: &str) -> LimitOverrides {
        toml::from_str(toml).unwrap()
    }

    #[test]
    fn people_write_units_and_machines_numbers() {
        let limits = Limits::default().overlaid(&overrides(
            r#"
            memory-bytes = "256 MiB"
            log-message-bytes = "1 KiB"
            output-bytes = 4096
            cpu-time = "90s"
            wall-time = "none"
            grace = 250
            fuel = 1000000
            tables = 7
            "#,
        ));
        let expected = Limits {
            memory_bytes: 256 << 20,
            log_message_bytes: 1 << 10,
            output_bytes: 4096,
            cpu_time: Some(Duration::from_secs(90)),
            wall_time: None,
            grace: Duration::from_millis(250),
            fuel: Some(1_000_000),
            tables: 7,
            ..Limits::default()
        };
        assert_eq!(limits, expected);
        let json = serde_json::to_string(&limits).unwrap();
        assert_eq!(serde_json::from_str::<Limits>(&json).unwrap(), limits);
    }

    #[test]
    fn every_limit_can_be_laid_over_another() {
        let Value::Object(default) = serde_json::to_value(Limits::default()).unwrap() else { panic!() };
        let all: Map<_, _> = default.keys().map(|key| (key.clone(), Value::from(1))).collect();
        let limits = Limits::default().overlaid(&all.clone().try_into().unwrap());
        assert_eq!(serde_json::to_value(limits).unwrap(), Value::Object(all));
    }

    #[test]
    fn what_is_not_named_stays_as_exact_as_it_was() {
        let base = Limits { grace: Duration::from_micros(1500), fuel: Some(5), ..Limits::default() };
        assert_eq!(base.overlaid(&overrides("tables = 40")), base);
        assert_eq!(base.overlaid(&overrides("fuel = \"none\"")).fuel, None);
    }

    #[test]
    fn each_limit_that_cannot_be_set_is_named() {
        let toml = r#"
            memory = 1
            memory-bytes = "lots"
            tables = "9 MiB"
            grace = "none"
            cpu-time = -1
            fuel = "10s"
            wall-time = "10m"
        "#;
        let map: Map<String, Value> = toml::from_str(toml).unwrap();
        let error = LimitOverrides::try_from(map).unwrap_err();
        let pointers: Vec<_> =
            error.violations().iter().map(|violation| violation.pointer.as_str()).collect();
        assert_eq!(pointers, ["/cpu-time", "/fuel", "/grace", "/memory", "/memory-bytes", "/tables"]);
        assert!(error.to_string().contains("such as \"256 MiB\""), "{error}");
        let error = toml::from_str::<LimitOverrides>(toml).unwrap_err().to_string();
        assert!(error.contains("unknown field `memory`"), "{error}");
    }

    #[test]
    fn what_is_set_last_holds_and_is_written_as_it_was() {
        let mut limits = overrides("grace = \"1s\"");
        limits.extend(&overrides("grace = \"2s\"\ntables = 3"));
        limits.set("memory-bytes", Some("1 GiB".into())).unwrap();
        limits.set("tables", None).unwrap();
        limits.set("nonsense", Some(1.into())).unwrap_err();
        let json = serde_json::json!({ "grace": "2s", "memory-bytes": "1 GiB" });
        assert_eq!(serde_json::to_value(&limits).unwrap(), json);
        assert_eq!(limits.iter().count(), 2);
        let all = Limits::default().overlaid(&limits);
        assert_eq!((all.grace, all.memory_bytes), (Duration::from_secs(2), 1 << 30));
    }
}
