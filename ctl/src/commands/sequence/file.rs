//! Sequences as they are written in files.

use std::io::Read;
use std::path::Path;

use cjm_host::NewSequence;

use crate::failure::{Failure, Result};

/// Reads a sequence: TOML where the name ends in `.toml`, else JSON; `-` is standard input.
pub(super) fn read(path: &Path) -> Result<NewSequence> {
    let mut text = String::new();
    let (name, read) = match path.as_os_str() == "-" {
        true => ("standard input".to_owned(), std::io::stdin().lock().read_to_string(&mut text).map(|_| ())),
        false => (path.display().to_string(), std::fs::read_to_string(path).map(|found| text = found)),
    };
    read.map_err(|error| Failure::io("read", Path::new(&name), &error))?;
    let toml = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("toml"));
    let (format, sequence) = match toml {
        true => ("TOML", toml::from_str(&text).map_err(|error| error.to_string())),
        false => ("JSON", serde_json::from_str(&text).map_err(|error| error.to_string())),
    };
    sequence.map_err(|error| {
        Failure::user(format!("{name} is no sequence in {format}: {}", error.trim_end()))
            .hint("`cjm-ctl sequence submit --help` shows one")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, text: &str) -> Result<NewSequence> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn a_file_is_toml_or_json_by_its_name() {
        let toml = "[[steps]]\ninstance = \"i\"\naction = \"a\"\ninput = { x = 1 }\n";
        let json = r#"{"steps": [{"instance": "i", "action": "a", "input": {"x": 1}}]}"#;
        for (name, text) in [("s.toml", toml), ("s.json", json), ("s", json)] {
            assert_eq!(of(name, text).unwrap().steps().len(), 1, "{name}");
        }
    }

    #[test]
    fn what_is_misspelt_is_told_with_its_place() {
        for (name, text, says) in [
            ("s.toml", "[[step]]\n", "step"),
            ("s.json", r#"{"steps": [{"instance": "i", "action": "a", "prio": 1}]}"#, "prio"),
            ("s.json", "{", "line 1"),
        ] {
            let failure = of(name, text).unwrap_err();
            let message = failure.error.to_string();
            assert!(message.contains(says) && message.contains(name), "{message}");
            assert_eq!(failure.status().code(), 2);
        }
        assert_eq!(read(Path::new("/no/such/file")).unwrap_err().status().code(), 2);
    }
}
