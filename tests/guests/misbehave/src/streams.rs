//! The ways in which a stream can go wrong.

use wit_bindgen::{FutureReader, StreamReader, StreamWriter};

use crate::cjm::plugin::job;
use crate::cjm::plugin::types::{Blob, Error, Value};
use crate::exports::cjm::plugin::streaming::Guest;
use crate::{Misbehave, invalid, json, wit_future, wit_stream};

pub(crate) const NAMES: &[&str] = &[
    "stream-count",
    "stream-small",
    "stream-for-ever",
    "stream-failing",
    "stream-trapping",
    "stream-invalid-json",
    "stream-blobs",
    "stream-refused",
    "stream-politely",
    "stream-unended",
];

impl Guest for Misbehave {
    async fn execute_stream(
        action: String,
        input: Value,
    ) -> Result<(StreamReader<Value>, FutureReader<Result<(), Error>>), Error> {
        if action == "stream-refused" {
            return Err(invalid("refused before the first item"));
        }
        let (items, reader) = wit_stream::new();
        let (end, outcome) = wit_future::new(|| Err(Error::Fatal("ended early".into())));
        wit_bindgen::spawn_local(async move {
            let result = write(&action, input, items).await;
            // The host may have gone away.
            let _ = end.write(result).await;
        });
        Ok((reader, outcome))
    }
}

async fn write(action: &str, input: Value, mut items: StreamWriter<Value>) -> Result<(), Error> {
    match action {
        "stream-count" => {
            let count = match &input {
                Value::Json(text) => text.parse().unwrap_or(10),
                Value::Blob(_) => 10,
            };
            for item in 0..count {
                if items.write_one(json(item.to_string())).await.is_some() {
                    return Err(Error::Cancelled);
                }
            }
            Ok(())
        }
        "stream-small" => {
            let item = json(format!("\"{}\"", "x".repeat(98)));
            for _ in 0..100 {
                items.write_all(vec![item.clone(); 100]).await;
            }
            Ok(())
        }
        "stream-for-ever" => loop {
            if items.write_one(json("0")).await.is_some() {
                return Err(Error::Cancelled);
            }
        },
        "stream-politely" => {
            while !job::is_cancelled() {
                items.write_one(json("0")).await;
                wit_bindgen::yield_async().await;
            }
            Err(Error::Cancelled)
        }
        "stream-failing" => {
            items.write_one(json("1")).await;
            Err(Error::Fatal("failed in the middle".into()))
        }
        "stream-trapping" => {
            items.write_one(json("1")).await;
            std::arch::wasm32::unreachable()
        }
        "stream-invalid-json" => {
            items.write_one(json("1")).await;
            items.write_one(json("{")).await;
            Ok(())
        }
        "stream-blobs" => {
            for _ in 0..64 {
                let blob = Blob { media_type: "application/octet-stream".into(), data: vec![7; 64 << 10] };
                items.write_one(Value::Blob(blob)).await;
            }
            Ok(())
        }
        _ => {
            items.write_one(json("1")).await;
            std::future::pending::<()>().await;
            Ok(())
        }
    }
}
