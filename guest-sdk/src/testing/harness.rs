//! A host's view of a plugin, without a host.

use std::rc::Rc;

use super::{TestJob, block_on};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::options::{Choice, ConfigOptions};
use crate::plugin::{Lifecycle, Plugin};
use crate::runtime::{Actions, Channel, Description, describe, parse_config};
use crate::value::Value;

/// An instance of a plugin that is called as a host calls it: actions by name, JSON as text.
///
/// Unlike a host it does not validate inputs against the schema, so what reaches the plugin here is the input that a
/// host would have refused, too.
#[derive(Debug)]
pub struct Harness<P> {
    plugin: Rc<P>,
    config: String,
    job: TestJob,
}

/// What a streaming action gave: its items, and how it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Streamed {
    /// The items in order.
    pub items: Vec<Value>,
    /// How the work ended after them.
    pub end: Result<()>,
}

impl<P: Plugin + Actions> Harness<P> {
    /// Makes an instance with this configuration, JSON.
    ///
    /// # Errors
    ///
    /// Those of [`Plugin::new`], and invalid input where the configuration is not of its type.
    pub fn new(config: &str) -> Result<Self> {
        let job = Job::for_test();
        let plugin = Rc::new(P::new(parse_config::<P>(config)?)?);
        Ok(Self { plugin, config: config.to_owned(), job })
    }

    /// What the plugin says about itself.
    pub fn description() -> Description {
        describe::<P>()
    }

    /// The plugin itself.
    pub fn plugin(&self) -> &P {
        &self.plugin
    }

    /// The job of all calls, to look at what was reported and to cancel it.
    pub fn job(&self) -> &TestJob {
        &self.job
    }

    /// Calls an action as `plugin.execute` does. A streaming action gives a JSON array of its items.
    ///
    /// # Errors
    ///
    /// Those of the action, and invalid input for an action that there is none of.
    pub fn call(&self, action: &str, input: Value) -> Result<Value> {
        block_on(self.plugin.run(&self.job, action, input))
    }

    /// As [`Harness::call`], with JSON in and out.
    ///
    /// # Errors
    ///
    /// As [`Harness::call`]; and fatal where the output is a blob.
    pub fn call_json(&self, action: &str, input: &str) -> Result<String> {
        match self.call(action, Value::Json(input.to_owned()))? {
            Value::Json(text) => Ok(text),
            Value::Blob(blob) => {
                Err(Error::fatal(format!("expected JSON, got a blob ({})", blob.media_type)))
            }
        }
    }

    /// Calls an action as `streaming.execute-stream` does, and reads to the end.
    pub fn stream(&self, action: &str, input: Value) -> Streamed {
        let (channel, items) = Channel::collecting();
        let end = block_on(self.plugin.stream(&self.job, action, input, channel));
        Streamed { items: items.take(), end }
    }
}

impl<P: Actions + Lifecycle> Harness<P> {
    /// Calls [`Lifecycle::prefetch`].
    ///
    /// # Errors
    ///
    /// Those of the hook.
    pub fn prefetch(&self) -> Result<()> {
        block_on(self.plugin.prefetch(&self.job))
    }

    /// Calls [`Lifecycle::release`].
    ///
    /// # Errors
    ///
    /// Those of the hook.
    pub fn release(&self, resource: &str) -> Result<()> {
        block_on(self.plugin.release(resource))
    }

    /// Goes over to another configuration, JSON, through [`Lifecycle::reconfigure`]. It does not look at what hangs on
    /// the fields that change.
    ///
    /// # Errors
    ///
    /// Those of the hook, and invalid input where the configuration is not of its type; then the plugin is what it was.
    pub fn reconfigure(&mut self, config: &str) -> Result<()> {
        let (old, new) = (parse_config::<P>(&self.config)?, parse_config::<P>(config)?);
        self.plugin = Rc::new(block_on(self.plugin.reconfigure(old, new))?);
        config.clone_into(&mut self.config);
        Ok(())
    }
}

impl<P: Actions + ConfigOptions> Harness<P> {
    /// Calls [`ConfigOptions::options`] for the field that this JSON pointer means.
    ///
    /// # Errors
    ///
    /// Those of the plugin.
    pub fn options(&self, field: &str) -> Result<Vec<Choice>> {
        block_on(self.plugin.options(&self.job, field))
    }
}
