//! The components that tests run. `cargo xtask` builds them beforehand and says where they are; a test that is
//! started by hand builds what it needs.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// The component of a guest package of this workspace.
pub fn guest(package: &str) -> PathBuf {
    let file = format!("{}.wasm", package.replace('-', "_"));
    if let Some(dir) = std::env::var_os("CJM_GUESTS_DIR") {
        return Path::new(&dir).join(file);
    }
    static BUILT: Mutex<Option<HashSet<String>>> = Mutex::new(None);
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if built.get_or_insert_default().insert(package.to_owned()) {
        let status = Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--target",
                "wasm32-wasip2",
                "--profile",
                "guest",
                "--package",
                package,
            ])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .status()
            .expect("cargo runs");
        assert!(status.success(), "the guest `{package}` was not built");
    }
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    target.join("wasm32-wasip2/guest").join(file)
}

/// A folder for compiled code that the tests of this checkout share, where what they test is not the compiling.
pub fn compiled() -> PathBuf {
    guest("echo").with_file_name("compiled")
}
