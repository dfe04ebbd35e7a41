//! The contract's exports, on top of the author's traits.

use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::rc::Rc;
use std::task::Poll;

use wit_bindgen::{FutureReader, StreamReader};

use super::bindings::concurrent::cjm::plugin::types as concurrent_types;
use super::bindings::{blocking, concurrent, lifecycle, options, streaming};
use super::stream::Writer;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::options::ConfigOptions;
use crate::plugin::{InstanceMode, Lifecycle};
use crate::runtime::{
    Actions, BlockingActions, Channel, Description, describe, parse_config, unknown_action,
};
use crate::value::Value;

/// Exports `plugin` of a plugin that never awaits.
#[derive(Debug)]
pub struct Blocking<P>(PhantomData<P>);

/// Exports `plugin` of a plugin that awaits.
#[derive(Debug)]
pub struct Concurrent<P>(PhantomData<P>);

/// Exports `streaming`.
#[derive(Debug)]
pub struct Streaming<P>(PhantomData<P>);

/// Exports `lifecycle`.
#[derive(Debug)]
pub struct Hooks<P>(PhantomData<P>);

/// Exports `config-options`.
#[derive(Debug)]
pub struct Options<P>(PhantomData<P>);

fn initialize<P: Actions>(config: &str) -> Result<()> {
    crate::logging::install();
    let plugin = P::new(parse_config::<P>(config)?)?;
    P::slot().set(Some(Rc::new(plugin)));
    Ok(())
}

fn instance<P: Actions>() -> Result<Rc<P>> {
    P::slot()
        .with_borrow(Option::clone)
        .ok_or_else(|| Error::fatal("called before it was initialized: a fault of the host"))
}

/// The generated types of `describe` differ between the two bindings in name only.
macro_rules! convert_description {
    ($bindings:ident) => {
        impl From<Description> for $bindings::exports::cjm::plugin::plugin::Description {
            fn from(description: Description) -> Self {
                use $bindings::exports::cjm::plugin::plugin as wit;
                wit::Description {
                    name: description.name,
                    version: description.version,
                    summary: description.summary,
                    authors: description.authors,
                    category: description.category,
                    domain: description.domain,
                    platforms: description.platforms,
                    secrets: description
                        .secrets
                        .into_iter()
                        .map(|secret| wit::SecretNeed {
                            name: secret.name.to_owned(),
                            description: secret.description.to_owned(),
                            required: secret.required,
                        })
                        .collect(),
                    config_schema: description.config_schema,
                    actions: description
                        .actions
                        .into_iter()
                        .map(|action| wit::Action {
                            name: action.name,
                            description: action.description,
                            input_schema: action.input_schema,
                            output_schema: action.output_schema,
                            streams: action.streams,
                            idempotent: action.idempotent,
                        })
                        .collect(),
                    instance: match description.instance {
                        InstanceMode::Exclusive => wit::InstanceMode::Exclusive,
                        InstanceMode::Shared => wit::InstanceMode::Shared,
                        InstanceMode::Fresh => wit::InstanceMode::Fresh,
                    },
                }
            }
        }
    };
}

convert_description!(blocking);
convert_description!(concurrent);

impl<P: BlockingActions> blocking::exports::cjm::plugin::plugin::Guest for Blocking<P> {
    fn describe() -> blocking::exports::cjm::plugin::plugin::Description {
        describe::<P>().into()
    }

    fn initialize(config: String) -> Result<()> {
        initialize::<P>(&config)
    }

    fn execute(action: String, input: Value) -> Result<Value> {
        instance::<P>()?.run_blocking(&Job::current(), &action, input)
    }
}

impl<P: Actions> concurrent::exports::cjm::plugin::plugin::Guest for Concurrent<P> {
    fn describe() -> concurrent::exports::cjm::plugin::plugin::Description {
        describe::<P>().into()
    }

    fn initialize(config: String) -> Result<(), concurrent_types::Error> {
        Ok(initialize::<P>(&config)?)
    }

    async fn execute(
        action: String,
        input: concurrent_types::Value,
    ) -> Result<concurrent_types::Value, concurrent_types::Error> {
        let result = match instance::<P>() {
            Ok(plugin) => plugin.run(&Job::current(), &action, input.into()).await,
            Err(error) => Err(error),
        };
        Ok(result?.into())
    }
}

impl<P: Actions> streaming::exports::cjm::plugin::streaming::Guest for Streaming<P> {
    async fn execute_stream(
        action: String,
        input: Value,
    ) -> Result<(StreamReader<Value>, FutureReader<Result<()>>)> {
        if !P::NAMES.contains(&action.as_str()) {
            return Err(unknown_action(&action, P::NAMES));
        }
        let plugin = instance::<P>()?;
        let (writer, items) = streaming::wit_stream::new::<Value>();
        let (end_writer, end) = streaming::wit_future::new::<Result<()>>(|| Err(Error::Cancelled));
        let channel = Channel::over(Writer::new(writer));
        let mut work = Box::pin(async move { plugin.stream(&Job::current(), &action, input, channel).await });

        // A failure before the first item is the call's own: a caller need not open the stream to learn of it. The
        // first write cannot end before the reader is handed out, so what is ready here has sent nothing.
        let first = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
        if let Poll::Ready(Err(error)) = first {
            return Err(error);
        }
        wit_bindgen::spawn_local(async move {
            let result = match first {
                Poll::Ready(result) => result,
                Poll::Pending => work.await,
            };
            // Nobody may be left to hear it.
            let _ = end_writer.write(result).await;
        });
        Ok((items, end))
    }
}

impl<P: Actions + Lifecycle> lifecycle::exports::cjm::plugin::lifecycle::Guest for Hooks<P> {
    async fn prefetch() -> Result<()> {
        instance::<P>()?.prefetch(&Job::current()).await
    }

    async fn release(resource: String) -> Result<()> {
        instance::<P>()?.release(&resource).await
    }

    async fn reconfigure(old: String, new: String) -> Result<()> {
        let (old, new) = (parse_config::<P>(&old)?, parse_config::<P>(&new)?);
        let plugin = instance::<P>()?.reconfigure(old, new).await?;
        P::slot().set(Some(Rc::new(plugin)));
        Ok(())
    }

    async fn enabled() {
        if let Ok(plugin) = instance::<P>() {
            plugin.enabled().await;
        }
    }

    async fn disabled() {
        if let Ok(plugin) = instance::<P>() {
            plugin.disabled().await;
        }
    }

    async fn shutdown() {
        // The last share goes with this call, so the plugin's own destructor runs too.
        if let Some(plugin) = P::slot().take() {
            plugin.shutdown().await;
        }
    }
}

impl<P: Actions + ConfigOptions> options::exports::cjm::plugin::config_options::Guest for Options<P> {
    async fn options(field: String) -> Result<Vec<options::exports::cjm::plugin::config_options::Choice>> {
        use options::exports::cjm::plugin::config_options::Choice;
        let choices = instance::<P>()?.options(&Job::current(), &field).await?;
        let choices = choices.into_iter();
        Ok(choices.map(|choice| Choice { value: choice.value.to_string(), label: choice.label }).collect())
    }
}
