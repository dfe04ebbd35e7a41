//! Names that plugins make up, and names that are misspelt.

const MAX_NAME: usize = 64;

/// What plugins, actions, categories and domains may be called.
pub(super) fn is_name(name: &str) -> bool {
    is_made_of(name, b"_-")
}

/// What secrets may be called.
pub(super) fn is_secret_name(name: &str) -> bool {
    is_made_of(name, b"_.-")
}

fn is_made_of(name: &str, others: &[u8]) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(|c| c.is_ascii_alphanumeric() || others.contains(&c))
}

/// As much of a name that a plugin made up as is worth printing, on one line.
pub(super) fn shown(name: &str) -> String {
    let cut: String = name.chars().take(MAX_NAME).flat_map(char::escape_debug).collect();
    if name.chars().nth(MAX_NAME).is_some() { cut + "…" } else { cut }
}

/// The candidate that `name` is probably a misspelling of.
pub(super) fn closest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
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
