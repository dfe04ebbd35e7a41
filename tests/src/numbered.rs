//! As many different plugins as a test wants.

use std::path::{Path, PathBuf};

use crate::guest;

/// The plugin `numbered-…` with this number, in version `1.0.<patch>`, as the bytes of a component of its own.
pub fn numbered(number: u32, patch: u8) -> Vec<u8> {
    assert!(number < 1_000_000 && patch < 10, "the guest has room for six digits, and for one");
    let mut bytes = std::fs::read(guest("numbered")).expect("the guest is built");
    replace(&mut bytes, b"numbered-000000", format!("numbered-{number:06}").as_bytes());
    replace(&mut bytes, b"1.0.1", format!("1.0.{patch}").as_bytes());
    bytes
}

/// Puts such a plugin into a folder, and gives its file: `<number>.wasm`.
pub fn drop_numbered(dir: &Path, number: u32, patch: u8) -> PathBuf {
    let path = dir.join(format!("{number}.wasm"));
    std::fs::write(&path, numbered(number, patch)).expect("the folder can be written");
    path
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    let at = bytes.windows(from.len()).position(|window| window == from).expect("the guest holds its name");
    bytes[at..at + to.len()].copy_from_slice(to);
}
