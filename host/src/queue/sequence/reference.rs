//! References to results of earlier steps, in the input of a later one.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::error::{Error, Result};

/// The one member of an object that is a reference.
const MEMBER: &str = "$result";

/// How deep in an input references are looked for.
const DEPTH: usize = 128;

/// A step whose result a later one uses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::queue) struct Uses {
    /// Its place, from 0.
    pub(super) step: u32,
    /// The name by which it is called, where it is called by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
}

/// What stands for a result, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) step: Of,
    /// A JSON Pointer (RFC 6901).
    pub(super) at: String,
}

/// Whose result is meant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Of {
    #[serde(skip)]
    Previous,
    Place(u32),
    Name(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Long {
    step: Of,
    #[serde(default)]
    at: String,
}

impl Reference {
    /// Reads the value of the member.
    fn parse(json: &str) -> Result<Self> {
        let wrong = |why: String| {
            Error::invalid(format!(
                "`{MEMBER}` with {json} refers to nothing: {why}; it takes a JSON Pointer into the result of the step \
                 before, or an object of `step`, a name or a place from 0, and `at`, a JSON Pointer"
            ))
        };
        let reference = if json.starts_with('"') {
            let at = serde_json::from_str(json).map_err(|error| wrong(error.to_string()))?;
            Self { step: Of::Previous, at }
        } else {
            let Long { step, at } = serde_json::from_str(json).map_err(|error| wrong(error.to_string()))?;
            Self { step, at }
        };
        check_pointer(&reference.at).map_err(wrong)?;
        Ok(reference)
    }
}

fn check_pointer(pointer: &str) -> Result<(), String> {
    if !pointer.is_empty() && !pointer.starts_with('/') {
        return Err(format!("the pointer `{pointer}` does not begin with `/`"));
    }
    let mut rest = pointer;
    while let Some((_, after)) = rest.split_once('~') {
        if !after.starts_with(['0', '1']) {
            return Err(format!("in the pointer `{pointer}`, `~` is not written as `~0`"));
        }
        rest = after;
    }
    Ok(())
}

/// The part of a JSON text that a pointer leads to; none where there is nothing.
pub(super) fn lookup<'a>(json: &'a str, pointer: &str) -> Option<&'a str> {
    let mut here = json.trim();
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        let inner = if here.starts_with('{') {
            let Members(members) = serde_json::from_str(here).ok()?;
            // Of several of one name, the last is meant.
            members.into_iter().rev().find(|(name, _)| *name == token)?.1
        } else {
            let plain =
                token == "0" || (!token.starts_with('0') && token.bytes().all(|byte| byte.is_ascii_digit()));
            let place = token.parse().ok().filter(|_| plain)?;
            let items: Vec<&RawValue> = serde_json::from_str(here).ok()?;
            items.into_iter().nth(place)?
        };
        here = inner.get();
    }
    Some(here)
}

/// Gives the reference that is a whole input; none where it is something else.
pub(super) fn whole(json: &str) -> Result<Option<Reference>> {
    let json = json.trim();
    if !json.starts_with('{') || !may_hold(json) {
        return Ok(None);
    }
    reference(&members(json)?)
}

/// Writes a JSON text to `out`, in which `replace` has written something else for each reference. What is not replaced
/// stays as it is, to the digit.
pub(super) fn rewrite(
    json: &str,
    out: &mut String,
    replace: &mut dyn FnMut(&Reference, &mut String) -> Result<()>,
) -> Result<()> {
    walk(json, DEPTH, out, replace)
}

fn walk(
    json: &str,
    depth: usize,
    out: &mut String,
    replace: &mut dyn FnMut(&Reference, &mut String) -> Result<()>,
) -> Result<()> {
    let json = json.trim();
    if !may_hold(json) || !json.starts_with(['{', '[']) {
        out.push_str(json);
        return Ok(());
    }
    let Some(depth) = depth.checked_sub(1) else {
        return Err(Error::invalid(format!(
            "the input is nested more than {DEPTH} deep, and `{MEMBER}` stands in it; move it up"
        )));
    };
    if json.starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(json).map_err(|error| not_json(&error))?;
        out.push('[');
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            walk(item.get(), depth, out, replace)?;
        }
        out.push(']');
        return Ok(());
    }
    let members = members(json)?;
    if let Some(reference) = reference(&members)? {
        return replace(&reference, out);
    }
    out.push('{');
    for (index, (name, value)) in members.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(&serde_json::to_string(&name).map_err(|error| not_json(&error))?);
        out.push(':');
        walk(value.get(), depth, out, replace)?;
    }
    out.push('}');
    Ok(())
}

/// Whether there may be a reference: most inputs need not be taken apart.
fn may_hold(json: &str) -> bool {
    json.contains(MEMBER) || json.contains("\\u")
}

fn members(json: &str) -> Result<Vec<(Cow<'_, str>, &RawValue)>> {
    serde_json::from_str(json).map(|Members(members)| members).map_err(|error| not_json(&error))
}

/// The reference that these members are.
fn reference(members: &[(Cow<'_, str>, &RawValue)]) -> Result<Option<Reference>> {
    match members {
        [(name, value)] if name == MEMBER => Reference::parse(value.get()).map(Some),
        several if several.iter().any(|(name, _)| name == MEMBER) => Err(Error::invalid(format!(
            "an object with a member `{MEMBER}` stands for a result, and can have no other members; take them out of it"
        ))),
        _ => Ok(None),
    }
}

fn not_json(error: &serde_json::Error) -> Error {
    Error::invalid(format!("not well-formed JSON: {error}"))
}

/// The members of an object in their order, also those of the same name.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<String, &RawValue>()? {
                    members.push((Cow::Owned(member.0), member.1));
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(All)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(json: &str) -> Result<Vec<Reference>> {
        let mut found = Vec::new();
        rewrite(json, &mut String::new(), &mut |reference, _| {
            found.push(reference.clone());
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn references_are_found_wherever_they_are() {
        let json = r#"{ "a": { "$result": "/x~1y" }, "b": [1, { "\u0024result": { "step": "fetch" } }],
            "c": { "d": { "$result": { "step": 2, "at": "/0" } } }, "$results": { "result": "" } }"#;
        let of = |step, at: &str| Reference { step, at: at.to_owned() };
        assert_eq!(
            found(json).unwrap(),
            [of(Of::Previous, "/x~1y"), of(Of::Name("fetch".into()), ""), of(Of::Place(2), "/0")]
        );
        assert_eq!(whole(r#" {"$result":""}"#).unwrap(), Some(of(Of::Previous, "")));
        assert_eq!(whole(r#"{"a":{"$result":""}}"#).unwrap(), None);
        assert_eq!(whole("7").unwrap(), None);
    }

    #[test]
    fn what_refers_to_nothing_is_refused_with_what_it_takes() {
        let deep = format!("{}{}{}", "[".repeat(200), r#"{"$result":""}"#, "]".repeat(200));
        for (json, says) in [
            (r#"{"$result":"x"}"#, "does not begin with `/`"),
            (r#"{"$result":"/~2"}"#, "is not written as `~0`"),
            (r#"{"$result":7}"#, "refers to nothing"),
            (r#"{"$result":{"step":-1}}"#, "refers to nothing"),
            (r#"{"$result":{"at":""}}"#, "missing field `step`"),
            (r#"{"$result":{"step":0,"of":1}}"#, "unknown field `of`"),
            (r#"{"$result":"","other":1}"#, "can have no other members"),
            (r#"{"$result":"","$result":""}"#, "can have no other members"),
            (deep.as_str(), "more than 128 deep"),
        ] {
            let error = found(json).unwrap_err();
            assert_eq!(error.category(), crate::error::Category::InvalidInput);
            assert!(error.to_string().contains(says), "{json}: {error}");
        }
    }

    #[test]
    fn what_is_replaced_is_replaced_and_the_rest_stays_to_the_digit() {
        let json = r#"{"n":18446744073709551617.10,"é\n":[{"$result":"/a"}, 1E5],"e":{}}"#;
        let mut out = String::new();
        rewrite(json, &mut out, &mut |reference, out| {
            out.push_str(lookup(r#"{"a":1,"a":[0.10]}"#, &reference.at).unwrap());
            Ok(())
        })
        .unwrap();
        assert_eq!(out, r#"{"n":18446744073709551617.10,"é\n":[[0.10],1E5],"e":{}}"#);
    }

    #[test]
    fn a_pointer_leads_where_it_should() {
        let json = r#" {"a/b": {"m~n": [10, 11, {"": true}]}, "": 1, "0": "zero"} "#;
        for (pointer, there) in [
            ("", Some(json.trim())),
            ("/", Some("1")),
            ("/0", Some(r#""zero""#)),
            ("/a~1b/m~0n/1", Some("11")),
            ("/a~1b/m~0n/2/", Some("true")),
            ("/a~1b/m~0n/3", None),
            ("/a~1b/m~0n/01", None),
            ("/a~1b/m~0n/-", None),
            ("/a~1b/m~0n/+1", None),
            ("/a~1b/m~0n/99999999999999999999", None),
            ("/0/0", None),
            ("/x", None),
        ] {
            assert_eq!(lookup(json, pointer), there, "{pointer}");
        }
    }
}
