//! What a file is that is no WebAssembly, from its first bytes.

/// Says what the bytes look like and what to do about it; a guess for people, which nothing else relies on.
pub(super) fn describe(bytes: &[u8]) -> String {
    let known = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, what)| *what);
    if let Some(what) = known {
        return what.to_owned();
    }
    match text(bytes) {
        Some(text) => describe_text(text).to_owned(),
        None => {
            let start: Vec<_> = bytes.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
            format!("a binary file of unknown kind that begins with {}", start.join(" "))
        }
    }
}

const MAGIC: &[(&[u8], &str)] = &[
    (
        b"\x7fELF",
        "an ELF file: a native program or library, or a component that was compiled already; hand in the component \
         itself",
    ),
    (b"MZ", "a Windows program or library; build it for wasm32-wasip2 instead"),
    (b"\xcf\xfa\xed\xfe", "a macOS program or library; build it for wasm32-wasip2 instead"),
    (b"\xca\xfe\xba\xbe", "a macOS universal binary or a Java class; build it for WebAssembly instead"),
    (b"!<arch>\n", "a static library; link it to a component first"),
    (b"BC\xc0\xde", "LLVM bitcode; link it to a component first"),
    (b"PK\x03\x04", "a zip archive (also wheels and jars are); unpack it and hand in the component"),
    (b"\x1f\x8b", "gzip-compressed; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed; unpack it first"),
    (b"\xfd7zXZ\0", "xz-compressed; unpack it first"),
    (b"BZh", "bzip2-compressed; unpack it first"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself; run `git lfs pull`"),
    (b"#!", "a script; a plugin is a WebAssembly component"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
];

/// Only the beginning is looked at, which may end within a character.
fn text(bytes: &[u8]) -> Option<&str> {
    let start = bytes.get(..512).unwrap_or(bytes);
    let valid = match std::str::from_utf8(start) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(start.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    valid.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t')).then_some(valid)
}

fn describe_text(text: &str) -> &'static str {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    // Text format may begin with comments.
    let first = lines.find(|line| !line.starts_with(";;")).unwrap_or_default();
    let begins = |words: &[&str]| words.iter().any(|word| first.starts_with(word));
    if begins(&["(component", "(module"]) {
        "WebAssembly text; turn it into a binary with `wasm-tools parse`"
    } else if begins(&["package ", "interface ", "world "]) {
        "text, probably WIT: the contract of a plugin, not a plugin"
    } else if begins(&["import ", "from ", "def ", "class ", "\"\"\""]) {
        "text, probably Python or JavaScript source; componentize it first (componentize-py, jco)"
    } else if begins(&["<"]) {
        "text, probably HTML or XML: a download that went wrong?"
    } else if begins(&["{", "["]) {
        "text, probably JSON"
    } else {
        "text"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognises_what_people_hand_in_by_mistake() {
        for (bytes, said) in [
            (&b"\x7fELF\x02\x01"[..], "an ELF file"),
            (b"PK\x03\x04....", "a zip archive"),
            (b"\x1f\x8b\x08\0", "gzip-compressed"),
            (b";; a comment\n\n  (component)", "WebAssembly text"),
            (b"import sys\n", "probably Python"),
            (b"#!/usr/bin/env python3\n", "a script"),
            (b"<!DOCTYPE html>", "HTML"),
            (b"{\"a\": 1}", "JSON"),
            (b"package cjm:plugin;\n", "WIT"),
            ("Grüße".as_bytes(), "text"),
            (b"\0\x01\x02\x03\x04", "begins with 00 01 02 03"),
            (b"\0", "begins with 00"),
        ] {
            assert!(describe(bytes).contains(said), "{} for {bytes:?}", describe(bytes));
        }
    }

    #[test]
    fn is_not_misled_by_a_character_that_the_beginning_cuts() {
        let long = format!("a{}", "ü".repeat(400));
        assert_eq!(describe(long.as_bytes()), "text");
    }
}
