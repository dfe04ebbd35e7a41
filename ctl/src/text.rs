//! Text from plugins on its way to a person: nothing in it may steer the terminal, and JSON keeps what it says.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;

/// Replaces what a terminal would act upon. A plugin is not trusted with the user's terminal: an escape sequence in a
/// log line could move the cursor, forge a prompt or reach the clipboard.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_steering) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if is_steering(c) { char::REPLACEMENT_CHARACTER } else { c }).collect())
}

/// The same on one line, for logs and progress.
pub(crate) fn one_line(text: &str) -> String {
    printable(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_steering(c: char) -> bool {
    let reorders = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    (c.is_control() && c != '\n' && c != '\t') || reorders
}

/// The path as it can be pasted into a shell.
pub(crate) fn shell_quoted(path: &Path) -> String {
    shell_word(&path.display().to_string())
}

/// A text that a shell takes for one word, and for what it is.
pub(crate) fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:,=@%".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// How JSON is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Without any white space.
    Compact,
    /// Indented by two spaces a level.
    Indented,
}

/// Lays out well-formed JSON anew, token by token.
///
/// Parsing it and printing the values would lose what a `f64` cannot hold and the order of the fields.
pub(crate) fn lay_out(json: &str, layout: Layout) -> String {
    let mut out = String::with_capacity(json.len());
    let mut depth = 0usize;
    let newline = |out: &mut String, depth: usize| {
        if layout == Layout::Indented {
            out.push('\n');
            out.extend(std::iter::repeat_n("  ", depth));
        }
    };
    let mut rest = json;
    while let Some(c) = rest.chars().next() {
        let mut taken = c.len_utf8();
        match c {
            ' ' | '\t' | '\r' | '\n' => {}
            '"' => {
                taken = string_length(rest);
                copy_string(&mut out, rest.get(..taken).unwrap_or(rest));
            }
            '{' | '[' => {
                out.push(c);
                let inner = rest.get(1..).unwrap_or("").trim_start();
                if inner.starts_with(['}', ']']) {
                    out.extend(inner.chars().next());
                    taken = rest.len() - inner.len() + 1;
                } else {
                    depth += 1;
                    newline(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                newline(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                newline(&mut out, depth);
            }
            ':' => out.push_str(if layout == Layout::Indented { ": " } else { ":" }),
            other => out.push(other),
        }
        rest = rest.get(taken..).unwrap_or("");
    }
    out
}

/// The length of the JSON string that `text` begins with, its quotes included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Copies a JSON string, with what steers a terminal as escapes: the same string to a parser.
fn copy_string(out: &mut String, string: &str) {
    for c in string.chars() {
        if is_steering(c) {
            // All of these are in the basic plane, so that one escape is enough. Writing to a string cannot fail.
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_numbers_and_order_as_they_are() {
        let json = r#" { "b" : [ 12345678901234567890123, 1.10 ] , "a":{ } , "c" : [ ] } "#;
        assert_eq!(lay_out(json, Layout::Compact), r#"{"b":[12345678901234567890123,1.10],"a":{},"c":[]}"#);
        assert_eq!(
            lay_out(json, Layout::Indented),
            "{\n  \"b\": [\n    12345678901234567890123,\n    1.10\n  ],\n  \"a\": {},\n  \"c\": []\n}"
        );
    }

    #[test]
    fn leaves_strings_alone() {
        let json = r#"{"a b":"{ \"x\" : [1, 2] }\\"}"#;
        assert_eq!(lay_out(json, Layout::Compact), json);
    }

    #[test]
    fn strings_cannot_steer_the_terminal() {
        let json = "\"a\u{9b}31m\u{202e}\"";
        let laid_out = lay_out(json, Layout::Compact);
        assert_eq!(laid_out, "\"a\\u009b31m\\u202e\"");
        assert_eq!(
            serde_json::from_str::<String>(&laid_out).unwrap(),
            serde_json::from_str::<String>(json).unwrap()
        );
    }

    #[test]
    fn logs_cannot_steer_the_terminal() {
        assert_eq!(printable("plain\n"), "plain\n");
        assert_eq!(one_line("\u{1b}[2J gone\nand\tmore"), "\u{fffd}[2J gone and more");
    }

    #[test]
    fn odd_paths_survive_the_shell() {
        assert_eq!(shell_quoted(Path::new("/a b/it's")), r"'/a b/it'\''s'");
        assert_eq!(shell_quoted(Path::new("greeter")), "greeter");
        assert_eq!(shell_word("network=https://*.example.org"), "'network=https://*.example.org'");
        assert_eq!(shell_word("network=https://example.org:8080"), "network=https://example.org:8080");
        assert_eq!(shell_word(""), "''");
    }
}
