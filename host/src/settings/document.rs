//! The text of a `cjm.toml`: where in it each key is.

use toml::de::{DeTable, DeValue};

/// A file that is well-formed TOML, whatever it says.
pub(super) struct Document<'t> {
    text: &'t str,
    table: DeTable<'t>,
}

/// A place in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// From 1.
    pub(super) line: usize,
    /// In characters, from 1.
    pub(super) column: usize,
}

/// A key and its value, where the value is no table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Leaf {
    /// From the top, as it is written with dots in TOML.
    pub(super) key: String,
    /// As it is in the file.
    pub(super) value: String,
    pub(super) line: usize,
}

impl<'t> Document<'t> {
    pub(super) fn parse(text: &'t str) -> Result<Self, toml::de::Error> {
        let table = DeTable::parse(text)?.into_inner();
        Ok(Self { text, table })
    }

    /// The innermost key at an offset into the text, from the top.
    pub(super) fn key_at(&self, offset: usize) -> Option<String> {
        let mut path = Vec::new();
        deepest(&self.table, offset, &mut path).then(|| dotted(&path))
    }

    /// Where a key is; its path from the top.
    pub(super) fn position_of(&self, path: &[&str]) -> Option<Position> {
        let (last, tables) = path.split_last()?;
        let mut table = &self.table;
        for name in tables {
            table = table.get(*name)?.get_ref().as_table()?;
        }
        let (key, _) = table.iter().find(|(key, _)| key.get_ref() == last)?;
        Some(position(self.text, key.span().start))
    }

    /// All that is set below a key, in the order of the names.
    pub(super) fn leaves(&self, below: &str) -> Vec<Leaf> {
        let mut found = Vec::new();
        let mut path = vec![below];
        if let Some(DeValue::Table(table)) = self.table.get(below).map(toml::Spanned::get_ref) {
            self.collect(table, &mut path, &mut found);
        }
        found
    }

    fn collect<'a>(&'a self, table: &'a DeTable<'t>, path: &mut Vec<&'a str>, found: &mut Vec<Leaf>) {
        for (name, value) in table {
            path.push(name.get_ref());
            match value.get_ref() {
                DeValue::Table(inner) => self.collect(inner, path, found),
                _ => found.push(Leaf {
                    key: dotted(path),
                    value: self.text.get(value.span()).unwrap_or_default().to_owned(),
                    line: position(self.text, name.span().start).line,
                }),
            }
            path.pop();
        }
    }
}

/// Finds the innermost key that the offset is in, or in the value of.
fn deepest<'a>(table: &'a DeTable<'_>, offset: usize, path: &mut Vec<&'a str>) -> bool {
    for (name, value) in table {
        path.push(name.get_ref());
        let within = match value.get_ref() {
            DeValue::Table(inner) => deepest(inner, offset, path),
            _ => false,
        };
        if within || name.span().contains(&offset) || value.span().contains(&offset) {
            return true;
        }
        path.pop();
    }
    false
}

/// A path as it is written in TOML.
pub(super) fn dotted(path: &[&str]) -> String {
    let bare = |name: &str| {
        !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_' || c == b'-')
    };
    let quoted = |name: &&str| {
        if bare(name) { (*name).to_owned() } else { toml::Value::from(*name).to_string() }
    };
    path.iter().map(quoted).collect::<Vec<_>>().join(".")
}

/// The place of an offset into a text.
pub(super) fn position(text: &str, offset: usize) -> Position {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    Position { line, column }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# ü\na = 1\n[b.\"c d\"]\ne = { f = [\n  2,\n] }\ng = 'h'\n";

    #[test]
    fn knows_where_everything_is() {
        let document = Document::parse(TEXT).unwrap();
        let at = |path: &[&str]| document.position_of(path).map(|place| (place.line, place.column));
        assert_eq!(at(&["a"]), Some((2, 1)));
        assert_eq!(at(&["b", "c d", "e"]), Some((4, 1)));
        assert_eq!(at(&["b", "c d", "e", "f"]), Some((4, 7)));
        assert_eq!(at(&["b", "c d", "x"]), None);
        assert_eq!(at(&["a", "x"]), None);
        let key = |part: &str| document.key_at(TEXT.find(part).unwrap()).unwrap();
        assert_eq!(key("a ="), "a");
        assert_eq!(key("2,"), "b.\"c d\".e.f");
        assert_eq!(key("'h'"), "b.\"c d\".g");
        assert_eq!(document.key_at(0), None);
        assert_eq!(document.key_at(1000), None);
    }

    #[test]
    fn lists_what_is_set() {
        let leaves = Document::parse(TEXT).unwrap().leaves("b");
        let shown: Vec<_> =
            leaves.iter().map(|leaf| (leaf.key.as_str(), leaf.value.as_str(), leaf.line)).collect();
        assert_eq!(shown, [("b.\"c d\".e.f", "[\n  2,\n]", 4), ("b.\"c d\".g", "'h'", 7)]);
        assert!(Document::parse(TEXT).unwrap().leaves("a").is_empty());
    }
}
