//! A plugin that misbehaves on purpose, each action in a way of its own.
//!
//! It is written against the bare contract, because the SDK would not let it.

#![cfg(target_arch = "wasm32")]

mod hooks;
mod streams;
mod ways;

use std::cell::RefCell;

wit_bindgen::generate!({
    world: "cjm:plugin/full",
    path: "../../../wit",
    generate_all,
});

use cjm::plugin::types::{Error, InvalidInput, Value};
use exports::cjm::plugin::plugin;
use exports::cjm::plugin::plugin::{Action, Description, InstanceMode};

struct Misbehave;

export!(Misbehave);

thread_local! {
    static CONFIG: RefCell<String> = const { RefCell::new(String::new()) };
}

impl plugin::Guest for Misbehave {
    fn describe() -> Description {
        let action = |name: &str, streams| Action {
            name: name.into(),
            description: String::new(),
            input_schema: None,
            output_schema: None,
            streams,
            // Who knows what it did before it was cut short?
            idempotent: false,
        };
        let plain = ways::NAMES.iter().map(|name| action(name, false));
        let streams = streams::NAMES.iter().map(|name| action(name, true));
        Description {
            name: "misbehave".into(),
            version: "0.1.0".into(),
            summary: "Misbehaves on purpose.".into(),
            authors: Vec::new(),
            category: None,
            domain: None,
            platforms: Vec::new(),
            secrets: Vec::new(),
            config_schema: r#"{"type": "object", "properties": {
                "initialize": {"type": "string"},
                "prefetch": {"type": "string"},
                "release": {"type": "string", "x-cjm-reload": "thing"},
                "options": {"type": "string", "x-cjm-options": true}
            }}"#
            .into(),
            actions: plain.chain(streams).collect(),
            instance: InstanceMode::Exclusive,
        }
    }

    async fn initialize(config: String) -> Result<(), Error> {
        if config.contains("refuse") {
            return Err(invalid("this configuration is refused"));
        }
        if config.contains("spin") {
            ways::spin();
        }
        CONFIG.set(config);
        Ok(())
    }

    async fn execute(action: String, input: Value) -> Result<Value, Error> {
        ways::run(&action, input).await
    }
}

fn invalid(message: &str) -> Error {
    Error::InvalidInput(InvalidInput { message: message.into(), fields: vec!["/field".into()] })
}

fn json(text: impl Into<String>) -> Value {
    Value::Json(text.into())
}
