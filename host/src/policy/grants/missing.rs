//! What is missing, in the form in which it can be granted.

use super::Grants;
use crate::error::{Error, Ungranted};

impl Error {
    /// An [`Error::NotGranted`]: `what` needs what is called `missing`, and has it once `plugin` is granted these.
    pub(crate) fn not_granted(
        plugin: &str,
        what: impl Into<String>,
        missing: Vec<String>,
        grants: &Grants,
    ) -> Self {
        let grants_text: Vec<String> = grants.iter().map(|grant| grant.to_string()).collect();
        let words: Vec<String> =
            std::iter::once(plugin).chain(grants_text.iter().map(String::as_str)).map(shell_word).collect();
        Error::NotGranted(Box::new(Ungranted {
            what: what.into(),
            missing,
            toml: grants.to_toml(plugin),
            command: format!("cjm-ctl grant {}", words.join(" ")),
            grants: grants_text,
        }))
    }
}

/// A word that a shell takes for what it is.
fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn can_be_pasted_into_a_file_and_into_a_shell() {
        let grants: Grants =
            ["network=https://*", "environment=A=it's"].iter().map(|text| text.parse().unwrap()).collect();
        let missing = vec!["wasi:http/client@0.3.0".to_owned()];
        let error = Error::not_granted("fetch", "plugin `fetch`", missing, &grants);
        assert_eq!(
            error.to_string(),
            "plugin `fetch` needs what it was not granted: wasi:http/client@0.3.0\n\
             to grant it, write into cjm.toml:\n\n\
             [plugins.fetch.grants]\n\
             network = [\"https://*\"]\n\
             environment = [\"A=it's\"]\n\n\
             or run: cjm-ctl grant fetch 'network=https://*' 'environment=A=it'\\''s'\n\
             this lets it reach any place: better name those that it needs"
        );
        assert_eq!(
            serde_json::to_value(&error).unwrap(),
            serde_json::json!({
                "category": "not-granted",
                "message": "plugin `fetch` needs what it was not granted: wasi:http/client@0.3.0",
                "retriable": false,
                "what": "plugin `fetch`",
                "missing": ["wasi:http/client@0.3.0"],
                "grants": ["network=https://*", "environment=A=it's"],
                "toml": "[plugins.fetch.grants]\nnetwork = [\"https://*\"]\nenvironment = [\"A=it's\"]\n",
                "command": "cjm-ctl grant fetch 'network=https://*' 'environment=A=it'\\''s'",
            })
        );
    }
}
