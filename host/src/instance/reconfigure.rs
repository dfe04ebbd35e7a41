//! Going over from one configuration to another.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::blueprint::Blueprint;
use super::hook::Hook;
use super::live::Live;
use crate::catalog::{INSTANCE, Schema};
use crate::error::Result;

/// What differs between two configurations, as far as the plugin has to be told.
enum Change {
    Nothing,
    /// The instance goes over, once these resources were given back.
    Over(BTreeSet<String>),
    /// A new instance is asked for.
    Anew,
}

impl Change {
    fn between(schema: &Schema, old: &str, new: &str) -> Self {
        // Both were parsed before, and are never anything but JSON.
        let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
        let (old, new) = (parse(old), parse(new));
        if old == new {
            return Change::Nothing;
        }
        let triggers = schema.reload_triggers(&old, &new);
        if triggers.contains(INSTANCE) { Change::Anew } else { Change::Over(triggers) }
    }
}

/// Goes over to a configuration that fits its schema: with the instance, where it has the hooks for it and nothing
/// asks for a new one; or else with a new one. Gives back the instance that is there afterwards, if there is one. On an
/// error the old configuration stays in force.
pub(super) async fn reconfigure(
    blueprint: &Blueprint,
    live: Option<Box<Live>>,
    config: Arc<str>,
) -> (Option<Box<Live>>, Result<()>) {
    let old = blueprint.config();
    match (Change::between(&blueprint.config_schema, &old, &config), live) {
        (Change::Nothing, live) => (live, Ok(())),
        (Change::Over(triggers), Some(mut live)) if blueprint.catalogued.exports.lifecycle.is_some() => {
            if go_over(blueprint, &mut live, &triggers, &old, &config).await {
                blueprint.set_config(config);
                return (Some(live), Ok(()));
            }
            // It may be anywhere between the two.
            drop(live);
            match start(blueprint, &config).await {
                Ok(live) => (Some(live), Ok(())),
                Err(error) => (start(blueprint, &old).await.ok(), Err(error)),
            }
        }
        // The new one is made first: should it refuse, the old one goes on as it was.
        (_, live) => match start(blueprint, &config).await {
            Ok(new) => {
                if let Some(mut live) = live {
                    live.shut_down(blueprint).await;
                }
                (Some(new), Ok(()))
            }
            Err(error) => (live, Err(error)),
        },
    }
}

/// False where a hook failed.
async fn go_over(
    blueprint: &Blueprint,
    live: &mut Live,
    triggers: &BTreeSet<String>,
    old: &str,
    new: &str,
) -> bool {
    let Some(indices) = &blueprint.catalogued.exports.lifecycle else { return false };
    let releases = triggers.iter().map(|resource| Hook::Release { resource });
    for hook in releases.chain([Hook::Reconfigure { old, new }]) {
        if let Err(error) | Ok(Err(error)) = live.hook(blueprint, indices, hook).await {
            tracing::warn!(
                instance = &*blueprint.sinks.instance,
                %error,
                "an instance did not go over to another configuration; it is made anew"
            );
            return false;
        }
    }
    true
}

/// Makes an instance with a configuration, which is in force from then on.
async fn start(blueprint: &Blueprint, config: &Arc<str>) -> Result<Box<Live>> {
    let live = Live::start_with(blueprint, config, None).await?;
    blueprint.set_config(config.clone());
    Ok(Box::new(live))
}
