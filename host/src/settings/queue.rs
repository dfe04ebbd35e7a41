//! `[queue]`, as layers lie over one another: key by key.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::origin::Setting;
use crate::error::{Error, Result};
use crate::policy::QueueOptions;

/// Some keys of `[queue]` with their values, by their paths from there: `retention`, `jobs`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct QueueLayer(BTreeMap<Vec<String>, Setting<Value>>);

impl QueueLayer {
    /// Takes one value, if it is one that the key can have.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where there is no such key, or the value does not fit.
    pub(super) fn set(&mut self, path: &[&str], value: Setting<Value>) -> Result<()> {
        let single = nested(path, value.value.clone());
        QueueOptions::deserialize(single).map_err(|error| Error::invalid(error.to_string()))?;
        self.0.insert(path.iter().map(|&name| name.to_owned()).collect(), value);
        Ok(())
    }

    /// This layer over another.
    pub(super) fn over(self, mut lower: Self) -> Self {
        lower.0.extend(self.0);
        lower
    }

    /// What all the keys mean together.
    ///
    /// # Errors
    ///
    /// None, as each was held against it.
    pub(super) fn options(&self) -> Result<QueueOptions> {
        let mut all = Value::Object(Map::new());
        for (path, setting) in &self.0 {
            let path: Vec<_> = path.iter().map(String::as_str).collect();
            merge(&mut all, nested(&path, setting.value.clone()));
        }
        QueueOptions::deserialize(all).map_err(|error| Error::invalid(format!("`queue`: {error}")))
    }

    pub(super) fn get(&self, path: &[String]) -> Option<&Setting<Value>> {
        self.0.get(path)
    }
}

/// The keys that `[queue]` can have, but for those of lanes, with their defaults.
pub(super) fn defaults() -> Vec<(Vec<String>, Value)> {
    let options = serde_json::to_value(QueueOptions::default()).unwrap_or_default();
    let mut all = Vec::new();
    leaves(&mut Vec::new(), &options, &mut all);
    all
}

/// All that is in a table and is no table, with its path.
pub(super) fn leaves(path: &mut Vec<String>, value: &Value, into: &mut Vec<(Vec<String>, Value)>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                path.push(name.clone());
                leaves(path, field, into);
                path.pop();
            }
        }
        value => into.push((path.clone(), value.clone())),
    }
}

fn nested(path: &[&str], value: Value) -> Value {
    path.iter().rev().fold(value, |inner, name| Value::Object(Map::from_iter([((*name).to_owned(), inner)])))
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_lie_over_one_another_key_by_key() {
        let set = |layer: &mut QueueLayer, path: &[&str], value: Value| {
            layer.set(path, Setting::default(value)).unwrap();
        };
        let (mut upper, mut lower) = (QueueLayer::default(), QueueLayer::default());
        set(&mut lower, &["concurrency"], 4.into());
        set(&mut lower, &["retention", "jobs"], 7.into());
        set(&mut lower, &["lanes", "gpu"], 2.into());
        set(&mut upper, &["retention", "events"], "none".into());
        set(&mut upper, &["lanes", "net"], 3.into());
        set(&mut upper, &["concurrency"], 8.into());
        let options = upper.over(lower).options().unwrap();
        assert_eq!(
            (options.concurrency, options.retention.jobs, options.retention.events),
            (8, Some(7), None)
        );
        assert_eq!((options.lanes["gpu"], options.lanes["net"]), (2, 3));
    }

    #[test]
    fn what_is_no_key_or_does_not_fit_it_is_refused() {
        let mut layer = QueueLayer::default();
        for (path, value, says) in [
            (&["speed"][..], Value::from(1), "unknown field `speed`"),
            (&["retention", "age"], 1.into(), "unknown field `age`"),
            (&["retention"], 1.into(), "invalid type"),
            (&["lanes", "gpu"], 0.into(), "at least one job"),
        ] {
            let error = layer.set(path, Setting::default(value)).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        assert_eq!(layer, QueueLayer::default());
    }

    #[test]
    fn every_key_has_a_default() {
        let keys: Vec<_> = defaults().into_iter().map(|(path, _)| path.join(".")).collect();
        assert!(
            keys.contains(&"concurrency".to_owned()) && keys.contains(&"retention.job-age".to_owned()),
            "{keys:?}"
        );
    }
}
