//! Between the SDK's types and those that the bindings of a crate below cannot share with it. All are moves.

use super::bindings::concurrent::cjm::plugin::types as wit;
use crate::error::{Error, ResourceKind};
use crate::value::{Blob, Value};

impl From<wit::Value> for Value {
    fn from(value: wit::Value) -> Self {
        match value {
            wit::Value::Json(text) => Self::Json(text),
            wit::Value::Blob(wit::Blob { media_type, data }) => Self::Blob(Blob { media_type, data }),
        }
    }
}

impl From<Value> for wit::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Json(text) => Self::Json(text),
            Value::Blob(Blob { media_type, data }) => Self::Blob(wit::Blob { media_type, data }),
        }
    }
}

impl From<Error> for wit::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidInput(invalid) => {
                Self::InvalidInput(wit::InvalidInput { message: invalid.message, fields: invalid.fields })
            }
            Error::Transient(transient) => Self::Transient(wit::Transient {
                message: transient.message,
                retry_after_ms: transient.retry_after_ms,
            }),
            Error::ResourceExhausted(shortfall) => Self::ResourceExhausted(wit::Shortfall {
                message: shortfall.message,
                kind: match shortfall.kind {
                    ResourceKind::SystemMemory => wit::ResourceKind::SystemMemory,
                    ResourceKind::GpuMemory => wit::ResourceKind::GpuMemory,
                    ResourceKind::Disk => wit::ResourceKind::Disk,
                    ResourceKind::Other(name) => wit::ResourceKind::Other(name),
                },
                needed_bytes: shortfall.needed_bytes,
                available_bytes: shortfall.available_bytes,
            }),
            Error::Cancelled => Self::Cancelled,
            Error::Fatal(message) => Self::Fatal(message),
            Error::Other(message) => Self::Other(message),
        }
    }
}
