//! Which values the fields of a configuration can have at the moment.

use std::future::Future;

use serde_json::Value;

use crate::error::Result;
use crate::job::Job;
use crate::plugin::Plugin;

/// Tells which values fields of the configuration can have at the moment, where their type cannot say it: the models
/// that are there, the devices that are plugged in.
///
/// A field that is asked for is marked in the configuration's schema. The implementation goes under
/// [`config_options`](macro@crate::config_options): only then does the component export it, and only then does the
/// host ask.
///
/// ```
/// use cjm_guest::{Choice, ConfigOptions, Error, Job, Plugin, Result};
/// use schemars::JsonSchema;
/// use serde::Deserialize;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Config {
///     /// The model that transcribes.
///     #[schemars(extend("x-cjm-options" = true))]
///     model: String,
/// }
///
/// struct Transcriber;
/// # impl Plugin for Transcriber {
/// #     type Config = Config;
/// #     fn new(_: Config) -> Result<Self> { Ok(Self) }
/// # }
/// # #[cjm_guest::actions]
/// # impl Transcriber {}
///
/// #[cjm_guest::config_options]
/// impl ConfigOptions for Transcriber {
///     async fn options(&self, _: &Job, field: &str) -> Result<Vec<Choice>> {
///         match field {
///             "/model" => Ok(vec![Choice::new("small-v3", "Small: quick"), "large-v3".into()]),
///             other => Err(Error::invalid(format!("there are no options for `{other}`"))),
///         }
///     }
/// }
/// # fn main() {}
/// ```
pub trait ConfigOptions: Plugin {
    /// The choices for one field, the best first. The host keeps at most 1,000.
    ///
    /// `field` is the JSON pointer of a field that is marked with `"x-cjm-options"`, for example `/model`; an asterisk
    /// stands for an index or a name that is not fixed: `/servers/*/region`. Called between jobs, whenever somebody is
    /// about to choose; nothing may change by it.
    ///
    /// # Errors
    ///
    /// As an action's.
    fn options(&self, job: &Job, field: &str) -> impl Future<Output = Result<Vec<Choice>>>;
}

/// One value that a field of the configuration can have.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The value itself; it fits the field's schema.
    pub value: Value,
    /// What it is called, for people.
    pub label: String,
}

impl Choice {
    /// A value and what it is called.
    pub fn new(value: impl Into<Value>, label: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into() }
    }
}

/// A text that speaks for itself.
impl From<&str> for Choice {
    fn from(value: &str) -> Self {
        Self::new(value, value)
    }
}

/// A text that speaks for itself.
impl From<String> for Choice {
    fn from(value: String) -> Self {
        Self::new(value.clone(), value)
    }
}
