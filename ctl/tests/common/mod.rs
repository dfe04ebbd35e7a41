//! What the tests of the whole binary share.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

/// The binary itself.
pub fn binary() -> PathBuf {
    cargo_bin("cjm-ctl")
}

/// `cjm-ctl`, with a compile cache of the tests' own and nothing of the caller's settings.
pub fn cjm() -> Command {
    let mut command = Command::new(binary());
    command
        .env("CJM_CACHE_DIR", cache_dir())
        .env_remove("CLICOLOR_FORCE")
        // What cargo sets for the tests, and would force on the cargo below `cjm-ctl`.
        .env_remove("CARGO")
        .env_remove("RUSTUP_TOOLCHAIN");
    command
}

pub fn cache_dir() -> &'static Path {
    Path::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/compiled"))
}

/// Where these tests were built.
pub fn target_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().to_path_buf()
}

/// Every line as JSON.
pub fn lines(output: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(output).unwrap();
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {text}"));
    text.lines().map(parse).collect()
}

/// The last line as JSON.
pub fn last_line(output: &[u8]) -> Value {
    lines(output).pop().unwrap_or_else(|| panic!("nothing was printed"))
}
