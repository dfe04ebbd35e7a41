//! JSON within what is deserialized, kept as it was written: numbers that no `f64` holds, the order of fields.

use std::fmt;

use serde::de::value::MapDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer, forward_to_deserialize_any};
use serde_json::value::RawValue;

use crate::error::{Error, Result};
use crate::value::Value;

/// One JSON value, as text. Formats other than JSON, and what serde had to set aside for a while, come as JSON of the
/// same meaning, their times as text.
#[derive(Debug, Clone)]
pub(super) struct JsonText(Box<RawValue>);

impl JsonText {
    /// # Errors
    ///
    /// `invalid-input`, where the text is no JSON.
    pub(super) fn new(text: String) -> Result<Self> {
        RawValue::from_string(text)
            .map(Self)
            .map_err(|error| Error::invalid(format!("the input is no JSON: {error}")))
    }

    /// What it says.
    pub(super) fn value(self) -> Value {
        // It was read as JSON.
        Value::Json(Box::<str>::from(self.0).into_string())
    }
}

impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(AnyFormat(from)).map(Self)
    }
}

/// A deserializer from which [`RawValue`] can be read, whether it is JSON's own or not.
struct AnyFormat<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for AnyFormat<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(visitor)
    }

    /// JSON's own deserializers know this name, and give the text as a map of it; others call back for the value.
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_newtype_struct(name, Both { name, visitor })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Both<V> {
    name: &'static str,
    visitor: V,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Both<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<V::Value, M::Error> {
        self.visitor.visit_map(map)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, from: D) -> Result<V::Value, D::Error> {
        let text = with_times_as_text(serde_json::Value::deserialize(from)?).to_string();
        self.visitor.visit_map(MapDeserializer::new([(self.name, text)].into_iter()))
    }
}

/// TOML has times, for which it has no better name to others than a map of its own.
fn with_times_as_text(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(fields) if fields.len() == 1 => {
            match toml::value::Datetime::deserialize(&Value::Object(fields.clone())) {
                Ok(time) => Value::String(time.to_string()),
                Err(_) => inner(fields),
            }
        }
        Value::Object(fields) => inner(fields),
        Value::Array(items) => items.into_iter().map(with_times_as_text).collect(),
        other => other,
    }
}

fn inner(fields: serde_json::Map<String, serde_json::Value>) -> serde_json::Value {
    fields.into_iter().map(|(name, value)| (name, with_times_as_text(value))).collect()
}
