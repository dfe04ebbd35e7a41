//! Between the contract's types and the host's.

use std::time::Duration;

use crate::capability::bindings::{exported, types};
use crate::catalog::{ActionData, DescriptionData, InstanceMode, SecretNeed, check_json};
use crate::error::{Error, ResourceKind, Result, Shortfall, Violation};
use crate::value::{Blob, Value};

pub(super) fn to_guest(value: Value) -> types::Value {
    match value {
        Value::Json(text) => types::Value::Json(text),
        Value::Blob(Blob { media_type, data }) => types::Value::Blob(types::Blob { media_type, data }),
    }
}

/// Takes what a guest gave back, if it keeps the contract.
pub(super) fn from_guest(what: impl Fn() -> String, value: types::Value, limit: u64) -> Result<Value> {
    let value = match value {
        types::Value::Json(text) => {
            check_json(&text).map_err(|error| {
                Error::fatal(format!("{} gave back invalid JSON: {error}; its author must mend it", what()))
            })?;
            Value::Json(text)
        }
        types::Value::Blob(types::Blob { media_type, data }) => Value::Blob(Blob { media_type, data }),
    };
    let size = value.len() as u64;
    if size > limit {
        return Err(Error::exhausted(
            ResourceKind::Output,
            format!(
                "{} gave back {size} bytes, over its output limit of {limit}; raise `output-bytes`, or have the \
                 plugin stream its results",
                what()
            ),
            Some(size),
            Some(limit),
        ));
    }
    Ok(value)
}

/// What a guest said of its failure. `what` names the action and the plugin.
pub(super) fn error_from_guest(what: &str, error: types::Error) -> Error {
    match error {
        types::Error::InvalidInput(invalid) => {
            let violations = invalid
                .fields
                .into_iter()
                .map(|pointer| Violation { pointer, message: String::new() })
                .collect();
            Error::violated(invalid.message, violations)
        }
        types::Error::Transient(transient) => Error::Transient {
            message: transient.message,
            retry_after: transient.retry_after_ms.map(Duration::from_millis),
        },
        types::Error::ResourceExhausted(shortfall) => Error::ResourceExhausted(Box::new(Shortfall {
            kind: match shortfall.kind {
                types::ResourceKind::SystemMemory => ResourceKind::SystemMemory,
                types::ResourceKind::GpuMemory => ResourceKind::GpuMemory,
                types::ResourceKind::Disk => ResourceKind::Disk,
                types::ResourceKind::Other(name) => ResourceKind::Other(name),
            },
            message: shortfall.message,
            needed: shortfall.needed_bytes,
            available: shortfall.available_bytes,
        })),
        types::Error::Cancelled => Error::Cancelled { what: what.to_owned(), forced: false },
        types::Error::Fatal(message) | types::Error::Other(message) => Error::fatal(message),
    }
}

pub(super) fn description(description: exported::Description) -> DescriptionData {
    DescriptionData {
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
            .map(|secret| SecretNeed {
                name: secret.name,
                description: secret.description,
                required: secret.required,
            })
            .collect(),
        config_schema: description.config_schema,
        actions: description
            .actions
            .into_iter()
            .map(|action| ActionData {
                name: action.name,
                description: action.description,
                input_schema: action.input_schema,
                output_schema: action.output_schema,
                streams: action.streams,
                idempotent: action.idempotent,
            })
            .collect(),
        instance: match description.instance {
            exported::InstanceMode::Exclusive => InstanceMode::Exclusive,
            exported::InstanceMode::Shared => InstanceMode::Shared,
            exported::InstanceMode::Fresh => InstanceMode::Fresh,
        },
    }
}
