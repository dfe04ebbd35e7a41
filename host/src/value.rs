//! What a call takes, and what it gives back.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::catalog::check_json;
use crate::error::{Error, Result};

/// Structured data as JSON text, or bytes with their media type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// One JSON value (RFC 8259) in UTF-8.
    Json(String),
    /// Bytes.
    Blob(Blob),
}

/// Bytes with their IANA media type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// For example `image/png`.
    pub media_type: String,
    /// The bytes.
    pub data: Vec<u8>,
}

impl Value {
    /// Takes JSON text, if it is well-formed.
    ///
    /// # Errors
    ///
    /// `invalid-input`, naming line and column of what is wrong.
    pub fn parse_json(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        check_json(&text)?;
        Ok(Value::Json(text))
    }

    /// Anything that serializes, as JSON.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where JSON cannot express it: a map whose keys are no strings, for example.
    pub fn json(value: &impl Serialize) -> Result<Self> {
        serde_json::to_string(value)
            .map(Value::Json)
            .map_err(|error| Error::invalid(format!("the value cannot be written as JSON: {error}")))
    }

    /// Bytes of a media type.
    pub fn blob(media_type: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        Value::Blob(Blob { media_type: media_type.into(), data: data.into() })
    }

    /// Reads JSON into a type; [`serde_json::Value`] takes everything.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where this is a blob, or JSON of another shape.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T> {
        match self {
            Value::Json(text) => serde_json::from_str(text)
                .map_err(|error| Error::invalid(format!("the value is JSON of another shape: {error}"))),
            Value::Blob(blob) => {
                Err(Error::invalid(format!("the value is a blob of {}, not JSON", blob.media_type)))
            }
        }
    }

    /// The size of the content, in bytes.
    pub fn len(&self) -> usize {
        match self {
            Value::Json(text) => text.len(),
            Value::Blob(blob) => blob.data.len(),
        }
    }

    /// True where there is no content at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        Value::Json(value.to_string())
    }
}

impl From<Blob> for Value {
    fn from(blob: Blob) -> Self {
        Value::Blob(blob)
    }
}
