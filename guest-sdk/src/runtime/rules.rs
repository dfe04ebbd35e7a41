//! What the contract allows, checked while the author's crate is compiled.

use crate::plugin::SecretNeed;

/// Whether this may be a plugin's or an action's name, a category or a domain.
pub const fn valid_name(name: &str) -> bool {
    is_made_of(name, b"_-")
}

/// Whether there is none, or it may be a category or a domain.
pub const fn valid_optional_name(name: Option<&str>) -> bool {
    match name {
        Some(name) => valid_name(name),
        None => true,
    }
}

/// Whether each is `<os>` or `<os>-<arch>`.
pub const fn valid_platforms(mut platforms: &[&str]) -> bool {
    while let [platform, rest @ ..] = platforms {
        if !valid_platform(platform) {
            return false;
        }
        platforms = rest;
    }
    true
}

const fn valid_platform(platform: &str) -> bool {
    let mut rest = platform.as_bytes();
    let mut word = 0;
    let mut words = 1;
    while let [byte, tail @ ..] = rest {
        if *byte == b'-' {
            if word == 0 || words == 2 {
                return false;
            }
            (word, words) = (0, words + 1);
        } else if byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_' {
            word += 1;
            if word > 32 {
                return false;
            }
        } else {
            return false;
        }
        rest = tail;
    }
    word > 0
}

/// Whether each has a name that secrets can have.
pub const fn valid_secrets(mut secrets: &[SecretNeed]) -> bool {
    while let [secret, rest @ ..] = secrets {
        if !is_made_of(secret.name, b"_.-") {
            return false;
        }
        secrets = rest;
    }
    true
}

const fn is_made_of(name: &str, others: &[u8]) -> bool {
    let mut rest = name.as_bytes();
    if rest.is_empty() || rest.len() > 64 {
        return false;
    }
    while let [byte, tail @ ..] = rest {
        if !byte.is_ascii_alphanumeric() && !contains(others, *byte) {
            return false;
        }
        rest = tail;
    }
    true
}

const fn contains(mut bytes: &[u8], wanted: u8) -> bool {
    while let [byte, rest @ ..] = bytes {
        if *byte == wanted {
            return true;
        }
        bytes = rest;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_of_their_characters() {
        assert!(valid_name("a-B_9") && valid_optional_name(None));
        assert!(!valid_name("") && !valid_name("a.b") && !valid_optional_name(Some(&"x".repeat(65))));
    }

    #[test]
    fn platforms_are_one_word_or_two() {
        assert!(valid_platforms(&["linux", "macos-aarch64", "linux-x86_64"]));
        for bad in ["", "-", "linux-", "-x86_64", "Linux", "linux-x86-64", "a b"] {
            assert!(!valid_platforms(&["linux", bad]), "{bad}");
        }
    }

    #[test]
    fn secrets_have_names_with_dots() {
        assert!(valid_secrets(&[SecretNeed::required("api.key-1_a", "")]));
        assert!(!valid_secrets(&[SecretNeed::optional("a", ""), SecretNeed::optional("api key", "")]));
    }
}
