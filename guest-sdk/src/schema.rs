//! JSON Schemas (draft 2020-12) of the author's types.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;

/// The schema of an action that takes nothing: an empty object, as callers with named arguments send it, or null.
pub(crate) const OF_NOTHING: &str = r#"{"type":["object","null"],"additionalProperties":false}"#;

/// The schema of what is read: fields with a default may be left out.
pub(crate) fn of_input<T: JsonSchema + ?Sized>() -> String {
    text(SchemaSettings::draft2020_12().for_deserialize().into_generator().into_root_schema_for::<T>())
}

/// The schema of what is written: fields that are always there are required.
pub(crate) fn of_output<T: JsonSchema + ?Sized>() -> String {
    text(SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>())
}

fn text(schema: schemars::Schema) -> String {
    schema.to_value().to_string()
}
