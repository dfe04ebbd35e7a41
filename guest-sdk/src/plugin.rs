//! What an author implements.

use std::future::Future;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::job::Job;

/// A plugin: how it is made of its configuration, and what it says about itself.
///
/// Its actions are the methods of an `impl` block under [`actions`](macro@crate::actions), which also exports the
/// plugin from the component.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a plugin",
    label = "not a plugin",
    note = "write an `impl Plugin for {Self}` with its configuration and constructor"
)]
pub trait Plugin: Sized + 'static {
    /// The configuration. Its JSON Schema (2020-12) is derived, so descriptions, bounds, patterns and defaults arrive
    /// with the operator. [`NoConfig`] where there is none.
    type Config: DeserializeOwned + JsonSchema;

    /// The plugin's name, 1 to 64 characters of `[A-Za-z0-9_-]`. The name of the author's package unless given.
    const NAME: Option<&'static str> = None;

    /// A semantic version. That of the author's package unless given.
    const VERSION: Option<&'static str> = None;

    /// One line for people. The description of the author's package unless given.
    const SUMMARY: Option<&'static str> = None;

    /// Who wrote it. The authors of the author's package unless given.
    const AUTHORS: Option<&'static [&'static str]> = None;

    /// The kind of work, for example `transcription`: plugins of one category can stand in for one another. 1 to 64
    /// characters of `[A-Za-z0-9_-]`.
    const CATEGORY: Option<&'static str> = None;

    /// What the plugin works on, for example `audio`. 1 to 64 characters of `[A-Za-z0-9_-]`.
    const DOMAIN: Option<&'static str> = None;

    /// Where the plugin runs, as `<os>` or `<os>-<arch>`, for example `linux` or `macos-aarch64`. Empty where it runs
    /// everywhere, as most do: a component is the same on every machine.
    const PLATFORMS: &'static [&'static str] = &[];

    /// The secrets that the plugin asks for with [`secrets::get`](crate::secrets::get), so that an operator knows of
    /// them. A host does not load the plugin without those that it requires.
    const SECRETS: &'static [SecretNeed] = &[];

    /// How calls share an instance.
    const INSTANCE: InstanceMode = InstanceMode::Exclusive;

    /// Prepares an instance. Called once for each, before everything else; the configuration fits the schema, and its
    /// defaults are filled in.
    ///
    /// Keep it short: what takes long belongs in [`Lifecycle::prefetch`], or into the first action that needs it.
    ///
    /// # Errors
    ///
    /// Any error leaves the instance unusable, and the host drops it. A configuration that fits the schema but cannot
    /// be right is [`Error::InvalidInput`](crate::Error::InvalidInput).
    fn new(config: Self::Config) -> Result<Self>;
}

/// A secret that a plugin asks for; see [`Plugin::SECRETS`].
///
/// ```
/// use cjm_guest::SecretNeed;
///
/// const SECRETS: &[SecretNeed] = &[
///     SecretNeed::required("api-key", "The key of your account, from the page “Developers”."),
///     SecretNeed::optional("proxy-password", "For a proxy that asks for one."),
/// ];
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretNeed {
    /// 1 to 64 characters of `[A-Za-z0-9_.-]`, unique within the plugin.
    pub name: &'static str,
    /// What it is and where it comes from.
    pub description: &'static str,
    /// Whether the plugin cannot do without.
    pub required: bool,
}

impl SecretNeed {
    /// A secret that the plugin cannot do without.
    pub const fn required(name: &'static str, description: &'static str) -> Self {
        Self { name, description, required: true }
    }

    /// A secret that the plugin uses where it is there.
    pub const fn optional(name: &'static str, description: &'static str) -> Self {
        Self { name, description, required: false }
    }
}

/// How calls share an instance.
///
/// Actions take `&self` in every mode, so state that changes is kept in a [`Cell`](std::cell::Cell) or
/// [`RefCell`](std::cell::RefCell). A component has one thread: no locks are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InstanceMode {
    /// One call at a time; the others wait. State is kept from call to call.
    #[default]
    Exclusive,
    /// Several calls at a time in one instance, interleaved where they await. State is kept, and shared: no `RefCell`
    /// borrow may be held across an await. Only worth it where actions are `async fn`.
    Shared,
    /// A fresh instance for each call: nothing is kept, and calls run in parallel.
    Fresh,
}

/// The configuration of a plugin that has none: any object without members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

/// Hooks into the life of an instance, each optional. The host calls them between jobs, never during one. Of a plugin
/// whose instances are [`Fresh`](InstanceMode::Fresh) it calls `prefetch`, `enabled` and `disabled` alone, on an
/// instance of their own.
///
/// The implementation goes under [`lifecycle`](macro@crate::lifecycle): only then does the component export them, and
/// only then does the host call them.
///
/// ```
/// # use cjm_guest::{NoConfig, Plugin, Result};
/// use cjm_guest::{Job, Lifecycle};
///
/// struct Transcriber;
/// # impl Plugin for Transcriber {
/// #     type Config = NoConfig;
/// #     fn new(_: NoConfig) -> Result<Self> { Ok(Self) }
/// # }
/// # #[cjm_guest::actions]
/// # impl Transcriber {}
///
/// #[cjm_guest::lifecycle]
/// impl Lifecycle for Transcriber {
///     async fn prefetch(&self, job: &Job) -> Result<()> {
///         job.progress(0.5, "fetching the model");
///         Ok(())
///     }
/// }
/// # fn main() {}
/// ```
pub trait Lifecycle: Plugin {
    /// Fetches or warms up what the first job would otherwise wait for, for example a model. Called any number of times.
    ///
    /// It may take as long as it reports progress. Where [`Job::progress`] tells nothing new for a minute, or whatever
    /// the operator set, the host takes it to be stuck and cancels it.
    ///
    /// # Errors
    ///
    /// As an action's.
    fn prefetch(&self, job: &Job) -> impl Future<Output = Result<()>> {
        let _ = job;
        async { Ok(()) }
    }

    /// Gives back what hangs on a resource, for example a loaded model. Called before [`reconfigure`](Self::reconfigure),
    /// once for each resource that a field which changes is marked with:
    ///
    /// ```
    /// # use schemars::JsonSchema;
    /// # use serde::Deserialize;
    /// #[derive(Deserialize, JsonSchema)]
    /// struct Config {
    ///     /// Loaded when it is first needed.
    ///     #[schemars(extend("x-cjm-reload" = "model"))]
    ///     model: String,
    ///     /// Too deep in everything: the host makes the instance anew.
    ///     #[schemars(extend("x-cjm-reload" = "instance"))]
    ///     threads: u32,
    /// }
    /// ```
    ///
    /// Called any number of times, also before the host takes the memory of an idle instance back. A resource that is not
    /// there, or not known, is no error.
    ///
    /// # Errors
    ///
    /// On any error the host drops the instance, and makes a new one with the new configuration.
    fn release(&self, resource: &str) -> impl Future<Output = Result<()>> {
        let _ = resource;
        async { Ok(()) }
    }

    /// Goes over to another configuration: gives the plugin that takes the place of this one, which may share with it
    /// what is costly, for example a model in an [`Rc`](std::rc::Rc). Made anew unless overridden.
    ///
    /// # Errors
    ///
    /// On any error the host drops the instance, and makes a new one with `new`. Not called where a field changes that
    /// is marked with `"x-cjm-reload" = "instance"`.
    fn reconfigure(&self, old: Self::Config, new: Self::Config) -> impl Future<Output = Result<Self>> {
        let _ = old;
        async { Self::new(new) }
    }

    /// The operator switched the plugin on.
    fn enabled(&self) -> impl Future<Output = ()> {
        async {}
    }

    /// The operator switched the plugin off; running jobs have ended.
    fn disabled(&self) -> impl Future<Output = ()> {
        async {}
    }

    /// The instance is about to be dropped in good order: unloaded, replaced by another version, or made anew for another
    /// configuration. Not called when it is dropped by force.
    fn shutdown(&self) -> impl Future<Output = ()> {
        async {}
    }
}
