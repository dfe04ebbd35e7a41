//! JSON pointers (RFC 6901) of where deserialization failed.

use serde_path_to_error::{Path, Segment};
use std::fmt::Write;

/// The pointer of a path. It ends early where the path leaves what JSON can name.
pub(crate) fn of(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                // Writing to a string cannot fail.
                let _ = write!(pointer, "/{index}");
            }
            Segment::Map { key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            // The variant is the key of the object around its content, or no level of its own: the pointer of the
            // object is right for both.
            Segment::Enum { .. } | Segment::Unknown => break,
        }
    }
    pointer
}

#[cfg(test)]
mod tests {
    use crate::error::Error;
    use crate::value::from_json;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only parsed")]
    struct Outer {
        inner: Vec<Inner>,
        #[serde(default)]
        map: BTreeMap<String, u8>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only parsed")]
    struct Inner {
        size: u8,
    }

    fn fields(text: &str) -> Vec<String> {
        match from_json::<Outer>(text).unwrap_err() {
            Error::InvalidInput(invalid) => invalid.fields,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn points_at_the_field_in_a_list() {
        assert_eq!(fields(r#"{"inner":[{"size":1},{"size":999}]}"#), ["/inner/1/size"]);
    }

    #[test]
    fn escapes_what_is_special_in_a_pointer() {
        assert_eq!(fields(r#"{"inner":[],"map":{"a/b~c":"x"}}"#), ["/map/a~1b~0c"]);
    }

    #[test]
    fn a_missing_field_is_the_fault_of_the_object_around_it() {
        assert_eq!(fields(r#"{"inner":[{}]}"#), ["/inner/0"]);
    }

    #[test]
    fn text_after_the_value_is_the_fault_of_the_whole() {
        assert_eq!(fields(r#"{"inner":[]} x"#), Vec::<String>::new());
    }
}
