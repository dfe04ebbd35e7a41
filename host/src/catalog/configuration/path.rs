//! The way to one value within a configuration.

use std::fmt;
use std::str::FromStr;

use crate::catalog::name::shown;
use crate::error::{Error, Result};

/// Bounds what one path makes a configuration grow by.
const MAX_SEGMENTS: usize = 64;
const MAX_BYTES: usize = 1024;

/// The way to one value within a configuration: `server.tags.0`, or as a JSON pointer (RFC 6901) `/server/tags/0`,
/// in which names may have dots. An index of `-` stands for the place behind an array's last item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigPath {
    /// At least one.
    segments: Vec<String>,
}

impl ConfigPath {
    /// The names and indices on the way.
    pub(super) fn segments(&self) -> &[String] {
        &self.segments
    }
}

impl FromStr for ConfigPath {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |why: &str| {
            Err(Error::invalid(format!(
                "`{}` is no path into a configuration: {why}; write one such as `server.port` or `/server/port`",
                shown(text)
            )))
        };
        if text.len() > MAX_BYTES {
            return wrong("it is too long");
        }
        let segments: Option<Vec<String>> = match text.strip_prefix('/') {
            Some(rest) => rest.split('/').map(unescape).collect(),
            None => Some(text.split('.').map(str::to_owned).collect()),
        };
        let Some(segments) = segments else {
            return wrong("`~` stands before 0 or 1 in a JSON pointer");
        };
        // A pointer may lead to a field without a name; with dots that is a slip.
        if segments.iter().any(String::is_empty) && !text.starts_with('/') {
            return wrong("a name is empty");
        }
        if segments.len() > MAX_SEGMENTS {
            return wrong("it is too deep");
        }
        Ok(Self { segments })
    }
}

/// As a JSON pointer.
impl fmt::Display for ConfigPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.segments
            .iter()
            .try_for_each(|segment| write!(f, "/{}", segment.replace('~', "~0").replace('/', "~1")))
    }
}

/// A part of a JSON pointer as the name that it stands for.
fn unescape(part: &str) -> Option<String> {
    let mut name = String::with_capacity(part.len());
    let mut rest = part.chars();
    while let Some(c) = rest.next() {
        name.push(match c {
            '~' => match rest.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            c => c,
        });
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_with_dots_or_as_a_pointer() {
        let segments = |text: &str| text.parse::<ConfigPath>().unwrap().segments;
        assert_eq!(segments("a"), ["a"]);
        assert_eq!(segments("a.0.b-c"), ["a", "0", "b-c"]);
        assert_eq!(segments("a/b"), ["a/b"]);
        assert_eq!(segments("/a.b/c~1d~0e/-"), ["a.b", "c/d~e", "-"]);
        assert_eq!(segments("/"), [""]);
        for bad in ["", ".", "a.", ".a", "a..b", "/~", "/~2", &"a".repeat(2000), &"a.".repeat(100)] {
            assert!(bad.parse::<ConfigPath>().is_err(), "{bad}");
        }
        for text in ["/a.b/c~1d~0e/-", "/", "/a"] {
            assert_eq!(text.parse::<ConfigPath>().unwrap().to_string(), text);
        }
    }
}
