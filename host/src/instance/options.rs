//! Which values the fields of a configuration can have at the moment, as the plugin tells.

use std::collections::BTreeMap;

use serde::Serialize;
use wasmtime::Store;
use wasmtime::component::{ComponentExportIndex, TypedFunc};

use super::blueprint::Blueprint;
use super::hook::Answer;
use super::live::{Live, Outcome};
use super::state::State;
use crate::capability::bindings::config_options;
use crate::error::{Error, ResourceKind, Result};

/// What is kept of one field's choices.
const MAX_CHOICES: usize = 1_000;
const MAX_LABEL_BYTES: usize = 1 << 10;

/// One value that a field of a configuration can have at the moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Choice {
    /// The value itself.
    pub value: serde_json::Value,
    /// What it is called, for people; at most 1 KiB.
    pub label: String,
}

/// The choices by the JSON pointers of their fields.
pub(crate) type Choices = BTreeMap<String, Vec<Choice>>;

impl Live {
    /// Asks for the choices of all fields that are marked for it.
    pub(super) async fn choices(
        &mut self,
        blueprint: &Blueprint,
        index: &ComponentExportIndex,
    ) -> Answer<Choices> {
        let mut choices = Choices::new();
        let mut bytes = 0_u64;
        for field in blueprint.config_schema.option_fields() {
            let what = || format!("options for `{field}` of `{}`", blueprint.sinks.instance);
            let function: TypedFunc<(&str,), (Outcome<Vec<config_options::Choice>>,)> =
                self.function(index, what)?;
            let run = async |store: &mut Store<State>| function.call_async(store, (&field,)).await;
            let told = match self.between_jobs(blueprint, what, run).await? {
                Ok(told) => told,
                Err(error) => return Ok(Err(error)),
            };
            let kept = told.into_iter().take(MAX_CHOICES);
            let limit = blueprint.limits.output_bytes;
            match kept.map(|choice| take(choice, what, &mut bytes, limit)).collect() {
                Ok(of_field) => choices.insert(field, of_field),
                Err(error) => return Ok(Err(error)),
            };
        }
        Ok(Ok(choices))
    }
}

/// Takes a choice, if it keeps the contract; `bytes` counts what was taken so far.
fn take(
    choice: config_options::Choice,
    what: impl Fn() -> String,
    bytes: &mut u64,
    limit: u64,
) -> Result<Choice> {
    let config_options::Choice { value, mut label } = choice;
    label.truncate(label.floor_char_boundary(MAX_LABEL_BYTES));
    *bytes = bytes.saturating_add((value.len() + label.len()) as u64);
    if *bytes > limit {
        return Err(Error::exhausted(
            ResourceKind::Output,
            format!(
                "{} are more than {limit} bytes; raise `output-bytes`, or have the plugin offer less",
                what()
            ),
            Some(*bytes),
            Some(limit),
        ));
    }
    let value = serde_json::from_str(&value).map_err(|error| {
        Error::fatal(format!("{} gave back invalid JSON: {error}; its author must mend it", what()))
    })?;
    Ok(Choice { value, label })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(value: &str, label: &str) -> config_options::Choice {
        config_options::Choice { value: value.into(), label: label.into() }
    }

    fn taken(choice: config_options::Choice) -> Result<Choice> {
        take(choice, || "options".into(), &mut 0, 5_000)
    }

    #[test]
    fn values_are_json_and_labels_short() {
        assert_eq!(
            taken(told("[1]", "one")).unwrap(),
            Choice { value: serde_json::json!([1]), label: "one".into() }
        );
        assert!(taken(told("{", "open")).unwrap_err().to_string().contains("invalid JSON"));
        assert_eq!(taken(told("1", &"ü".repeat(600))).unwrap().label.len(), 1024);
    }

    #[test]
    fn all_of_them_together_are_bounded() {
        let mut bytes = 0;
        let mut take = || take(told("1", &"x".repeat(999)), || "options".into(), &mut bytes, 5_000);
        assert!((0..5).all(|_| take().is_ok()));
        assert_eq!(take().unwrap_err().category(), crate::error::Category::ResourceExhausted);
    }
}
