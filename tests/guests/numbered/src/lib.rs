//! A plugin of which there can be many: its name and version stand in its bytes, where tests change them.

#![cfg(target_arch = "wasm32")]

wit_bindgen::generate!({
    world: "cjm:plugin/minimal",
    path: "../../../wit",
    async: false,
    generate_all,
});

use cjm::plugin::types::{Error, Value};
use exports::cjm::plugin::plugin::{Action, Description, Guest, InstanceMode};

/// Found by tests, which write another name over it.
static NAME: [u8; 15] = *b"numbered-000000";

/// Found by tests, which write another version over it.
static VERSION: [u8; 5] = *b"1.0.1";

struct Numbered;

export!(Numbered);

/// Read as if anybody could have changed it, so that it stands in the bytes in one piece.
fn text<const N: usize>(bytes: &'static [u8; N]) -> String {
    let bytes = std::hint::black_box(bytes);
    // SAFETY: a reference can be read from.
    let bytes = unsafe { std::ptr::read_volatile(bytes) };
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Guest for Numbered {
    fn describe() -> Description {
        Description {
            name: text(&NAME),
            version: text(&VERSION),
            summary: "Gives its name.".into(),
            authors: Vec::new(),
            category: Some("numbers".into()),
            domain: None,
            platforms: Vec::new(),
            secrets: Vec::new(),
            config_schema: r#"{"type":"object","properties":{"suffix":{"type":"string","default":""}},"additionalProperties":false}"#.into(),
            actions: vec![Action {
                name: "name".into(),
                description: "Gives the plugin's name and version.".into(),
                input_schema: None,
                output_schema: None,
                streams: false,
                idempotent: true,
            }],
            instance: InstanceMode::Exclusive,
        }
    }

    fn initialize(_: String) -> Result<(), Error> {
        Ok(())
    }

    fn execute(_: String, _: Value) -> Result<Value, Error> {
        Ok(Value::Json(format!("\"{} {}\"", text(&NAME), text(&VERSION))))
    }
}
