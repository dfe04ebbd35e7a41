//! Gives back what it gets. Its functions are lifted synchronously; `misbehave` has the same action lifted as an async
//! export.

#![cfg(target_arch = "wasm32")]

use std::hint::black_box;

wit_bindgen::generate!({
    world: "cjm:plugin/minimal",
    path: "../../../wit",
    async: false,
    generate_all,
});

use cjm::plugin::job;
use cjm::plugin::types::{Error, Value};
use exports::cjm::plugin::plugin::{Action, Description, Guest, InstanceMode};

struct Echo;

export!(Echo);

impl Guest for Echo {
    fn describe() -> Description {
        let action = |name: &str| Action {
            name: name.into(),
            description: String::new(),
            input_schema: None,
            output_schema: None,
            streams: false,
            idempotent: true,
        };
        Description {
            name: "echo".into(),
            version: "0.1.0".into(),
            summary: "Gives back what it gets.".into(),
            authors: Vec::new(),
            category: None,
            domain: None,
            platforms: Vec::new(),
            secrets: Vec::new(),
            config_schema: "{}".into(),
            actions: ["echo", "spin", "spin-politely", "allocate"].map(action).into(),
            instance: InstanceMode::Exclusive,
        }
    }

    fn initialize(_: String) -> Result<(), Error> {
        Ok(())
    }

    fn execute(action: String, input: Value) -> Result<Value, Error> {
        match action.as_str() {
            "spin" => loop {
                black_box(0);
            },
            "spin-politely" => {
                while !job::is_cancelled() {
                    black_box(0);
                }
                Err(Error::Cancelled)
            }
            "allocate" => {
                let mut kept = Vec::new();
                loop {
                    kept.push(black_box(vec![1_u8; 1 << 20]));
                }
            }
            _ => Ok(input),
        }
    }
}
