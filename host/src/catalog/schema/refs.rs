//! References within a schema.

use std::collections::BTreeMap;

use serde_json::Value;

/// The JSON pointers of the schemas that have a name of their own, by that name.
pub(super) type Anchors = BTreeMap<String, String>;

/// What a reference within `root` leads to: `#`, `#/a/json/pointer` or `#anchor`, with its JSON pointer.
pub(super) fn resolve<'a>(
    root: &'a Value,
    anchors: &Anchors,
    reference: &str,
) -> Option<(&'a Value, String)> {
    let fragment = decode(reference.strip_prefix('#')?)?;
    let pointer = match anchors.get(&fragment) {
        Some(pointer) => pointer.clone(),
        None => fragment,
    };
    root.pointer(&pointer).map(|schema| (schema, pointer))
}

/// Undoes the percent-encoding that fragments of a URI have.
fn decode(fragment: &str) -> Option<String> {
    if !fragment.contains('%') {
        return Some(fragment.to_owned());
    }
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn leads_to_pointers_and_anchors_within_the_schema() {
        let root = json!({ "$defs": { "a/b": 1, "ü": 2, "c%": 3 } });
        let anchors = Anchors::from([("name".into(), "/$defs/ü".into())]);
        let to = |reference| resolve(&root, &anchors, reference).map(|(schema, _)| schema);
        assert_eq!(to("#"), Some(&root));
        assert_eq!(to("#/$defs/a~1b"), Some(&json!(1)));
        assert_eq!(to("#/$defs/%C3%BC"), Some(&json!(2)));
        assert_eq!(to("#/$defs/c%25"), Some(&json!(3)));
        assert_eq!(to("#name"), Some(&json!(2)));
        for nowhere in ["", "#/nowhere", "#other", "#/%", "#/%F", "#/%FF", "https://example.com/#"] {
            assert_eq!(to(nowhere), None, "{nowhere}");
        }
    }
}
