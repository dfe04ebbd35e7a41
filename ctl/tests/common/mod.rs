//! What the tests of the whole binary share.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::sync::OnceLock;

use assert_cmd::Command;
use serde_json::Value;

/// `cjm-ctl`, with a compile cache of the tests' own and nothing of the caller's settings.
pub fn cjm() -> Command {
    let mut command = Command::cargo_bin("cjm-ctl").unwrap();
    command
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .env("CJM_CACHE_DIR", cache_dir())
        // What `cargo test` sets for this process, and would force on the cargo below `cjm-ctl`.
        .env_remove("CARGO")
        .env_remove("RUSTUP_TOOLCHAIN");
    command
}

fn cache_dir() -> &'static Path {
    Path::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/compiled"))
}

/// A guest's component, built where `CJM_GUESTS_DIR` does not name a directory with all of them.
pub fn guest(package: &str) -> PathBuf {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    let dir = DIR.get_or_init(|| match std::env::var_os("CJM_GUESTS_DIR") {
        Some(dir) => PathBuf::from(dir),
        None => target_dir().join("wasm32-wasip2/guest"),
    });
    if std::env::var_os("CJM_GUESTS_DIR").is_none() {
        let built = Process::new("cargo")
            .args(["build", "--profile", "guest", "--target", "wasm32-wasip2", "-p", package])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .env("CARGO_TARGET_DIR", target_dir())
            .status()
            .unwrap();
        assert!(built.success(), "{package} does not build");
    }
    dir.join(format!("{}.wasm", package.replace('-', "_")))
}

/// Where this test was built.
pub fn target_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().to_path_buf()
}

/// The last line of standard error as JSON.
pub fn last_line(stderr: &[u8]) -> Value {
    let text = std::str::from_utf8(stderr).unwrap();
    let line = text.lines().last().unwrap_or_else(|| panic!("nothing on standard error"));
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {text}"))
}
