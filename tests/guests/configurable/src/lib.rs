//! A plugin that remembers what became of its configuration, and tells it.

#![cfg(target_arch = "wasm32")]

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use cjm_guest::{Choice, ConfigOptions, Error, Job, Lifecycle, Plugin, Result, SecretNeed, secrets};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Given back before it changes.
    #[serde(default)]
    #[schemars(extend("x-cjm-reload" = "model", "x-cjm-options" = true))]
    model: String,
    /// Given back with anything in it.
    #[serde(default)]
    #[schemars(extend("x-cjm-reload" = "server"))]
    server: Server,
    /// Asks for a new instance; 13 of them are refused.
    #[serde(default)]
    #[schemars(extend("x-cjm-reload" = "instance"))]
    threads: u32,
    /// Nothing hangs on it.
    #[serde(default)]
    volume: u32,
}

#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Server {
    #[serde(default)]
    port: u16,
    #[serde(default)]
    #[schemars(extend("x-cjm-options" = true))]
    region: String,
}

struct Configurable {
    config: Config,
    /// Shared by the plugins that take one another's place in one instance.
    happened: Rc<RefCell<Vec<String>>>,
    calls: Cell<u32>,
}

impl Plugin for Configurable {
    type Config = Config;
    const CATEGORY: Option<&'static str> = Some("test");
    const DOMAIN: Option<&'static str> = Some("configuration");
    const SECRETS: &'static [SecretNeed] =
        &[SecretNeed::required("api.key", "Any text."), SecretNeed::optional("other", "Any other text.")];

    fn new(config: Config) -> Result<Self> {
        if config.threads == 13 {
            return Err(Error::invalid_field("/threads", "that brings bad luck"));
        }
        if secrets::require("api.key")?.reveal().is_empty() {
            return Err(Error::invalid("the secret is empty"));
        }
        let happened = vec![format!("new with model `{}`", config.model)];
        Ok(Self { config, happened: Rc::new(RefCell::new(happened)), calls: Cell::new(0) })
    }
}

#[cjm_guest::actions]
impl Configurable {
    /// What happened to this instance so far.
    fn happened(&self) -> Result<Vec<String>> {
        Ok(self.happened.borrow().clone())
    }

    /// The configuration that is in force.
    fn config(&self) -> Result<Config> {
        Ok(self.config.clone())
    }

    /// How often this was called since the configuration came into force.
    fn count(&self) -> Result<u32> {
        self.calls.set(self.calls.get() + 1);
        Ok(self.calls.get())
    }

    /// Waits until it is cancelled, and ends well.
    async fn wait(&self, job: &Job) -> Result<()> {
        job.cancelled().await;
        Ok(())
    }
}

#[cjm_guest::lifecycle]
impl Lifecycle for Configurable {
    async fn release(&self, resource: &str) -> Result<()> {
        self.happened.borrow_mut().push(format!("release {resource}"));
        Ok(())
    }

    async fn reconfigure(&self, old: Config, new: Config) -> Result<Self> {
        self.happened.borrow_mut().push(format!("reconfigure `{}` to `{}`", old.model, new.model));
        Ok(Self { config: new, happened: self.happened.clone(), calls: Cell::new(0) })
    }

    async fn shutdown(&self) {
        cjm_guest::log::info!("shut down after {} calls", self.calls.get());
    }
}

#[cjm_guest::config_options]
impl ConfigOptions for Configurable {
    async fn options(&self, _: &Job, field: &str) -> Result<Vec<Choice>> {
        match field {
            "/model" => Ok(vec![Choice::new("small", "Small: quick"), "large".into()]),
            "/server/region" => Ok(vec![format!("near {}", self.config.server.port).into()]),
            other => Err(Error::invalid(format!("there are no options for `{other}`"))),
        }
    }
}
