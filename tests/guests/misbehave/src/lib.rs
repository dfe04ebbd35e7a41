//! A plugin that misbehaves on purpose, each action in a way of its own.
//!
//! It is written against the bare contract, because the SDK would not let it.

#![cfg(target_arch = "wasm32")]

mod streams;
mod ways;

use std::cell::RefCell;

wit_bindgen::generate!({
    world: "cjm:plugin/full",
    path: "../../../wit",
    generate_all,
});

use cjm::plugin::types::{Error, InvalidInput, Value};
use exports::cjm::plugin::plugin::{Action, Description, InstanceMode};
use exports::cjm::plugin::{lifecycle, plugin};

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
        };
        let plain = ways::NAMES.iter().map(|name| action(name, false));
        let streams = streams::NAMES.iter().map(|name| action(name, true));
        Description {
            name: "misbehave".into(),
            version: "0.1.0".into(),
            summary: "Misbehaves on purpose.".into(),
            authors: Vec::new(),
            domain: None,
            config_schema: r#"{"type": "object", "properties": {"initialize": {"type": "string"}}}"#.into(),
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

impl lifecycle::Guest for Misbehave {
    async fn prefetch() -> Result<(), Error> {
        println!("hook prefetch");
        Ok(())
    }

    async fn reconfigure(old: String, new: String) -> Result<(), Error> {
        if new.contains("trap-in-hook") {
            std::arch::wasm32::unreachable();
        }
        println!("hook reconfigure {old} {new}");
        CONFIG.set(new);
        Ok(())
    }

    async fn enabled() {
        println!("hook enabled");
    }

    async fn disabled() {
        println!("hook disabled");
    }

    async fn shutdown() {
        println!("hook shutdown");
    }
}

fn invalid(message: &str) -> Error {
    Error::InvalidInput(InvalidInput { message: message.into(), fields: vec!["/field".into()] })
}

fn json(text: impl Into<String>) -> Value {
    Value::Json(text.into())
}
