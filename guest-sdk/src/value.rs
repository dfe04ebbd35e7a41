//! What actions take and give, and how it becomes the author's types.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::pointer;
use crate::schema;

/// Bytes with their media type.
///
/// As an action's input or output it crosses the boundary as bytes, not as JSON, and has no schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// The IANA media type, for example `image/png` or `text/plain; charset=utf-8`.
    pub media_type: String,
    /// The bytes.
    pub data: Vec<u8>,
}

impl Blob {
    /// A blob of these bytes.
    pub fn new(media_type: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        Self { media_type: media_type.into(), data: data.into() }
    }

    /// The media type in lower case and without its parameters: `text/plain` of `Text/Plain; charset=utf-8`.
    pub fn essence(&self) -> String {
        self.media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// The bytes as text.
    ///
    /// # Errors
    ///
    /// Invalid input where they are not UTF-8, whatever the media type says.
    pub fn into_text(self) -> Result<String> {
        String::from_utf8(self.data).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            Error::invalid(format!(
                "the blob ({}) is not UTF-8 text: bad byte at offset {at}",
                self.media_type
            ))
        })
    }
}

/// What crosses the boundary: JSON or bytes. An action takes or gives it as it is where it wants to decide by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// JSON text (RFC 8259). The host has checked that what a plugin gets is well-formed, and checks what it gives.
    Json(String),
    /// Bytes with their media type.
    Blob(Blob),
}

/// An input or output that is either JSON of the type `T` or bytes. The schema is that of `T`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobOr<T> {
    /// JSON.
    Json(T),
    /// Bytes with their media type.
    Blob(Blob),
}

/// What an action can take: any type that is [`serde::Deserialize`] and [`JsonSchema`], [`Blob`], [`BlobOr`], [`Value`].
///
/// Not to be implemented: derive the other two.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the input of an action",
    label = "not an input",
    note = "derive `serde::Deserialize` and `schemars::JsonSchema` for it, or take a `Blob` or a `Value`"
)]
pub trait Input: Sized {
    /// The JSON Schema, or none where any value will do.
    fn schema() -> Option<String>;

    /// Makes the input of what came over the boundary.
    ///
    /// # Errors
    ///
    /// Invalid input, with the JSON pointer of what did not fit.
    fn from_value(value: Value) -> Result<Self>;
}

/// What an action can give: any type that is [`Serialize`] and [`JsonSchema`], [`Blob`], [`BlobOr`], [`Value`].
///
/// Not to be implemented: derive the other two.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the output of an action",
    label = "not an output",
    note = "derive `serde::Serialize` and `schemars::JsonSchema` for it, or give a `Blob` or a `Value`"
)]
pub trait Output: Sized {
    /// The JSON Schema, or none where it may be anything.
    fn schema() -> Option<String>;

    /// Makes of the output what goes over the boundary.
    ///
    /// # Errors
    ///
    /// Fatal where the type refuses to be serialized.
    fn into_value(self) -> Result<Value>;
}

impl<T: DeserializeOwned + JsonSchema> Input for T {
    fn schema() -> Option<String> {
        Some(schema::of_input::<T>())
    }

    fn from_value(value: Value) -> Result<Self> {
        match value {
            Value::Json(text) => from_json(&text),
            Value::Blob(blob) => {
                Err(Error::invalid(format!("this action takes JSON, and got a blob ({})", blob.media_type)))
            }
        }
    }
}

impl Input for Blob {
    fn schema() -> Option<String> {
        None
    }

    fn from_value(value: Value) -> Result<Self> {
        match value {
            Value::Blob(blob) => Ok(blob),
            Value::Json(_) => Err(Error::invalid("this action takes a blob, and got JSON")),
        }
    }
}

impl<T: DeserializeOwned + JsonSchema> Input for BlobOr<T> {
    fn schema() -> Option<String> {
        <T as Input>::schema()
    }

    fn from_value(value: Value) -> Result<Self> {
        match value {
            Value::Json(text) => from_json(&text).map(Self::Json),
            Value::Blob(blob) => Ok(Self::Blob(blob)),
        }
    }
}

impl Input for Value {
    fn schema() -> Option<String> {
        None
    }

    fn from_value(value: Value) -> Result<Self> {
        Ok(value)
    }
}

impl<T: Serialize + JsonSchema> Output for T {
    fn schema() -> Option<String> {
        Some(schema::of_output::<T>())
    }

    fn into_value(self) -> Result<Value> {
        Ok(Value::Json(serde_json::to_string(&self)?))
    }
}

impl Output for Blob {
    fn schema() -> Option<String> {
        None
    }

    fn into_value(self) -> Result<Value> {
        Ok(Value::Blob(self))
    }
}

impl<T: Serialize + JsonSchema> Output for BlobOr<T> {
    fn schema() -> Option<String> {
        <T as Output>::schema()
    }

    fn into_value(self) -> Result<Value> {
        match self {
            Self::Json(json) => json.into_value(),
            Self::Blob(blob) => Ok(Value::Blob(blob)),
        }
    }
}

impl Output for Value {
    fn schema() -> Option<String> {
        None
    }

    fn into_value(self) -> Result<Value> {
        Ok(self)
    }
}

/// Parses plainly, and a second time with a record of the path only where that failed: the host has validated the
/// input, so failures are rare, and the record costs time.
pub(crate) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|plain| {
        let mut json = serde_json::Deserializer::from_str(text);
        match serde_path_to_error::deserialize::<_, T>(&mut json) {
            Err(error) => {
                let pointer = pointer::of(error.path());
                let fields = (!pointer.is_empty()).then_some(pointer);
                Error::invalid_fields(fields, error.into_inner().to_string())
            }
            // Trailing characters, or a type that does not deserialize the same way twice.
            Ok(_) => Error::invalid(plain.to_string()),
        }
    })
}
