//! Names that plugins make up, names that are misspelt, and names that paths are made of.

use crate::error::{Error, Result};

const MAX_NAME: usize = 64;
const MAX_FILE_NAME: usize = 255;

/// What plugins, actions, categories and domains may be called.
pub(crate) fn is_name(name: &str) -> bool {
    is_made_of(name, b"_-")
}

/// What secrets may be called.
pub(crate) fn is_secret_name(name: &str) -> bool {
    is_made_of(name, b"_.-")
}

fn is_made_of(name: &str, others: &[u8]) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(|c| c.is_ascii_alphanumeric() || others.contains(&c))
}

/// Refuses what no plugin can be called; `what` says what the name is of, for example ``a plugin``.
pub(crate) fn check_name(what: &str, name: &str) -> Result<()> {
    if is_name(name) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "`{}` is not a name that {what} can have: it takes 1 to {MAX_NAME} characters of [A-Za-z0-9_-]",
        shown(name)
    )))
}

/// Whether this names a component directly in a folder, and nothing else: no way into or out of folders, no hidden or
/// temporary file, and nothing that a system gives a meaning of its own.
pub(crate) fn is_component_file(name: &str) -> bool {
    name.len() <= MAX_FILE_NAME
        && !name.starts_with('.')
        && name.strip_suffix(".wasm").is_some_and(|stem| !stem.is_empty())
        && !name.contains(|c: char| c.is_control() || matches!(c, '/' | '\\' | ':'))
}

/// As much of a name that a plugin made up as is worth printing, on one line.
pub(crate) fn shown(name: &str) -> String {
    let cut: String = name.chars().take(MAX_NAME).flat_map(char::escape_debug).collect();
    if name.chars().nth(MAX_NAME).is_some() { cut + "…" } else { cut }
}

/// The candidate that `name` is probably a misspelling of.
pub(crate) fn closest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > 2 * MAX_NAME {
        return None;
    }
    candidates
        .map(|candidate| (distance(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1.max(candidate.len() / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many characters have to be inserted, dropped or replaced (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(b.chars()) {
            let above = *cell;
            *cell = (diagonal + usize::from(from != to)).min(left + 1).min(above + 1);
            (diagonal, left) = (above, *cell);
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_lead_anywhere() {
        assert!(check_name("a plugin", "A_b-9").is_ok());
        for name in ["", ".", "..", "../a", "a/b", "a\\b", "a.b", "a b", "ä", "a\0", "C:", &"x".repeat(65)] {
            let said = check_name("a plugin", name).unwrap_err().to_string();
            assert!(said.contains("[A-Za-z0-9_-]") && !said.contains('\0'), "{name:?}: {said}");
        }
    }

    #[test]
    fn a_file_lies_directly_in_its_folder() {
        for name in ["a.wasm", "a b.wasm", "echo-1.2.0.wasm", "ä.wasm"] {
            assert!(is_component_file(name), "{name}");
        }
        for name in [
            "",
            "a",
            ".wasm",
            ".a.wasm",
            "../a.wasm",
            "b/a.wasm",
            "b\\a.wasm",
            "c:a.wasm",
            "a\n.wasm",
            "a.WASM",
        ] {
            assert!(!is_component_file(name), "{name:?}");
        }
    }
}
