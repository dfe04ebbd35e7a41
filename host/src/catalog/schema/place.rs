//! The schemas that apply to one value within a value.

use serde_json::{Map, Value};

use super::Schema;
use super::walk::{Bearing, Walk, item};

/// Bounds the work that a schema and a value can ask for together.
const MAX_STEPS: usize = 200_000;

/// Follows a schema and a value down together.
pub(in crate::catalog) struct Places<'a> {
    walk: Walk<'a>,
    steps: usize,
}

/// One value's place, with all that a schema says of it.
pub(in crate::catalog) struct Place<'a> {
    /// The schemas that are there for it.
    roots: Vec<(Bearing, &'a Value)>,
    /// These, and all that they lead to for the same value.
    schemas: Vec<(Bearing, &'a Map<String, Value>)>,
}

/// What schemas say of fields that they do not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Others {
    /// Nothing; and they name none either.
    Unsaid,
    /// Nothing, but they name those that there are.
    Unknown,
    /// That there may be some.
    Allowed,
}

impl<'a> Places<'a> {
    pub(in crate::catalog) fn new(schema: &'a Schema) -> Self {
        Self { walk: Walk::new(schema), steps: 0 }
    }

    /// Whether so much was asked that the answers are incomplete.
    pub(in crate::catalog) fn is_too_much(&self) -> bool {
        self.steps > MAX_STEPS
    }

    /// The place of the whole value. Alternatives that `value` was evidently not meant for are left out.
    pub(in crate::catalog) fn root(&mut self, schema: &'a Schema, value: Option<&Value>) -> Place<'a> {
        self.place(vec![(Bearing::Always, schema.as_json())], value)
    }

    /// The place of a field of the value at a place; `value` is what is there, if it is known.
    pub(in crate::catalog) fn field(
        &mut self,
        of: &Place<'a>,
        name: &str,
        value: Option<&Value>,
    ) -> Place<'a> {
        let mut roots = Vec::new();
        for (bearing, schema) in &of.schemas {
            roots.extend(self.walk.field(schema, name).into_iter().map(|schema| (*bearing, schema)));
        }
        self.place(roots, value)
    }

    /// The place of an item of the array at a place.
    pub(in crate::catalog) fn item(
        &mut self,
        of: &Place<'a>,
        index: usize,
        value: Option<&Value>,
    ) -> Place<'a> {
        let all = of.schemas.iter();
        let roots = all.flat_map(|(bearing, schema)| item(schema, index).map(|schema| (*bearing, schema)));
        self.place(roots.collect(), value)
    }

    fn place(&mut self, mut roots: Vec<(Bearing, &'a Value)>, value: Option<&Value>) -> Place<'a> {
        roots
            .retain(|(bearing, schema)| *bearing != Bearing::Alternative || self.may_be_meant(schema, value));
        let mut schemas = Vec::new();
        let mut open = roots.clone();
        while let Some((bearing, schema)) = open.pop() {
            self.steps += 1;
            let Value::Object(schema) = schema else { continue };
            if self.is_too_much() {
                break;
            }
            schemas.push((bearing, schema));
            for (own, next) in self.walk.same(schema) {
                if own != Bearing::Alternative || self.may_be_meant(next, value) {
                    open.push((bearing.max(own), next));
                }
            }
        }
        Place { roots, schemas }
    }

    /// The names of the fields of the object at a place that the schema does not know. It knows those that it names;
    /// where it names none, or says what others there may be, it knows all.
    pub(in crate::catalog) fn unknown<'v>(&mut self, place: &Place<'a>, value: &'v Value) -> Vec<&'v str> {
        self.steps += place.schemas.len();
        let Value::Object(object) = value else { return Vec::new() };
        if self.is_too_much() || self.others(place, value) != Others::Unknown {
            return Vec::new();
        }
        let mut unknown = Vec::new();
        for name in object.keys() {
            self.steps += place.schemas.len();
            if self.is_too_much() {
                break;
            }
            if !place.schemas.iter().any(|(_, schema)| !self.walk.named(schema, name).is_empty()) {
                unknown.push(name.as_str());
            }
        }
        unknown
    }

    fn others(&self, place: &Place<'a>, value: &Value) -> Others {
        let of = |wanted| {
            let roots = place.roots.iter().filter(move |(bearing, _)| *bearing == wanted);
            roots.map(|(_, schema)| self.others_of(schema, value))
        };
        of(Bearing::Always).max().unwrap_or(Others::Unsaid).max(Others::of_one_of(of(Bearing::Alternative)))
    }

    /// The chain of schemas that are within one another for one value is bounded with the schema, and so is this.
    fn others_of(&self, schema: &'a Value, value: &Value) -> Others {
        let Value::Object(schema) = schema else { return Others::Unsaid };
        let always = self.always(schema).map(|next| self.others_of(next, value)).max();
        let alternatives = ["anyOf", "oneOf"].into_iter().map(|keyword| {
            let listed = schema.get(keyword).and_then(Value::as_array).into_iter().flatten();
            let meant = listed.filter(|schema| self.may_be_meant(schema, Some(value)));
            Others::of_one_of(meant.map(|schema| self.others_of(schema, value)))
        });
        [always, alternatives.max()].into_iter().flatten().fold(Others::of(schema), Others::max)
    }

    /// False where an alternative asks for another type than the value's, or for another tag.
    fn may_be_meant(&self, schema: &'a Value, value: Option<&Value>) -> bool {
        let (Value::Object(schema), Some(value)) = (schema, value) else { return true };
        !contradicts(schema, value) && self.always(schema).all(|next| self.may_be_meant(next, Some(value)))
    }

    fn always(&self, schema: &'a Map<String, Value>) -> impl Iterator<Item = &'a Value> + use<'a> {
        let same = self.walk.same(schema);
        same.filter(|(bearing, _)| *bearing == Bearing::Always).map(|(_, schema)| schema)
    }
}

impl<'a> Place<'a> {
    /// Whether the schema says anything of this place.
    pub(in crate::catalog) fn is_described(&self) -> bool {
        !self.schemas.is_empty()
    }

    /// The names of the fields that the schema knows here.
    pub(in crate::catalog) fn fields(&self) -> impl Iterator<Item = &'a str> {
        let named = self.schemas.iter().filter_map(|(_, schema)| schema.get("properties")?.as_object());
        named.flat_map(Map::keys).map(String::as_str)
    }

    /// Whether the schema takes values of this type here, and says so.
    pub(in crate::catalog) fn asks_for(&self, wanted: &str) -> bool {
        let is_wanted = |value: &Value| type_of(value) == wanted;
        self.schemas.iter().any(|(_, schema)| {
            types(schema).any(|known| known == wanted)
                || schema.get("const").is_some_and(is_wanted)
                || schema.get("enum").and_then(Value::as_array).is_some_and(|all| all.iter().any(is_wanted))
        })
    }
}

impl Others {
    /// What one schema says by itself.
    fn of(schema: &Map<String, Value>) -> Self {
        let others = ["additionalProperties", "unevaluatedProperties"];
        let others = others.into_iter().filter_map(|keyword| schema.get(keyword));
        let allowed = others.map(|others| *others != Value::Bool(false)).max();
        match allowed {
            Some(true) => Others::Allowed,
            Some(false) => Others::Unknown,
            None if schema.contains_key("properties") => Others::Unknown,
            None => Others::Unsaid,
        }
    }

    /// What alternatives say together.
    fn of_one_of(alternatives: impl Iterator<Item = Self>) -> Self {
        let all: Vec<_> = alternatives.collect();
        let most = all.iter().max().copied();
        match most {
            Some(Others::Allowed) => Others::Allowed,
            // One that names no field takes any.
            _ => all.into_iter().min().unwrap_or(Others::Unsaid),
        }
    }
}

/// Whether a value is evidently not what the schema is for.
fn contradicts(schema: &Map<String, Value>, value: &Value) -> bool {
    let mut types = types(schema).peekable();
    let fits = |wanted: &str| wanted == type_of(value) || (wanted == "number" && value.is_number());
    if types.peek().is_some() && !types.any(fits) {
        return true;
    }
    let (Some(properties), Some(object)) =
        (schema.get("properties").and_then(Value::as_object), value.as_object())
    else {
        return false;
    };
    object.iter().any(|(name, value)| {
        let property = properties.get(name).and_then(Value::as_object);
        property.is_some_and(|property| {
            property.get("const").is_some_and(|tag| tag != value)
                || property.get("enum").and_then(Value::as_array).is_some_and(|tags| !tags.contains(value))
        })
    })
}

fn types(schema: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let (one, several) = match schema.get("type") {
        Some(Value::String(one)) => (Some(one.as_str()), None),
        Some(Value::Array(several)) => (None, Some(several)),
        _ => (None, None),
    };
    one.into_iter().chain(several.into_iter().flatten().filter_map(Value::as_str))
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() && number.as_f64().is_some_and(|n| n.fract() != 0.0) => {
            "number"
        }
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
