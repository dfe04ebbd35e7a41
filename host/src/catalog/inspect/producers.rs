//! What a component was made with, from the `producers` sections of it and of the modules in it.

use serde::{Deserialize, Serialize};
use wasmparser::{BinaryReader, ProducersSectionReader};

/// More are not kept: the sections are free text of whoever made the file.
const MAX_TOOLS: usize = 32;
const MAX_CHARS: usize = 64;

/// A language or a tool, with its version where the file says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Tool {
    /// For example `rustc` or `wit-component`.
    pub name: String,
    /// For example `1.95.0`; empty where it is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
}

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Producers {
    pub(super) languages: Vec<Tool>,
    pub(super) tools: Vec<Tool>,
}

impl Producers {
    /// Takes in one section. One that does not parse says nothing, as the format asks for custom sections.
    pub(super) fn read(&mut self, data: &[u8], offset: usize) {
        let Ok(section) = ProducersSectionReader::new(BinaryReader::new(data, offset)) else { return };
        for field in section.into_iter().map_while(Result::ok) {
            let list = if field.name == "language" { &mut self.languages } else { &mut self.tools };
            for value in field.values.into_iter().map_while(Result::ok) {
                let tool = Tool { name: tidy(value.name), version: tidy(value.version) };
                if list.len() < MAX_TOOLS && !tool.name.is_empty() && !list.contains(&tool) {
                    list.push(tool);
                }
            }
        }
    }

    /// The language that the author wrote in.
    ///
    /// Interpreters and libraries inside a component bring their own `language` along, mostly C; so tools that
    /// wrap one language come first, and C only where nothing else is named.
    pub(super) fn language(&self) -> Option<String> {
        let by_tool = self.tools.iter().find_map(|tool| {
            let name = tool.name.to_ascii_lowercase();
            WRAPPERS
                .iter()
                .find(|(wrapper, _)| name.contains(wrapper))
                .map(|(_, language)| (*language).to_owned())
        });
        let named = || {
            let of_author = self.languages.iter().find(|language| !is_c(&language.name));
            of_author.or(self.languages.first()).map(|language| language.name.clone())
        };
        by_tool.or_else(named)
    }
}

const WRAPPERS: &[(&str, &str)] = &[
    ("componentize-py", "Python"),
    ("componentize-js", "JavaScript"),
    ("componentizejs", "JavaScript"),
    ("componentize-qjs", "JavaScript"),
    ("jco", "JavaScript"),
    ("tinygo", "Go"),
    ("componentize-go", "Go"),
    ("componentize-dotnet", "C#"),
];

/// `C`, `C11`, `C_plus_plus_17` and the like.
fn is_c(language: &str) -> bool {
    language
        .strip_prefix('C')
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(|c: char| c == '_' || c.is_ascii_digit()))
}

fn tidy(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made_with(languages: &[&str], tools: &[&str]) -> Option<String> {
        let list = |names: &[&str]| {
            names.iter().map(|name| Tool { name: (*name).to_owned(), version: String::new() }).collect()
        };
        Producers { languages: list(languages), tools: list(tools) }.language()
    }

    #[test]
    fn finds_the_language_of_the_author_and_not_of_the_interpreter() {
        assert_eq!(made_with(&["Rust"], &["rustc", "wit-component"]).as_deref(), Some("Rust"));
        assert_eq!(made_with(&["C11"], &["clang", "componentize-py"]).as_deref(), Some("Python"));
        assert_eq!(made_with(&["C11", "Rust"], &["clang"]).as_deref(), Some("Rust"));
        assert_eq!(made_with(&["C_plus_plus_17"], &["clang"]).as_deref(), Some("C_plus_plus_17"));
        assert_eq!(made_with(&[], &["wit-component"]), None);
    }

    #[test]
    fn a_section_that_does_not_parse_says_nothing() {
        let mut producers = Producers::default();
        producers.read(&[0xff; 20], 0);
        producers.read(&[], 0);
        assert!(producers.languages.is_empty() && producers.tools.is_empty());
    }
}
